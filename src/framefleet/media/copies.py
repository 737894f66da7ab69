"""Cutting sources into pieces without encoding."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from framefleet.domain.timeline import decimal
from framefleet.media.command import Command, build, output, source_input

LATER = Fraction(10)
"""Seconds that are added to all times: MP4 hides what lies before zero behind an edit list, and packets may."""
TAIL = Fraction(15)
"""Seconds read beyond the window: the sound of an instant may stand far behind its picture."""


def listed_command(url: str, streams: Sequence[int]) -> Command:
    """Print some of a source's packets as framecrc lines."""
    node = source_input(url)
    return build([output([node[str(i)] for i in streams], "-", {"c": "copy", "f": "framecrc"})], progress=False)


def cut_command(
    url: str,
    streams: Sequence[tuple[int, str]],
    form: str,
    *,
    window: tuple[Fraction | None, Fraction | None],
    margins: Sequence[Fraction],
    start: Fraction,
    seek: Fraction | None,
) -> Command:
    """Copy each of a source's streams, (index, path), into a file of its own, only the packets shown inside `window`.

    `window` is [from, to) on the source's clock, seconds; `margins` (s) move its borders down for each stream, so that no
    rounding decides about a frame. `start` is the container's start time, `seek` counts from it. Times are kept, `LATER`.
    """
    options: dict[str, Any] = {} if seek is None else {"ss": decimal(seek, 6)}
    if window[1] is not None:
        options["t"] = decimal(window[1] - start - (seek or 0) + TAIL, 6)
    node = source_input(url, **options)
    outputs = []
    for (index, path), margin in zip(streams, margins, strict=True):
        mux: dict[str, Any] = {"c": "copy", "map_metadata": -1, "map_chapters": -1, "fflags": "+bitexact", "f": form}
        mux["output_ts_offset"] = decimal(LATER)
        outside = [
            f"{test}(pts*tb\\,{decimal(border - margin, 9)})"
            for test, border in zip(("lt", "gte"), window, strict=True)
            if border is not None
        ]
        if outside:
            mux["bsf"] = f"noise=drop={'+'.join(outside)}"
        outputs.append(output(node[str(index)], path, mux))
    return build(outputs, global_args=("-copyts",))
