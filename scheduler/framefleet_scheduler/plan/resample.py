"""Another frame rate, decided for the whole film at once: which frame of the source is shown in which frame of the output.

Output frame k belongs to the time k/rate after the film's first frame. A frame of the source takes the place nearest to its
time; the last one that takes a place is shown there, and in the empty places after it. Chunks are cut between output
frames, so nothing about a frame depends on where the cuts are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import ceil

from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.picture import PictureSettings
from framefleet.domain.subtask import FrameTimes, Resample
from framefleet.domain.timeline import to_ticks, track_scale
from framefleet_scheduler.plan.timeline import Part, Timeline

CLOSE = Fraction(1, 500)
"""Rates that differ by less are the same: a cap of 30 frames/s lets 30000/1001 and 30 pass, and 29.97 means 30000/1001."""


def wanted_rate(timeline: Timeline, settings: PictureSettings) -> Fraction | None:
    """The rate (frames/s) the film has to be brought to; None when its frames are kept as they are."""
    if settings.frame_rate is not None:
        rate = named_rate(settings.frame_rate)
        return None if timeline.rate == rate else rate
    cap = settings.max_frame_rate
    if cap is None:
        return timeline.common_rate
    cap = named_rate(cap)
    own = timeline.rate or timeline.common_rate
    if own is None:
        return cap if _fastest(timeline) > cap * (1 + CLOSE) else None
    # A whole fraction of the film's own rate moves evenly.
    every = ceil(own / (cap * (1 + CLOSE)))
    return own / every if every > 1 else timeline.common_rate


def named_rate(rate: Fraction) -> Fraction:
    """The rate somebody means who writes 29.97, 23.976 or 59.94."""
    if rate.denominator != 1:
        whole = Fraction(round(rate * Fraction(1001, 1000)))
        ntsc = whole * Fraction(1000, 1001)
        if abs(rate - ntsc) <= rate * Fraction(1, 5000):
            return ntsc
    return rate


def _fastest(timeline: Timeline) -> Fraction:
    """Frames/s at the densest place."""
    closest = min((b - a for ticks in timeline.ticks for a, b in pairwise(ticks)), default=timeline.scale)
    return Fraction(timeline.scale, max(1, closest))


@dataclass(frozen=True)
class Resampled:
    """The frames of a timeline at another rate."""

    timeline: Timeline
    rate: Fraction
    """Frames/s."""

    @cached_property
    def scale(self) -> int:
        """Ticks per second of the output."""
        return track_scale(self.rate)

    @cached_property
    def step(self) -> int:
        """Ticks per frame."""
        return int(self.scale / self.rate)

    @property
    def distances(self) -> tuple[int, ...]:
        """Ticks between frames."""
        return (self.step,) if self.frames > 1 else ()

    @cached_property
    def first(self) -> int:
        """Tick of the first frame."""
        return to_ticks(Fraction(self.timeline.tick(0), self.timeline.scale), self.scale)

    @cached_property
    def frames(self) -> int:
        """Number of frames: as many as begin before the film ends."""
        length = Fraction(self.timeline.end - self.timeline.tick(0), self.timeline.scale)
        return max(1, ceil(length * self.rate - Fraction(1, 100)))

    @property
    def end(self) -> int:
        """Tick at which the last frame ends."""
        return self.tick(self.frames)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The sources' parts."""
        return self.timeline.parts

    def tick(self, frame: int) -> int:
        """Tick of a frame."""
        return self.first + frame * self.step

    def boundary(self, frame: int) -> int:
        """Tick at which a frame starts, or the end of the last one."""
        return self.tick(frame)

    def segment_frames(self, seconds: Fraction) -> int:
        """Frames in a segment of about `seconds`."""
        return max(1, round(seconds * self.rate))

    def segments(self, seconds: Fraction) -> list[int]:
        """Frames at which segments of about `seconds` start."""
        return list(range(0, self.frames, self.segment_frames(seconds)))

    def times(self, start: int, end: int) -> FrameTimes:
        """When frames [start, end) are shown."""
        return FrameTimes(first=self.tick(start), runs=((self.step, end - start - 1),) if end - start > 1 else ())

    def shown(self, start: int, end: int) -> tuple[int, int]:
        """The frames of the timeline [from, to) that output frames [start, end) show."""
        return self._shown_at(start), self._shown_at(end - 1) + 1

    def resample(self, start: int, end: int) -> Resample:
        """How a chunk of output frames [start, end) gets them."""
        return Resample(
            rate=self.rate,
            scale=self.timeline.scale,
            first=self.timeline.tick(0),
            at=self.first,
            start=start,
            count=end - start,
        )

    def _shown_at(self, frame: int) -> int:
        return bisect_right(range(self.timeline.frames), frame, key=self._place) - 1

    def _place(self, ordinal: int) -> int:
        """The output frame a frame of the timeline takes. The worker's filter computes the very same."""
        unit = self.timeline.scale * self.rate.denominator
        ticks = self.timeline.tick(ordinal) - self.timeline.tick(0)
        return (2 * ticks * self.rate.numerator + unit) // (2 * unit)


Frames = Timeline | Resampled
"""The frames of an output."""


def frames_of(timeline: Timeline, settings: PictureSettings) -> Frames:
    """The output's frames: the film's own, or those of another rate."""
    rate = wanted_rate(timeline, settings)
    return timeline if rate is None else Resampled(timeline, rate)


def require_common_cuts(outputs: Sequence[Frames], seconds: float, path: str) -> None:
    """Raise InvalidTemplate unless segments of all renditions of a ladder start at the same instants."""
    distinct = {f.rate: f for f in outputs}
    cuts = [[Fraction(f.tick(s), f.scale) for s in f.segments(Fraction(str(seconds)))] for f in distinct.values()]
    if len(cuts) > 1 and any(other != cuts[0] for other in cuts):
        rates = ", ".join("varying" if rate is None else f"{float(rate):.3f}" for rate in distinct)
        raise InvalidTemplate(
            f"renditions of {rates} frames/s cannot be cut at the same instants",
            field=path,
            hint="Give all renditions one frame rate, or rates of which each is a multiple of the next.",
        )
