"""What a ladder's manifests list, in numbers that were measured on the produced segments."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil


@dataclass(frozen=True, slots=True)
class ListedSegment:
    """A segment as a manifest names it. Seconds and bytes."""

    name: str
    start: Fraction
    duration: Fraction
    bytes: int


@dataclass(frozen=True, slots=True)
class ListedTrack:
    """A rendition or sound track as a manifest names it."""

    name: str
    """Folder below the manifest."""
    codecs: str
    init: str
    segments: tuple[ListedSegment, ...]
    scale: int
    width: int | None = None
    height: int | None = None
    frame_rate: Fraction | None = None
    sample_rate: int | None = None
    channels: int | None = None
    language: str | None = None

    @property
    def seconds(self) -> Fraction:
        """Sum of the segments."""
        return sum((s.duration for s in self.segments), Fraction(0))

    @property
    def peak_bandwidth(self) -> int:
        """Bits/s of the worst segment (RFC 8216 section 4.3.4.2).

        Segments shorter than half the longest do not count: a rest of a few frames says nothing about a player's needs.
        """
        longest = max(s.duration for s in self.segments)
        counted = [s for s in self.segments if s.duration * 2 >= longest]
        return max(ceil(s.bytes * 8 / s.duration) for s in counted)

    @property
    def average_bandwidth(self) -> int:
        """Bits/s of the whole."""
        return int(sum(s.bytes for s in self.segments) * 8 / self.seconds)
