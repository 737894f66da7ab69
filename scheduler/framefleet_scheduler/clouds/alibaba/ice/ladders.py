"""The outputs of an HLS or DASH group, or one output that is a manifest, as a ladder of ours. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from framefleet_scheduler.clouds.alibaba.ice import words
from framefleet_scheduler.clouds.alibaba.ice.convert import HlsGroup
from framefleet_scheduler.clouds.alibaba.ice.settings import LADDERS, Made

AUDIO = "audio"
"""What an output of sound alone is called in our notes."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One output of the group."""

    path: str
    made: Made
    name: str
    """From which its rendition gets its name."""
    group: HlsGroup


@dataclass(frozen=True, slots=True)
class Ladder:
    """Settings of a target, and what each stream became: a rendition's name, or `audio`."""

    overrides: dict[str, Any]
    rungs: tuple[str, ...]


def ladder(streams: list[Stream], packaging: str | None = None) -> Ladder:
    """One ladder; `packaging`: of a group, None: as the one stream's format says. Raises Refusal."""
    names: set[str] = set()
    rungs: list[str] = []
    renditions: list[dict[str, Any]] = []
    for stream in streams:
        shown = stream.made.video is not None and _type(stream) != "audio"
        rungs.append(_rung(stream.name, names) if shown else AUDIO)
        if shown:
            renditions.append({"name": rungs[-1], "video": stream.made.video})
    if not renditions:
        raise words.unsupported(streams[0].path, "a manifest has at least one stream with a picture")
    lengths = {stream.made.segment_seconds for stream in streams}
    if len(lengths) > 1:
        raise words.unsupported(f"{streams[0].path}.MuxConfig.Segment", "streams of a manifest have equal segments")
    forms = [LADDERS.get(stream.made.form, ("", "fmp4")) for stream in streams]
    # HLS asks for fMP4 around every newer codec.
    old = forms[0][1] == "ts" and all(one["video"]["codec"] == "h264" for one in renditions)
    overrides = {
        "kind": "ladder",
        "packaging": packaging or forms[0][0],
        "segment_format": "ts" if old and (packaging or forms[0][0]) == "hls" else "fmp4",
        "segment_seconds": lengths.pop(),
        "renditions": renditions,
        "keep_equal": True,
        "own_folder": packaging is None,
        "audio": _sound(streams),
    }
    return Ladder(overrides, tuple(rungs))


def _type(stream: Stream) -> str:
    kind = (stream.group.Type or "hybrid").lower()
    if kind == "subtitle":
        raise words.unsupported(
            f"{stream.path}.HlsGroupConfig.Type", "subtitles of a manifest come from the sources' text tracks"
        )
    if kind not in {"hybrid", "video", "audio"}:
        raise words.unfit(f"{stream.path}.HlsGroupConfig.Type", "it is none of video, audio and hybrid")
    return kind


def _sound(streams: list[Stream]) -> dict[str, Any] | None:
    """The sound of all: that of streams of sound alone, else the best that goes with a picture."""
    alone = [one for one in streams if one.made.audio is not None and _is_sound(one)]
    heard = alone or [one for one in streams if one.made.audio is not None and _type(one) == "hybrid"]
    if not heard:
        return None
    best = max(heard, key=lambda one: (one.made.audio or {}).get("bitrate", 0))
    audio = dict(best.made.audio or {})
    languages = list(dict.fromkeys(_language(one) for one in alone if one.group.Language))
    return audio | ({"tracks": languages} if languages else {})


def _is_sound(stream: Stream) -> bool:
    return _type(stream) == "audio" or stream.made.video is None


def _language(stream: Stream) -> str:
    found = re.fullmatch(r"([A-Za-z]{2,3})(-[A-Za-z0-9-]{1,20})?", stream.group.Language or "")
    if found is None:
        raise words.unfit(f"{stream.path}.HlsGroupConfig.Language", "it is no language of RFC 5646")
    return found[1].lower()


def _rung(name: str, taken: set[str]) -> str:
    """A rendition's name of an output's: lower case, and of its own."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")[:24] or "stream"
    found, n = plain, 2
    while found in taken or found.startswith(AUDIO):
        found, n = f"{'v-' if plain.startswith(AUDIO) else ''}{plain}-{n}", n + 1
    taken.add(found)
    return found
