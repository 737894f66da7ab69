"""Watermarks of MPS as marks of ours. Pure; templates of watermarks are kept like the others (`template_calls`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from framefleet_scheduler.clouds.fields import Ignored, Refused, Wire, Works
from framefleet_scheduler.clouds.tencent import marks as tencent
from framefleet_scheduler.clouds.tencent.elements import Length
from framefleet_scheduler.clouds.tencent.models import TemplateComment, TemplateName
from framefleet_scheduler.clouds.tencent.mps.places import Input
from framefleet_scheduler.clouds.tencent.mps.words import MPS
from framefleet_scheduler.clouds.tencent.words import unsupported

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
    return {**tencent.image(uri, found.Width, found.Height, MPS), **_place(mark)}


def text(template: MarkTemplate, said: str | None) -> dict[str, Any]:
    """Our mark of a text. Raises Refusal."""
    look = template.TextTemplate or TextLook()
    words = said or look.TextContent
    if not words:
        raise MPS.wrong("TextContent", "TextContent is missing")
    return {**tencent.text(words, look.FontSize, look.FontColor, look.FontAlpha, MPS), **_place(template)}


def check(template: Any, words: object) -> None:
    """What a template may hold. Raises Refusal."""
    if template.Type != "text":
        raise unsupported("Type is text here: give an image's place as RawParameter of the watermark")
    text(template, "text")


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
        found.append({**settings, **tencent.moments(mark.StartTimeOffset, mark.EndTimeOffset, length, MPS)})
    return found


def _place(mark: RawMark | MarkTemplate) -> dict[str, Any]:
    return tencent.place(mark.CoordinateOrigin, mark.XPos, mark.YPos, MPS)
