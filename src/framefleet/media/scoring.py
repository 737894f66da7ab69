"""What makes a picture a good cover, and where scenes change: measured by FFmpeg's filters, judged by fixed rules. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from framefleet.domain.still_spec import CLOCK, SceneSearch, Shot, StillLook
from framefleet.media.chunk import fitted
from framefleet.media.command import Command, build, output
from framefleet.media.filters import prepared
from framefleet.media.stills import SEEKS_PER_RUN, decoded

SMALL = 320
"""Width pictures are measured at, pixels."""

_ENTRY = re.compile(r"lavfi\.(?:signalstats\.)?([A-Za-z.]+)=(\S+)")


@dataclass(frozen=True, slots=True)
class Measured:
    """What the filters say of a picture. Brightness is that of 8-bit video: 16 is black, 235 white."""

    mean: float
    low: float
    """A tenth of the picture is darker."""
    high: float
    """A tenth of the picture is brighter."""
    blur: float | None
    """Width of edges in pixels: 1 is sharp, 10 blurred; None without any edge."""

    @property
    def score(self) -> float:
        """0 for what nobody wants to see, 1 for the best.

        The product of contrast, sharpness, and how near the brightness is to the middle.
        """
        contrast = min(1.0, (self.high - self.low) / 120)
        if self.blur is None or self.mean < 24 or self.mean > 228 or contrast < 0.05:
            return 0.0
        sharp = 1 / (1 + max(0.0, self.blur - 2) / 4)
        exposed = 1 - (abs(self.mean - 118) / 118) ** 2
        return contrast * sharp * max(0.05, exposed)


def measure_commands(
    shots: Sequence[Shot], look: StillLook, urls: Mapping[int, str], notes: Sequence[str], *, keyframes_only: bool
) -> list[Command]:
    """Measure one frame per shot; what the filters say goes into the files `notes`."""
    pairs = list(zip(shots, notes, strict=True))
    commands = []
    for at in range(0, len(pairs), SEEKS_PER_RUN):
        nodes = []
        for number, (shot, path) in enumerate(pairs[at : at + SEEKS_PER_RUN]):
            stream = _small(decoded(shot.piece, urls, number, keyframes_only=keyframes_only), look)
            stream = stream.filter("signalstats").filter("blurdetect").filter("metadata", "print", file=path)
            nodes.append(output(stream, "-", {"f": "null", "frames:v": 1, "fps_mode": "passthrough"}))
        commands.append(build(nodes, global_args=("-copyts",)))
    return commands


def measured(text: str) -> Measured | None:
    """What a file of notes says; None when the frame was not there."""
    found = {name: float(value) for name, value in _ENTRY.findall(text)}
    if "YAVG" not in found:
        return None
    blur = found.get("blur", 0.0)
    return Measured(found["YAVG"], found["YLOW"], found["YHIGH"], blur if isfinite(blur) and blur > 0 else None)


def best(scores: Sequence[float], groups: Sequence[int]) -> list[int]:
    """The place of the best of each group; of equals the one nearest to the group's middle."""
    chosen, at = [], 0
    for size in groups:
        places = range(at, at + size)
        chosen.append(max(places, key=lambda i: (scores[i], -abs(i - (at + (size - 1) / 2)))))
        at += size
    return chosen


def scenes_command(search: SceneSearch, number: int, look: StillLook, urls: Mapping[int, str], notes: str) -> Command:
    """Look through one piece; the frames that begin a scene go into the file `notes`."""
    piece = search.pieces[number]
    stream = _small(decoded(piece, urls, 0), look).filter("scdet", threshold=search.threshold)
    # All frames go on to the output, which shows that FFmpeg is at work.
    rule = {"key": "lavfi.scd.score", "value": search.threshold, "function": "greater"}
    stream = stream.filter("metadata", "print", file=notes, **rule)
    return build([output(stream, "-", {"f": "null", "fps_mode": "passthrough"})], global_args=("-copyts",))


@dataclass(frozen=True, slots=True)
class Change:
    """The first frame of a scene."""

    tick: int
    """Of the timeline."""
    score: float
    """Percent."""


def changes(lines: Iterable[str]) -> list[Change]:
    """What a file of notes lists."""
    found: list[Change] = []
    tick: int | None = None
    for line in lines:
        if line.startswith("frame:"):
            at = re.search(r"pts:\s*(-?\d+)", line)
            tick = int(at[1]) if at else None
        elif line.startswith("lavfi.scd.score=") and tick is not None:
            found.append(Change(tick, float(line.partition("=")[2])))
    return found


def chosen(found: Sequence[Change], *, min_distance: float, most: int) -> list[Change]:
    """The greatest changes that keep their distance from each other, in order of time."""
    kept: list[Change] = []
    for change in sorted(found, key=lambda c: (-c.score, c.tick)):
        if len(kept) == most:
            break
        if all(abs(change.tick - other.tick) >= min_distance * CLOCK for other in kept):
            kept.append(change)
    return sorted(kept, key=lambda c: c.tick)


def _small(stream: Any, look: StillLook) -> Any:
    """The picture as it is asked for, small: what is cropped away does not count."""
    if look.canvas != (0, 0):
        stream = fitted(stream, look.canvas, look.fit)
    stream = prepared(stream, look.source)
    return stream.filter("scale", SMALL, -2, flags="area").filter("format", "yuv420p")
