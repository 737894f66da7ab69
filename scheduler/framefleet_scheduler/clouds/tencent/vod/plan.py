"""A MediaProcessTask as targets of one task of ours. Pure but for looking up templates and the source's length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.fields import Wire
from framefleet_scheduler.clouds.tencent import elements, templates
from framefleet_scheduler.clouds.tencent.elements import Length, Made
from framefleet_scheduler.clouds.tencent.marks import marked
from framefleet_scheduler.clouds.tencent.models import AdaptiveStreams, Animated, Sample, Sprite, Still
from framefleet_scheduler.clouds.tencent.templates import Kind
from framefleet_scheduler.clouds.tencent.vod import watermarks
from framefleet_scheduler.clouds.tencent.vod.requests import (
    AnimatedGraphicTask,
    CoverBySnapshotTask,
    MediaProcess,
    SnapshotByTimeOffsetTask,
    TranscodeTask,
)
from framefleet_scheduler.clouds.tencent.vod.templates import ADAPTIVE, TRANSCODE, VodTranscode
from framefleet_scheduler.clouds.tencent.vod.words import VOD

MOST_TARGETS = 50
MOST_PARTS = 10
Find = Callable[[Kind, int | None], Any]
"""A template by its number; raises Refusal."""


Placing = Callable[[str, str], str]
"""(folder, name) -> address of the file of this name in a folder of its own."""


Part = tuple[float, float | None]
"""Of the source: its beginning and how long it is, seconds; None: to the end."""
WHOLE: Part = (0.0, None)


@dataclass(slots=True)
class Plan:
    """What is asked of our engine."""

    parts: dict[Part, list[dict[str, Any]]] = field(default_factory=dict)
    """Targets, by the part of the source that they are made of: each part is a task of its own."""
    elements: list[dict[str, Any]] = field(default_factory=list)
    """For the answers, one for each element: `type`, `input` (as it came), `targets` (names of ours), and what its kind needs."""

    def add(self, name: str, made: Made, uri: str, part: Part = WHOLE) -> None:
        """One target."""
        self.parts.setdefault(part, []).append({"name": name, "uri": uri, "overrides": made.settings})

    @property
    def targets(self) -> list[dict[str, Any]]:
        """Of all parts."""
        return [target for targets in self.parts.values() for target in targets]


def plan(asked: MediaProcess, find: Find, length: Length, place: Placing) -> Plan:
    """Targets of a request, in its order. Raises Refusal."""
    found = Plan()
    for i, transcoding in enumerate(asked.TranscodeTaskSet or ()):
        part = elements.part(transcoding.StartTimeOffset, transcoding.EndTimeOffset, length, VOD)
        _transcode(found, i, transcoding, find, place, length, part)
    for i, animated in enumerate(asked.AnimatedGraphicTaskSet or ()):
        _animated(found, i, animated, find, length, place)
    for i, timed in enumerate(asked.SnapshotByTimeOffsetTaskSet or ()):
        _timed(found, i, timed, find, place)
    for i, sample in enumerate(asked.SampleSnapshotTaskSet or ()):
        template: Sample = find(templates.SAMPLE, sample.Definition)
        made = elements.sample(template, VOD)
        more: dict[str, Any] = {"sample": template.SampleType, "interval": template.SampleInterval}
        _one(found, "SampleSnapshot", i, sample, made, place("sample", _numbered(made, sample.Definition, i)), **more)
    for i, sheet in enumerate(asked.ImageSpriteTaskSet or ()):
        sprite: Sprite = find(templates.SPRITE, sheet.Definition)
        made = elements.sprite(sprite, VOD)
        uri = place("sprite", _numbered(made, sheet.Definition, i))
        _one(found, "ImageSprites", i, sheet, made, uri)
    for i, cover in enumerate(asked.CoverBySnapshotTaskSet or ()):
        _cover(found, i, cover, find, place)
    for i, ladder in enumerate(asked.AdaptiveDynamicStreamingTaskSet or ()):
        streams: AdaptiveStreams = find(ADAPTIVE, ladder.Definition)
        made = marked(elements.adaptive(streams, VOD), watermarks.of_element(ladder.WatermarkSet, find, length))
        uri = place(f"adaptive-{ladder.Definition}-{i}", f"adp.{ladder.Definition}.{made.extension}")
        package = "HLS" if made.extension == "m3u8" else "DASH"
        _one(found, "AdaptiveDynamicStreaming", i, ladder, made, uri, package=package)
    if not found.targets:
        raise Refusal("InvalidParameter", "MediaProcessTask asks for nothing")
    if len(found.targets) > MOST_TARGETS:
        raise Refusal("LimitExceeded", f"a request makes up to {MOST_TARGETS} outputs here")
    if len(found.parts) > MOST_PARTS:
        raise Refusal("LimitExceeded", f"a request uses up to {MOST_PARTS} different parts of its source here")
    return found


def _one(found: Plan, kind: str, i: int, element: Wire, made: Made, uri: str, part: Part = WHOLE, **more: Any) -> None:
    name = f"{kind}-{i}"
    found.add(name, made, uri, part)
    found.elements.append({"type": kind, "input": _echo(element), "targets": [name], **more})


def _echo(element: Wire) -> dict[str, Any]:
    return element.model_dump(exclude_none=True)


def _numbered(made: Made, definition: int | None, i: int) -> str:
    return f"{definition}_{i}_{{index}}.{made.extension}" if made.numbered else f"{definition}_{i}.{made.extension}"


def _rest(part: Part, length: Length) -> Length:
    """How long a part of the source is."""
    start, duration = part
    return lambda: length() - start if duration is None else duration


def _transcode(
    found: Plan, i: int, element: TranscodeTask, find: Find, place: Placing, length: Length, part: Part
) -> None:
    template: VodTranscode = find(TRANSCODE, element.Definition)
    template, made = elements.overridden(template, element.OverrideParameter, VOD)
    made = marked(made, watermarks.of_element(element.WatermarkSet, find, _rest(part, length)))
    folder = f"transcode-{element.Definition}-{i}"
    container = (template.Container or "mp4").lower()
    uri = place(folder, f"v.f{element.Definition}.{made.extension}")
    _one(found, "Transcode", i, element, made, uri, part, container=container)


def _animated(found: Plan, i: int, element: AnimatedGraphicTask, find: Find, length: Length, place: Placing) -> None:
    template: Animated = find(templates.ANIMATED, element.Definition)
    made = elements.animated(template, element.StartTimeOffset, element.EndTimeOffset, length, VOD)
    uri = place("animated", f"{element.Definition}_{i}.{made.extension}")
    start = made.settings["start"]
    times = {"start": start, "end": round(start + made.settings["duration"], 6)}
    _one(found, "AnimatedGraphics", i, element, made, uri, **times)


def _timed(found: Plan, i: int, element: SnapshotByTimeOffsetTask, find: Find, place: Placing) -> None:
    template: Still = find(templates.TIMED, element.Definition)
    places = elements.places(element.ExtTimeOffsetSet or [], element.TimeOffsetSet or [], VOD)
    seconds = [value for kind, value in places if kind == "times"]
    percents = [value for kind, value in places if kind == "percentages"]
    names = {}
    for made, kind in elements.timed(template, seconds, percents, VOD):
        names[kind] = f"SnapshotByTimeOffset-{i}-{kind}"
        number = "_{index}" if made.numbered else ""
        uri = place("timed", f"{element.Definition}_{i}_{kind}{number}.{made.extension}")
        found.add(names[kind], made, uri)
    counts = dict.fromkeys(names, 0)
    order = []
    for kind, value in places:
        # Told as it was asked for: the frame that is shown then may have begun a little earlier.
        order.append([names[kind], counts[kind], value if kind == "times" else None])
        counts[kind] += 1
    found.elements.append(
        {
            "type": "SnapshotByTimeOffset",
            "input": _echo(element),
            "targets": list(names.values()),
            "order": order,
        }
    )


def _cover(found: Plan, i: int, element: CoverBySnapshotTask, find: Find, place: Placing) -> None:
    template: Still = find(templates.TIMED, element.Definition)
    kind, value = element.PositionType, element.PositionValue
    if kind not in {"Time", "Percent"}:
        raise Refusal("InvalidParameterValue.Type", "PositionType is Time or Percent")
    if value is None or not 0 <= value <= (100 if kind == "Percent" else 1e6):
        raise Refusal("InvalidParameterValue", "PositionValue is 0 or more, and up to 100 percent")
    times, percents = ([value], []) if kind == "Time" else ([], [value])
    made, _ = elements.timed(template, times, percents, VOD)[0]
    uri = place("cover", f"{element.Definition}_{i}.{made.extension}")
    _one(found, "CoverBySnapshot", i, element, made, uri)
