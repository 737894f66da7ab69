"""Settings of pictures taken from a film: single ones, contact sheets, moving previews.

Times are seconds of the joined timeline, sizes pixels. What a file format cannot honour is refused here, by field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from framefleet.domain.colour import ColourName
from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.picture import Pixels, StillSettings
from framefleet.domain.value import Value

StillFormat = Literal["jpg", "png", "webp", "avif"]
AnimationFormat = Literal["gif", "webp", "avif", "mp4"]
MapFormat = Literal["vtt", "json"]
Dither = Literal["none", "bayer", "floyd_steinberg", "sierra"]

QUALITY: Mapping[str, int] = {"jpg": 85, "webp": 80, "avif": 65, "mp4": 75}
"""What a format gets when no quality is asked. PNG and GIF have none."""

LONGEST_SIDE = 16_383
"""Pixels of a picture: what WebP and most programs that show pictures can hold."""
MOST_PIXELS = 1 << 27
"""Of a contact sheet: its memory is bounded."""
LONGEST_ANIMATION = 120
"""Seconds that it is seen."""

Moment = Annotated[float, Field(ge=0)]
Percentage = Annotated[float, Field(ge=0, le=100)]
Quality = Annotated[int, Field(ge=1, le=100)]


class Scenes(Value):
    """Where the picture changes to another scene."""

    threshold: float = Field(default=10.0, gt=0, le=100)
    """How much must change, in percent: hard cuts are above 10, of films with much movement above 20."""
    min_distance: float = Field(default=1.0, ge=0, le=3600)
    """Seconds between two pictures at least; of changes that are closer, the greatest counts."""


class Best(Value):
    """The best of several pictures: bright enough, with contrast, and sharp."""

    candidates: int = Field(default=12, ge=2, le=50)
    """Pictures that are looked at for each that is taken, evenly spaced. Black, white, even and blurred ones lose."""


class SnapshotTemplate(StillSettings):
    """Single pictures from the source.

    They are taken at `times`, at `percentages`, every `interval` seconds, at `keyframes` or where `scenes` change; without
    any of these at `count` evenly spaced places, in the middles of their intervals.
    """

    kind: Literal["snapshot"] = "snapshot"
    description: str = ""
    times: tuple[Moment, ...] | None = Field(default=None, min_length=1, max_length=1000)
    """Seconds; each gives the picture that is shown then."""
    percentages: tuple[Percentage, ...] | None = Field(default=None, min_length=1, max_length=1000)
    """Places in percent of what lies between `start` and `end`; 100 is the last picture."""
    interval: float | None = Field(default=None, ge=0.02)
    """Seconds from one picture to the next, the first at `start`."""
    keyframes: bool = False
    """True: a picture of every keyframe of the source."""
    scenes: Scenes | None = None
    """Pictures of the first frames of new scenes."""
    best: Best | None = None
    """Instead of the middle of each interval, the best picture of it: one cover with a `count` of 1."""
    count: int | None = Field(default=None, ge=1, le=1000)
    """How many pictures: evenly spaced ones (None: 3), or at most with `interval`, `keyframes` (the first ones) and `scenes`
    (the greatest changes; None: 1000 of each)."""
    start: float = Field(default=0.0, ge=0)
    """Seconds; nothing before is taken."""
    end: float | None = Field(default=None, gt=0)
    """Seconds; nothing from there on is taken. None: the film's end."""
    start_number: int = Field(default=1, ge=0, le=1_000_000)
    """Number of the first picture, in its address."""
    format: StillFormat = "jpg"
    quality: Quality | None = None
    """None: 85 for JPEG, 80 for WebP, 65 for AVIF. PNG loses nothing and has none."""
    accurate: bool = True
    """True: the very frame shown at the time. False: the keyframe nearest to it, many times cheaper."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = {
            "times": self.times is not None,
            "percentages": self.percentages is not None,
            "interval": self.interval is not None,
            "keyframes": self.keyframes,
            "scenes": self.scenes is not None,
            "best": self.best is not None,
        }
        given = [name for name, wanted in ways.items() if wanted]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} contradict each other: give one of them")
        if self.count is not None and given and given[0] in {"times", "percentages"}:
            raise ValueError(f"{given[0]} say how many: leave count out")
        if self.times is not None and (self.start or self.end is not None):
            raise ValueError("times say where: leave start and end out")
        if self.end is not None and self.end <= self.start:
            raise ValueError("end must be after start")
        if not self.accurate and given and given[0] in {"keyframes", "scenes"}:
            raise ValueError(f"{given[0]} say which frame: leave accurate out")
        return self

    @property
    def several(self) -> bool:
        """Whether more than one picture may come out."""
        if self.times is not None or self.percentages is not None:
            return len(self.times or self.percentages or ()) > 1
        return self.count != 1


class SpriteTemplate(StillSettings):
    """Contact sheets with a map of their tiles, for scrubbing."""

    kind: Literal["sprite"] = "sprite"
    description: str = ""
    width: Pixels | None = None
    """Width of the box that a tile is brought into; one side alone gives the other. None, without any other bound: 160."""
    columns: int = Field(default=10, ge=1, le=50)
    """Tiles side by side on a sheet."""
    rows: int = Field(default=10, ge=1, le=50)
    """Tiles on top of each other on a sheet; when there are more, another sheet follows."""
    start: float = Field(default=0.0, ge=0)
    """Seconds; nothing before is taken."""
    interval: float | None = Field(default=None, ge=0.1)
    """Seconds between tiles. None: as `count` says."""
    count: int | None = Field(default=None, ge=1, le=20_000)
    """Tiles of the whole film from `start` on, on as many sheets as it takes; with `interval`, at most so many. None: as many as
    fill one sheet, but at least one second apart."""
    padding: int = Field(default=0, ge=0, le=256)
    """Pixels between tiles."""
    margin: int = Field(default=0, ge=0, le=256)
    """Pixels around all tiles of a sheet."""
    background: ColourName = "black"
    """Colour of paddings, margins and places without a tile: `#rrggbb` or a name."""
    maps: tuple[MapFormat, ...] = Field(default=("vtt",), min_length=1, max_length=2)
    """Which maps of the tiles are written beside the sheets: WebVTT (`#xywh=`) for players, JSON for programs."""
    map_name: str | None = Field(default=None, min_length=1, max_length=255, pattern=r"^[^/\\{}\x00-\x1f\x7f]+$")
    """The maps' name without extension. None: the sheets', without their number."""
    start_number: int = Field(default=1, ge=0, le=1_000_000)
    """Number of the first sheet, in its address."""
    format: StillFormat = "jpg"
    quality: Quality | None = None
    """None: 85 for JPEG, 80 for WebP, 65 for AVIF. PNG loses nothing and has none."""
    accurate: bool | None = None
    """True: each tile is the very frame shown at its time. False: the keyframe nearest to it, many times cheaper. None: the
    keyframe, where keyframes are no further apart than tiles."""


class AnimationTemplate(StillSettings):
    """A short moving preview without sound, of one moment of the film or of several."""

    kind: Literal["animation"] = "animation"
    description: str = ""
    width: Pixels | None = None
    """Width of the box that a picture is brought into; one side alone gives the other. None, without any other bound: 320."""
    start: float | None = Field(default=None, ge=0)
    """Seconds. None: a tenth into the film, and with a `count` where that says."""
    duration: float = Field(default=3.0, gt=0, le=86_400)
    """Seconds of the film that are shown; of each moment when there are several."""
    moments: tuple[Moment, ...] | None = Field(default=None, min_length=1, max_length=60)
    """Seconds at which the moments of a teaser begin, in the order they are shown. None: `start` or `count`."""
    count: int | None = Field(default=None, ge=1, le=60)
    """Evenly spaced moments of a teaser. None: one moment, at `start`."""
    speed: float = Field(default=1.0, ge=0.1, le=1000)
    """How many times faster than the film it moves."""
    frame_rate: float = Field(default=10, ge=1, le=60)
    """Frames/s; up to 50 in a GIF."""
    loop: int | None = Field(default=None, ge=1, le=65_535)
    """How many times it is played, in GIF and WebP. None: without end. MP4 and AVIF leave it to who shows them."""
    format: AnimationFormat = "gif"
    quality: Quality | None = None
    """None: 80 for WebP, 65 for AVIF, 75 for MP4. GIF has `colors` and `dither` instead."""
    colors: int | None = Field(default=None, ge=4, le=256)
    """Colours of a GIF's palette, which is made for it. None: 256."""
    dither: Dither | None = None
    """How a GIF makes colours that its palette does not have. None: `bayer`, whose files are small."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = {"start": self.start, "moments": self.moments, "count": self.count}
        given = [name for name, value in ways.items() if value is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} contradict each other: give one of them")
        return self

    @property
    def pieces(self) -> int:
        """How many moments it has."""
        return self.count or len(self.moments or (0,))


DEFAULT_WIDTH: Mapping[str, int] = {"sprite": 160, "animation": 320}
"""Pixels of what has no bound of its own."""


def bounded(settings: SpriteTemplate | AnimationTemplate) -> StillSettings:
    """The settings with a bound: small pictures are asked for."""
    if settings.bounded:
        return settings
    return settings.model_copy(update={"width": DEFAULT_WIDTH[settings.kind]})


_WAYS = ("times", "percentages", "interval", "keyframes", "scenes", "best")
STILL_REPLACES: dict[str, tuple[str, ...]] = {
    **{way: tuple(other for other in (*_WAYS, "count") if other != way) for way in _WAYS},
    "times": (*_WAYS[1:], "count", "start", "end"),
    "best": _WAYS[:-1],
    "count": ("times", "percentages", "interval", "moments"),
    "moments": ("start", "count"),
}
"""Fields of pictures that say the same in another way: an override of one takes the template's others away."""


