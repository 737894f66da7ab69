"""Exact time: rational seconds, ticks of a track's clock, half-open spans."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer


def rational(value: Any) -> Fraction:
    """`"30000/1001"`, `"0.04"`, 25 or 0.5 as an exact fraction; raises ValueError for anything else or for n/0."""
    if isinstance(value, float):
        return Fraction(str(value))
    try:
        return Fraction(value)
    except (TypeError, ZeroDivisionError) as error:
        raise ValueError(f"{value!r} is not a rational number") from error


Rational = Annotated[Fraction, BeforeValidator(rational), PlainSerializer(str, return_type=str)]
"""A fraction that is `"n/d"` in JSON."""


def to_ticks(seconds: Fraction, scale: int) -> int:
    """Seconds as a whole number of 1/scale ticks, nearest first (halves up, unlike `round`)."""
    return (2 * seconds.numerator * scale + seconds.denominator) // (2 * seconds.denominator)


def decimal(seconds: Fraction, digits: int = 6) -> str:
    """Seconds as FFmpeg takes them, e.g. `"12.480000"`."""
    return f"{float(seconds):.{digits}f}"


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of seconds: `start` belongs to it, `end` does not."""

    start: Fraction
    end: Fraction

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"span ends ({self.end}) before it starts ({self.start})")

    @property
    def length(self) -> Fraction:
        """Seconds."""
        return self.end - self.start

    def __contains__(self, t: Fraction) -> bool:
        return self.start <= t < self.end


def track_scale(cadence: Fraction | None) -> int:
    """Ticks per second of an output video track.

    For a constant `cadence` (frames/s) the smallest ``numerator * 2**k`` of at least 10000, so that every frame
    lasts a whole number of ticks (the rule FFmpeg's MP4 muxer follows too); 90000, the MPEG clock, for variable
    frame rates.
    """
    if cadence is None:
        return 90000
    scale = cadence.numerator
    while scale < 10000:
        scale *= 2
    return scale
