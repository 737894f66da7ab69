"""The part of one source that is shown, as it is cut out: exactly, on the source's own clock."""

from __future__ import annotations

from typing import Literal

from framefleet.domain.picture import Denoise
from framefleet.domain.timeline import Rational
from framefleet.domain.value import Value


class Piece(Value):
    """The part of one source that is shown. `window` is cut on the source's own clock, half-open."""

    source: int
    """Index into the task's sources."""
    identity: str | None
    """What the probe saw; another identity means that the source was replaced."""
    seek: Rational
    """Where reading starts, seconds after the container's start time; safely before the window."""
    container_start: Rational
    """The container's start time: what FFmpeg adds to `seek`."""
    stream: int
    """Index of the video stream in the source."""
    window: tuple[int | None, int | None]
    """[from, to) in ticks of the source's clock, each strictly between two frames; None: no limit on that side."""
    origin: int
    """Tick of the source's clock that becomes tick `at`."""
    at: int
    step: int | None
    """Ticks between frames when the rate is constant: times are put on that grid. None: times are kept."""
    frames: int
    """Frames this piece must yield."""
    deinterlace: Literal["flagged", "all"] | None = None
    """Make whole frames of fields: of the frames that say they are interlaced, or of all."""
    denoise: Denoise = "off"
    """How much noise is taken away."""
    tone_map: str | None = None
    """Transfer of a source of high dynamic range that is mapped to the standard range; None: nothing is mapped."""
    around: tuple[int | None, int | None] | None = None
    """A wider window, for filters that look at neighbouring frames; `window` is cut after them."""
