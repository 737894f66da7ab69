"""Estimates of what work costs, in seconds of one core. Measured on one machine; the ratios carry over."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction

from framefleet.domain.media_info import FrameIndex
from framefleet.domain.subtask import Encoding
from framefleet.media.encoders import RELATIVE_COST

ENCODE_PER_PIXEL = 2.2e-8
"""x264 medium: 1.25 CPU s per second of 1080p25, 0.47 of 720p25."""
DECODE_PER_PIXEL = 2.3e-9
"""H.264: 0.117 CPU s per second of 1080p25. Verification decodes every output once more."""
START = 0.35
"""Processes, reaching the chunk, transfer."""
AUDIO_PER_SECOND = 0.008

REACH_PER_PIXEL = 1.0e-9
REACH_PER_BYTE = 5.0e-8
"""Decoding from the keyframe before a chunk to its first frame: 0.117 CPU s per second of 1080p25 at 10.6 Mbit/s, 0.034 of
720p25 at 3.1 Mbit/s. With keyframes 10 s apart this rules the choice of the chunks' length."""

_X264_PRESET = {
    "ultrafast": 0.12,
    "superfast": 0.2,
    "veryfast": 0.3,
    "faster": 0.5,
    "fast": 0.75,
    "medium": 1.0,
    "slow": 1.7,
    "slower": 3.0,
    "veryslow": 5.5,
    "placebo": 12.0,
}


def chunk(encodings: Sequence[Encoding], frames: int, source_pixels: int, density: float) -> float:
    """Cost of a chunk; `density` is its source bytes per frame against the film's average, which predicts difficulty."""
    encode = encode_share(encodings)
    decode = (source_pixels + sum(e.width * e.height for e in encodings)) * DECODE_PER_PIXEL
    return round(START + frames * (encode * (0.5 + 0.5 * min(density, 4.0)) + decode), 3)


def encode_share(encodings: Sequence[Encoding]) -> float:
    """Cost of encoding one frame of average difficulty. A first pass costs about a third of the second."""
    return sum(
        (4 / 3 if e.passes == 2 else 1)
        * (e.width * e.height * ENCODE_PER_PIXEL * RELATIVE_COST[e.family] * _X264_PRESET.get(e.preset, 1.0))
        for e in encodings
    )


def reach(index: FrameIndex, keyframe: int, first: int, pixels: int) -> float:
    """Cost of decoding from a keyframe up to the first frame that is wanted."""
    return (first - keyframe) * pixels * REACH_PER_PIXEL + bytes_between(index, keyframe, first) * REACH_PER_BYTE


def makespan(costs: Sequence[float], slots: int) -> float:
    """When the last slot ends if the dearest chunks start first."""
    busy = [0.0] * max(1, slots)
    for cost in sorted(costs, reverse=True):
        heapq.heapreplace(busy, busy[0] + cost)
    return max(busy)


def audio(seconds: Fraction) -> float:
    """Cost of a sound track."""
    return round(0.2 + float(seconds) * AUDIO_PER_SECOND, 3)


def bytes_between(index: FrameIndex, start: int, end: int) -> float:
    """Source bytes of frames [start, end), spreading each group of pictures evenly over its frames."""
    total = 0.0
    keyframes = index.keyframes
    # Only those that overlap: a film of a day has tens of thousands, and as many chunks.
    for i in range(max(bisect_right(keyframes, start) - 1, 0), bisect_left(keyframes, end)):
        key = keyframes[i]
        after = keyframes[i + 1] if i + 1 < len(keyframes) else index.count
        overlap = min(end, after) - max(start, key)
        if overlap > 0:
            total += index.gop_bytes[i] * overlap / (after - key)
    return total
