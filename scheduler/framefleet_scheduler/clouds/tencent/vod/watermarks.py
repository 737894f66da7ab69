"""VOD's templates of watermarks, and watermarks of elements. Their images lie in the storage of VOD's files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any

from pydantic import Field

from framefleet.domain.access import Role
from framefleet.domain.errors import ServiceError
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.fields import Ignored, Refused, Wire, Works
from framefleet_scheduler.clouds.tencent import marks
from framefleet_scheduler.clouds.tencent.elements import Length
from framefleet_scheduler.clouds.tencent.models import TemplateComment, TemplateName
from framefleet_scheduler.clouds.tencent.templates import Kind, Shelf
from framefleet_scheduler.clouds.tencent.vod import images
from framefleet_scheduler.clouds.tencent.vod.library import Library
from framefleet_scheduler.clouds.tencent.vod.requests import App, WatermarkInput
from framefleet_scheduler.clouds.tencent.vod.words import VOD
from framefleet_scheduler.clouds.tencent.words import Words, read, unsupported

MOST_MARKS = 10
"""Of one element."""
_SVG = "SVG is not drawn here"
_MEASURE = Works("`10%` or `100px`")


class ImageFields(Wire):
    """How an image lies over the film."""

    Width: Annotated[str | None, Works("`10%` (default) or `100px`")] = None
    Height: Annotated[str | None, Works("`0px` (default): by its shape")] = None
    RepeatType: Annotated[str | None, Ignored("of an image that moves the first picture is shown")] = None
    Transparency: Annotated[int | None, Field(ge=0, le=100), Works("percent; 100 is refused")] = None


class GivenImage(ImageFields):
    """With the image itself."""

    ImageContent: Annotated[str | None, Works("Base64 of a PNG, JPEG or GIF")] = None


class KeptImage(ImageFields):
    """As it is kept: the image lies elsewhere."""

    Uri: Annotated[str | None, Works()] = None


class TextFields(Wire):
    """How a text looks."""

    FontType: Annotated[str | None, Ignored("letters are those of the workers' font")] = None
    FontSize: Annotated[str | None, Works("`24px`")] = None
    FontColor: Annotated[str | None, Works("`0xRRGGBB`")] = None
    FontAlpha: Annotated[float | None, Works("above 0, up to 1")] = None


class MarkFields(Wire):
    """What all of them have."""

    Name: TemplateName = None
    Comment: TemplateComment = None
    CoordinateOrigin: Annotated[str | None, Works("`TopLeft` (default), `TopRight`, `BottomLeft`, `BottomRight`")] = (
        None
    )
    XPos: Annotated[str | None, _MEASURE] = None
    YPos: Annotated[str | None, _MEASURE] = None
    TextTemplate: Annotated[TextFields | None, Works()] = None
    SvgTemplate: Annotated[dict[str, Any] | None, Refused(_SVG)] = None


class KeptMark(MarkFields):
    """As it is kept."""

    Type: Annotated[str | None, Works()] = None
    ImageTemplate: Annotated[KeptImage | None, Works()] = None


class CreateWatermarkTemplate(MarkFields):
    """New."""

    SubAppId: App = None
    Type: Annotated[str | None, Works("`image` or `text`; `svg` is refused")] = None
    ImageTemplate: Annotated[GivenImage | None, Works()] = None


class ModifyWatermarkTemplate(MarkFields):
    """Changed where it is said."""

    SubAppId: App = None
    Definition: Annotated[int | None, Works()] = None
    ImageTemplate: Annotated[GivenImage | None, Works()] = None


class DeleteWatermarkTemplate(Wire):
    """Which."""

    SubAppId: App = None
    Definition: Annotated[int | None, Works()] = None


class DescribeWatermarkTemplates(Wire):
    """Which are shown."""

    SubAppId: App = None
    Definitions: Annotated[list[int] | None, Works("up to 100")] = None
    Type: Annotated[str | None, Works("`image` or `text`")] = None
    Offset: Annotated[int | None, Works()] = None
    Limit: Annotated[int | None, Works("10, up to 100")] = None


def _check(template: Any, words: Words) -> None:
    laid(template, "text", words)


KIND = Kind("watermark", KeptMark, {}, _check)


def laid(template: KeptMark, said: str | None, words: Words = VOD) -> dict[str, Any]:
    """A mark of ours, without its times. Raises Refusal."""
    where = marks.place(template.CoordinateOrigin, template.XPos, template.YPos, words)
    if template.Type == "image":
        found = template.ImageTemplate
        if found is None or not found.Uri:
            raise Refusal("MissingParameter", "ImageTemplate.ImageContent is missing")
        opacity = 1 - (found.Transparency or 0) / 100
        if not opacity:
            raise words.wrong("ImageTemplate", "Transparency is below 100")
        return {**marks.image(found.Uri, found.Width, found.Height, words), "opacity": opacity, **where}
    if template.Type == "text":
        if not said:
            raise Refusal("MissingParameter", "TextContent is missing")
        look = template.TextTemplate or TextFields()
        return {**marks.text(said, look.FontSize, look.FontColor, look.FontAlpha, words), **where}
    if template.Type == "svg":
        raise unsupported(_SVG)
    raise words.wrong("Type", "Type is image or text")


def of_element(
    given: list[WatermarkInput] | None, find: Callable[[Kind, int | None], Any], length: Length
) -> list[dict[str, Any]]:
    """Marks of a WatermarkSet; `length`: of the film as it comes out. Raises Refusal."""
    if len(given or ()) > MOST_MARKS:
        raise VOD.wrong("Watermarks", f"WatermarkSet has up to {MOST_MARKS}")
    return [
        {
            **laid(find(KIND, one.Definition), one.TextContent),
            **marks.moments(one.StartTimeOffset, one.EndTimeOffset, length, VOD),
        }
        for one in given or ()
    ]


# --- operations -----------------------------------------------------------------------------


def create(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, CreateWatermarkTemplate, call.parameters)
    call.caller.need(Role.PRODUCER)
    library = Library(engine, call, asked.SubAppId or 0)
    if asked.Type == "image" and (asked.ImageTemplate is None or not asked.ImageTemplate.ImageContent):
        raise Refusal("MissingParameter", "ImageTemplate.ImageContent is missing")
    with _kept(library, asked) as kept:
        made = _shelf(library).create(KIND, kept)
    _forget_old(library)
    return {**made, "ImageUrl": _image_url(library, kept.model_dump())}


def modify(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, ModifyWatermarkTemplate, call.parameters)
    call.caller.need(Role.PRODUCER)
    library = Library(engine, call, asked.SubAppId or 0)
    before = _image_of(_shelf(library).find(KIND, asked.Definition))
    with _kept(library, asked) as kept:
        _shelf(library).modify(KIND, asked.Definition, kept)
    if before and _image_of(kept):
        images.let_go(library, before)
    _forget_old(library)
    return {"ImageUrl": _image_url(library, kept.model_dump())}


def delete(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, DeleteWatermarkTemplate, call.parameters)
    call.caller.need(Role.PRODUCER)
    library = Library(engine, call, asked.SubAppId or 0)
    before = _image_of(_shelf(library).find(KIND, asked.Definition))
    answer = _shelf(library).delete(KIND, asked.Definition)
    if before:
        images.let_go(library, before)
    _forget_old(library)
    return answer


def describe(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, DescribeWatermarkTemplates, call.parameters)
    call.caller.need(Role.VIEWER)
    library = Library(engine, call, asked.SubAppId or 0)
    if asked.Type not in {None, "", "image", "text", "svg"}:
        raise VOD.wrong("Type", "Type is image, text or svg")
    shelf = _shelf(library)
    found = [one for one in shelf.listed(KIND, asked.Definitions or [], None) if asked.Type in {None, "", one["Type"]}]
    page = shelf.page(found, asked.Offset, asked.Limit)
    return {"TotalCount": page["TotalCount"], "WatermarkTemplateSet": [_shown(library, one) for one in page["Set"]]}


def _shelf(library: Library) -> Shelf:
    return Shelf(library.engine, library.call, VOD, library.scope)


@contextmanager
def _kept(library: Library, asked: CreateWatermarkTemplate | ModifyWatermarkTemplate) -> Iterator[KeptMark]:
    """A template as it is kept within; its image is put into the storage, and taken away again when that is refused. Raises Refusal."""
    values = asked.model_dump(exclude_none=True, exclude={"SubAppId", "Definition"})
    picture = values.get("ImageTemplate", {})
    content = picture.pop("ImageContent", None)
    if content:
        picture["Uri"] = images.put(library, content)
    try:
        yield KeptMark.model_validate(values)
    except (Refusal, ServiceError):
        if content:
            with suppress(ServiceError):
                images.remove(library, picture["Uri"])
        raise


def _forget_old(library: Library) -> None:
    def used() -> set[str]:
        shown = (one.get("ImageTemplate") or {} for one in _shelf(library).listed(KIND, [], None))
        return {str(picture["Uri"]) for picture in shown if picture.get("Uri")}

    images.forget_old(library, used)


def _image_of(template: KeptMark) -> str | None:
    return None if template.ImageTemplate is None else template.ImageTemplate.Uri


def _image_url(library: Library, template: dict[str, Any]) -> str:
    uri = (template.get("ImageTemplate") or {}).get("Uri")
    return library.shown(uri) if uri else ""


def _shown(library: Library, one: dict[str, Any]) -> dict[str, Any]:
    picture = None
    if one["Type"] == "image":
        said = {"Width": "10%", "Height": "0px", "RepeatType": "repeat", "Transparency": 0, **one["ImageTemplate"]}
        said.pop("Uri", None)
        picture = {"ImageUrl": _image_url(library, one), **said}
    return {
        "Definition": one["Definition"],
        "Type": one["Type"],
        "Name": one["Name"],
        "Comment": one["Comment"],
        "XPos": one.get("XPos", "0px"),
        "YPos": one.get("YPos", "0px"),
        "ImageTemplate": picture,
        "TextTemplate": one.get("TextTemplate"),
        "SvgTemplate": None,
        "CreateTime": one["CreateTime"],
        "UpdateTime": one["UpdateTime"],
        "CoordinateOrigin": one.get("CoordinateOrigin", "TopLeft"),
    }
