"""WebVTT maps for contact sheets."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def timestamp(seconds: Fraction) -> str:
    """`HH:MM:SS.mmm`, rounded to the millisecond."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, milliseconds = divmod(milliseconds, 1000)
    return f"{hours:02d}:{minutes:02d}:{whole:02d}.{milliseconds:03d}"


def sprite_map(
    sheets: Sequence[str],
    *,
    columns: int,
    rows: int,
    width: int,
    height: int,
    tiles: int,
    interval: Fraction,
    duration: Fraction,
) -> str:
    """One cue per tile with its place on its sheet (`sheet.jpg#xywh=x,y,w,h`); the last cue ends at `duration`."""
    lines = ["WEBVTT", ""]
    for i in range(tiles):
        start = interval * i
        end = min(interval * (i + 1), duration) if i + 1 < tiles else duration
        sheet, place = divmod(i, columns * rows)
        row, column = divmod(place, columns)
        lines += [
            f"{timestamp(start)} --> {timestamp(max(end, start))}",
            f"{sheets[sheet]}#xywh={column * width},{row * height},{width},{height}",
            "",
        ]
    return "\n".join(lines)
