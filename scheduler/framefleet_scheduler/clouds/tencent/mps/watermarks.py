"""Watermarks of MPS as marks of ours. Pure; templates of watermarks are kept like the others (`template_calls`)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from framefleet_scheduler.clouds.fields import Ignored, Refused, Wire, Works
from framefleet_scheduler.clouds.tencent.elements import Length
from framefleet_scheduler.clouds.tencent.models import TemplateComment, TemplateName
from framefleet_scheduler.clouds.tencent.mps.places import Input
from framefleet_scheduler.clouds.tencent.mps.words import MPS
from framefleet_scheduler.clouds.tencent.words import unsupported

_SIZE = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)(px|%)")
_COLOUR = re.compile(r"(?:0x|#)?([0-9a-fA-F]{6})")
_ORIGINS = {
    "TopLeft": "top_left",
    "TopRight": "top_right",
    "BottomLeft": "bottom_left",
    "BottomRight": "bottom_right",
}
_ORIGIN = "`TopLeft` (default), `TopRight`, `BottomLeft`, `BottomRight`"
_REPEAT = "of an image that moves its first picture is shown"


class RawImage(Wire):
    """`ImageTemplate` of a raw watermark."""

    ImageContent: Annotated[Input | None, Works("PNG or JPEG")] = None
    Width: Annotated[str | None, Works("`10%` if it is left out; or `100px`")] = None
    Height: Annotated[str | None, Works("`0px` (default): by the image's shape")] = None
    RepeatType: Annotated[str | None, Ignored(_REPEAT)] = None


class RawMark(Wire):
    """`RawParameter` of a watermark."""

    Type: Annotated[str | None, Works("`image`")] = None
    CoordinateOrigin: Annotated[str | None, Works(_ORIGIN)] = None
    XPos: Annotated[str | None, Works("`10%` or `100px`")] = None
    YPos: Annotated[str | None, Works("likewise")] = None
    ImageTemplate: Annotated[RawImage | None, Works()] = None


class Mark(Wire):
    """One of `WatermarkSet`."""

    Definition: Annotated[int | None, Works("of a text; 0: RawParameter")] = None
    RawParameter: Annotated[RawMark | None, Works("with Definition 0: an image")] = None
    TextContent: Annotated[str | None, Field(max_length=100), Works("up to 100 characters")] = None
    SvgContent: Annotated[str | None, Refused("SVG is not drawn")] = None
    StartTimeOffset: Annotated[float | None, Works("below 0: from the end")] = None
    EndTimeOffset: Annotated[float | None, Works("likewise")] = None


class TextLook(Wire):
    """`TextTemplate` of a watermark's template."""

    FontType: Annotated[str | None, Ignored("letters are those of the workers' font")] = None
    FontSize: Annotated[str | None, Works("`20px` or `5%` of the picture's height")] = None
    FontColor: Annotated[str | None, Works("`0xRRGGBB`")] = None
    FontAlpha: Annotated[float | None, Works("above 0, up to 1")] = None
    TextContent: Annotated[str | None, Field(max_length=100), Works("where the element says none")] = None


class MarkTemplate(Wire):
    """A template of watermarks."""

    Type: Annotated[str | None, Works("`text`; an `image` is given as RawParameter instead, and `svg` is refused")] = (
        None
    )
    Name: TemplateName = None
    Comment: TemplateComment = None
    CoordinateOrigin: Annotated[str | None, Works(_ORIGIN)] = None
    XPos: Annotated[str | None, Works("`10%` or `100px`")] = None
    YPos: Annotated[str | None, Works("likewise")] = None
    TextTemplate: Annotated[TextLook | None, Works()] = None
    ImageTemplate: Annotated[
        dict[str, object] | None, Refused("images are not kept; give the image's place as RawParameter")
    ] = None
    SvgTemplate: Annotated[dict[str, object] | None, Refused("SVG is not drawn")] = None


