"""Parser of FFmpeg's framecrc output: one line per frame or packet, times in ticks of each stream's time base.

It knows nothing of what was decoded or why. The format is the one of libavformat/framecrcenc.c, the same in FFmpeg 5.1
and 9: a header (`#tb 0: 1/90000`), then `stream, dts, pts, duration, size, checksum[, F=flags][, S=side data ...]`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

_NO_TIME = "NOPTS"
_KEY = 1
"""AV_PKT_FLAG_KEY: what framecrc leaves out when it is the only flag."""


@dataclass(frozen=True, slots=True)
class CrcLine:
    """One frame or packet."""

    stream: int
    dts: int
    pts: int
    duration: int
    size: int
    """Bytes."""
    checksum: int = 0
    """Adler-32 of the bytes: equal for equal pictures when the frames are raw."""
    keyframe: bool = True
    """True for every raw frame; for copied packets, whether a decoder can start there."""


@dataclass
class FrameCrcParser:
    """Feed it lines; header lines fill `time_bases` and `headers`."""

    time_bases: dict[int, Fraction] = field(default_factory=dict)
    headers: dict[int, str] = field(default_factory=dict)
    """Size and checksum of what a decoder must have before the first packet, for streams that have such."""

    def feed(self, line: str) -> CrcLine | None:
        """The entry of one line; None for headers and for text that is no entry.

        Raises ValueError for an entry without a presentation time: it cannot be judged, and must not pass uncounted.
        """
        if line.startswith("#tb "):
            stream, _, base = line[4:].partition(":")
            self.time_bases[int(stream)] = Fraction(base.strip())
            return None
        if line.startswith("#extradata "):
            number, _, header = line[11:].partition(":")
            self.headers[int(number)] = header.strip()
            return None
        parts = [part.strip() for part in line.split(",")]
        if line.startswith("#") or len(parts) < 6 or not parts[0].isdecimal():
            return None
        if parts[2] == _NO_TIME:
            raise ValueError(f"a frame without a time: {line.strip()}")
        pts = int(parts[2])
        return CrcLine(
            stream=int(parts[0]),
            dts=pts if parts[1] == _NO_TIME else int(parts[1]),
            pts=pts,
            duration=int(parts[3]),
            size=int(parts[4]),
            checksum=int(parts[5], 16),
            keyframe=_keyframe(parts[6:]),
        )


def _keyframe(extras: list[str]) -> bool:
    flags = next((extra[2:] for extra in extras if extra.startswith("F=")), None)
    return flags is None or bool(int(flags, 16) & _KEY)
