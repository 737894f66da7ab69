"""Requests of IMM as they come from the SDK, and the tasks of ours that come of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from framefleet.domain.task import accept, parse_request
from framefleet_scheduler.clouds.alibaba.imm.plan import Plan, planned
from framefleet_scheduler.clouds.alibaba.imm.reading import read
from framefleet_scheduler.clouds.alibaba.imm.requests import CreateMediaConvertTask
from framefleet_scheduler.clouds.call import Refusal
from tests.factories import NOW

FILM = {"URI": "oss://films/film.mp4"}
FILE = {"URI": "oss://out/film.mp4", "Container": "mp4"}
ENCODED = {**FILE, "Video": {"TranscodeVideo": {"Codec": "h264"}}, "Audio": {"TranscodeAudio": {"Codec": "aac"}}}


def plan(*targets: dict[str, Any], **more: Any) -> Plan:
    """As it comes from the SDK; what comes of it is a task that is accepted."""
    asked = {"ProjectName": "p", "Sources": [FILM], "Targets": list(targets), **more}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in asked.items()}
    found = planned(read(texts, CreateMediaConvertTask), lambda name: name == "films", {"topic": "https://h.example/"})
    accept(parse_request(found.request), now=NOW)
    return found


def made(*targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The first of our targets."""
    return dict(plan(*targets, **more).request["targets"][0])


def picture(segment: bool = False, **asked: Any) -> dict[str, Any]:
    """The settings of a picture."""
    target = {**ENCODED, "Video": {"TranscodeVideo": {"Codec": "h264", **asked}}}
    if segment:
        target |= {"URI": "oss://out/film", "Container": "ts", "Segment": {"Format": "hls"}}
        return dict(made(target)["overrides"]["renditions"][0]["video"])
    return dict(made(target)["overrides"]["video"])


def sound(**asked: Any) -> dict[str, Any]:
    """The settings of sound."""
    return dict(made({**ENCODED, "Audio": {"TranscodeAudio": {"Codec": "aac", **asked}}})["overrides"]["audio"])


def snapshot(**asked: Any) -> dict[str, Any]:
    """A target of snapshots."""
    return made({"Image": {"Snapshots": [{"URI": "oss://out/a.jpg", "Format": "jpg", **asked}]}})


def sprite(**asked: Any) -> dict[str, Any]:
    """A target of sprites."""
    return made({"Image": {"Sprites": [{"URI": "oss://out/a.jpg", "Format": "jpg", **asked}]}})


def refusal(*targets: dict[str, Any], **more: Any) -> Refusal:
    """What refuses a request."""
    with pytest.raises(Refusal) as refused:
        plan(*targets, **more)
    return refused.value
