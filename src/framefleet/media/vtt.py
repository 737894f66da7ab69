"""Maps of contact sheets: WebVTT for players, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from framefleet.domain.still_spec import SpriteSpec


def timestamp(seconds: Fraction) -> str:
    """`HH:MM:SS.mmm`, rounded to the millisecond."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, milliseconds = divmod(milliseconds, 1000)
    return f"{hours:02d}:{minutes:02d}:{whole:02d}.{milliseconds:03d}"


def sprite_map(spec: SpriteSpec, sheets: Sequence[str]) -> str:
    """WebVTT: one cue per tile with its place on its sheet (`sheet.jpg#xywh=x,y,w,h`)."""
    lines = ["WEBVTT", ""]
    for tile, (start, end) in enumerate(_cues(spec)):
        sheet, x, y = spec.place(tile)
        lines += [
            f"{timestamp(start)} --> {timestamp(end)}",
            f"{sheets[sheet]}#xywh={x},{y},{spec.look.width},{spec.look.height}",
            "",
        ]
    return "\n".join(lines)


def sprite_index(spec: SpriteSpec, sheets: Sequence[str]) -> dict[str, Any]:
    """The same for programs: seconds, pixels, and the number of a tile's sheet in `sheets`."""
    tiles = []
    for tile, (start, end) in enumerate(_cues(spec)):
        sheet, x, y = spec.place(tile)
        tiles.append({"start": round(float(start), 6), "end": round(float(end), 6), "sheet": sheet, "x": x, "y": y})
    width, height = spec.sheet_size
    return {
        "version": 1,
        "duration": round(float(spec.duration), 6),
        "interval": round(float(spec.interval), 6),
        "tile": {"width": spec.look.width, "height": spec.look.height},
        "sheet": {"width": width, "height": height, "columns": spec.columns, "rows": spec.rows},
        "sheets": list(sheets),
        "tiles": tiles,
    }


def _cues(spec: SpriteSpec) -> Iterator[tuple[Fraction, Fraction]]:
    """From when to when each tile stands; the last one to the end of what they cover."""
    for tile in range(spec.tiles):
        start = spec.start + spec.interval * tile
        end = min(start + spec.interval, spec.duration) if tile + 1 < spec.tiles else spec.duration
        yield start, max(end, start)
