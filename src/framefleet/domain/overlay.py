"""Watermarks: pictures and texts laid over the film, as asked and as planned.

Lengths are pixels of the rendition, or a share of it such as `5%`. Times are seconds of the joined timeline.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StrictInt, model_validator

from framefleet.domain.address import parse
from framefleet.domain.colour import ColourName
from framefleet.domain.timeline import Rational
from framefleet.domain.value import Value

Anchor = Literal["top_left", "top", "top_right", "left", "center", "right", "bottom_left", "bottom", "bottom_right"]
FontFamily = Literal["sans", "serif", "mono"]

MAX_IMAGE_BYTES = 20 << 20
MAX_IMAGE_PIXELS = 1 << 25

Share = Annotated[str, Field(pattern=r"^-?\d{1,3}(\.\d{1,3})?%$")]
Offset = Annotated[StrictInt, Field(ge=-16384, le=16384)] | Share
Extent = Annotated[StrictInt, Field(ge=1, le=16384)] | Annotated[str, Field(pattern=r"^\d{1,3}(\.\d{1,3})?%$")]


def pixels(length: int | str, whole: int) -> int:
    """A length as pixels; a share is one of `whole`."""
    if isinstance(length, int):
        return length
    share = Fraction(length.removesuffix("%")) / 100
    return round(share * whole)


def _readable(uri: str) -> str:
    parse(uri)
    return uri


def _printable(text: str) -> str:
    if any((ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in text):
        raise ValueError("a text has no control characters but line feeds")
    if not text.strip():
        raise ValueError("the text is empty")
    return text


class _Mark(Value):
    position: Anchor = "top_right"
    """The corner, edge or middle of the picture it is laid against."""
    x: Offset = 0
    """Distance from that place towards the middle (for `top`, `center` and `bottom`: to the right): pixels, or a share of
    the picture's width such as `2%`."""
    y: Offset = 0
    """Distance from that place towards the middle (for `left`, `center` and `right`: downwards): pixels, or a share of the
    picture's height."""
    opacity: float = Field(default=1.0, gt=0, le=1)
    """1 hides what is below, 0.5 lets half of it through."""
    start: float | None = Field(default=None, ge=0)
    """Second at which it appears; None: from the beginning."""
    end: float | None = Field(default=None, gt=0)
    """Second at which it is gone; None: it stays to the end."""

    @model_validator(mode="after")
    def _appears_before_it_goes(self) -> Self:
        if self.end is not None and self.end <= (self.start or 0.0):
            raise ValueError("end must be after start")
        return self


class ImageMark(_Mark):
    """A picture over the film. What it leaves transparent shows the film."""

    kind: Literal["image"]
    uri: Annotated[str, Field(max_length=8192), AfterValidator(_readable)]
    """Address of a PNG, JPEG, WebP, GIF (its first picture) or BMP, up to 20 MiB and 33 million pixels. The same rules as for
    sources hold."""
    width: Extent | None = None
    """Pixels, or a share of the picture's width. One side alone keeps the image's shape; none keeps its size."""
    height: Extent | None = None
    """Pixels, or a share of the picture's height."""


class TextMark(_Mark):
    """A text over the film."""

    kind: Literal["text"]
    text: Annotated[str, Field(max_length=512), AfterValidator(_printable)]
    """Up to 512 characters, taken as they are; line feeds begin new lines."""
    size: Extent = "5%"
    """Height of the letters: pixels, or a share of the picture's height."""
    color: ColourName = "white"
    """`#rrggbb` or a name."""
    font: FontFamily = "sans"
    """Kind of letters. The worker takes DejaVu, or what its machine has of that kind."""
    bold: bool = False
    """Fat letters."""
    border_width: int = Field(default=0, ge=0, le=64)
    """Pixels of an outline round the letters."""
    border_color: ColourName = "black"
    """Colour of the outline."""


Mark = Annotated[ImageMark | TextMark, Field(discriminator="kind")]
"""A watermark, told apart by `kind`."""


class _Placed(Value):
    position: Anchor
    x: int
    """Pixels."""
    y: int
    opacity: float
    start: Rational | None
    end: Rational | None


class PlacedImage(_Placed):
    """A picture, sized for one rendition."""

    kind: Literal["image"] = "image"
    uri: str
    width: int | None
    """Pixels; None: as the height makes it, or the image's own."""
    height: int | None


class PlacedText(_Placed):
    """A text, sized for one rendition."""

    kind: Literal["text"] = "text"
    text: str
    size: int
    """Pixels."""
    color: str
    font: FontFamily
    bold: bool
    border_width: int
    border_color: str


Placed = Annotated[PlacedImage | PlacedText, Field(discriminator="kind")]


def placed(mark: ImageMark | TextMark, width: int, height: int) -> PlacedImage | PlacedText:
    """A watermark in a rendition of this size."""
    x, y = pixels(mark.x, width), pixels(mark.y, height)
    start = None if mark.start is None else Fraction(str(mark.start))
    end = None if mark.end is None else Fraction(str(mark.end))
    if isinstance(mark, ImageMark):
        return PlacedImage(
            position=mark.position,
            x=x,
            y=y,
            opacity=mark.opacity,
            start=start,
            end=end,
            uri=mark.uri,
            width=None if mark.width is None else max(1, pixels(mark.width, width)),
            height=None if mark.height is None else max(1, pixels(mark.height, height)),
        )
    return PlacedText(
        position=mark.position,
        x=x,
        y=y,
        opacity=mark.opacity,
        start=start,
        end=end,
        text=mark.text,
        size=max(4, pixels(mark.size, height)),
        color=mark.color,
        font=mark.font,
        bold=mark.bold,
        border_width=mark.border_width,
        border_color=mark.border_color,
    )
