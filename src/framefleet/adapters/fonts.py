"""Finds a font for the texts of watermarks: DejaVu where it is installed, else what the machine has of that kind."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from framefleet.domain.errors import FontMissing

FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/Library/Fonts",
    "/System/Library/Fonts",
    "C:/Windows/Fonts",
)

_WIDE = ("NotoSansCJK", "SourceHanSans", "wqy-zenhei.ttc", "wqy-microhei.ttc", "DroidSansFallback", "PingFang.ttc")
"""Fonts with Chinese, Japanese and Korean letters; names without an ending stand for -Regular or -Bold and any ending."""

NAMES: dict[str, tuple[str, ...]] = {
    "sans": ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "NotoSans-Regular.ttf", "Arial.ttf", "Helvetica.ttc"),
    "sans-bold": (
        "DejaVuSans-Bold.ttf",
        "LiberationSans-Bold.ttf",
        "NotoSans-Bold.ttf",
        "Arial Bold.ttf",
        "arialbd.ttf",
    ),
    "serif": (
        "DejaVuSerif.ttf",
        "LiberationSerif-Regular.ttf",
        "NotoSerif-Regular.ttf",
        "Times New Roman.ttf",
        "times.ttf",
    ),
    "serif-bold": (
        "DejaVuSerif-Bold.ttf",
        "LiberationSerif-Bold.ttf",
        "NotoSerif-Bold.ttf",
        "Times New Roman Bold.ttf",
        "timesbd.ttf",
    ),
    "mono": (
        "DejaVuSansMono.ttf",
        "LiberationMono-Regular.ttf",
        "NotoSansMono-Regular.ttf",
        "Courier New.ttf",
        "cour.ttf",
    ),
    "mono-bold": (
        "DejaVuSansMono-Bold.ttf",
        "LiberationMono-Bold.ttf",
        "NotoSansMono-Bold.ttf",
        "Courier New Bold.ttf",
        "courbd.ttf",
    ),
}
"""Files to look for, best first."""


_FAMILIES = {
    "dejavusansmono": "DejaVu Sans Mono",
    "dejavusans": "DejaVu Sans",
    "dejavuserif": "DejaVu Serif",
    "liberationsans": "Liberation Sans",
    "liberationserif": "Liberation Serif",
    "liberationmono": "Liberation Mono",
    "notosansmono": "Noto Sans Mono",
    "notosans": "Noto Sans",
    "notoserif": "Noto Serif",
    "arial": "Arial",
    "helvetica": "Helvetica",
    "times": "Times New Roman",
    "cour": "Courier New",
}


def family_name(path: Path) -> str:
    """What a font of `NAMES` is called by programs that look for it by name."""
    file = path.name.lower().replace(" ", "")
    return next((name for start, name in _FAMILIES.items() if file.startswith(start)), path.stem)


def find_font(family: str, *, bold: bool = False, wide: bool = False, folders: Sequence[str] = FOLDERS) -> Path:
    """The file of a font; `wide` asks for Chinese, Japanese and Korean letters. Raises FontMissing."""
    known = _installed(tuple(folders))
    if wide:
        wanted = "-bold." if bold else "-regular."
        for name in _WIDE:
            plain = name.lower()
            for file, path in known.items():
                if file == plain or file.startswith((f"{plain}{wanted}", f"{plain}sc{wanted}")):
                    return path
        raise FontMissing("no font with Chinese, Japanese and Korean letters is installed on this worker")
    for name in NAMES[f"{family}-bold" if bold else family]:
        if name.lower() in known:
            return known[name.lower()]
    raise FontMissing(f"no {family} font is installed on this worker")


@lru_cache(maxsize=8)
def _installed(folders: tuple[str, ...]) -> dict[str, Path]:
    """Font files by their names in small letters, in a fixed order; of equal names the first folder's."""
    found: dict[str, Path] = {}
    for folder in folders:
        for place, below, files in os.walk(Path(folder).expanduser()):
            below.sort()
            for file in sorted(files):
                if file.lower().endswith((".ttf", ".ttc", ".otf")):
                    found.setdefault(file.lower(), Path(place, file))
    return found
