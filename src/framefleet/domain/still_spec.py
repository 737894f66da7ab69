"""Planned pictures: single ones, contact sheets, moving previews. A worker needs nothing else to make them.

Ticks are counts of 1/`CLOCK` seconds; times are those of the joined timeline.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from framefleet.domain.picture import Frame, SourcePicture
from framefleet.domain.piece import Piece
from framefleet.domain.stills import AnimationFormat, Dither, MapFormat, StillFormat
from framefleet.domain.timeline import Rational
from framefleet.domain.value import Value

CLOCK = 90_000
"""Ticks per second."""
SLOWEST = 10
"""Frames/s that are reckoned with where a piece ends with its source."""


class StillPiece(Piece):
    """A part of one source that pictures are taken from, and how its colours are coded."""

    matrix: str | None
    """FFmpeg's name of the matrix; None for RGB."""
    full_range: bool

    @property
    def reach(self) -> float:
        """Seconds of the source that are decoded until the piece is complete."""
        begin, end = self.seek + self.container_start, self.window[1]
        ends = Fraction(self.origin, CLOCK) + Fraction(self.frames, SLOWEST) if end is None else Fraction(end, CLOCK)
        return max(0.0, float(ends - begin))


class StillLook(Value):
    """The frame of a picture, and how the source's picture gets there."""

    width: int
    height: int
    source: SourcePicture = SourcePicture()
    frame: Frame = Frame()
    canvas: tuple[int, int] = (0, 0)
    """Width and height that pieces are fitted to before, when their shapes differ; (0, 0) when they do not."""
    fit: Literal["pad", "crop"] = "pad"


class Shot(Value):
    """One frame that a picture is taken of."""

    piece: StillPiece
    time: Rational
    """When it is shown, seconds of the joined timeline."""


class SceneSearch(Value):
    """Look for the first frames of new scenes."""

    pieces: tuple[StillPiece, ...]
    """What is looked through."""
    threshold: float
    """Percent."""
    min_distance: float
    """Seconds."""
    most: int


class SnapshotSpec(Value):
    """Take single pictures and publish them."""

    kind: Literal["snapshot"] = "snapshot"
    target: str
    uri: str
    look: StillLook
    shots: tuple[Shot, ...]
    """The pictures; with `groups` what they are chosen from, and with `scenes` what is taken when there is none."""
    groups: tuple[int, ...] = ()
    """Of so many shots each the best is taken; empty: all are taken."""
    scenes: SceneSearch | None = None
    keyframes_only: bool
    """All shots are keyframes: nothing else is decoded."""
    format: StillFormat
    quality: int
    start_number: int = 1


class SpriteSpec(Value):
    """Make contact sheets and the maps of their tiles, and publish them."""

    kind: Literal["sprite"] = "sprite"
    target: str
    uri: str
    look: StillLook
    """Of one tile."""
    pieces: tuple[StillPiece, ...]
    columns: int
    rows: int
    padding: int
    margin: int
    background: str
    start: Rational = Fraction(0)
    """Second of the first tile."""
    interval: Rational
    """Seconds between tiles."""
    tiles: int
    duration: Rational
    """Second up to which the tiles stand: the last cue ends there."""
    keyframes_only: bool
    """Each tile is the nearest keyframe, and nothing else is decoded; the pieces' frames are keyframes then."""
    maps: tuple[MapFormat, ...]
    map_name: str | None = None
    """Without extension; None: the sheets' name without their number."""
    start_number: int = 1
    format: StillFormat
    quality: int

    @property
    def sheets(self) -> int:
        """Number of sheets."""
        return -(-self.tiles // (self.columns * self.rows))

    @property
    def sheet_size(self) -> tuple[int, int]:
        """Width and height of a sheet, pixels."""
        across = self.columns * (self.look.width + self.padding) - self.padding + 2 * self.margin
        down = self.rows * (self.look.height + self.padding) - self.padding + 2 * self.margin
        return across, down

    def place(self, tile: int) -> tuple[int, int, int]:
        """(sheet, x, y) of a tile, all counted from 0."""
        sheet, place = divmod(tile, self.columns * self.rows)
        row, column = divmod(place, self.columns)
        x = self.margin + column * (self.look.width + self.padding)
        return sheet, x, self.margin + row * (self.look.height + self.padding)


class MomentSpec(Value):
    """A stretch of the film in an animation."""

    start: Rational
    """Seconds of the joined timeline."""
    pieces: tuple[StillPiece, ...]
    frames: int
    """Frames of the animation."""


class AnimationSpec(Value):
    """Make a short moving preview and publish it."""

    kind: Literal["animation"] = "animation"
    target: str
    uri: str
    look: StillLook
    moments: tuple[MomentSpec, ...]
    frame_rate: Rational
    speed: Rational
    loop: int | None
    """How often it is played; None: without end."""
    format: AnimationFormat
    quality: int
    colors: int = 256
    dither: Dither = "bayer"

    @property
    def frames(self) -> int:
        """Frames of the whole animation."""
        return sum(m.frames for m in self.moments)
