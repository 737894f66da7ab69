"""Stills of a target, as they are asked for.

The vendor prints no defaults of snapshots and animations; they have those of sprites here, and an interval of 1 s.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from framefleet_scheduler.clouds.alibaba.imm.streams import LOWER, Length, Seconds
from framefleet_scheduler.clouds.alibaba.imm.wire import ImmWire, Uri
from framefleet_scheduler.clouds.fields import Ignored, Works

Mode = Literal["interval", "keyframe", "average", "dhash"]
Scale = Literal["stretch", "crop", "fill", "fit"]
Interval = Annotated[float, Field(gt=0, le=86_400)]


class Snapshot(ImmWire):
    """Single pictures."""

    uri: Annotated[Uri, Works("{index} and {autoext} are filled in; several pictures get _{index} without")] = Field(
        alias="URI"
    )
    format: Annotated[Literal["jpg", "png"], LOWER, Works()]
    mode: Annotated[Mode, LOWER, Works("dhash: scene changes, measured as ours are")] = "interval"
    start_time: Annotated[Seconds, Works()] = 0
    interval: Annotated[Interval, Works("0.02 s and more")] = 1.0
    number: Annotated[int, Works("up to 1,000; 0: to the end"), Field(ge=0, le=1000)] = 0
    width: Annotated[Length | None, Works()] = None
    height: Annotated[Length | None, Works()] = None
    scale_type: Annotated[Scale, LOWER, Works()] = "stretch"
    threshold: Annotated[int, Works("of dhash"), Field(ge=0, le=100)] = 0


class Sprite(ImmWire):
    """Sheets of small pictures."""

    uri: Annotated[Uri, Works("as of snapshots; a .vtt that says what is where lies beside it")] = Field(alias="URI")
    format: Annotated[Literal["jpg", "png"], LOWER, Works()]
    mode: Annotated[Mode, LOWER, Works("interval and average")] = "interval"
    start_time: Annotated[Seconds, Works()] = 0
    interval: Annotated[Interval, Works("0.1 s and more")] = 1.0
    number: Annotated[int, Works("up to 20,000; 0: to the end"), Field(ge=0, le=20_000)] = 0
    tile_width: Annotated[int, Works("tiles in a row, up to 50"), Field(ge=1, le=50)] = 6
    tile_height: Annotated[int, Works("rows, up to 50"), Field(ge=1, le=50)] = 6
    scale_width: Annotated[Length, Works()] = 1
    scale_height: Annotated[Length, Works()] = 1
    pad: Annotated[int, Works(), Field(ge=0, le=256)] = 2
    margin: Annotated[int, Works(), Field(ge=0, le=256)] = 2
    scale_type: Annotated[Scale, LOWER, Works()] = "stretch"
    threshold: Annotated[int, Ignored("of dhash, which is refused for sprites"), Field(ge=0, le=100)] = 0


class Animation(ImmWire):
    """A moving picture."""

    uri: Annotated[Uri, Works("{autoext} is filled in")] = Field(alias="URI")
    format: Annotated[Literal["gif", "webp"], LOWER, Works()]
    start_time: Annotated[Seconds, Works()] = 0
    interval: Annotated[Interval, Works("seconds of the film from one frame to the next")] = 1.0
    number: Annotated[int, Works("frames; 0: to the end; up to 120 s are shown"), Field(ge=0, le=6000)] = 0
    frame_rate: Annotated[float, Works("1 to 60; up to 50 in a gif"), Field(ge=1, le=60)] = 10.0
    width: Annotated[Length | None, Works()] = None
    height: Annotated[Length | None, Works()] = None
    scale_type: Annotated[Scale, LOWER, Works()] = "stretch"


class Image(ImmWire):
    """Stills."""

    snapshots: Annotated[tuple[Snapshot, ...], Works()] = ()
    sprites: Annotated[tuple[Sprite, ...], Works()] = ()
    animations: Annotated[tuple[Animation, ...], Works()] = ()
