"""ICE's system templates that are offered, by the ids of its public documents. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LEVELS: Mapping[str, tuple[str, int, int, int]] = {
    "10": ("LD", 400, 64, 640),
    "20": ("SD", 800, 80, 848),
    "30": ("HD", 1800, 128, 1280),
    "40": ("FHD", 3000, 160, 1920),
    "60": ("2K", 3500, 160, 2048),
    "70": ("4K", 6000, 160, 3840),
}
"""Digits -> name, kbit/s of the picture and of the sound, width. The height follows the source's shape."""
_FORMATS = {"0": "flv", "1": "m3u8", "2": "mp4"}
_SOUNDS = {"10": 64, "20": 128, "30": 160, "40": 192, "50": 320}
_FAMILIES = {"1": (1, "Normal"), "2": (4, "NarrowBandV1"), "3": (5, "NarrowBandV2")}
"""Narrowband HD is the plain one here: its names are taken, its encoder is not."""
_ID = re.compile(r"S0000000([123])-([0-3])000([0-7]0)")
COPY = {"Codec": "Copy"}


@dataclass(frozen=True, slots=True)
class SystemTemplate:
    """One of them."""

    id: str
    name: str
    subtype: int
    subtype_name: str
    config: Mapping[str, Any]


def find(template_id: str) -> SystemTemplate | None:
    """The template of an id; None when there is none, or it is not offered (a copy into HLS)."""
    found = _ID.fullmatch(template_id)
    if found is None:
        return None
    family, group, level = found[1], found[2], found[3]
    subtype, family_name = _FAMILIES[family]
    if group == "3":
        if family != "1" or level not in _SOUNDS:
            return None
        config = {"Container": {"Format": "mp3"}, "Video": {"Remove": True}, "Audio": _sound("MP3", _SOUNDS[level])}
        return SystemTemplate(template_id, f"MP3-{_SOUNDS[level]}K", 2, "AudioTranscode", config)
    form = _FORMATS[group]
    label = "HLS" if form == "m3u8" else form.upper()
    if level == "00":
        if family != "1" or form == "m3u8":
            return None
        return SystemTemplate(
            template_id, f"{label}-COPY", 3, "Remux", {"Container": {"Format": form}, "Video": COPY, "Audio": COPY}
        )
    if level not in _LEVELS:
        return None
    name, video, audio, width = _LEVELS[level]
    config = {
        "Container": {"Format": form},
        "Video": {"Codec": "H.264", "Bitrate": video, "Width": width},
        "Audio": _sound("AAC", audio),
        "TransConfig": {"TransMode": "onepass"},
    }
    suffix = "" if family == "1" else f"-{family_name}"
    return SystemTemplate(template_id, f"{label}-{name}{suffix}", subtype, family_name, config)


def _sound(codec: str, kbits: int) -> dict[str, Any]:
    return {"Codec": codec, "Bitrate": kbits, "Samplerate": 44100, "Channels": 2}


def everything() -> list[SystemTemplate]:
    """All of them, by id."""
    ids = [f"S0000000{family}-{group}000{level}0" for family in "123" for group in "0123" for level in "01234567"]
    return [template for template in (find(one) for one in ids) if template is not None]
