"""Colours as users write them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

COLOURS = ("black", "white", "gray", "red", "green", "blue", "yellow", "cyan", "magenta", "orange", "purple", "brown")
"""Names of colours that may be used beside `#rrggbb`."""


def _colour(text: str) -> str:
    if text not in COLOURS and not re.fullmatch(r"#[0-9A-Fa-f]{6}", text):
        raise ValueError(f"a colour is #rrggbb or one of {', '.join(COLOURS)}")
    return text


ColourName = Annotated[str, AfterValidator(_colour)]
