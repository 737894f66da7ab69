"""How much an encoded picture differs from the one that went into the encoder: VMAF, frame by frame.

The encoder's own command keeps the first pictures it was given, without loss. Made again for the comparison they could be
others: FFmpeg's filters, text above all, differ from one build to the next.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ffmpeg

from framefleet.domain.facts import Quality
from framefleet.domain.subtask import Encoding, VideoChunkSpec
from framefleet.media.command import Command, build, file_input, output

SAME_CLOCK = "1/25"
"""Frames are paired by their number; the clock only has to be the same for both."""


def sampled_frames(spec: VideoChunkSpec, seconds: float) -> int:
    """How many frames at a chunk's beginning are compared."""
    start = spec.times.first
    end = start + seconds * spec.scale
    return max(1, sum(1 for tick in spec.times.ticks if tick < end))


@dataclass(frozen=True, slots=True)
class Sample:
    """Pictures to keep for a comparison while a chunk is encoded."""

    frames: int = 0
    """How many, from the chunk's beginning."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Encoding's id -> the file they go to."""


def kept(picture: Any, encoding: Encoding, scale: int, sample: Sample) -> tuple[Any, list[Any]]:
    """The picture for the encoder, and the output that keeps its first frames, if they are wanted."""
    if encoding.id not in sample.paths:
        return picture, []
    node = picture.filter_multi_output("split", 2)
    first = node[1].filter("trim", end_frame=sample.frames)
    clock = {"fps_mode": "passthrough", "enc_time_base": f"1/{scale}"}
    options = {"c:v": "ffvhuff", "pix_fmt": encoding.pixel_format, "f": "nut"} | clock
    return node[0], [output(first, sample.paths[encoding.id], options)]


def vmaf_command(
    encodings: Sequence[Encoding], made: Mapping[str, str], sample: Sample, logs: Mapping[str, str]
) -> Command:
    """Compare the beginning of each encoding's file in `made` with the pictures that were kept, into JSON `logs`."""
    nodes = []
    for encoding in encodings:
        sides = [
            file_input(path, threads=1)
            .video.filter("trim", end_frame=sample.frames)
            .filter("settb", SAME_CLOCK)
            .filter("setpts", "N")
            .filter("format", encoding.pixel_format)
            for path in (made[encoding.id], sample.paths[encoding.id])
        ]
        compared = ffmpeg.filter(sides, "libvmaf", log_fmt="json", log_path=logs[encoding.id], n_threads=1)
        nodes.append(output(compared, "-", {"f": "null"}))
    return build(nodes)


def scores(log: str) -> list[float]:
    """VMAF of each frame, in order, from libvmaf's JSON; raises ValueError or KeyError when it is none."""
    return [round(float(frame["metrics"]["vmaf"]), 2) for frame in json.loads(log)["frames"]]


def below(quality: Quality, minimum: float) -> str:
    """What is said of a rendition that is not as good as demanded."""
    return f"{quality.track}: VMAF {quality.mean:g} is below {minimum:g}"


def summed(track: str, found: Sequence[tuple[float, float]]) -> Quality | None:
    """The quality of a rendition from (second of the film, VMAF) of its compared frames; None when there are none."""
    if not found:
        return None
    values = [value for _, value in found]
    worst_at, worst = min(found, key=lambda pair: pair[1])
    # As libvmaf pools: one added, so that a frame of nothing does not make the mean nothing.
    harmonic = len(values) / sum(1 / (value + 1) for value in values) - 1
    return Quality(
        track=track,
        mean=round(sum(values) / len(values), 2),
        harmonic_mean=round(harmonic, 2),
        minimum=worst,
        minimum_at=round(worst_at, 3),
        frames=len(values),
    )
