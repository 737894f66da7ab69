"""What is done to the pictures of single sources: fields become frames, noise goes, high dynamic range becomes standard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.media_info import VideoStream
from framefleet.domain.picture import Deinterlace, Denoise
from framefleet.domain.video import VideoSettings

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


def becomes_sdr(settings: VideoSettings, pixel_format: str, streams: Sequence[VideoStream], path: str) -> bool:
    """Whether high dynamic range is mapped to the standard one.

    Raises InvalidTemplate when it is to be kept, and the sources have none or differ in it.
    """
    found = {stream.colour.transfer if stream.hdr else None for stream in streams}
    alike = len(found) == 1
    if settings.hdr == "keep" and (not alike or None in found):
        raise InvalidTemplate(
            "there is no high dynamic range to keep" if alike else "the sources differ in dynamic range",
            field=f"{path}.hdr",
            hint="Use auto, or sdr.",
        )
    if found == {None}:
        return False
    ten_bits = settings.codec in HDR_CODECS and pixel_format.endswith("10le")
    return settings.hdr == "sdr" or not alike or not ten_bits
