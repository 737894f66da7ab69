"""Sizes of renditions: brought into a box that turns with the picture, never enlarged unless asked, always even."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.overlay import placed
from framefleet.domain.picture import Delogo, Frame, Shaping, SizeSettings, Sizing, SourcePicture, StillSettings
from framefleet.domain.template import Rung
from framefleet.domain.video import VideoSettings

NEAR = 0.9
"""A rung whose area is at least this part of the one above it adds nothing."""


@dataclass(frozen=True, slots=True)
class Look:
    """A rendition's picture: its size and how it gets there."""

    width: int
    height: int
    source: SourcePicture
    frame: Frame


def fit(
    width: int,
    height: int,
    box_width: int | None,
    box_height: int | None,
    *,
    turns: bool = True,
    upscale: bool = False,
) -> tuple[int, int]:
    """Size of a picture fitted into a box; None leaves a side free. A box that turns is given for landscape."""
    if box_width or box_height:
        wide, high = _turned(width, height, box_width, box_height) if turns else (box_width, box_height)
        scale = min(side / own for side, own in ((wide, width), (high, height)) if side)
        scale = scale if upscale else min(1.0, scale)
    else:
        scale = 1.0
    return even(width * scale), even(height * scale)


def even(value: float) -> int:
    """The nearest even number, at least 2: 4:2:0 chroma has half the lines and columns."""
    return max(2, 2 * round(value / 2))


def look(settings: SizeSettings | StillSettings, width: int, height: int, path: str) -> Look:
    """How a picture of this size, as shown, becomes what the settings ask for.

    `path` is the settings' place in the request. Raises InvalidTemplate.
    """
    source, width, height = _of_source(settings, width, height, path)
    settings = settings.within(width, height)
    shrinks = isinstance(settings, VideoSettings) and settings.below.size == "adapt"
    size, inner = _framed(settings, width, height, shrinks=shrinks)
    border = settings.pad_color if inner != size else "black"
    watermarks = settings.watermarks if isinstance(settings, SizeSettings) else ()
    marks = tuple(placed(mark, *size) for mark in watermarks)
    return Look(*size, source, Frame(inner=None if inner == size else inner, border=border, marks=marks))


def ladder(
    rungs: Sequence[Rung], width: int, height: int, path: str = "renditions", *, keep_equal: bool = False
) -> list[tuple[Rung, Look]]:
    """The rungs a picture of this size gets, largest first.

    Every rung is fitted into the source's size; of rungs that come out (nearly) equal, the lowest is kept, since its cap
    was chosen for that size; with `keep_equal` all are.
    """
    looks = [(rung, look(rung.video, width, height, f"{path}[{i}].video")) for i, rung in enumerate(rungs)]
    looks.sort(key=lambda r: (r[1].width * r[1].height, _box_area(r[0])))
    kept: list[tuple[Rung, Look]] = []
    for rung, found in looks:
        if kept and not keep_equal and kept[-1][1].width * kept[-1][1].height >= NEAR * found.width * found.height:
            continue
        kept.append((rung, found))
    return kept[::-1]


def _box_area(rung: Rung) -> int:
    wide, high = rung.video.box
    return (wide or 8192) * (high or 8192)


def _of_source(settings: Shaping, width: int, height: int, path: str) -> tuple[SourcePicture, int, int]:
    """What is done before sizing, and the size that leaves."""
    delogo = tuple(_inside(box, width, height, f"{path}.delogo[{i}]") for i, box in enumerate(settings.delogo))
    crop = settings.crop
    if crop is not None:
        if crop.x + crop.width > width or crop.y + crop.height > height:
            raise InvalidTemplate(
                f"the crop reaches to {crop.x + crop.width}, {crop.y + crop.height}, but the picture is {width}x{height}",
                field=f"{path}.crop",
                hint=f"Keep x + width up to {width} and y + height up to {height}.",
            )
        width, height = crop.width, crop.height
    if settings.rotate in {90, 270}:
        width, height = height, width
    return SourcePicture(delogo=delogo, crop=crop, rotate=settings.rotate, flip=settings.flip), width, height


def _inside(box: Delogo, width: int, height: int, path: str) -> Delogo:
    """The box without the picture's outermost pixels: it is filled from what surrounds it."""
    if box.x + box.width > width or box.y + box.height > height:
        raise InvalidTemplate(
            f"the box reaches to {box.x + box.width}, {box.y + box.height}, but the picture is {width}x{height}",
            field=path,
            hint=f"Keep x + width up to {width} and y + height up to {height}.",
        )
    left, top = max(1, box.x), max(1, box.y)
    right, bottom = min(width - 1, box.x + box.width), min(height - 1, box.y + box.height)
    if right <= left or bottom <= top:
        raise InvalidTemplate("the box has nothing around it inside the picture", field=path)
    return box.model_copy(update={"x": left, "y": top, "width": right - left, "height": bottom - top})


def _framed(settings: Sizing, width: int, height: int, *, shrinks: bool) -> tuple[tuple[int, int], tuple[int, int]]:
    """(size of the frame, size the picture is scaled to). `shrinks`: a frame with borders does so with a small picture."""
    box = settings.box
    if settings.resize == "fit" or box[0] is None or box[1] is None:
        size = fit(width, height, *box, turns=settings.turns, upscale=settings.upscale)
        return size, size
    wide, high = _turned(width, height, *box) if settings.turns else box
    assert wide is not None
    assert high is not None
    down, up = min(wide / width, high / height), max(wide / width, high / height)
    if settings.resize == "pad":
        scale = down if settings.upscale else min(1.0, down)
        smaller = down / scale if shrinks else 1.0
        size = even(wide / smaller), even(high / smaller)
        return size, (min(size[0], even(width * scale)), min(size[1], even(height * scale)))
    if not settings.upscale and up > 1:
        # The box's own shape, as large as the picture allows.
        size, scale = (even(wide / up), even(high / up)), 1.0
    else:
        size, scale = (even(wide), even(high)), up
    if settings.resize == "exact":
        return size, size
    return size, (max(size[0], even(width * scale)), max(size[1], even(height * scale)))


def _turned(width: int, height: int, box_width: int | None, box_height: int | None) -> tuple[int | None, int | None]:
    """A box given lying, turned with the picture; one side alone bounds the longer (width) or the shorter (height)."""
    if box_width and box_height:
        box_width, box_height = max(box_width, box_height), min(box_width, box_height)
    return (box_width, box_height) if width >= height else (box_height, box_width)
