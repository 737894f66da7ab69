"""ProcessMedia as a task of ours. Pure: what it has to know of the installation comes as a `Ground`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from framefleet_scheduler.clouds.addresses import Named, NoAddress, of_text
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.tencent import elements
from framefleet_scheduler.clouds.tencent.elements import Made, part
from framefleet_scheduler.clouds.tencent.mps import paths, places, watermarks, words
from framefleet_scheduler.clouds.tencent.mps.paths import Numbers
from framefleet_scheduler.clouds.tencent.mps.places import Bucket, Output, Place
from framefleet_scheduler.clouds.tencent.mps.requests import (
    AdaptiveElement,
    AnimatedElement,
    Elements,
    HeadTail,
    SampleElement,
    SpriteElement,
    TimedElement,
    TranscodeElement,
)
from framefleet_scheduler.clouds.tencent.mps.subtitles import Texts
from framefleet_scheduler.clouds.tencent.mps.words import MPS
from framefleet_scheduler.clouds.tencent.templates import Kind
from framefleet_scheduler.clouds.tencent.words import unsupported

MOST_SOURCES = 11
MOST_TARGETS = 50


@dataclass(frozen=True, slots=True)
class Ground:
    """What a translation has to know."""

    named: Named
    find: Callable[[Kind, int | None], Any]
    """A template as its model. Raises Refusal."""
    mark: Callable[[int], watermarks.MarkTemplate]
    """A template of watermarks. Raises Refusal."""
    seconds: Callable[[str], float]
    """Length of a source of ours; asked only where a request counts from an end."""
    texts: Callable[[str], list[int]]
    """Indexes of the text tracks of a source of ours; asked only where a request has subtitles."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be done with which source, and where outputs go."""

    source: Place
    elements: Elements
    storage: Bucket | None
    folder: str


