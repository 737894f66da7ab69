"""What is done to the picture between decoder and encoder: what users ask (settings) and what is planned from it.

Sizes and places are pixels, angles degrees clockwise. "As shown" means square pixels, after the turn the source itself
asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from framefleet.domain.colour import ColourName
from framefleet.domain.overlay import Mark, Placed
from framefleet.domain.subtitles import Burned
from framefleet.domain.timeline import Rational
from framefleet.domain.value import Value

Pixels = Annotated[int, Field(ge=16, le=8192)]
Resize = Literal["fit", "exact", "fill", "pad"]
Turn = Literal[0, 90, 180, 270]
Flip = Literal["none", "horizontal", "vertical"]
Deinterlace = Literal["auto", "on", "off"]
Denoise = Literal["off", "light", "medium", "strong"]
Hdr = Literal["auto", "keep", "sdr"]


def _rate(rate: Fraction) -> Fraction:
    if not 1 <= rate <= 120 or rate.numerator > 240_000:
        raise ValueError("a frame rate is 1 to 120 frames/s, as a number or a fraction of small numbers (30000/1001)")
    return rate


Coordinate = Annotated[int, Field(ge=0, le=16384)]
Extent = Annotated[int, Field(ge=1, le=16384)]


class Box(Value):
    """A part of the picture, in pixels of the source as shown, counted from its upper left corner."""

    x: Coordinate
    """From the left edge."""
    y: Coordinate
    """From the upper edge."""
    width: Extent
    """Width of the part."""
    height: Extent
    """Height of the part."""


class Delogo(Box):
    """A part of the picture that is hidden."""

    start: float | None = Field(default=None, ge=0)
    """Second of the joined film from which it is hidden; None: from the beginning."""
    end: float | None = Field(default=None, gt=0)
    """Second up to which it is hidden; None: to the end."""

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.end is not None and self.end <= (self.start or 0.0):
            raise ValueError("end must be after start")
        return self


FrameRate = Annotated[Rational, AfterValidator(_rate)]
"""Frames/s."""


class Shaping(Value):
    """What is done to any picture of the film before it is brought to size, in this order."""

    deinterlace: Deinterlace = "auto"
    """Fields taken at different times become whole frames, one frame for each before. `auto`: when the source says that it
    is interlaced, and only frames that say so. `on`: all frames. `off`: none."""
    delogo: tuple[Delogo, ...] = Field(default=(), max_length=10)
    """Parts of the picture that are filled from their surroundings, such as somebody else's logo."""
    crop: Box | None = None
    """The part of the picture that is kept, in pixels of the source as shown. It must lie inside the picture."""
    rotate: Turn = 0
    """Degrees clockwise the picture is turned, on top of the turn the source itself asks for."""
    flip: Flip = "none"
    """Mirror the picture left to right (`horizontal`) or top to bottom (`vertical`), after `rotate`."""


Share = Annotated[float, Field(gt=0, le=1)]


class Sizing(Value):
    """The size of a picture."""

    width: Pixels | None = None
    """Width of the box the picture is brought into. The box turns with the picture (portrait) unless `turn_box` is false,
    and nothing is enlarged unless `upscale` is true. One side alone bounds that side. Sizes are rounded to even numbers."""
    height: Pixels | None = None
    """Height of the box."""
    long_edge: Pixels | None = None
    """Bound of the longer side, whichever it is, in place of `width` and `height`."""
    short_edge: Pixels | None = None
    """Bound of the shorter side. Together with `long_edge` it is a box."""
    width_share: Share | None = None
    """Width of the box as a share of the picture's, in place of `width`: 0.5 is half of it."""
    height_share: Share | None = None
    """Height of the box as a share of the picture's, in place of `height`."""
    turn_box: bool = True
    """True: a box given lying (1280 x 720) stands upright for an upright picture. False: `width` is always the width."""
    resize: Resize = "fit"
    """How the picture gets into the box. `fit`: the whole picture, as large as the box allows. `exact`: stretched to the box.
    `fill`: the box is filled and what juts out is cut off evenly. `pad`: the whole picture, with borders up to the box.
    All but `fit` need both sides of the box."""
    upscale: bool = False
    """Whether a picture may be enlarged. False: `fit` keeps a smaller picture's size, `exact` and `fill` shrink the box to
    what the picture fills without being enlarged (its shape stays), `pad` puts the picture into its middle."""
    pad_color: ColourName = "black"
    """Colour of the borders of `pad`: `#rrggbb` or a name."""

    @model_validator(mode="after")
    def _box_is_whole(self) -> Self:
        edges = self.long_edge is not None or self.short_edge is not None
        if edges and (self.width is not None or self.height is not None):
            raise ValueError("give width and height, or long_edge and short_edge, not both kinds")
        if self.resize != "fit" and not self._is_whole():
            raise ValueError(f"resize {self.resize} needs both sides of the box")
        return self

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        for name in ("width", "height"):
            others = (getattr(self, name), self.long_edge, self.short_edge)
            if getattr(self, f"{name}_share") is not None and any(one is not None for one in others):
                raise ValueError(f"{name}_share stands in place of {name}, long_edge and short_edge: give one of them")
        return self

    def _is_whole(self) -> bool:
        shares = (self.width_share, self.height_share)
        return all(side is not None or share is not None for side, share in zip(self.box, shares, strict=True))

    @property
    def bounded(self) -> bool:
        """Whether anything says how large it is."""
        return (self.box, self.width_share, self.height_share) != ((None, None), None, None)

    def within(self, width: int, height: int) -> Self:
        """The settings with shares as pixels of a picture of this size."""
        if self.width_share is None and self.height_share is None:
            return self
        whole = (max(width, height), min(width, height)) if self.turns else (width, height)
        shares = {"width": self.width_share, "height": self.height_share}
        sides = {
            name: max(2, round(share * side))
            for (name, share), side in zip(shares.items(), whole, strict=True)
            if share is not None
        }
        return self.model_copy(update={"width_share": None, "height_share": None, **sides})

    @property
    def box(self) -> tuple[int | None, int | None]:
        """Width and height of the box, lying when it was given by its edges."""
        return self.width or self.long_edge, self.height or self.short_edge

    @property
    def turns(self) -> bool:
        """Whether the box turns with the picture."""
        return self.turn_box or self.long_edge is not None or self.short_edge is not None


