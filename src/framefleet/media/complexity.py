"""How hard a film is to encode: quick encodes at one constant quality, of a few moments, in two sizes."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from framefleet.domain.media_info import FrameIndex, MediaInfo, VideoStream
from framefleet.domain.subtask import Excerpt
from framefleet.domain.timeline import decimal
from framefleet.media.command import Command, build, output, source_input

MOMENTS = 4
SECONDS = Fraction(3)
"""Length of a moment. About that of a segment: each begins with a keyframe, which weighs more the shorter it is."""
CRF = 23
"""Quality of the encodes, on x264's scale."""
LARGEST = 1920
"""Pixels of the longer side of the larger encodes, at most."""
SMALLER = 3
"""How many times smaller the other encodes are, each way. From two sizes one can tell what others take."""
SMALLEST = 64


def sizes(stream: VideoStream) -> tuple[tuple[int, int], ...]:
    """Width and height of the encodes, the larger first; one size where the picture is tiny."""
    width, height = stream.display_width, stream.display_height
    scale = min(Fraction(1), Fraction(LARGEST, max(width, height)))
    large = _even(width * scale), _even(height * scale)
    small = _even(Fraction(large[0], SMALLER)), _even(Fraction(large[1], SMALLER))
    return (large, small) if min(small) >= SMALLEST else (large,)


def moments(info: MediaInfo, excerpt: Excerpt) -> list[tuple[Fraction, Fraction]]:
    """(seconds after the container's start, length) of the moments: in the middles of equal parts, or all there is."""
    index = info.index
    if index is None:
        return []
    start, end = _shown(index, info.start)
    start = max(start, excerpt.start)
    end = end if excerpt.duration is None else min(end, excerpt.start + excerpt.duration)
    length = end - start
    if length <= 0:
        return []
    if length <= MOMENTS * SECONDS:
        return [(start, length)]
    part = length / MOMENTS
    return [(start + part * i + (part - SECONDS) / 2, SECONDS) for i in range(MOMENTS)]


def moment_command(
    url: str,
    stream: int,
    moment: tuple[Fraction, Fraction],
    wanted: Sequence[tuple[int, int]],
    paths: Sequence[str],
) -> Command:
    """Encode a moment in each size into a raw H.264 file of its own."""
    start, length = moment
    seek: dict[str, Any] = {"ss": decimal(start)} if start else {}
    picture = source_input(url, t=decimal(length), **seek)[str(stream)]
    branches = [picture]
    if len(wanted) > 1:
        split = picture.filter_multi_output("split", len(wanted))
        branches = [split[i] for i in range(len(wanted))]
    coding = {"c:v": "libx264", "preset": "veryfast", "crf": CRF, "g": 9999, "sc_threshold": 0, "threads": 1}
    plain = {"fps_mode": "passthrough", "map_metadata": -1, "fflags": "+bitexact", "f": "h264"}
    nodes = [
        output(
            branch.filter("scale", width, height, flags="bicubic").filter("setsar", 1).filter("format", "yuv420p"),
            path,
            coding | plain,
        )
        for branch, (width, height), path in zip(branches, wanted, paths, strict=True)
    ]
    return build(nodes)


def _shown(index: FrameIndex, zero: Fraction) -> tuple[Fraction, Fraction]:
    """Seconds after the container's start at which the film begins and ends."""
    last = index.time(index.count - 1) + index.last_duration * index.time_base
    return max(Fraction(0), index.time(0) - zero), last - zero


def _even(value: Fraction) -> int:
    return max(2, 2 * round(value / 2))