@dataclass(frozen=True, slots=True)
class Element:
    """What became of one element."""

    type: str
    """Of its result: `Transcode`, ..."""
    set: str
    place: int
    """In its set, from 0."""
    definition: int
    bucket: Bucket
    targets: tuple[dict[str, Any], ...]
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What its answer has to know."""

    def kept(self) -> dict[str, Any]:
        """For `Origin.notes`."""
        bucket = {"kind": self.bucket.kind, "name": self.bucket.name, "region": self.bucket.region}
        names = [target["name"] for target in self.targets]
        about = {"type": self.type, "set": self.set, "place": self.place, "definition": self.definition}
        return {**about, "bucket": bucket, "targets": names, **self.notes}


@dataclass(frozen=True, slots=True)
class Plan:
    """The task."""

    sources: tuple[dict[str, Any], ...]
    main: int
    """Which of them gives size and rate."""
    elements: tuple[Element, ...]

    @property
    def targets(self) -> list[dict[str, Any]]:
        """All there are."""
        return [target for element in self.elements for target in element.targets]


def plan(asked: Asked, ground: Ground) -> Plan:
    """What our task makes. Raises Refusal."""
    many = sum(len(getattr(asked.elements, name) or []) for name in Elements.model_fields)
    if not many:
        raise Refusal("MissingParameter", "MediaProcessTask has no element")
    if many > MOST_TARGETS:
        raise unsupported(f"a task has up to {MOST_TARGETS} elements here")
    timeline = _timeline(asked, ground)
    texts = _texts(asked, ground)
    found = tuple(_elements(asked, ground, timeline, texts))
    if texts.files and (timeline.heads or timeline.tails):
        raise unsupported("subtitles of a film with a HeadTailParameter are not supported here")
    if sum(len(one.targets) for one in found) > MOST_TARGETS:
        raise unsupported(f"a task has up to {MOST_TARGETS} outputs here")
    return Plan(timeline.sources(asked.source, texts.files), len(timeline.heads), found)


def _texts(asked: Asked, ground: Ground) -> Texts:
    def address(text: str) -> str:
        try:
            return of_text(text, ground.named)
        except NoAddress as error:
            raise MPS.wrong("Path", f"Path of SubtitleTemplate: {error}") from None

    return Texts(
        place=lambda one: places.source(one, ground.named, "SubtitleFileInput").uri,
        address=address,
        streams=partial(ground.texts, asked.source.uri),
    )


# --- the timeline ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Timeline:
    """The film that all elements are made of. Seconds."""

    start: float = 0.0
    duration: float | None = None
    heads: tuple[str, ...] = ()
    tails: tuple[str, ...] = ()

    def sources(self, main: Place, subtitles: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
        """Of our task."""
        about = (("start", self.start), ("duration", self.duration), ("subtitles", subtitles))
        cut = {name: value for name, value in about if value}
        return (
            *({"uri": uri} for uri in self.heads),
            {"uri": main.uri, **cut},
            *({"uri": uri} for uri in self.tails),
        )

    def seconds(self, main: Place, ground: Ground) -> float:
        """How long it is."""
        film = ground.seconds(main.uri) - self.start if self.duration is None else self.duration
        return film + sum(ground.seconds(uri) for uri in (*self.heads, *self.tails))


def _timeline(asked: Asked, ground: Ground) -> _Timeline:
    """A task of ours has one film, so elements that want different ones have to be asked for apart. Raises Refusal."""
    found = set()
    for i, one in enumerate(asked.elements.TranscodeTaskSet or []):
        start, duration = part(one.StartTimeOffset, one.EndTimeOffset, lambda: ground.seconds(asked.source.uri), MPS)
        found.add(_Timeline(start, duration, *_around(one.HeadTailParameter, i, ground)))
    others = [
        name
        for name in Elements.model_fields
        if name != "TranscodeTaskSet" and getattr(asked.elements, name) is not None
    ]
    if any(getattr(asked.elements, name) for name in others):
        found.add(_Timeline())
    if len(found) > 1:
        raise unsupported(
            "StartTimeOffset, EndTimeOffset and HeadTailParameter are to be the same in all elements of a request here, and "
            "beside them there may be transcoding only; ask for the others in another request"
        )
    timeline = next(iter(found), _Timeline())
    if 1 + len(timeline.heads) + len(timeline.tails) > MOST_SOURCES:
        raise unsupported(f"heads, film and tails may be {MOST_SOURCES} together here")
    return timeline


def _around(given: HeadTail | None, i: int, ground: Ground) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if given is None:
        return (), ()
    where = f"TranscodeTaskSet[{i}].HeadTailParameter"
    heads = tuple(places.source(one, ground.named, f"{where}.HeadSet").uri for one in given.HeadSet or [])
    return heads, tuple(places.source(one, ground.named, f"{where}.TailSet").uri for one in given.TailSet or [])


# --- elements -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Spot:
    """One element and where it stands."""

    type: str
    set: str
    place: int
    asked: Asked
    ground: Ground
    timeline: _Timeline
    texts: Texts

    @property
    def where(self) -> str:
        return f"MediaProcessTask.{self.set}[{self.place}]"

    @property
    def name(self) -> str:
        """Of its target."""
        return f"{self.type}-{self.place}"

    def bucket(self, given: Output | None) -> Bucket:
        found = places.storage(given, self.asked.storage, self.ground.named, f"{self.where}.OutputStorage")
        if found is None:
            raise Refusal("MissingParameter", "OutputStorage is needed where InputInfo.Type is URL")
        return found

    def target(self, made: Made, bucket: Bucket, path: str, name: str | None = None) -> dict[str, Any]:
        """One of ours."""
        uri = places.address(bucket, path, self.ground.named)
        return {"name": name or self.name, "uri": uri, "overrides": made.settings}

    def path(self, template: str | None, definition: int, extension: str, number: str = "") -> str:
        return paths.path(
            template,
            self.type,
            self.asked.source,
            self.asked.folder,
            definition=definition,
            extension=extension,
            number=number,
        )

    def marks(self, given: list[watermarks.Mark] | None) -> list[dict[str, Any]]:
        """Our watermarks."""
        return watermarks.marks(
            given,
            self.ground.mark,
            lambda one: places.source(one, self.ground.named, f"{self.where}.WatermarkSet").uri,
            lambda: self.timeline.seconds(self.asked.source, self.ground),
        )

    def element(self, definition: int | None, bucket: Bucket, *targets: dict[str, Any], **notes: Any) -> Element:
        return Element(self.type, self.set, self.place, definition or 0, bucket, targets, notes)


def _elements(asked: Asked, ground: Ground, timeline: _Timeline, texts: Texts) -> Iterator[Element]:
    for name, (type_, make) in _SETS.items():
        for i, one in enumerate(getattr(asked.elements, name) or []):
            yield make(one, _Spot(type_, name, i, asked, ground, timeline, texts))


def _transcode(one: TranscodeElement, spot: _Spot) -> Element:
    made = _coded(one, spot)
    if made.settings["kind"] == "ladder":
        made = replace(made, settings={**made.settings, "own_folder": True})
    bucket = spot.bucket(one.OutputStorage)
    over, raw = one.OverrideParameter, None if one.Definition else one.RawParameter
    texts = spot.texts.settings(
        raw.SubtitleTemplate if raw is not None else over.SubtitleTemplate if over is not None else None,
        over.AddOnSubtitles if over is not None and raw is None else None,
    )
    made = _laid(_marked(made, spot.marks(one.WatermarkSet)), texts)
    path = spot.path(one.OutputObjectPath, one.Definition or 0, made.extension)
    return spot.element(one.Definition, bucket, spot.target(made, bucket, path), container=_container(made))


def _coded(one: TranscodeElement, spot: _Spot) -> Made:
    """What an element's template, or its own, comes to. Raises Refusal."""
    if one.Definition:
        return words.overridden(spot.ground.find(words.TRANSCODE, one.Definition), one.OverrideParameter)
    if one.RawParameter is None:
        raise Refusal("MissingParameter", f"{spot.where} needs a Definition, or RawParameter with Definition 0")
    raw = words.MpsTranscode.model_validate(
        one.RawParameter.model_dump(exclude_none=True, exclude={"SubtitleTemplate"})
    )
    words.TRANSCODE.check(raw, MPS)
    return words.overridden(raw, None)