def check_stills(settings: SnapshotTemplate | SpriteTemplate | AnimationTemplate, path: str) -> None:
    """Refuse what a format cannot honour; raises InvalidTemplate with the field."""
    form = settings.format
    if form not in QUALITY and settings.quality is not None:
        hint = "Leave quality out, or use colors and dither." if form == "gif" else "Leave quality out, or use jpg."
        raise InvalidTemplate(f"{form} has no quality to choose", field=f"{path}.quality", hint=hint)
    if isinstance(settings, AnimationTemplate):
        _check_animation(settings, path)


def _check_animation(settings: AnimationTemplate, path: str) -> None:
    form = settings.format
    if form != "gif":
        for name in ("colors", "dither"):
            if getattr(settings, name) is not None:
                raise InvalidTemplate(f"{form} has no palette", field=f"{path}.{name}", hint="Only GIF has one.")
    elif settings.frame_rate > 50:
        raise InvalidTemplate(
            "a GIF has up to 50 frames/s", field=f"{path}.frame_rate", hint="Use webp, avif or mp4, or a lower rate."
        )
    if form in {"mp4", "avif"} and settings.loop is not None:
        raise InvalidTemplate(
            f"who shows an {form.upper()} decides how often",
            field=f"{path}.loop",
            hint="Leave loop out, or use gif or webp.",
        )
    if settings.duration / settings.speed * settings.pieces > LONGEST_ANIMATION:
        raise InvalidTemplate(
            f"the animation would last more than {LONGEST_ANIMATION} s",
            field=f"{path}.duration",
            hint="Show less of the film, or faster.",
        )
