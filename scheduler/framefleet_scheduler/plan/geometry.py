"""Sizes of renditions: fitted into a box that turns with the picture, never enlarged, always even."""

from __future__ import annotations

from collections.abc import Sequence

from framefleet.domain.template import Rung, VideoSettings

NEAR = 0.9
"""A rung whose area is at least this part of the one above it adds nothing."""


def fit(width: int, height: int, box_width: int | None, box_height: int | None) -> tuple[int, int]:
    """Size of a picture fitted into a box given for landscape; None leaves a side free."""
    long_side, short_side = max(width, height), min(width, height)
    box = sorted((b for b in (box_width, box_height) if b), reverse=True)
    if box_width and box_height:
        scale = min(1.0, box[0] / long_side, box[1] / short_side)
    elif box_height:
        scale = min(1.0, box_height / short_side)
    elif box_width:
        scale = min(1.0, box_width / long_side)
    else:
        scale = 1.0
    return even(width * scale), even(height * scale)


def even(value: float) -> int:
    """The nearest even number, at least 2: 4:2:0 chroma has half the lines and columns."""
    return max(2, 2 * round(value / 2))


def ladder(rungs: Sequence[Rung], width: int, height: int) -> list[tuple[Rung, int, int]]:
    """The rungs a picture of this size gets, largest first.

    Every rung is fitted into the source's size; of rungs that come out (nearly) equal, the lowest is kept, since its cap
    was chosen for that size.
    """
    sized = [(rung, *fit(width, height, rung.video.width, rung.video.height)) for rung in rungs]
    sized.sort(key=lambda r: (r[1] * r[2], (r[0].video.width or 8192) * (r[0].video.height or 8192)))
    kept: list[tuple[Rung, int, int]] = []
    for rung, w, h in sized:
        if kept and kept[-1][1] * kept[-1][2] >= NEAR * w * h:
            continue
        kept.append((rung, w, h))
    return kept[::-1]


def sized(settings: VideoSettings, width: int, height: int) -> tuple[int, int]:
    """The size a single rendition gets."""
    return fit(width, height, settings.width, settings.height)
