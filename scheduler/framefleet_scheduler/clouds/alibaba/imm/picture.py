"""What IMM asks of a picture, as settings of ours. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

from framefleet_scheduler.clouds.alibaba.imm.refusals import invalid, unsupported
from framefleet_scheduler.clouds.alibaba.imm.streams import Delogo, FilterVideo, TranscodeVideo, Video, Watermark

Address = Callable[[str, str], str]
"""(the vendor's address, its path in the request) -> ours; raises Refusal."""

CODECS = {"h264": "h264", "h265": "hevc", "vp9": "vp9"}
RESIZE = {"stretch": "exact", "crop": "fill", "fill": "pad", "fit": "fit"}
_POSITIONS = {
    "topleft": "top_left",
    "topright": "top_right",
    "bottomright": "bottom_right",
    "bottomleft": "bottom_left",
}
_RESOLUTION = re.compile(r"(\d{0,4})[xX](\d{0,4})")
_SIDES = range(16, 4097)
USUAL_CRF = 23
USUAL_GOP = 150

Way = Literal["none", "copy", "encode"]


def way(video: Video | None, path: str) -> Way:
    """What becomes of the picture."""
    if video is None:
        return "copy"
    if video.disable_video or video.transcode_video is None:
        return "none"
    chosen = video.stream or ()
    if any(index < 0 for index in chosen):
        raise invalid(f"{path}.Stream", "streams count from 0")
    if chosen and not any(index == 0 or index > 100 for index in chosen):
        raise unsupported(f"{path}.Stream", "the first picture of a source is used; give [0]")
    if len(chosen) > 1 and all(index <= 100 for index in chosen):
        raise unsupported(f"{path}.Stream", "a file has one picture")
    return "copy" if video.transcode_video.codec == "copy" else "encode"


def settings(video: Video, path: str, address: Address, *, segment: float | None = None) -> dict[str, Any]:
    """The settings of a picture that is encoded; `segment`: seconds, of one that is cut."""
    wanted, at = video.transcode_video, f"{path}.TranscodeVideo"
    assert wanted is not None
    if wanted.video_slim:
        raise unsupported(f"{at}.VideoSlim", "there is no such encoder")
    if wanted.pixel_format == "yuva420p":
        raise unsupported(f"{at}.PixelFormat", "pictures are not encoded with transparency")
    found: dict[str, Any] = {"codec": CODECS[wanted.codec], "rotate": wanted.rotation}
    below: dict[str, str] = {}
    found |= _rate(wanted, at, below) | _size(wanted, at, below)
    if wanted.frame_rate is not None:
        found["frame_rate"] = wanted.frame_rate
        _note(below, "frame_rate", wanted.frame_rate_option)
    if segment is None:
        found["gop_frames"] = wanted.gop_size
    elif "gop_size" in wanted.model_fields_set:
        _check_gop(wanted, at, segment)
        found["gop_frames"] = wanted.gop_size
    if wanted.codec != "vp9":
        found |= {"bframes": wanted.b_frames, "refs": wanted.refs}
    if wanted.pixel_format is not None:
        found["pixel_format"] = wanted.pixel_format
    if below:
        found["source_below"] = below
    if video.filter_video is not None:
        found |= filters(video.filter_video, f"{path}.FilterVideo", address)
    return found


def filters(wanted: FilterVideo, path: str, address: Address) -> dict[str, Any]:
    """Watermarks and hidden parts."""
    found: dict[str, Any] = {}
    if wanted.watermarks:
        found["watermarks"] = [
            _mark(mark, f"{path}.Watermarks[{i}]", address) for i, mark in enumerate(wanted.watermarks)
        ]
    if wanted.delogos:
        found["delogo"] = [_delogo(box, f"{path}.Delogos[{i}]") for i, box in enumerate(wanted.delogos)]
    return found


def _note(below: dict[str, str], what: str, option: str) -> None:
    if option != "fixed":
        below[what] = "adapt" if option == "adaptive" else "refuse"


def _rate(wanted: TranscodeVideo, at: str, below: dict[str, str]) -> dict[str, Any]:
    if wanted.bitrate is not None:
        if wanted.crf is not None:
            raise invalid(f"{at}.CRF", "Bitrate and CRF exclude each other")
        _note(below, "bitrate", wanted.bitrate_option)
        return {"bitrate": wanted.bitrate}
    crf = USUAL_CRF if wanted.crf is None else wanted.crf
    if wanted.codec == "vp9":
        if crf != int(crf):
            raise invalid(f"{at}.CRF", "vp9 takes whole numbers")
        crf = int(crf)
    if wanted.max_bitrate is None:
        return {"crf": crf}
    if wanted.buffer_size is None:
        raise invalid(f"{at}.MaxBitrate", "BufferSize has to be given with it")
    return {"crf": crf, "max_bitrate": wanted.max_bitrate, "buffer_size": wanted.buffer_size}


def _size(wanted: TranscodeVideo, at: str, below: dict[str, str]) -> dict[str, Any]:
    if wanted.resolution is None:
        return {}
    match = _RESOLUTION.fullmatch(wanted.resolution)
    sides = [int(text) if text else None for text in match.groups()] if match else [0]
    if not any(sides) or any(side is not None and side not in _SIDES for side in sides):
        raise invalid(f"{at}.Resolution", "it is written 1280x720, 1280x or x720, with sides from 16 to 4096")
    wide, high = sides
    if wanted.resolution_option == "fall":
        below["size"] = "refuse"
    found: dict[str, Any] = {
        "resize": RESIZE[wanted.scale_type],
        "upscale": wanted.resolution_option != "adaptive",
        "turn_box": wanted.adaptive_resolution_direction,
    }
    # The side that is not given keeps the source's length.
    found |= {"width_share": 1.0} if wide is None else {"width": wide}
    found |= {"height_share": 1.0} if high is None else {"height": high}
    return found


def _check_gop(wanted: TranscodeVideo, at: str, segment: float) -> None:
    """Where the frame rate is said, whether a segment is a whole number of groups can be told at once."""
    if wanted.frame_rate is None:
        return
    frames = segment * wanted.frame_rate
    if frames == int(frames) and int(frames) % wanted.gop_size:
        raise invalid(
            f"{at}.GOPSize", f"a segment of {segment:g} s has {int(frames)} frames: give a divisor, or leave it out"
        )


# --- watermarks -----------------------------------------------------------------------------


def length(value: float, path: str) -> int | str:
    """Pixels, or a share as ours are written."""
    if 0 < value < 1:
        return f"{value * 100:.3f}".rstrip("0").rstrip(".") + "%"
    if value != int(value):
        raise invalid(path, "it is a whole number of pixels, or a share between 0 and 1")
    return int(value)


def _times(start: float, duration: float | None) -> dict[str, float]:
    found = {"start": start} if start else {}
    return found | ({"end": start + duration} if duration else {})


def _mark(mark: Watermark, path: str, address: Address) -> dict[str, Any]:
    found: dict[str, Any] = {
        "position": _POSITIONS[mark.refer_pos],
        "x": length(mark.dx, f"{path}.Dx"),
        "y": length(mark.dy, f"{path}.Dy"),
        **_times(mark.start_time, mark.duration),
    }
    if mark.type == "file":
        if mark.uri is None:
            raise invalid(f"{path}.URI", "a watermark of the type file has one")
        found |= {"kind": "image", "uri": address(mark.uri, f"{path}.URI")}
        for name, value in (("Width", mark.width), ("Height", mark.height)):
            if value:
                found[name.lower()] = length(value, f"{path}.{name}")
        return found
    if not mark.content.strip():
        raise invalid(f"{path}.Content", "a watermark of the type text has one")
    return found | {
        "kind": "text",
        "text": mark.content,
        "size": mark.font_size,
        "color": mark.font_color,
        "font": "serif" if "Serif" in mark.font_name else "sans",
        "bold": mark.font_name.endswith("Bold"),
        "opacity": mark.font_apha,
        "border_width": mark.border_width,
        "border_color": mark.border_color,
    }


def _delogo(box: Delogo, path: str) -> dict[str, Any]:
    if box.refer_pos != "topleft":
        raise unsupported(f"{path}.ReferPos", "parts are counted from the upper left corner")
    found: dict[str, Any] = {}
    for name, value, least in (
        ("Dx", box.dx, 0),
        ("Dy", box.dy, 0),
        ("Width", box.width, 2),
        ("Height", box.height, 2),
    ):
        if value != int(value) or value < least:
            raise unsupported(f"{path}.{name}", "parts are given in pixels")
        found[{"Dx": "x", "Dy": "y"}.get(name, name.lower())] = int(value)
    return found | _times(box.start_time, box.duration)
