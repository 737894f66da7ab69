"""What each encoder family can do: tunes, profiles, pixel formats, quality scales. Tables; what is not here is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CODEC = {
    "libx264": "h264",
    "h264_nvenc": "h264",
    "libx265": "hevc",
    "hevc_nvenc": "hevc",
    "libsvtav1": "av1",
    "av1_nvenc": "av1",
    "libvpx-vp9": "vp9",
}
"""The codec of each family."""


@dataclass(frozen=True, slots=True)
class Ability:
    """What one encoder family takes."""

    profiles: Mapping[str, tuple[str, ...]]
    """Profile -> the pixel formats it holds, each under its canonical name."""
    tunes: tuple[str, ...] = ()
    bframes: int | None = None
    """Most B-frames in a row; None where the codec has no such number."""
    crf: tuple[float, float] = (0, 51)
    """Range of the quality scale."""
    whole_crf: bool = False
    """The quality scale has whole numbers only."""


_8, _10 = "yuv420p", "yuv420p10le"

ABILITIES: Mapping[str, Ability] = {
    "libx264": Ability(
        profiles={
            "baseline": (_8,),
            "main": (_8,),
            "high": (_8,),
            "high10": (_10,),
            "high422": ("yuv422p", "yuv422p10le"),
            "high444": ("yuv444p", "yuv444p10le"),
        },
        tunes=("film", "animation", "grain", "stillimage", "psnr", "ssim", "fastdecode", "zerolatency"),
        bframes=16,
    ),
    "libx265": Ability(
        profiles={
            "main": (_8,),
            "main10": (_10,),
            "main422-10": ("yuv422p10le",),
            "main444-8": ("yuv444p",),
            "main444-10": ("yuv444p10le",),
        },
        tunes=("psnr", "ssim", "grain", "fastdecode", "zerolatency", "animation"),
        bframes=16,
    ),
    "libsvtav1": Ability(profiles={"main": (_8, _10)}, tunes=("vq", "psnr"), crf=(1, 63), whole_crf=True),
    "libvpx-vp9": Ability(
        profiles={
            "0": (_8,),
            "1": ("yuv422p", "yuv444p"),
            "2": (_10,),
            "3": ("yuv422p10le", "yuv444p10le"),
        },
        tunes=("ssim", "film"),
        crf=(0, 63),
        whole_crf=True,
    ),
    "h264_nvenc": Ability(
        profiles={"baseline": (_8,), "main": (_8,), "high": (_8,)}, tunes=("hq", "ll", "ull"), bframes=4, crf=(1, 51)
    ),
    "hevc_nvenc": Ability(
        profiles={"main": (_8,), "main10": (_10,)}, tunes=("hq", "ll", "ull"), bframes=4, crf=(1, 51)
    ),
    "av1_nvenc": Ability(profiles={"main": (_8, _10)}, tunes=("hq", "ll", "ull"), bframes=4, crf=(1, 51)),
}

DEFAULT_BFRAMES = {"libx264": 3, "libx265": 3, "h264_nvenc": 3, "hevc_nvenc": 3, "av1_nvenc": 3}
"""B-frames in a row when nothing is said."""


def default_profile(family: str, pixel_format: str) -> str | None:
    """The usual profile for a pixel format: the strongest that holds it; None when the family cannot encode it."""
    fitting = [name for name, formats in ABILITIES[family].profiles.items() if pixel_format in formats]
    return fitting[-1] if fitting else None


def pixel_formats(family: str) -> tuple[str, ...]:
    """All formats a family encodes."""
    return tuple(dict.fromkeys(f for formats in ABILITIES[family].profiles.values() for f in formats))
