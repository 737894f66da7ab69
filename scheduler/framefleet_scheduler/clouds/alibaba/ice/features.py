"""ICE's Features of an output: trimming, watermarks, titles."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from framefleet_scheduler.clouds.alibaba.ice.types import Flag, Number, Text, Whole
from framefleet_scheduler.clouds.fields import Refused, Wire, Works


def _listed(value: Any) -> Any:
    """One where a list is documented."""
    return [value] if isinstance(value, dict) else value


LISTED = BeforeValidator(_listed)


class Span(Wire):
    """A part of the film."""

    Seek: Annotated[Text, Works("`hh:mm:ss.SSS` or seconds")] = None
    Duration: Annotated[Text, Works()] = None
    End: Annotated[Text, Works("has precedence over Duration")] = None


class Trim(Wire):
    """Trimming."""

    TimeSpan: Annotated[Span | None, Works("all outputs of a job but GIF and WebP share one")] = None
    ConfigToClipFirstPart: Annotated[Flag, Works("with several inputs it has to be true")] = None


class MarkFile(Wire):
    """The picture of a watermark."""

    Type: Annotated[Text, Works("OSS")] = None
    Media: Annotated[Text, Works("PNG, JPEG, WebP, BMP, or the first picture of a GIF; no MOV")] = None


class Shown(Wire):
    """When a watermark is seen."""

    Start: Annotated[Text, Works()] = None
    Duration: Annotated[Text, Works("seconds, or ToEND")] = None


class ImageMark(Wire):
    """An image watermark's template, or what is laid over it."""

    File: Annotated[MarkFile | None, Works()] = None
    ReferPos: Annotated[Text, Works("TopLeft, TopRight, BottomLeft, BottomRight")] = None
    Dx: Annotated[Text, Works("pixels, or a share of the width below 1")] = None
    Dy: Annotated[Text, Works("pixels, or a share of the height below 1")] = None
    Width: Annotated[Text, Works()] = None
    Height: Annotated[Text, Works()] = None
    Timeline: Annotated[Shown | None, Works()] = None


class TextMark(Wire):
    """A text watermark's template, or what is laid over it."""

    Content: Annotated[Text, Works("up to 512 characters")] = None
    FontName: Annotated[Text, Works("names with Serif, Song or Sun give letters with serifs, others without")] = None
    FontSize: Annotated[Whole, Works("5 to 119 pixels (16)")] = None
    FontColor: Annotated[Text, Works()] = None
    FontAlpha: Annotated[Number, Works("above 0, up to 1")] = None
    BorderWidth: Annotated[Whole, Works("0 to 64 pixels")] = None
    BorderColor: Annotated[Text, Works()] = None
    Left: Annotated[Text, Works("pixels, or a share of the width below 1")] = None
    Top: Annotated[Text, Works("pixels, or a share of the height below 1")] = None
    Adaptive: Annotated[Flag, Refused("letters have the size that is asked for")] = None


class Mark(Wire):
    """A watermark of a job: a template's, or with a text of its own."""

    Type: Annotated[Text, Works("Text or Image; as the template says where nothing is said")] = None
    TemplateId: Annotated[
        Text, Works("of a custom template of type 4 or 5; a text needs none where Content is given")
    ] = None
    X: Annotated[Text, Works()] = None
    Y: Annotated[Text, Works()] = None
    Width: Annotated[Text, Works()] = None
    Height: Annotated[Text, Works()] = None
    Content: Annotated[Text, Works()] = None
    FontName: Annotated[Text, Works()] = None
    FontSize: Annotated[Whole, Works()] = None
    FontColor: Annotated[Text, Works()] = None
    FontAlpha: Annotated[Number, Works()] = None
    BorderWidth: Annotated[Whole, Works()] = None
    BorderColor: Annotated[Text, Works()] = None
    Adaptive: Annotated[Flag, Refused("letters have the size that is asked for")] = None


class Extras(Wire):
    """What is done beside encoding."""

    Clip: Annotated[Trim | None, Works()] = None
    Watermarks: Annotated[list[Mark] | None, LISTED, Works("up to 4")] = None
    Metadata: Annotated[
        dict[str, str] | None, Works("up to 4, of the names that the container can say: title, artist, comment, ...")
    ] = None
