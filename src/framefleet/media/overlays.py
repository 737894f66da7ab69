"""Filters that lay watermarks over a rendition, and the command that reads an image a user names. Pure.

Times are those of the frames, which count from the film's beginning in every chunk; so a watermark comes and goes at the
same frame wherever the film is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from ffmpeg import filter as ffmpeg_filter

from framefleet.domain.overlay import MAX_IMAGE_PIXELS, PlacedImage, PlacedText
from framefleet.domain.subtask import VideoChunkSpec
from framefleet.domain.subtitles import Burned
from framefleet.media.burn import FONTS, family_asset, texts_asset
from framefleet.media.command import QUIET, file_input
from framefleet.media.guard import protocols

IMAGE_FORMATS = ("png_pipe", "jpeg_pipe", "webp_pipe", "gif", "bmp_pipe")
"""Demuxers an image may need."""

WIDE_LETTERS = 0x2E80
"""Where Chinese, Japanese and Korean letters begin."""

_OVERLAY_FORMAT = {
    "yuv420p": "yuv420",
    "yuv420p10le": "yuv420p10",
    "yuv422p": "yuv422",
    "yuv422p10le": "yuv422p10",
    "yuv444p": "yuv444",
}
"""Formats FFmpeg 5.1 lays pictures over without giving up bits."""


def can_overlay(pixel_format: str) -> bool:
    """Whether an image can be laid over such pictures."""
    return pixel_format in _OVERLAY_FORMAT


def marks_of(spec: VideoChunkSpec) -> list[PlacedImage | PlacedText]:
    """All watermarks of a chunk's renditions."""
    return [mark for e in spec.encodings for mark in e.frame.marks]


def burned_of(spec: VideoChunkSpec) -> list[Burned]:
    """The subtitles in the pictures of a chunk's renditions."""
    return [e.frame.burned for e in spec.encodings if e.frame.burned is not None]


def image_asset(uri: str) -> str:
    """Key of an image's local copy among the assets of a command."""
    return f"image {uri}"


def text_asset(text: str) -> str:
    """Key of the file that holds a text."""
    return f"text {text}"


def font_asset(mark: PlacedText) -> str:
    """Key of the file of the letters."""
    wide = any(ord(c) >= WIDE_LETTERS for c in mark.text)
    return f"font {mark.font}{'-bold' if mark.bold else ''}{'-cjk' if wide else ''}"


def shown_assets(spec: VideoChunkSpec) -> dict[str, str]:
    """Stand-ins, for showing a command: the keys in angle brackets."""
    found: dict[str, str] = {}
    for mark in marks_of(spec):
        keys = [image_asset(mark.uri)] if isinstance(mark, PlacedImage) else [text_asset(mark.text), font_asset(mark)]
        found |= {key: f"<{key}>" for key in keys}
    for burned in burned_of(spec):
        found |= {key: f"<{key}>" for key in (texts_asset(burned), family_asset(burned), FONTS)}
    return found


def marked(
    stream: Any,
    marks: Iterable[PlacedImage | PlacedText],
    assets: Mapping[str, str],
    clock: tuple[int, int],
    pixel_format: str,
    label: str,
) -> Any:
    """The picture with its watermarks; `assets` are the local files they need.

    `clock` is the ticks per second and the tick of the chunk's first frame.

    `label` tells this picture from the others of the command: ffmpeg-python takes equal chains for one and the same.
    """
    for number, mark in enumerate(marks):
        if isinstance(mark, PlacedImage):
            image = _decoded(mark, assets[image_asset(mark.uri)], f"{label}-{number}", clock)
            x, y = _place(mark, "W", "H", "w", "h")
            options = {"x": x, "y": y, "format": _OVERLAY_FORMAT[pixel_format]} | _when(mark)
            stream = ffmpeg_filter([stream, image], "overlay", **options)
        else:
            stream = _text(stream, mark, assets)
    return stream


def _decoded(mark: PlacedImage, path: str, label: str, clock: tuple[int, int]) -> Any:
    # A single picture: `overlay` repeats it for as long as the film lasts. It has the time of the first frame, because
    # FFmpeg asks `enable` at the time of whichever picture came last.
    image = file_input(path, f="png_pipe")["v"].filter("metadata", "add", key="mark", value=label)
    image = image.filter("settb", f"1/{clock[0]}").filter("setpts", clock[1])
    if mark.width is not None or mark.height is not None:
        image = image.filter("scale", mark.width or -1, mark.height or -1, flags="bicubic")
    image = image.filter("format", "rgba")
    return image.filter("colorchannelmixer", aa=f"{mark.opacity:g}") if mark.opacity < 1 else image


def _text(stream: Any, mark: PlacedText, assets: Mapping[str, str]) -> Any:
    x, y = _place(mark, "w", "h", "text_w", "text_h")
    options = {
        "textfile": assets[text_asset(mark.text)],
        "fontfile": assets[font_asset(mark)],
        "expansion": "none",  # a percent sign is a percent sign
        "fontsize": mark.size,
        "fontcolor": f"{colour(mark.color)}@{mark.opacity:g}",
        "x": x,
        "y": y,
    }
    if mark.border_width:
        options |= {"borderw": mark.border_width, "bordercolor": f"{colour(mark.border_color)}@{mark.opacity:g}"}
    return stream.filter("drawtext", **(options | _when(mark)))


def _place(mark: PlacedImage | PlacedText, wide: str, high: str, width: str, height: str) -> tuple[str, str]:
    """Expressions of the upper left corner, in a filter's own names of the picture's size and the watermark's."""
    x, y = f"({wide}-{width})/2+({mark.x})", f"({high}-{height})/2+({mark.y})"
    if mark.position in {"left", "top_left", "bottom_left"}:
        x = f"{mark.x}"
    elif mark.position in {"right", "top_right", "bottom_right"}:
        x = f"{wide}-{width}-({mark.x})"
    if mark.position in {"top", "top_left", "top_right"}:
        y = f"{mark.y}"
    elif mark.position in {"bottom", "bottom_left", "bottom_right"}:
        y = f"{high}-{height}-({mark.y})"
    return x, y


def _when(mark: PlacedImage | PlacedText) -> dict[str, str]:
    """Half-open: a watermark that ends where another starts never shows beside it."""
    return during(mark.start, mark.end)


def during(start: Fraction | None, end: Fraction | None) -> dict[str, str]:
    """The option that limits a filter to frames from `start` up to `end`, seconds; none when it always works."""
    conditions = [f"gte(t,{float(start):.6f})"] if start else []
    conditions += [f"lt(t,{float(end):.6f})"] if end is not None else []
    return {"enable": "*".join(conditions)} if conditions else {}


def colour(name: str) -> str:
    """A colour as FFmpeg takes it: a name as it is, `#rrggbb` as `0xrrggbb`."""
    return f"0x{name[1:]}" if name.startswith("#") else name


def image_command(ffmpeg: str, url: str, path: str) -> list[str]:
    """Read an image from a user's address and write its first picture as PNG with transparency."""
    guard = ["-protocol_whitelist", protocols(url), "-format_whitelist", ",".join(IMAGE_FORMATS)]
    first = ["-frames:v", "1", "-c:v", "png", "-pix_fmt", "rgba", "-map_metadata", "-1", "-f", "image2", "-update", "1"]
    return [ffmpeg, *QUIET, *guard, "-max_pixels", str(MAX_IMAGE_PIXELS), "-i", url, *first, path]