class PictureSettings(Shaping):
    """What is done to the picture of the whole film, whatever size it comes out in.

    The order is: deinterlace, denoise, tone mapping, delogo, crop, rotate, flip, the frame rate, the rendition's size, subtitles,
    watermarks.
    """

    frame_rate: FrameRate | None = None
    """Frames/s of the output, whatever the source has; a number or a fraction such as `30000/1001` (29.97 means that
    one). Frames are repeated or left out, each at the nearest time. None keeps the source's frames and their times."""
    max_frame_rate: FrameRate | None = None
    """Frames/s that are not exceeded: a faster film gets the largest whole fraction of its own rate below it (50 becomes 25
    under a cap of 30), one of varying rate gets the cap itself."""
    watermarks: tuple[Mark, ...] = Field(default=(), max_length=20)
    """Pictures and texts laid over the film, the first lowest. They are placed in the finished frame of each rendition."""
    denoise: Denoise = "off"
    """How much of the noise is taken away: each picture is averaged with its neighbours in time where it does not move, and
    smoothed in itself. `light` is for the noise of a good camera, `strong` for that of bad light, and costs fine detail."""
    hdr: Hdr = "auto"
    """What becomes of a source with high dynamic range (PQ or HLG). `sdr`: it is mapped to the standard range, BT.709.
    `auto`: the same for H.264, for 8 bits and for sources that differ in it; 10 bits of HEVC, AV1 and VP9 stay as they are.
    `keep`: 10 bits with the source's transfer, mastering display and light levels, not in H.264; refused if it has none."""

    @model_validator(mode="after")
    def _one_rate(self) -> Self:
        if self.frame_rate is not None and self.max_frame_rate is not None:
            raise ValueError("give frame_rate or max_frame_rate, not both")
        return self


class SizeSettings(Sizing, PictureSettings):
    """The size of one rendition, and what is done to its picture."""


class StillSettings(Sizing, Shaping):
    """The size of pictures taken from the film, and what is done to them."""


def laid_under_renditions(values: Any) -> Any:
    """Raw settings of a ladder with its `video` laid under the `video` of each rendition."""
    if not isinstance(values, Mapping) or not isinstance(values.get("video"), Mapping):
        return values
    common, rungs, auto = values["video"], values.get("renditions"), values.get("auto")
    if isinstance(auto, Mapping):
        return {**values, "auto": _over(common, auto)}
    if not isinstance(rungs, Sequence):
        return values
    return {**values, "renditions": [_over(common, rung) for rung in rungs]}


def _over(common: Mapping[str, Any], rung: Any) -> Any:
    if not isinstance(rung, Mapping) or not isinstance(rung.get("video", {}), Mapping):
        return rung
    return {**rung, "video": {**common, **rung.get("video", {})}}


# --- planned --------------------------------------------------------------------------------


class SourcePicture(Value):
    """What is done to the joined picture before it is brought to size; renditions that agree in it share the work."""

    delogo: tuple[Delogo, ...] = ()
    """In pixels of the picture as decoded, inside it by a pixel."""
    crop: Box | None = None
    """In pixels of the picture as decoded."""
    rotate: Turn = 0
    flip: Flip = "none"


class Frame(Value):
    """How the picture is brought into a rendition's frame."""

    inner: tuple[int, int] | None = None
    """Size the picture is scaled to. Larger than the frame: its middle is kept. Smaller: it gets borders. None: the
    frame's own size."""
    border: str = "black"
    """Colour of the borders."""
    burned: Burned | None = None
    """Subtitles drawn into the frame, below the watermarks."""
    marks: tuple[Placed, ...] = ()
    """Watermarks, lowest first."""