def image(mark: RawMark, uri: str) -> dict[str, Any]:
    """Our mark of an image. Raises Refusal."""
    found = mark.ImageTemplate or RawImage()
    settings: dict[str, Any] = {"kind": "image", "uri": uri, **_place(mark.CoordinateOrigin, mark.XPos, mark.YPos)}
    wide, high = _size(found.Width or "", "Width"), _size(found.Height or "", "Height")
    settings["width"] = wide or ("10%" if not high else None)
    if high:
        settings["height"] = high
    return {name: value for name, value in settings.items() if value is not None}


def text(template: MarkTemplate, said: str | None) -> dict[str, Any]:
    """Our mark of a text. Raises Refusal."""
    found = template.TextTemplate or TextLook()
    words = said or found.TextContent
    if not words:
        raise MPS.wrong("TextContent", "TextContent is missing")
    opacity = 1.0 if found.FontAlpha is None else found.FontAlpha
    if not 0 < opacity <= 1:
        raise MPS.wrong("TextAlpha", "FontAlpha is above 0, up to 1")
    colour = _COLOUR.fullmatch(found.FontColor or "0xFFFFFF")
    if colour is None:
        raise MPS.wrong("TextTemplate", "FontColor is 0xRRGGBB")
    size = _size(found.FontSize or "", "TextTemplate")
    return {
        "kind": "text",
        "text": words,
        "color": f"#{colour[1]}",
        "opacity": opacity,
        **({"size": size} if size else {}),
        **_place(template.CoordinateOrigin, template.XPos, template.YPos),
    }


def check(template: Any, words: object) -> None:
    """What a template may hold. Raises Refusal."""
    if template.Type != "text":
        raise unsupported("Type is text here: give an image's place as RawParameter of the watermark")
    text(template, "text")


def shown(mark: Mark, length: Length) -> dict[str, Any]:
    """When it is there: our `start` and `end`. Raises Refusal."""
    found: dict[str, Any] = {}
    for name, offset in (("start", mark.StartTimeOffset), ("end", mark.EndTimeOffset)):
        if offset:
            found[name] = round(float(offset) if offset > 0 else max(0.0, length() + offset), 3)
    if found.get("end", 1e9) <= found.get("start", 0):
        raise MPS.wrong("WatermarkSet", "EndTimeOffset of a watermark is after its StartTimeOffset")
    return found


def marks(
    given: list[Mark] | None,
    find: Callable[[int], MarkTemplate],
    place: Callable[[Input], str],
    length: Length,
) -> list[dict[str, Any]]:
    """Our marks of a `WatermarkSet`, the first lowest. Raises Refusal."""
    found = []
    for mark in given or []:
        if mark.Definition:
            settings = text(find(mark.Definition), mark.TextContent)
        else:
            raw = mark.RawParameter
            content = None if raw is None or raw.ImageTemplate is None else raw.ImageTemplate.ImageContent
            if raw is None or content is None or raw.Type not in {None, "", "image"}:
                raise MPS.wrong("ImageTemplate", "with Definition 0 RawParameter has Type image and its ImageContent")
            settings = image(raw, place(content))
        found.append({**settings, **shown(mark, length)})
    return found


def _place(origin: str | None, x: str | None, y: str | None) -> dict[str, Any]:
    position = _ORIGINS.get(origin or "TopLeft")
    if position is None:
        raise MPS.wrong("CoordinateOrigin", "CoordinateOrigin is TopLeft, TopRight, BottomLeft or BottomRight")
    return {"position": position, "x": _size(x or "", "XPos") or 0, "y": _size(y or "", "YPos") or 0}


def _size(text: str, name: str) -> int | str | None:
    """`100px` is 100, `10%` stays, nothing and 0 are None. Raises Refusal."""
    if not text:
        return None
    found = _SIZE.fullmatch(text)
    if found is None or (found[2] == "%" and float(found[1]) > 100):
        raise MPS.wrong(name, f"{name} {text[:20]!r} is to be as 10% or 100px")
    if not float(found[1]):
        return None
    return round(float(found[1])) if found[2] == "px" else text
