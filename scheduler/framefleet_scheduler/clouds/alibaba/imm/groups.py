"""A group of IMM's targets, one HLS master playlist, as a ladder of ours. Pure."""

from __future__ import annotations

import re
from typing import Any

from framefleet_scheduler.clouds.alibaba.imm import picture, sound
from framefleet_scheduler.clouds.alibaba.imm.picture import Address
from framefleet_scheduler.clouds.alibaba.imm.refusals import invalid, unsupported
from framefleet_scheduler.clouds.alibaba.imm.requests import GroupTarget, Segment, TargetGroup
from framefleet_scheduler.clouds.alibaba.imm.streams import Audio
from framefleet_scheduler.clouds.alibaba.imm.targets import Film, segment_seconds, with_extension

_USUAL = Segment.model_validate({"Format": "hls"})


def group(wanted: TargetGroup, name: str, path: str, address: Address, film: Film) -> dict[str, Any]:
    """The target; `path` is the group's place in the request. Raises Refusal."""
    shown = [one for one in wanted.targets if picture.way(one.video, f"{path}.Targets.Video") != "none"]
    if not shown:
        raise unsupported(f"{path}.Targets", "a master playlist of sound alone is not made")
    segment = _agreed(wanted, path)
    seconds = segment_seconds(segment, f"{path}.Targets[0].Segment")
    names = _names(wanted, path)
    renditions = []
    for i, one in enumerate(wanted.targets):
        at = f"{path}.Targets[{i}]"
        if one.speed != 1:
            raise unsupported(f"{at}.Speed", "streams have no place for it")
        if picture.way(one.video, f"{at}.Video") == "copy":
            raise unsupported(f"{at}.Video", "only pictures that are encoded are cut; give TranscodeVideo.Codec")
        if one.video is not None and one in shown:
            settings = picture.settings(one.video, f"{at}.Video", address, segment=seconds)
            renditions.append({"name": names[i], "video": settings})
    audio, heard_at = _heard(wanted, path)
    if audio is not None and sound.way(audio) == "copy":
        raise unsupported(f"{heard_at}.TranscodeAudio.Codec", "sound of a group is encoded; give a codec")
    return {
        "name": name,
        "uri": address(with_extension(wanted.uri, "m3u8"), f"{path}.URI"),
        "overrides": {
            "kind": "ladder",
            "packaging": "hls",
            "segment_format": "ts" if wanted.targets[0].container == "ts" else "fmp4",
            "segment_seconds": seconds,
            "start_number": segment.start_number,
            "own_folder": True,
            "keep_equal": True,
            "renditions": renditions,
            "audio": None if audio is None else sound.settings(audio, heard_at),
            "subtitles": _subtitles(wanted, path),
        },
    }


def _agreed(wanted: TargetGroup, path: str) -> Segment:
    """The segments of all."""
    first, container = wanted.targets[0].segment or _USUAL, wanted.targets[0].container
    for i, one in enumerate(wanted.targets):
        at = f"{path}.Targets[{i}]"
        if one.container != container:
            raise unsupported(f"{at}.Container", "all of a group have the same")
        if (one.segment or _USUAL) != first:
            raise unsupported(f"{at}.Segment", "all of a group have the same")
    if first.format != "hls":
        raise invalid(f"{path}.Targets[0].Segment.Format", "a group is hls")
    return first


def _names(wanted: TargetGroup, path: str) -> list[str]:
    """A name for each rendition, from its address."""
    folder = wanted.uri.rpartition("/")[0] + "/"
    found: list[str] = []
    for i, one in enumerate(wanted.targets):
        if one.uri is not None and not one.uri.startswith(folder):
            raise invalid(f"{path}.Targets[{i}].URI", "it has to lie in the directory of the group's URI or below")
        stem = "" if one.uri is None else one.uri.rpartition("/")[2].rsplit(".", 1)[0]
        name = re.sub(r"[^a-z0-9_-]+", "-", stem.lower())[:28] or f"v{i}"
        found.append(name if name not in found else f"{name}-{i}")
    return found


def _heard(wanted: TargetGroup, path: str) -> tuple[Audio | None, str]:
    """The sound of all that have some, and where it stands."""
    found: tuple[Audio, str] | None = None
    for i, one in enumerate(wanted.targets):
        at = f"{path}.Targets[{i}].Audio"
        if sound.way(one.audio) == "none":
            continue
        if one.audio is None:
            raise unsupported(at, "sound of a group is encoded; give TranscodeAudio.Codec, or DisableAudio")
        if found is not None and one.audio != found[0]:
            raise unsupported(at, "all of a group have the same sound")
        found = found or (one.audio, at)
    return found or (None, "")


def _subtitles(wanted: TargetGroup, path: str) -> dict[str, Any] | None:
    found = [(i, one) for i, one in enumerate(wanted.targets) if _extracts(one)]
    if not found:
        return None
    i, one = found[0]
    at = f"{path}.Targets[{i}].Subtitle"
    assert one.subtitle is not None
    assert one.subtitle.extract_subtitle is not None
    if one.subtitle.extract_subtitle.format not in {"vtt", "webvtt"}:
        raise invalid(f"{at}.ExtractSubtitle.Format", "subtitles of a group are vtt")
    return {"mode": "embed", "tracks": sound.tracks(one.subtitle.stream, f"{at}.Stream", "all")}


def _extracts(one: GroupTarget) -> bool:
    return one.subtitle is not None and not one.subtitle.disable_subtitle and one.subtitle.extract_subtitle is not None
