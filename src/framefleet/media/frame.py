"""One small picture of a source, to recognise it by. Not for publishing: snapshots are what is planned and checked."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from framefleet.domain.media_info import MediaInfo, VideoStream
from framefleet.domain.timeline import decimal
from framefleet.media.command import Command, build, output, source_input
from framefleet.media.filters import tone_mapped

_SHARE = Fraction(1, 10)
"""Of the film, after which the picture is taken: beginnings are often black."""


def frame_time(info: MediaInfo) -> Fraction:
    """Where to look, seconds after the container's start."""
    return max(Fraction(0), (info.duration or Fraction(0)) * _SHARE)


def frame_size(video: VideoStream, widest: int) -> tuple[int, int]:
    """Width and height with square pixels, even, no wider than `widest` and not enlarged."""
    width, height = max(video.display_width, 2), max(video.display_height, 2)
    scale = min(Fraction(1), Fraction(widest, width), Fraction(4 * widest, height))
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def frame_command(url: str, video: VideoStream, at: Fraction, size: tuple[int, int], path: str) -> Command:
    """A keyframe near that time, or at the beginning the first frame there is, as a JPEG."""
    seek: dict[str, Any] = {"ss": decimal(at), "noaccurate_seek": None, "skip_frame": "nokey"} if at else {}
    picture = source_input(url, **seek)[str(video.index)]
    picture = picture.filter("scale", *size, flags="bicubic").filter("setsar", 1)
    if video.hdr and video.colour.transfer is not None:
        picture = tone_mapped(picture, video.colour.transfer, "yuv420p")
    coding = {"frames:v": 1, "c:v": "mjpeg", "q:v": 5, "map_metadata": -1, "f": "image2", "update": 1, "threads": 1}
    return build([output(picture.filter("format", "yuvj420p"), path, coding)])