def _marked(made: Made, marks: list[dict[str, Any]]) -> Made:
    if not marks:
        return made
    if made.settings["kind"] not in {"file", "ladder"}:
        raise MPS.wrong("WatermarkSet", "there is no picture that watermarks could lie over")
    video = {**made.settings.get("video", {}), "watermarks": marks}
    return replace(made, settings={**made.settings, "video": video})


def _laid(made: Made, texts: dict[str, Any]) -> Made:
    if texts and made.settings["kind"] not in {"file", "ladder"}:
        raise MPS.wrong("SubtitleTemplate", "a file of sound has no subtitles")
    return replace(made, settings={**made.settings, **texts})


def _container(made: Made) -> str:
    return "hls" if made.extension == "m3u8" else made.extension


def _adaptive(one: AdaptiveElement, spot: _Spot) -> Element:
    if one.DefinitionType not in {None, "", "Common"}:
        raise unsupported(f"{spot.where}.DefinitionType is Common here: a stream of sound alone is not made")
    template = spot.ground.find(words.ADAPTIVE, one.Definition)
    if one.StdExtStreamInfos:
        template = template.model_copy(update={"StreamInfos": tuple(one.StdExtStreamInfos)})
    made = elements.adaptive(template, MPS)
    made = _marked(replace(made, settings={**made.settings, "own_folder": True}), spot.marks(one.WatermarkSet))
    made = _laid(made, spot.texts.settings(one.SubtitleTemplate, one.AddOnSubtitles))
    bucket = spot.bucket(one.OutputStorage)
    path = spot.path(one.OutputObjectPath, one.Definition or 0, made.extension)
    package = "HLS" if made.extension == "m3u8" else "MPEG-DASH"
    return spot.element(one.Definition, bucket, spot.target(made, bucket, path), package=package)


