"""Filters between decoder and encoder, as pure functions over ffmpeg-python streams. They know a plan's values only."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from framefleet.domain.picture import SourcePicture
from framefleet.domain.piece import Piece
from framefleet.domain.subtask import Encoding, Resample
from framefleet.media.burn import burn
from framefleet.media.overlays import colour, during, marked


def prepared(stream: Any, source: SourcePicture) -> Any:
    """The joined picture, without logos, cropped and turned."""
    for hidden in source.delogo:
        start = None if hidden.start is None else Fraction(str(hidden.start))
        end = None if hidden.end is None else Fraction(str(hidden.end))
        stream = stream.filter("delogo", x=hidden.x, y=hidden.y, w=hidden.width, h=hidden.height, **during(start, end))
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


DENOISE: Mapping[str, tuple[float, float, float]] = {
    "light": (0.03, 0.06, 1.5),
    "medium": (0.05, 0.1, 3.0),
    "strong": (0.08, 0.16, 6.0),
}
"""How much a sample may differ from the same one in a neighbouring picture and from all of them together to be averaged with
them (shares of the range), and below what strength wavelets are taken for noise. Even noise of up to 4, 8 and 16 levels of
8-bit video comes out with a PSNR that is 7, 6 and 5 dB higher in a still picture and 1.4, 4 and 4 dB in a moving one. Both look
at no more than two pictures on either side: what remembers all it has seen would show where the film is cut."""


def cleaned(stream: Any, piece: Piece, clock: int, pixel_format: str) -> Any:
    """A source's frames, whole and of the standard range, each as it would be if the film had not been cut.

    Expects the frames of `piece.around` and hands on those of `piece.window`.
    """
    if piece.deinterlace is not None:
        which = "interlaced" if piece.deinterlace == "flagged" else "all"
        stream = stream.filter("bwdif", mode="send_frame", parity="auto", deint=which).filter("settb", f"1/{clock}")
    if piece.denoise != "off":
        differing, moving, threshold = DENOISE[piece.denoise]
        planes = {f"{plane}{kind}": v for plane in (0, 1, 2) for kind, v in (("a", differing), ("b", moving))}
        stream = stream.filter("atadenoise", s=5, **planes).filter("vaguedenoiser", threshold=threshold)
    if piece.around is not None:
        start, end = (None if b is None else b - piece.origin + piece.at for b in piece.window)
        bounds = {k: v for k, v in (("start_pts", start), ("end_pts", end)) if v is not None}
        stream = stream.filter("trim", **bounds) if bounds else stream
    return stream if piece.tone_map is None else tone_mapped(stream, piece.tone_map, pixel_format)


def tone_mapped(stream: Any, transfer: str, pixel_format: str) -> Any:
    """From BT.2020 with PQ or HLG to BT.709: 1000 cd/m2 become white, whatever the file says of its brightest spot."""
    # Said again, because files leave some of it out, and without it zscale refuses.
    stream = stream.filter(
        "setparams", colorspace="bt2020nc", color_trc=transfer, color_primaries="bt2020", range="limited"
    )
    stream = stream.filter("zscale", t="linear", npl=100).filter("format", "gbrpf32le").filter("zscale", p="709")
    stream = stream.filter("tonemap", tonemap="hable", desat=0, peak=10)
    stream = stream.filter("zscale", t="709", m="709", r="limited")
    return stream.filter("format", "yuv420p" if pixel_format == "yuv420p" else "yuv444p10le")


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
    stream = stream.filter("setsar", 1)
    if e.frame.burned is not None:
        stream = burn(stream, e.frame.burned, assets)
    return marked(stream, e.frame.marks, assets, clock, e.pixel_format, e.id)
