"""Subtitles as values: SRT and WebVTT read and written, shifted and cut. Times are milliseconds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

from framefleet.domain.languages import written
from framefleet.domain.subtask import SubtitleTrack
from framefleet.media.command import Command, build, file_input, output, source_input

_TIMES = re.compile(
    r"^\s*(?:(\d+):)?(\d{1,2}):(\d{1,2})[,.](\d{1,3})\s*-->\s*(?:(\d+):)?(\d{1,2}):(\d{1,2})[,.](\d{1,3})(?:\s.*)?$"
)
_KEPT = re.compile(r"</?[biu]>", re.IGNORECASE)
MOST_CUES = 50_000
"""Of a track: a film has some 2000."""
MOST_TOGETHER = 50
"""Cues shown at the same time."""
COPIED = {"subrip": "srt", "webvtt": "webvtt", "ass": "ass", "ssa": "ass"}
"""Codecs whose packets are what our own parser reads, and the muxer that writes them; FFmpeg would change texts."""
_TAG = re.compile(r"<[^<>]{0,200}>|\{\\[^{}]{0,200}\}")


class NoSubtitles(ValueError):
    """The text is neither SRT nor WebVTT, or nothing that somebody could read."""


@dataclass(frozen=True, slots=True)
class Cue:
    """Text shown from `start` up to `end`. Its markup is SRT's: b, i and u in angle brackets."""

    start: int
    end: int
    text: str
    styled: tuple[str, str] | None = None
    """Layer, and all behind the times, of the line it was in an ASS file."""


