"""Commands that join finished parts into one file without encoding, and the list file FFmpeg's concat demuxer reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import zip_longest
from typing import Any

from framefleet.domain.languages import written
from framefleet.domain.timeline import decimal
from framefleet.media.command import Command, build, file_input, output, source_input
from framefleet.media.metadata import with_tags

MUXER = {
    "mp4": "mp4",
    "mov": "mov",
    "mkv": "matroska",
    "webm": "webm",
    "ts": "mpegts",
    "flv": "flv",
    "m4a": "ipod",
    "mp3": "mp3",
    "ogg": "ogg",
    "opus": "opus",
    "flac": "flac",
    "wav": "wav",
    "ac3": "ac3",
    "aac": "adts",
    "mka": "matroska",
}


LIST = ".ffconcat"
"""Ending of list files."""
_LISTED: dict[str, Any] = {"f": "concat", "safe": 0, "auto_convert": 0, "protocol_whitelist": "file"}
"""All parts have one header (checked), so packets need no conversion: with it, each keyframe would gain parameter sets."""


def concat_list(files: Sequence[str], durations: Sequence[Fraction]) -> str:
    """An ffconcat file: each part with its exact duration, so that the next one starts where it must.

    The last part's duration is left to the file. Names are ours, plain and relative.
    """
    lines = ["ffconcat version 1.0"]
    for i, (name, duration) in enumerate(zip(files, durations, strict=True)):
        lines.append(f"file '{name}'")
        if i + 1 < len(files):
            lines.append(f"duration {decimal(duration, 9)}")
    return "\n".join(lines) + "\n"


def join_command(
    video_list: str | None,
    audio_files: Sequence[str],
    path: str,
    container: str,
    *,
    video_start: Fraction,
    scale: int | None,
    audio_shifts: Sequence[Fraction] = (),
    tags: Mapping[str, str] | None = None,
    tracks: Mapping[str, Any] | None = None,
    cover: tuple[str, int] | None = None,
    subtitle_files: Sequence[tuple[str, str]] = (),
    subtitle_streams: Sequence[tuple[str, int, Fraction]] = (),
) -> Command:
    """Put one video (an ffconcat list) and sound tracks into one file.

    `video_start` is when the first frame is shown (s): the list begins at zero. Sound files have their own times, and lists of
    them begin at zero; they are moved by `audio_shifts` (s) where there are any.
    `cover` is a source's address and the index of its attached picture. `tracks` are output options that say what the
    tracks are (see `audio.track_tags`). `subtitle_files` come with their demuxers;
    `subtitle_streams` are copied from sources: address, index, and by how much (s) their times are moved.
    """
    streams: list[Any] = []
    if video_list is not None:
        options = dict(_LISTED)
        if video_start:
            options["itsoffset"] = decimal(video_start, 9)
        streams.append(file_input(video_list, **options)["v:0"])
    for audio, shift in zip_longest(audio_files, audio_shifts, fillvalue=Fraction(0)):
        listed = _LISTED if str(audio).endswith(LIST) else {}
        streams.append(file_input(str(audio), **listed, **({"itsoffset": decimal(shift, 9)} if shift else {}))["a:0"])
    streams += [file_input(texts, f=demuxer)["s:0"] for demuxer, texts in subtitle_files]
    for url, index, shift in subtitle_streams:
        moved: dict[str, Any] = {"itsoffset": decimal(shift, 9)} if shift else {}
        streams.append(source_input(url, **moved)[str(index)])
    # Releases differ in what they move to zero (an edit list's hidden priming or not), so nothing may be moved.
    options = _copy(container, scale) | _cover(streams, cover) | dict(tracks or {})
    return with_tags(build([output(streams, path, options)], global_args=("-copyts",)), tags or {})


def _cover(streams: list[Any], cover: tuple[str, int] | None) -> dict[str, str]:
    """Add an attached picture to the streams; its output options."""
    if cover is None:
        return {}
    streams.append(source_input(cover[0])[str(cover[1])])
    return {f"disposition:{len(streams) - 1}": "attached_pic"}


def languages(of: Sequence[str | None], container: str) -> dict[str, str]:
    """Output options for the languages of copied sound."""
    known = {i: written(code, container) for i, code in enumerate(of) if code}
    return {f"metadata:s:a:{i}": f"language={code}" for i, code in known.items()}


def remux_command(
    url: str,
    streams: Sequence[int],
    path: str,
    container: str,
    *,
    tags: Mapping[str, str] | None = None,
    tracks: Mapping[str, Any] | None = None,
    cover: int | None = None,
    subtitle_files: Sequence[tuple[str, str]] = (),
    subtitle_streams: Sequence[int] = (),
) -> Command:
    """Copy some of a source's streams into another container; `cover` is the index of its attached picture, `tracks` are
    output options that say what the tracks are. `subtitle_files` come with their demuxers; `subtitle_streams` are copied.
    """
    node = source_input(url)
    chosen = [node[str(i)] for i in streams]
    chosen += [file_input(texts, f=demuxer)["s:0"] for demuxer, texts in subtitle_files]
    chosen += [node[str(i)] for i in subtitle_streams]
    options = _copy(container, None) | dict(tracks or {})
    if cover is not None:
        options[f"disposition:{len(chosen)}"] = "attached_pic"
        chosen.append(node[str(cover)])
    return with_tags(build([output(chosen, path, options)]), tags or {})


def _copy(container: str, scale: int | None) -> dict[str, Any]:
    mp4 = container in {"mp4", "mov", "m4a"}
    return {
        "c": "copy",
        "map_metadata": -1,
        "map_chapters": -1,
        "fflags": "+bitexact",
        "f": MUXER[container],
        "video_track_timescale": scale if mp4 else None,
        "movflags": "+faststart" if mp4 else None,
        "strict": "experimental" if mp4 else None,  # what FFmpeg 5.1 calls FLAC in MP4
    }
