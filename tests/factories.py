"""Values for tests: one valid example of each, changed by keyword."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any

from framefleet.domain.media_info import AudioStream, FrameIndex, MediaInfo, VideoStream
from framefleet.domain.task import Task, accept, parse_request

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def index(
    *,
    rate: Fraction = Fraction(25),
    frames: int = 500,
    base: Fraction = Fraction(1, 12800),
    start: Fraction = Fraction(0),
    gop: int = 50,
    ticks: Sequence[int] | None = None,
) -> FrameIndex:
    """A frame index: constant `rate` rounded to `base`, or the given ticks."""
    times = list(ticks) if ticks is not None else [round((start + i / rate) / base) for i in range(frames)]
    runs: list[tuple[int, int]] = []
    for a, b in pairwise(times):
        if runs and runs[-1][0] == b - a:
            runs[-1] = (b - a, runs[-1][1] + 1)
        else:
            runs.append((b - a, 1))
    keyframes = tuple(range(0, len(times), gop))
    return FrameIndex(
        time_base=base,
        first=times[0],
        runs=tuple(runs),
        keyframes=keyframes,
        gop_bytes=tuple(100_000 for _ in keyframes),
        last_duration=round(1 / rate / base),
    )


def media(
    *,
    width: int = 1280,
    height: int = 720,
    rotation: int = 0,
    audio: bool = True,
    video: bool = True,
    container: str = "mov",
    start: Fraction = Fraction(0),
    frame_index: FrameIndex | None = None,
    channels: int = 2,
    **of_index: Any,
) -> MediaInfo:
    """A probed file with one video and one sound stream."""
    frames = (frame_index or index(start=start, **of_index)) if video else None
    length = frames.time(frames.count - 1) - frames.time(0) if frames else Fraction(20)
    rate = of_index.get("rate", Fraction(25))
    streams = (
        VideoStream(
            index=0,
            codec="h264",
            width=width,
            height=height,
            rotation=rotation,
            nominal_rate=rate,
            time_base=frames.time_base if frames else Fraction(1, 90000),
        ),
    )
    sound = (
        AudioStream(
            index=1, codec="aac", sample_rate=48000, channels=channels, time_base=Fraction(1, 48000), start=start
        ),
    )
    return MediaInfo(
        container=container,
        start=start,
        duration=length,
        video=streams if frames else (),
        audio=sound if audio else (),
        index=frames,
        audio_end=start + length + Fraction(1, 25) if audio else None,
        identity="size-time",
    )


def request(*targets: str | dict[str, Any], **more: Any) -> dict[str, Any]:
    """A request with one source and targets named after their templates."""
    made = []
    for target in targets or ("mp4-h264-720p",):
        if isinstance(target, str):
            extension = "_{index}.jpg" if target == "snapshot" else ".bin"
            made.append({"name": target, "template": target, "uri": f"s3://out/{target}{extension}"})
        else:
            made.append(target)
    return {"sources": [{"uri": "s3://in/film.mp4"}], "targets": made} | more


def task(*targets: str | dict[str, Any], **more: Any) -> Task:
    """An accepted task."""
    return accept(parse_request(request(*targets, **more)), now=NOW)
