"""Parser of FFmpeg's framecrc output: one line per frame or packet, times in ticks of each stream's time base."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class CrcLine:
    """One frame or packet."""

    stream: int
    dts: int
    pts: int
    duration: int
    size: int
    """Bytes."""


@dataclass
class FrameCrcParser:
    """Feed it lines; header lines fill `time_bases`."""

    time_bases: dict[int, Fraction] = field(default_factory=dict)

    def feed(self, line: str) -> CrcLine | None:
        """The entry of one line; None for headers and anything else."""
        if line.startswith("#tb "):
            stream, _, base = line[4:].partition(":")
            self.time_bases[int(stream)] = Fraction(base.strip())
            return None
        if not line or line.startswith("#"):
            return None
        parts = line.split(",")
        try:
            stream_, dts, pts, duration, size = (int(p) for p in parts[:5])
        except ValueError:
            return None
        return CrcLine(stream_, dts, pts, duration, size)
