"""What was seen in an output while it was checked: observations for people, which refuse nothing."""

from __future__ import annotations

from typing import Literal

from framefleet.domain.value import Value

SpanKind = Literal["black", "frozen", "silent"]


class Span(Value):
    """A stretch of the film. Seconds on the joined timeline, half-open."""

    kind: SpanKind
    start: float
    end: float


class Bitrate(Value):
    """Of one track as it was made, in fragments. Bits/s."""

    track: str
    average: int
    peak: int
    """Of the segment with the most bits; in a file, of the part between two planned keyframes."""


class Loudness(Value):
    """Of one sound track, by EBU R 128."""

    track: str
    integrated: float | None
    """LUFS; None when nothing is loud enough to be measured."""


class Quality(Value):
    """VMAF of one rendition against the picture it was made from, over the compared frames. 0 to 100."""

    track: str
    mean: float
    harmonic_mean: float
    minimum: float
    minimum_at: float
    """Where the worst frame is, seconds."""
    frames: int
    """How many were compared."""


class Facts(Value):
    """What is true of a published target, beside its certificate."""

    ffmpeg: str = ""
    """Version of the FFmpeg that checked it."""
    spans: tuple[Span, ...] = ()
    """Black, frozen and silent stretches of half a second and more, at most a hundred: the longest, in order."""
    loudness: tuple[Loudness, ...] = ()
    bitrates: tuple[Bitrate, ...] = ()
    vmaf: tuple[Quality, ...] = ()
    """Where the task asked for it."""
    sound_starts: float | None = None
    """Seconds from the first picture to the first sound; negative when the sound begins earlier."""
    sound_ends: float | None = None
    """Seconds from the end of the last picture to the end of the sound."""
