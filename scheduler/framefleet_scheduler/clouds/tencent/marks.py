"""Watermarks of Tencent's dialects as marks of ours. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from framefleet_scheduler.clouds.tencent.elements import MOST_SECONDS, Length, Made
from framefleet_scheduler.clouds.tencent.words import Words

_MEASURE = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,3})?)(px|%)")
_COLOUR = re.compile(r"(?:0x|#)?([0-9a-fA-F]{6})")
_ORIGINS = {
    "topleft": "top_left",
    "topright": "top_right",
    "bottomleft": "bottom_left",
    "bottomright": "bottom_right",
}


def place(origin: str | None, x: str | None, y: str | None, words: Words) -> dict[str, Any]:
    """CoordinateOrigin, XPos and YPos. Raises Refusal."""
    position = _ORIGINS.get((origin or "TopLeft").lower())
    if position is None:
        raise words.wrong("CoordinateOrigin", "CoordinateOrigin is TopLeft, TopRight, BottomLeft or BottomRight")
    return {"position": position, "x": measure(x, "XPos", words) or 0, "y": measure(y, "YPos", words) or 0}


def measure(text: str | None, name: str, words: Words) -> int | str | None:
    """`100px` is 100, `10%` stays, nothing and 0 are None. Raises Refusal."""
    if not text:
        return None
    found = _MEASURE.fullmatch(text)
    if found is None or (found[2] == "%" and float(found[1]) > 100):
        raise words.wrong(name, f"{name} is such as 10% or 100px, not {text[:20]!r}")
    if not float(found[1]):
        return None
    return round(float(found[1])) if found[2] == "px" else text


def image(uri: str, width: str | None, height: str | None, words: Words) -> dict[str, Any]:
    """A picture's address and size; without any it is a tenth of the film's width. Raises Refusal."""
    wide, high = measure(width, "Width", words), measure(height, "Height", words)
    sides = {"width": wide or (None if high else "10%"), "height": high}
    return {"kind": "image", "uri": uri, **{name: side for name, side in sides.items() if side is not None}}


def text(said: str, size: str | None, colour: str | None, alpha: float | None, words: Words) -> dict[str, Any]:
    """A text with its look. Raises Refusal."""
    found = _COLOUR.fullmatch(colour or "0xFFFFFF")
    if found is None:
        raise words.wrong("TextTemplate", "FontColor is 0xRRGGBB")
    opacity = 1.0 if alpha is None else alpha
    if not 0 < opacity <= 1:
        raise words.wrong("TextAlpha", "FontAlpha is above 0, up to 1")
    letters = measure(size, "TextTemplate", words)
    more = {} if letters is None else {"size": letters}
    return {"kind": "text", "text": said, "color": f"#{found[1]}", "opacity": opacity, **more}


def moments(start: float | None, end: float | None, length: Length, words: Words) -> dict[str, Any]:
    """When it is there: seconds of the film as it comes out, below 0 from its end. Raises Refusal."""
    found: dict[str, Any] = {}
    for name, offset in (("start", start), ("end", end)):
        if not -MOST_SECONDS <= (offset or 0) <= MOST_SECONDS:
            raise words.wrong("StartTimeOffset", "the times of a watermark are numbers of seconds")
        if offset:
            found[name] = round(float(offset) if offset > 0 else max(0.0, length() + offset), 3)
    if "end" in found and found["end"] <= found.get("start", 0):
        raise words.wrong("EndTimeOffset", "EndTimeOffset of a watermark is after its StartTimeOffset")
    return found


def marked(made: Made, marks: list[dict[str, Any]]) -> Made:
    """A target with watermarks, the first lowest; of sound alone there is nothing to lay them over."""
    if not marks or made.settings["kind"] not in {"file", "ladder"}:
        return made
    video = {**made.settings.get("video", {}), "watermarks": marks}
    return replace(made, settings={**made.settings, "video": video})
