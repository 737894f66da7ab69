"""How pictures are coded: the samples an encoder gets, and its options. Tables; pure.

JPEG and WebP know no other colours than those of BT.601, so pictures are brought to them; AVIF and MP4 say which they have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Samples:
    """What the samples of a picture are."""

    pixel_format: str
    matrix: str | None
    """FFmpeg's name; None for RGB."""
    full_range: bool = False


_BT709 = Samples("yuv420p", "bt709")
STILL_SAMPLES: Mapping[str, Samples] = {
    "jpg": Samples("yuvj420p", "smpte170m", full_range=True),
    "png": Samples("rgb24", None),
    "webp": Samples("yuv420p", "smpte170m"),
    "avif": _BT709,
}
ANIMATION_SAMPLES: Mapping[str, Samples] = {
    "gif": Samples("bgra", None),
    "webp": Samples("yuv420p", "smpte170m"),
    "avif": _BT709,
    "mp4": _BT709,
}

STILL_ENCODERS = ("libwebp", "libwebp_anim", "libaom-av1")
"""Those that an FFmpeg may have been built without."""

PLAIN = {"map_metadata": -1, "map_chapters": -1, "fflags": "+bitexact", "flags:v": "+bitexact", "threads": 1}
"""Nothing of the source's own words, the same bytes every time, one core."""
SAID = {"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709", "color_range": "tv"}


def still_options(form: str, quality: int) -> dict[str, Any]:
    """Encoder and muxer options of a still; `quality` is 1..100."""
    match form:
        case "jpg":
            # mjpeg's own scale runs from 2 (best) to 31.
            own = {"c:v": "mjpeg", "q:v": max(2, round(31 - quality * 29 / 100)), "f": "image2"}
        case "png":
            own = {"c:v": "png", "f": "image2"}
        case "webp":
            own = {"c:v": "libwebp", "quality": quality, "compression_level": 4, "f": "image2"}
        case "avif":
            own = _av1(quality) | {"cpu-used": 6, "still-picture": 1, "f": "avif"} | SAID
        case _:
            raise ValueError(f"{form} is not a picture format we make")
    # libaom refuses the slow clock of pictures that are more than a second apart.
    return PLAIN | {"enc_time_base": "1/25"} | own


def animation_options(form: str, quality: int, loop: int | None) -> dict[str, Any]:
    """Encoder and muxer options of an animation that is played `loop` times (None: without end)."""
    match form:
        case "gif":
            # The number in a GIF says how often it is played again.
            own = {"c:v": "gif", "loop": 0 if loop is None else loop - 1 or -1, "f": "gif"}
        case "webp":
            own = {"c:v": "libwebp_anim", "quality": quality, "compression_level": 4, "loop": loop or 0, "f": "webp"}
        case "avif":
            own = _av1(quality) | {"cpu-used": 8, "f": "avif"} | SAID
        case "mp4":
            crf = round(15 + (100 - quality) * 0.36)
            own = {"c:v": "libx264", "preset": "medium", "crf": crf, "profile:v": "high"}
            own |= {"movflags": "+faststart", "f": "mp4"} | SAID
        case _:
            raise ValueError(f"{form} is not a format of animations")
    return PLAIN | own


def _av1(quality: int) -> dict[str, Any]:
    return {"c:v": "libaom-av1", "crf": round((100 - quality) * 63 / 100), "b:v": 0}
