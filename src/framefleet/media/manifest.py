"""What a ladder's manifests list, in numbers that were measured on the produced segments."""

from __future__ import annotations

from collections.abc import Sequence
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
    offset: int | None = None
    """Where it begins in the file `name`, bytes; None when the file is the segment."""
    key_bytes: int | None = None
    """Bytes up to the end of its first frame, a keyframe; None when it has none or it is not listed."""


def target_duration(segments: Sequence[ListedSegment]) -> int:
    """What an HLS playlist says of its segments: rounded to the nearest second, none is longer (RFC 8216 section 4.3.3.1)."""
    return max(1, *(int(s.duration + Fraction(1, 2)) for s in segments))


def peak(segments: Sequence[ListedSegment]) -> int:
    """Bits/s of the worst run of neighbouring segments that last 0.5 to 1.5 target durations (RFC 8216 section 4.1); of the
    whole when it is shorter than that.
    """
    target = target_duration(segments)
    rates = [Fraction(sum(s.bytes for s in segments) * 8) / sum(s.duration for s in segments)]
    for i in range(len(segments)):
        bits, seconds = 0, Fraction(0)
        for s in segments[i:]:
            bits, seconds = bits + s.bytes * 8, seconds + s.duration
            if seconds * 2 > target * 3:
                break
            if seconds * 2 >= target:
                rates.append(bits / seconds)
    return ceil(max(rates))


@dataclass(frozen=True, slots=True)
class ListedTrack:
    """A rendition or sound track as a manifest names it."""

    name: str
    """Folder below the manifest."""
    codecs: str
    init: str | None
    """File of the header; None for segments that need none (MPEG-TS)."""
    segments: tuple[ListedSegment, ...]
    scale: int
    width: int | None = None
    height: int | None = None
    frame_rate: Fraction | None = None
    sample_rate: int | None = None
    channels: int | None = None
    language: str | None = None
    """RFC 5646."""
    default: bool = False
    """Of several sound tracks the one that players begin with."""
    init_bytes: int | None = None
    """Length of the header at the beginning of the file `init`; None when `init` is a file of its own."""
    video_range: str = "SDR"
    """As HLS names it: SDR, PQ or HLG."""

    @property
    def seconds(self) -> Fraction:
        """Sum of the segments."""
        return sum((s.duration for s in self.segments), Fraction(0))

    @property
    def peak_bandwidth(self) -> int:
        """Bits/s of the worst run of segments that counts (see `peak`)."""
        return peak(self.segments)

    @property
    def average_bandwidth(self) -> int:
        """Bits/s of the whole."""
        return int(sum(s.bytes for s in self.segments) * 8 / self.seconds)

    @property
    def iframe_bandwidth(self) -> int:
        """Bits/s of the largest keyframe, shown as long as its segment lasts (RFC 8216 section 4.3.4.3)."""
        return max(ceil((s.key_bytes or 0) * 8 / s.duration) for s in self.segments)


@dataclass(frozen=True, slots=True)
class ListedTexts:
    """A subtitle track as a manifest names it: one WebVTT file for the whole film in DASH, segments of it in HLS."""

    name: str
    """Folder below the manifest."""
    file: str
    """Name of the whole file in it."""
    bytes: int
    """Of the whole file."""
    duration: Fraction
    """Of the film, seconds."""
    language: str | None = None
    """RFC 5646."""
    segments: tuple[ListedSegment, ...] = ()
    """Of HLS."""

    @property
    def bandwidth(self) -> int:
        """Bits/s of the whole, at least 1."""
        return max(1, ceil(self.bytes * 8 / self.duration))


@dataclass(frozen=True, slots=True)
class ListedSheets:
    """Sheets of small pictures as a manifest names them. Seconds, pixels, bytes."""

    folder: str
    names: tuple[str, ...]
    bytes: tuple[int, ...]
    columns: int
    rows: int
    width: int
    """Of one picture."""
    height: int
    interval: Fraction
    """Between pictures."""
    duration: Fraction
    """Of the film."""

    @property
    def per_sheet(self) -> Fraction:
        """What one full sheet covers."""
        return self.interval * self.columns * self.rows

    @property
    def bandwidth(self) -> int:
        """Bits/s of the largest sheet."""
        return max(ceil(b * 8 / min(self.per_sheet, self.duration)) for b in self.bytes)
