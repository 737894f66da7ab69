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
    qp: int | None = None
    """Coarsest quantizer that may be fixed for the film; None where there is none such."""
    refs: bool = False
    """The number of frames a frame refers to can be set."""
    buffer: bool = True
    """The size of a player's buffer can be set."""
    constant: bool = False
    """Can fill up to a constant bit rate."""


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
        qp=51,
        refs=True,
        constant=True,
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
        qp=51,
        refs=True,
    ),
    "libsvtav1": Ability(
        profiles={"main": (_8, _10)}, tunes=("vq", "psnr"), crf=(1, 63), whole_crf=True, qp=63, buffer=False
    ),
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
        profiles={"baseline": (_8,), "main": (_8,), "high": (_8,)},
        tunes=("hq", "ll", "ull"),
        bframes=4,
        crf=(1, 51),
        qp=51,
    ),
    "hevc_nvenc": Ability(
        profiles={"main": (_8,), "main10": (_10,)}, tunes=("hq", "ll", "ull"), bframes=4, crf=(1, 51), qp=51
    ),
    "av1_nvenc": Ability(profiles={"main": (_8, _10)}, tunes=("hq", "ll", "ull"), bframes=4, crf=(1, 51), qp=51),
}

_X264_REFS = {"medium": 3, "slow": 5, "slower": 8, "veryslow": 16, "placebo": 16, "fast": 2, "faster": 2}


def preset_refs(preset: str, tune: str | None) -> int:
    """Frames an x264 preset refers to."""
    refs = _X264_REFS.get(preset, 1)
    return min(16, 2 * refs) if tune == "animation" and refs > 1 else refs


DEFAULT_BFRAMES = {"libx264": 3, "libx265": 3, "h264_nvenc": 3, "hevc_nvenc": 3, "av1_nvenc": 3}
"""B-frames in a row when nothing is said."""


def default_profile(family: str, pixel_format: str) -> str | None:
    """The usual profile for a pixel format: the strongest that holds it; None when the family cannot encode it."""
    fitting = [name for name, formats in ABILITIES[family].profiles.items() if pixel_format in formats]
    return fitting[-1] if fitting else None


def pixel_formats(family: str) -> tuple[str, ...]:
    """All formats a family encodes."""
    return tuple(dict.fromkeys(f for formats in ABILITIES[family].profiles.values() for f in formats))