def _animated(one: AnimatedElement, spot: _Spot) -> Element:
    template = spot.ground.find(words.ANIMATED, one.Definition)
    length = partial(spot.ground.seconds, spot.asked.source.uri)
    made = elements.animated(template, one.StartTimeOffset, one.EndTimeOffset, length, MPS)
    bucket = spot.bucket(one.OutputStorage)
    path = spot.path(one.OutputObjectPath, one.Definition or 0, made.extension)
    start, end = made.settings["start"], made.settings["start"] + made.settings["duration"]
    return spot.element(one.Definition, bucket, spot.target(made, bucket, path), start=start, end=round(end, 6))


def _timed(one: TimedElement, spot: _Spot) -> Element:
    """One target where all places are seconds, or all are shares of the film, else one for each place."""
    template = spot.ground.find(words.TIMED, one.Definition)
    wanted = elements.places(one.ExtTimeOffsetSet or [], one.TimeOffsetSet or [], MPS)
    numbers = paths.numbers(one.ObjectNumberFormat)
    bucket = spot.bucket(one.OutputStorage)
    groups = [wanted] if len({kind for kind, _ in wanted}) == 1 else [[one_place] for one_place in wanted]
    targets = []
    for n, group in enumerate(groups):
        values = [value for _, value in group]
        seconds, percents = (values, []) if group[0][0] == "times" else ([], values)
        made = _numbered(elements.timed(template, seconds, percents, MPS)[0][0], numbers)
        number = numbers.variable if made.numbered else numbers.written(n)
        path = spot.path(one.OutputObjectPath, one.Definition or 0, made.extension, number)
        targets.append(spot.target(made, bucket, path, spot.name if len(groups) == 1 else f"{spot.name}-{n}"))
    return spot.element(one.Definition, bucket, *targets, places=[list(place) for place in wanted])


def _sample(one: SampleElement, spot: _Spot) -> Element:
    template = spot.ground.find(words.SAMPLE, one.Definition)
    numbers = paths.numbers(one.ObjectNumberFormat)
    made = _numbered(elements.sample(template, MPS), numbers)
    bucket = spot.bucket(one.OutputStorage)
    number = numbers.variable if made.numbered else numbers.written(0)
    path = spot.path(one.OutputObjectPath, one.Definition or 0, made.extension, number)
    about = {"sample": str(template.SampleType).capitalize(), "interval": template.SampleInterval}
    return spot.element(one.Definition, bucket, spot.target(made, bucket, path), **about)


def _sprite(one: SpriteElement, spot: _Spot) -> Element:
    template = spot.ground.find(words.SPRITE, one.Definition)
    numbers = paths.numbers(one.ObjectNumberFormat)
    made = _numbered(elements.sprite(template, MPS), numbers)
    name = paths.map_name(one.WebVttObjectName, spot.asked.source, one.Definition or 0)
    made = replace(made, settings={**made.settings, "map_name": name})
    bucket = spot.bucket(one.OutputStorage)
    path = spot.path(one.OutputObjectPath, one.Definition or 0, made.extension, numbers.variable)
    return spot.element(one.Definition, bucket, spot.target(made, bucket, path))


def _numbered(made: Made, numbers: Numbers) -> Made:
    if not made.numbered:
        return made
    return replace(made, settings={**made.settings, "start_number": numbers.first})


_SETS: Mapping[str, tuple[str, Callable[[Any, _Spot], Element]]] = {
    "TranscodeTaskSet": ("Transcode", _transcode),
    "AnimatedGraphicTaskSet": ("AnimatedGraphics", _animated),
    "SnapshotByTimeOffsetTaskSet": ("SnapshotByTimeOffset", _timed),
    "SampleSnapshotTaskSet": ("SampleSnapshot", _sample),
    "ImageSpriteTaskSet": ("ImageSprites", _sprite),
    "AdaptiveDynamicStreamingTaskSet": ("AdaptiveDynamicStreaming", _adaptive),
}
