"""Subtitles drawn into the picture: the file the filter reads, and the filter. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from framefleet.domain.subtitles import Burned
from framefleet.media.subtitles import Cue, srt

UNITS = 288
"""Height of the picture in which the filter counts sizes of an SRT file's letters."""
FONTS = "fonts"
"""Key of the folder of fonts among the assets of a command."""
_HEX = {
    "black": "000000",
    "white": "ffffff",
    "gray": "808080",
    "red": "ff0000",
    "green": "008000",
    "blue": "0000ff",
    "yellow": "ffff00",
    "cyan": "00ffff",
    "magenta": "ff00ff",
    "orange": "ffa500",
    "purple": "800080",
    "brown": "a52a2a",
}
_NEVER = Cue(359_999_000, 359_999_999, ".")
"""Hours after any film: the filter refuses a file without texts."""


def texts_asset(burned: Burned) -> str:
    """Key of the file of the texts."""
    return f"subtitles {burned.text}"


def family_asset(burned: Burned) -> str:
    """Key of the name of the letters."""
    return f"family {burned.font}"


def burned_file(cues: Sequence[Cue]) -> str:
    """The cues as an SRT file that shows its texts as they are: a brace would begin a command, also behind what makes it a
    brace.
    """
    return srt([replace(c, text=re.sub(r"\{(\\|[A-Za-z]:)?", _brace, c.text)) for c in cues] or [_NEVER])


def _brace(found: re.Match[str]) -> str:
    return "\\{" + (f"\u2060{found[1]}" if found[1] else "")


def burn(stream: Any, burned: Burned, assets: Mapping[str, str]) -> Any:
    """The picture with its subtitles; frames have their times on the film's clock, whatever chunk they are in."""
    style = {
        "FontName": assets[family_asset(burned)],
        "Fontsize": f"{burned.size * UNITS / 100:.2f}",
        "PrimaryColour": _colour(burned.color),
        "OutlineColour": _colour(burned.outline_color),
        "BorderStyle": 1,
        "Outline": "1.2",
        "Shadow": 0,
        "Alignment": 6 if burned.position == "top" else 2,  # as SSA counts places
        "MarginV": 14,
    }
    texts = assets[texts_asset(burned)]
    told = {} if texts.endswith(".ass") else {"force_style": ",".join(f"{k}={v}" for k, v in style.items())}
    # A tick later and back: the filter cuts a frame's time off to whole milliseconds, and 0.48 s may count as 479.
    stream = stream.filter("setpts", "PTS+1").filter("subtitles", filename=texts, fontsdir=assets[FONTS], **told)
    return stream.filter("setpts", "PTS-1")


def _colour(name: str) -> str:
    """As libass writes colours: blue, green, red."""
    digits = name[1:] if name.startswith("#") else _HEX[name]
    return f"&H00{digits[4:6]}{digits[2:4]}{digits[:2]}".upper()
