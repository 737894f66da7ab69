"""Animated AVIF: FFmpeg 5.1 forgets to say how long it lasts, and players then show its first picture only. Pure."""

from __future__ import annotations

import struct
from fractions import Fraction

from framefleet.media.boxes import need


def length(data: bytes) -> Fraction:
    """Seconds the sequence lasts, as the header of the file says; raises BadBox when it is no sequence."""
    scale, ticks = _times(data, "moov/mvhd")
    return Fraction(ticks, scale)


def with_length(data: bytes) -> bytes:
    """The file with its length in the headers of file and track, where they say 0; raises BadBox."""
    scale, ticks = _times(data, "moov/mvhd")
    if ticks:
        return data
    own_scale, own = _times(data, "moov/trak/mdia/mdhd")
    whole = round(Fraction(own * scale, own_scale))
    patched = bytearray(data)
    # Both boxes of version 0: times of making and changing, then scale and duration (mvhd), or number, nothing, duration.
    struct.pack_into(">I", patched, need(data, "moov/mvhd").body + 16, whole)
    struct.pack_into(">I", patched, need(data, "moov/trak/tkhd").body + 20, whole)
    return bytes(patched)


def _times(data: bytes, path: str) -> tuple[int, int]:
    """(ticks per second, ticks) of a mvhd or mdhd box."""
    at = need(data, path).body
    scale, ticks = struct.unpack_from(">IQ", data, at + 20) if data[at] else struct.unpack_from(">II", data, at + 12)
    return scale, ticks
