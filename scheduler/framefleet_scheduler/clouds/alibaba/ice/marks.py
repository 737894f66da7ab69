"""ICE's watermarks and times in our words. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from framefleet_scheduler.clouds.addresses import NoAddress, of_text
from framefleet_scheduler.clouds.alibaba.ice import words
from framefleet_scheduler.clouds.alibaba.ice.features import ImageMark, Mark, Shown, TextMark

Named = Callable[[str], bool]
MarkTemplate = Callable[[str, str], ImageMark | TextMark]
"""The watermark template of an id; the path is for the refusal of one there is not."""

MOST_MARKS = 4
_CLOCK = re.compile(r"(?:(\d{1,2}):([0-5]?\d):)?(\d{1,5}(?:\.\d{1,6})?)")
_POSITIONS = {
    "topleft": "top_left",
    "topright": "top_right",
    "bottomleft": "bottom_left",
    "bottomright": "bottom_right",
}
_LENGTH = re.compile(r"\d{1,5}(\.\d{1,10})?")


def seconds(text: str, path: str) -> float:
    """`hh:mm:ss.SSS` or seconds. Raises Refusal."""
    found = _CLOCK.fullmatch(text.strip())
    value = -1.0
    if found is not None:
        value = int(found[1] or 0) * 3600 + int(found[2] or 0) * 60 + float(found[3])
    if found is None or not 0 <= value < 86_400 or (found[1] is not None and float(found[3]) >= 60):
        raise words.unfit(path, "it has to be hh:mm:ss.SSS or seconds, below a day")
    return value


def watermarks(marks: list[Mark], templates: MarkTemplate, named: Named, path: str) -> list[dict[str, Any]]:
    """`watermarks` of a picture. Raises Refusal."""
    if len(marks) > MOST_MARKS:
        raise words.beyond(path, f"there may be {MOST_MARKS}")
    return [_mark(mark, templates, named, f"{path}[{i}]") for i, mark in enumerate(marks)]


def _mark(mark: Mark, templates: MarkTemplate, named: Named, path: str) -> dict[str, Any]:
    kind = (mark.Type or "").lower()
    if kind not in {"", "text", "image"}:
        raise words.unfit(f"{path}.Type", "it is none of Text and Image")
    template = templates(mark.TemplateId, f"{path}.TemplateId") if mark.TemplateId else None
    if template is None and kind == "image":
        raise words.missing(f"{path}.TemplateId")
    is_text = isinstance(template, TextMark) if template is not None else True
    if kind and (kind == "text") != is_text:
        raise words.unfit(f"{path}.Type", "the template is of the other type")
    own = mark.model_dump(exclude_unset=True, exclude_none=True, exclude={"Type", "TemplateId"})
    if is_text:
        own |= {there: own.pop(here) for here, there in (("X", "Left"), ("Y", "Top")) if here in own}
        base = template or TextMark()
        return text_mark(TextMark.model_validate(base.model_dump(exclude_none=True) | own), path)
    own |= {there: own.pop(here) for here, there in (("X", "Dx"), ("Y", "Dy")) if here in own}
    assert isinstance(template, ImageMark)
    return image_mark(ImageMark.model_validate(template.model_dump(exclude_none=True) | own), named, path)


def image_mark(mark: ImageMark, named: Named, path: str) -> dict[str, Any]:
    """One of our image watermarks. Raises Refusal."""
    if mark.File is None or mark.File.Media is None:
        raise words.missing(f"{path}.File.Media")
    if (mark.File.Type or "OSS").upper() != "OSS":
        raise words.unsupported(f"{path}.File.Type", "there is no library of media here: use OSS")
    position = _POSITIONS.get((mark.ReferPos or "TopRight").lower())
    if position is None:
        raise words.unfit(f"{path}.ReferPos", "it is none of TopLeft, TopRight, BottomLeft and BottomRight")
    try:
        uri = of_text(mark.File.Media, named)
    except NoAddress as error:
        raise words.unfit(f"{path}.File.Media", str(error)) from None
    found: dict[str, Any] = {
        "kind": "image",
        "uri": uri,
        "position": position,
        "x": _length(mark.Dx, f"{path}.Dx", 0),
        "y": _length(mark.Dy, f"{path}.Dy", 0),
    }
    for name, side in (("width", mark.Width), ("height", mark.Height)):
        if side is not None:
            found[name] = _length(side, f"{path}.{name.title()}", 0)
            if found[name] == 0:
                raise words.beyond(f"{path}.{name.title()}", "it has to be above 0")
    return found | (_shown(mark.Timeline, f"{path}.Timeline") if mark.Timeline else {})


def text_mark(mark: TextMark, path: str) -> dict[str, Any]:
    """One of our text watermarks. Raises Refusal."""
    if mark.Content is None:
        raise words.missing(f"{path}.Content")
    words.check_within(f"{path}.FontSize", mark.FontSize, 5, 119)
    words.check_within(f"{path}.BorderWidth", mark.BorderWidth, 0, 64)
    if mark.FontAlpha is not None and not 0 < mark.FontAlpha <= 1:
        raise words.beyond(f"{path}.FontAlpha", "it has to be above 0 and at most 1")
    name = (mark.FontName or "").lower()
    return {
        "kind": "text",
        "text": mark.Content,
        "position": "top_left",
        "x": _length(mark.Left, f"{path}.Left", 0),
        "y": _length(mark.Top, f"{path}.Top", 0),
        "size": mark.FontSize or 16,
        "color": _colour(mark.FontColor or "black"),
        "font": "serif" if not name or any(part in name for part in ("serif", "song", "sun", "ming")) else "sans",
        "opacity": mark.FontAlpha or 1.0,
        "border_width": mark.BorderWidth or 0,
        "border_color": _colour(mark.BorderColor or "black"),
    }


def _colour(text: str) -> str:
    return f"#{text[2:]}" if re.fullmatch(r"0x[0-9A-Fa-f]{6}", text) else text


def _length(text: str | None, path: str, default: int) -> int | str:
    """Pixels, or a share as percent."""
    if text is None:
        return default
    if not _LENGTH.fullmatch(text.strip()):
        raise words.unfit(path, "it has to be a number of pixels, or a share between 0 and 1")
    value = float(text)
    if 0 < value < 1:
        # Four decimals count, as their documents say.
        return f"{int(value * 10_000) / 100:g}%"
    words.check_within(path, value, 0, 4096)
    return int(value)


def _shown(line: Shown, path: str) -> dict[str, Any]:
    start = seconds(line.Start, f"{path}.Start") if line.Start else 0.0
    found: dict[str, Any] = {"start": start} if start else {}
    if line.Duration is not None and line.Duration.lower() != "toend":
        found["end"] = start + seconds(line.Duration, f"{path}.Duration")
    return found