def decoded(data: bytes) -> str:
    """A subtitle file's text: by its mark, else UTF-8, else Windows-1252, which old files are in."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def parse(text: str) -> list[Cue]:
    """The cues of an SRT or WebVTT file, by time; raises NoSubtitles for another text."""
    cues: list[Cue] = []
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").split("\n")
    vtt = lines[0].lstrip("\ufeff").startswith("WEBVTT")
    at = 0
    while at < len(lines):
        times = _TIMES.match(lines[at])
        at += 1
        if times is None:
            continue
        said: list[str] = []
        while at < len(lines) and lines[at].strip():
            said.append(lines[at].strip())
            at += 1
        start, end = _milliseconds(times.groups()[:4]), _milliseconds(times.groups()[4:])
        content = _plain("\n".join(said), vtt=vtt)
        if content and end > start:
            cues.append(Cue(start, end, content))
    if not cues and not vtt and text.strip():
        raise NoSubtitles("there is no time line such as 00:00:01,000 --> 00:00:02,000")
    if len(cues) > MOST_CUES:
        raise NoSubtitles(f"there are {len(cues)} texts, more than {MOST_CUES}")
    return sorted(cues, key=lambda c: (c.start, c.end))


def placed(cues: Iterable[Cue], shift: Fraction, start: Fraction, end: Fraction) -> list[Cue]:
    """Cues moved by `shift` seconds, and cut to [start, end) seconds; what lies outside is left out."""
    moved, first, last = round(shift * 1000), round(start * 1000), round(end * 1000)
    found = (replace(c, start=max(first, c.start + moved), end=min(last, c.end + moved)) for c in cues)
    return [c for c in found if c.end > c.start]


def one_at_a_time(cues: Sequence[Cue]) -> list[Cue]:
    """The same to see, but never two cues at once: what is shown together is one cue of several lines.

    Raises NoSubtitles where more are shown together than somebody could read.
    """
    borders = sorted({c.start for c in cues} | {c.end for c in cues})
    found: list[Cue] = []
    active: list[Cue] = []
    waiting = sorted(cues, key=lambda c: c.start, reverse=True)
    for start, end in pairwise(borders):
        while waiting and waiting[-1].start <= start:
            active.append(waiting.pop())
        active = [c for c in active if c.end > start]
        if not active:
            continue
        if len(active) > MOST_TOGETHER:
            raise NoSubtitles(f"more than {MOST_TOGETHER} texts are shown together at {start / 1000:.3f} s")
        text = "\n".join(c.text for c in active)
        if found and found[-1].end == start and found[-1].text == text and len(active) == 1 and active[0].start < start:
            found[-1] = replace(found[-1], end=end)
        else:
            found.append(Cue(start, end, text))
    return found


def srt(cues: Sequence[Cue]) -> str:
    """A SubRip file."""
    blocks = (f"{i}\n{_clock(c.start, ',')} --> {_clock(c.end, ',')}\n{c.text}\n" for i, c in enumerate(cues, 1))
    return "\n".join(blocks)


def vtt(cues: Sequence[Cue], *, clock: int | None = None) -> str:
    """A WebVTT file; `clock` says which tick (90 kHz) of MPEG-TS its zero is (RFC 8216 section 3.5)."""
    mapped = "" if clock is None else f"X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:{clock}\n"
    blocks = (f"{_clock(c.start, '.')} --> {_clock(c.end, '.')}\n{_escaped(c.text)}\n" for c in cues)
    return "\n".join(["WEBVTT\n" + mapped, *blocks])


def segmented(cues: Sequence[Cue], borders: Sequence[Fraction], *, clock: int | None = None) -> list[str]:
    """WebVTT segments between neighbouring `borders` (s): each holds all cues shown in its time, with their whole times, so
    that one over a border is in both (RFC 8216 section 3.5). Each ends with an empty line: FFmpeg reads them as one text.
    """
    marks = [round(border * 1000) for border in borders]
    return [
        vtt([c for c in cues if c.start < end and c.end > start], clock=clock) + "\n" for start, end in pairwise(marks)
    ]


def bare(text: str) -> str:
    """What is read, without markup and spaces: for comparing."""
    return re.sub(r"\s+", "", _TAG.sub("", text))


def extract_command(
    url: str, streams: Sequence[tuple[int, str, str]], *, ours: bool = False, absolute: bool = False
) -> Command:
    """Write subtitle streams of a source, (index, codec, path), as SRT, WebVTT or ASS, or, `ours`, of a file
    we made. Times count from its beginning; `absolute`: they are those in the file.
    """
    node = file_input(url) if ours else source_input(url)
    outputs = []
    for stream, codec, path in streams:
        how = {"c": "copy", "f": COPIED[codec]} if codec in COPIED else {"c:s": "srt", "f": "srt"}
        outputs.append(output(node[str(stream)], path, how | {"map_metadata": -1}))
    return build(outputs, global_args=("-copyts",) if absolute else ())


def packets_command(url: str, stream: int, *, ours: bool, absolute: bool) -> Command:
    """List the packets of one stream of a source, or of a file we made; times as for `extract_command`."""
    node = file_input(url) if ours else source_input(url)
    options = {"c": "copy", "f": "framecrc"}
    return build(
        [output(node[str(stream)], "-", options)], global_args=("-copyts",) if absolute else (), progress=False
    )


def subtitle_tags(tracks: Sequence[SubtitleTrack], codec: str, container: str) -> dict[str, Any]:
    """Output options for embedded subtitles: their codec and languages. None is shown unless the viewer asks."""
    tags: dict[str, Any] = {"c:s": "copy" if codec in COPIED else codec} if tracks else {}
    for i, track in enumerate(tracks):
        if track.language:
            tags[f"metadata:s:s:{i}"] = f"language={written(track.language, container)}"
        tags[f"disposition:s:{i}"] = "0"
    return tags


def _milliseconds(parts: Sequence[str | None]) -> int:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(fraction.ljust(3, "0"))


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{point}{rest:03d}"


def _plain(text: str, *, vtt: bool) -> str:
    """Without markup that not every format has; b, i and u stay. An arrow in a text would be a time line, and players take
    a backslash with an n for the end of a line.
    """
    kept = _TAG.sub(lambda tag: tag[0].lower() if _KEPT.fullmatch(tag[0]) else "", text)
    if vtt:
        for entity, sign in (
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&nbsp;", " "),
            ("&lrm;", ""),
            ("&rlm;", ""),
            ("&amp;", "&"),
        ):
            kept = kept.replace(entity, sign)
    lines = re.split(r"\n|\\[Nn]", kept.replace("-->", "->"))
    return "\n".join(line.strip() for line in lines if line.strip())


def _escaped(text: str) -> str:
    pieces = re.split(r"(</?[biu]>)", text)
    return "".join(
        p if _KEPT.fullmatch(p) else p.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for p in pieces
    )
