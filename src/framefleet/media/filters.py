"""Filters between decoder and encoder, as pure functions over ffmpeg-python streams. They know a plan's values only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from framefleet.domain.picture import SourcePicture
from framefleet.domain.subtask import Encoding, Resample
from framefleet.media.overlays import colour, marked


def prepared(stream: Any, source: SourcePicture) -> Any:
    """The joined picture, cropped and turned."""
    if source.crop is not None:
        box = source.crop
        # exact: without it odd places move to even ones, because of the chroma's half resolution.
        stream = stream.filter("crop", box.width, box.height, box.x, box.y, exact=1)
    match source.rotate:
        case 90:
            stream = stream.filter("transpose", "clock")
        case 180:
            stream = stream.filter("hflip").filter("vflip")
        case 270:
            stream = stream.filter("transpose", "cclock")
    match source.flip:
        case "horizontal":
            stream = stream.filter("hflip")
        case "vertical":
            stream = stream.filter("vflip")
    return stream


def resampled(stream: Any, r: Resample, frames: int, scale: int) -> Any:
    """Frames of a constant rate, numbered over the whole film, from `frames` frames; times in ticks of 1/`scale` seconds.

    Every frame is first put on the place the planner gives it, so that nothing is left for `fps` to decide. A copy of the
    last one goes behind the chunk's end: `fps` may drop a frame that nothing follows.
    """
    number, unit = r.rate.numerator, r.scale * r.rate.denominator
    place = f"floor((2*(PTS-({r.first}))*{number}+{unit})/{2 * unit})"
    behind = r.start + r.count + 1
    stream = stream.filter("tpad", stop_mode="clone", stop=1)
    stream = stream.filter("setpts", f"round(if(lt(N,{frames}),{place},{behind})*{unit}/{number})")
    stream = stream.filter("fps", f"{number}/{r.rate.denominator}")
    stream = stream.filter("trim", start_pts=r.start, end_pts=r.start + r.count)
    return stream.filter("settb", f"1/{scale}").filter("setpts", f"PTS+({r.at})")


def framed(stream: Any, e: Encoding, clock: tuple[int, int], assets: Mapping[str, str]) -> Any:
    """The picture in the rendition's frame, square pixels, with its watermarks; `clock` as for `marked`."""
    inner = e.frame.inner or (e.width, e.height)
    # FFmpeg 5.1 would turn full range into limited on its way to a format that may be either.
    more = {"out_range": "full"} if e.full_range else {}
    stream = stream.filter("scale", *inner, flags="bicubic", **more)
    if inner != (e.width, e.height):
        if inner[0] > e.width or inner[1] > e.height:
            stream = stream.filter("crop", e.width, e.height)
        else:
            stream = stream.filter("pad", e.width, e.height, -1, -1, colour(e.frame.border))
    return marked(stream.filter("setsar", 1), e.frame.marks, assets, clock, e.pixel_format, e.id)
