"""Snapshots, sprites and animations of IMM as targets of ours. Pure."""

from __future__ import annotations

from typing import Any

from framefleet_scheduler.clouds.alibaba.imm.image import Animation, Image, Snapshot, Sprite
from framefleet_scheduler.clouds.alibaba.imm.picture import RESIZE, Address
from framefleet_scheduler.clouds.alibaba.imm.refusals import invalid, unsupported

LONGEST_SECONDS = 120
"""An animation is seen."""
_LEAST_CHANGE = 0.1
"""Percent, of a threshold of 0: ours is above it."""


def targets(image: Image, name: str, path: str, address: Address) -> list[tuple[dict[str, Any], str]]:
    """(target, its path in the request) of each."""
    found: list[tuple[dict[str, Any], str]] = []
    for i, snapshot in enumerate(image.snapshots):
        at = f"{path}.Snapshots[{i}]"
        found.append(({"name": f"{name}-snapshot{i}", **_snapshot(snapshot, at, address)}, at))
    for i, sprite in enumerate(image.sprites):
        at = f"{path}.Sprites[{i}]"
        found.append(({"name": f"{name}-sprite{i}", **_sprite(sprite, at, address)}, at))
    for i, animation in enumerate(image.animations):
        at = f"{path}.Animations[{i}]"
        found.append(({"name": f"{name}-animation{i}", **_animation(animation, at, address)}, at))
    return found


def _snapshot(wanted: Snapshot, path: str, address: Address) -> dict[str, Any]:
    asked: dict[str, Any] = {"kind": "snapshot", "format": wanted.format, "start": wanted.start_time}
    several = wanted.number != 1
    if wanted.number:
        asked["count"] = wanted.number
    match wanted.mode:
        case "interval":
            asked["interval"] = wanted.interval
        case "keyframe":
            asked["keyframes"] = True
        case "average":
            if not wanted.number:
                raise invalid(f"{path}.Number", "average needs to know how many")
        case "dhash":
            asked["scenes"] = {"threshold": max(float(wanted.threshold), _LEAST_CHANGE), "min_distance": 0}
    asked |= _size(wanted.width, wanted.height, wanted.scale_type, path, ("Width", "Height"))
    return {"uri": address(_named(wanted.uri, wanted.format, several=several), f"{path}.URI"), "overrides": asked}


def _sprite(wanted: Sprite, path: str, address: Address) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "kind": "sprite",
        "format": wanted.format,
        "start": wanted.start_time,
        "columns": wanted.tile_width,
        "rows": wanted.tile_height,
        "padding": wanted.pad,
        "margin": wanted.margin,
    }
    match wanted.mode:
        case "interval":
            asked |= {"interval": wanted.interval} | ({"count": wanted.number} if wanted.number else {})
        case "average":
            if not wanted.number:
                raise invalid(f"{path}.Number", "average needs to know how many")
            asked["count"] = wanted.number
        case _:
            raise unsupported(f"{path}.Mode", "tiles are evenly spaced: use interval or average")
    asked |= _size(wanted.scale_width, wanted.scale_height, wanted.scale_type, path, ("ScaleWidth", "ScaleHeight"))
    return {"uri": address(_named(wanted.uri, wanted.format, several=False), f"{path}.URI"), "overrides": asked}


def _animation(wanted: Animation, path: str, address: Address) -> dict[str, Any]:
    # A frame of every `Interval` seconds, shown at `FrameRate`: so many times faster than the film.
    speed = wanted.interval * wanted.frame_rate
    seen = wanted.number / wanted.frame_rate if wanted.number else float(LONGEST_SECONDS)
    if seen > LONGEST_SECONDS:
        raise unsupported(f"{path}.Number", f"an animation is seen for up to {LONGEST_SECONDS} s")
    if not 0.1 <= speed <= 1000:
        raise unsupported(f"{path}.Interval", "times FrameRate it is 0.1 to 1000")
    asked: dict[str, Any] = {
        "kind": "animation",
        "format": wanted.format,
        "start": wanted.start_time,
        "duration": min(seen * speed, 86_400.0),
        "speed": speed,
        "frame_rate": wanted.frame_rate,
    }
    size = _size(wanted.width, wanted.height, wanted.scale_type, path, ("Width", "Height"))
    asked |= size or {"width_share": 1.0}
    return {"uri": address(_named(wanted.uri, wanted.format, several=False), f"{path}.URI"), "overrides": asked}


def _size(width: float | None, height: float | None, scale: str, path: str, names: tuple[str, str]) -> dict[str, Any]:
    """Shares of 1 and less, pixels above."""
    found: dict[str, Any] = {}
    for side, value, name in (("width", width, names[0]), ("height", height, names[1])):
        if not value:
            continue
        if value <= 1:
            found[f"{side}_share"] = value
        elif value != int(value) or not 16 <= value <= 4096:
            raise invalid(f"{path}.{name}", "it is 16 to 4096 pixels, or a share up to 1")
        else:
            found[side] = int(value)
    if not found:
        return {}
    whole = len(found) == 2
    return found | {"turn_box": False, "upscale": True, "resize": RESIZE[scale] if whole else "fit"}


def _named(uri: str, form: str, *, several: bool) -> str:
    """The address of a picture, or of several."""
    uri = uri.replace("{autoext}", form)
    folder, slash, name = uri.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem:
        name, stem, extension = f"{name}.{form}", name, form
    if several and "{index" not in uri:
        name = f"{stem}_{{index}}.{extension}"
    return f"{folder}{slash}{name}"
