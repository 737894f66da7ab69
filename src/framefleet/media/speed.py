"""The speed at which a file asks to be played: the preferred rate in the movie header of MP4 and QuickTime files.

ISO/IEC 14496-12, 8.2.2: a fixed-point number of 16.16 bits. Nothing is encoded faster or slower.
"""

from __future__ import annotations

import struct

from framefleet.media.boxes import need

_ONE = 1 << 16


def rate_place(moov: bytes) -> int:
    """Where the rate stands in a movie box; raises BadBox when there is no movie header."""
    mvhd = need(moov, "moov/mvhd")
    # Version 1 has times and duration of 64 bits.
    return mvhd.body + (32 if moov[mvhd.body] == 1 else 20)


def rate_of(speed: float) -> bytes:
    """A speed as it is written."""
    return struct.pack(">I", round(speed * _ONE))


def speed_of(rate: bytes) -> float:
    """The speed that is written there."""
    (found,) = struct.unpack(">I", rate)
    return float(found) / _ONE
