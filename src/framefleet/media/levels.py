"""Levels: what a decoder must be able to do. Tables of the codecs' standards, and the lowest level that fits.

A level is always written into the header, because all chunks of a rendition must share one header. Only the main tier is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt


@dataclass(frozen=True, slots=True)
class Level:
    """Limits of one level."""

    name: str
    rate: int
    """Samples per second (macroblocks for H.264)."""
    size: int
    """Samples per picture (macroblocks for H.264)."""
    bitrate: int
    """Bits/s."""
    width: int = 0
    """Longest side in pixels; 0 where the size alone decides."""
    height: int = 0
    """Longest second side in pixels; 0 where the size alone decides."""


# ITU-T H.264 table A-1: macroblocks/s, macroblocks, kbit/s of the Main profile.
_H264 = tuple(
    Level(name, rate, size, kilobits * 1000)
    for name, rate, size, kilobits in (
        ("1.0", 1_485, 99, 64),
        ("1.1", 3_000, 396, 192),
        ("1.2", 6_000, 396, 384),
        ("1.3", 11_880, 396, 768),
        ("2.0", 11_880, 396, 2_000),
        ("2.1", 19_800, 792, 4_000),
        ("2.2", 20_250, 1_620, 4_000),
        ("3.0", 40_500, 1_620, 10_000),
        ("3.1", 108_000, 3_600, 14_000),
        ("3.2", 216_000, 5_120, 20_000),
        ("4.0", 245_760, 8_192, 20_000),
        ("4.1", 245_760, 8_192, 50_000),
        ("4.2", 522_240, 8_704, 50_000),
        ("5.0", 589_824, 22_080, 135_000),
        ("5.1", 983_040, 36_864, 240_000),
        ("5.2", 2_073_600, 36_864, 240_000),
        ("6.0", 4_177_920, 139_264, 240_000),
        ("6.1", 8_355_840, 139_264, 480_000),
        ("6.2", 16_711_680, 139_264, 800_000),
    )
)
_H264_FACTOR = {"baseline": Fraction(1), "main": Fraction(1), "high": Fraction(5, 4), "high10": Fraction(3)}
"""How many times the bits/s of Main a profile may have; the ones with more chroma have four times."""

# ITU-T H.265 tables A.8 and A.9, main tier.
_HEVC = tuple(
    Level(name, rate, size, kilobits * 1000, isqrt(8 * size), isqrt(8 * size))
    for name, rate, size, kilobits in (
        ("1.0", 552_960, 36_864, 128),
        ("2.0", 3_686_400, 122_880, 1_500),
        ("2.1", 7_372_800, 245_760, 3_000),
        ("3.0", 16_588_800, 552_960, 6_000),
        ("3.1", 33_177_600, 983_040, 10_000),
        ("4.0", 66_846_720, 2_228_224, 12_000),
        ("4.1", 133_693_440, 2_228_224, 20_000),
        ("5.0", 267_386_880, 8_912_896, 25_000),
        ("5.1", 534_773_760, 8_912_896, 40_000),
        ("5.2", 1_069_547_520, 8_912_896, 60_000),
        ("6.0", 1_069_547_520, 35_651_584, 60_000),
        ("6.1", 2_139_095_040, 35_651_584, 120_000),
        ("6.2", 4_278_190_080, 35_651_584, 240_000),
    )
)

# AV1 bitstream specification, A.3, main tier.
_AV1 = tuple(
    Level(name, rate, size, kilobits * 1000, width, height)
    for name, rate, size, width, height, kilobits in (
        ("2.0", 4_423_680, 147_456, 2_048, 1_152, 1_500),
        ("2.1", 8_363_520, 278_784, 2_816, 1_584, 3_000),
        ("3.0", 19_975_680, 665_856, 4_352, 2_448, 6_000),
        ("3.1", 31_950_720, 1_065_024, 5_504, 3_096, 10_000),
        ("4.0", 70_778_880, 2_359_296, 6_144, 3_456, 12_000),
        ("4.1", 141_557_760, 2_359_296, 6_144, 3_456, 20_000),
        ("5.0", 267_386_880, 8_912_896, 8_192, 4_352, 30_000),
        ("5.1", 534_773_760, 8_912_896, 8_192, 4_352, 40_000),
        ("5.2", 1_069_547_520, 8_912_896, 8_192, 4_352, 60_000),
        ("6.0", 1_069_547_520, 35_651_584, 16_384, 8_704, 60_000),
        ("6.1", 2_139_095_040, 35_651_584, 16_384, 8_704, 100_000),
        ("6.2", 4_278_190_080, 35_651_584, 16_384, 8_704, 160_000),
    )
)

LEVELS = {"h264": _H264, "hevc": _HEVC, "av1": _AV1}
"""Levels of each codec, lowest first."""

LOWEST_CHOSEN = {"h264": "3.0", "hevc": "3.0", "av1": "2.0"}
"""No lower level is chosen without being asked for: every player has this one, and encoders keep to its limits on memory."""

# ITU-T H.264 table A-1, MaxDpbMbs: macroblocks of the pictures a decoder keeps.
_H264_KEPT = dict(
    zip(
        (level.name for level in _H264),
        (
            *(396, 900, 2_376, 2_376, 2_376, 4_752, 8_100, 8_100, 18_000, 20_480, 32_768, 32_768, 34_816, 110_400),
            *(184_320, 184_320, 696_320, 696_320, 696_320),
        ),
        strict=True,
    )
)

_ASSUMED_RATE = Fraction(60)
"""Frames/s where the rate varies."""


def most_refs(codec: str, name: str, size: tuple[int, int]) -> int:
    """Frames a frame may refer to at a level of H.264 or HEVC, by what a decoder keeps of that size."""
    if codec == "h264":
        return min(16, _H264_KEPT[name] // _macroblocks(size))
    # ITU-T H.265 A.4.2: the smaller the picture, the more of them; one place is the frame's own.
    largest = next(level.size for level in LEVELS[codec] if level.name == name)
    samples = size[0] * size[1]
    if samples * 4 > largest * 3:
        return 5
    return 15 if samples * 4 <= largest else 11 if samples * 2 <= largest else 7


def _macroblocks(size: tuple[int, int]) -> int:
    return -(-size[0] // 16) * -(-size[1] // 16)


def names(codec: str) -> tuple[str, ...]:
    """The levels a codec has, lowest first."""
    return tuple(level.name for level in LEVELS[codec])


def lowest(
    codec: str, size: tuple[int, int], rate: Fraction | None, bitrate: int | None, profile: str, refs: int | None = None
) -> str:
    """The lowest level that holds the size (pixels) at the rate (frames/s) and bit rate (bits/s); the highest if none does."""
    all_names = names(codec)
    usual = LEVELS[codec][all_names.index(LOWEST_CHOSEN[codec]) :]
    return next(
        (level.name for level in usual if exceeded(codec, level, size, rate, bitrate, profile, refs) is None),
        all_names[-1],
    )


def problem(
    codec: str,
    name: str,
    size: tuple[int, int],
    rate: Fraction | None,
    bitrate: int | None,
    profile: str,
    refs: int | None = None,
) -> str | None:
    """What a level of that name does not hold, in words; None when it holds everything."""
    level = next(level for level in LEVELS[codec] if level.name == name)
    return exceeded(codec, level, size, rate, bitrate, profile, refs)


def exceeded(
    codec: str,
    level: Level,
    size: tuple[int, int],
    rate: Fraction | None,
    bitrate: int | None,
    profile: str,
    refs: int | None = None,
) -> str | None:
    """The first limit of a level that is passed, in words."""
    width, height = size
    samples = _macroblocks(size) if codec == "h264" else width * height
    limit = level.bitrate if codec != "h264" else int(level.bitrate * _H264_FACTOR.get(profile, Fraction(4)))
    longest, second = max(size), min(size)
    too_wide = bool(level.width) and (longest > level.width or second > level.height)
    if samples > level.size or too_wide:
        return f"{width}x{height} pixels"
    if samples * (rate or _ASSUMED_RATE) > level.rate:
        return f"{width}x{height} pixels at {float(rate or _ASSUMED_RATE):.6g} frames/s"
    if bitrate is not None and bitrate > limit:
        return f"{bitrate} bits/s"
    if refs is not None and refs > most_refs(codec, level.name, size):
        return f"{refs} frames of {width}x{height} pixels to refer to"
    return None
