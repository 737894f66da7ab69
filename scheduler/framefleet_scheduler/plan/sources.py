"""What is done to the pictures of single sources: fields become frames, noise goes, high dynamic range becomes standard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from framefleet.domain.errors import UnsupportedFeature
from framefleet.domain.media_info import VideoStream
from framefleet.domain.picture import Deinterlace, Denoise
from framefleet.domain.template import VideoSettings

HDR_CODECS = frozenset({"hevc", "av1", "vp9"})
"""Codecs whose 10 bits players show with high dynamic range."""


@dataclass(frozen=True)
class Treatment:
    """What is done to the sources' pictures before they are joined; encodings that agree in it can share a chunk."""

    deinterlace: Deinterlace
    denoise: Denoise
    to_sdr: bool
    """Whether sources of high dynamic range are mapped to the standard one."""


def fields(stream: VideoStream, wanted: Deinterlace) -> Literal["flagged", "all"] | None:
    """Which frames of a source are made of their fields; None: none."""
    if wanted == "on":
        return "all"
    return "flagged" if wanted == "auto" and stream.interlaced else None


def becomes_sdr(settings: VideoSettings, pixel_format: str, path: str) -> bool:
    """Whether high dynamic range is mapped to the standard one; raises UnsupportedFeature for `keep`."""
    if settings.hdr == "keep":
        raise UnsupportedFeature(
            "keeping high dynamic range is not supported by this version",
            field=f"{path}.hdr",
            hint="Use auto, or sdr.",
        )
    return settings.hdr == "sdr" or settings.codec not in HDR_CODECS or not pixel_format.endswith("10le")
