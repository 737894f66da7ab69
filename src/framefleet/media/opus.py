"""Opus on its way from MP4 into Matroska: the samples a decoder throws away first must not move the sound."""

from __future__ import annotations

from fractions import Fraction

from framefleet.media.command import Command, build, file_input, output

CLOCK = 48_000
"""Opus counts its samples at this rate, whatever the sound was recorded with."""
_TRIED_PACKETS = 4


def pre_skip(head: bytes) -> Fraction | None:
    """Seconds a decoder throws away at the beginning, as the header of an MP4 file says; None when it holds no Opus.

    The box is version, channels, pre-skip (16 bits), ... (Encapsulation of Opus in ISO Base Media File Format, 4.3.2).
    """
    at = head.find(b"dOps")
    return Fraction(int.from_bytes(head[at + 6 : at + 8], "big"), CLOCK) if at >= 0 else None


def trial_command(part: str, path: str) -> Command:
    """Copy the first packets of a sound part into Matroska as they are, to see at what time they come out."""
    options = {"c": "copy", "f": "matroska", "avoid_negative_ts": "disabled", "frames:a": _TRIED_PACKETS}
    return build([output(file_input(part)["a:0"], path, options | {"fflags": "+bitexact"})], global_args=("-copyts",))


def shift(planned: Fraction, found: Fraction, skipped: Fraction) -> Fraction:
    """Seconds that sound must be moved by before it is put into Matroska: `skipped`, where FFmpeg forgets to.

    Matroska's times are those of the first packet plus the delay it notes; a demuxer takes the delay off again. FFmpeg 5.1
    notes it and takes it off, but does not add it to the times of packets that come out of an MP4.
    """
    return skipped if planned - found > skipped / 2 else Fraction(0)
