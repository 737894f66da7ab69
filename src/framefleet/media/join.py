"""Commands that join finished parts into one file without encoding, and the list file FFmpeg's concat demuxer reads."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from framefleet.domain.timeline import decimal
from framefleet.media.command import Command, build, file_input, output, source_input

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
}


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
) -> Command:
    """Put one video (an ffconcat list) and sound tracks into one file.

    `video_start` is when the first frame is shown (s): the list begins at zero. Sound files have their own times.
    """
    streams: list[Any] = []
    if video_list is not None:
        # All parts have one header (checked), so packets need no conversion: with it, each keyframe would gain parameter sets.
        options: dict[str, Any] = {"f": "concat", "safe": 0, "auto_convert": 0, "protocol_whitelist": "file"}
        if video_start:
            options["itsoffset"] = decimal(video_start, 9)
        streams.append(file_input(video_list, **options)["v:0"])
    streams += [file_input(audio)["a:0"] for audio in audio_files]
    # Releases differ in what they move to zero (an edit list's hidden priming or not), so nothing may be moved.
    return build([output(streams, path, _copy(container, scale))], global_args=("-copyts",))


def remux_command(url: str, streams: Sequence[int], path: str, container: str) -> Command:
    """Copy some of a source's streams into another container."""
    node = source_input(url)
    return build([output([node[str(i)] for i in streams], path, _copy(container, None))])


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
    }
