"""Subtitles: which tracks a target gets, and where each source's part of them lies on the joined timeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from framefleet.domain.errors import SourceNoSubtitles
from framefleet.domain.languages import same_language
from framefleet.domain.media_info import OtherStream
from framefleet.domain.subtask import (
    Encoding,
    MeasureSpec,
    Spec,
    SubtitlePiece,
    SubtitleTrack,
    TextSpec,
    VideoChunkSpec,
)
from framefleet.domain.subtitles import PICTURES_IN, TEXT_CODECS, Burned, BurnStyle, SubtitleSettings
from framefleet.domain.task import Source
from framefleet.media.overlays import burned_of
from framefleet_scheduler.plan.geometry import Look
from framefleet_scheduler.plan.timeline import Part

USUAL_SIZE = 6.0
"""Percent of the picture's height a line of burnt subtitles is high."""
UPRIGHT = 1.4
"""In a picture narrower than it is high by more than this, lines are lower, or few words would fit."""


@dataclass(frozen=True)
class Found:
    """One text track of a source: a stream of it, or a file that came with it."""

    language: str | None
    stream: int | None
    codec: str | None
    file: int | None
    offset: Fraction


def tracks(
    settings: SubtitleSettings | None,
    parts: Sequence[Part],
    sources: Sequence[Source],
    path: str,
    container: str | None = None,
) -> tuple[tuple[SubtitleTrack, ...], tuple[str, ...]]:
    """The tracks asked for, and what has to be said of those left out; raises SourceNoSubtitles for one that is nowhere.

    `container` is what they are embedded in, None where they are not.
    """
    if settings is None:
        return (), ()
    there = [_of(part, sources[part.source]) for part in parts]
    pictures = [
        (part, s) for part in parts for s in part.media.other if s.kind == "subtitle" and s.codec not in TEXT_CODECS
    ]
    if isinstance(settings.tracks, str):
        most = max(len(found) for found in there)
        leading = next(i for i, found in enumerate(there) if len(found) == most)
        if settings.tracks == "first":
            # Texts before pictures, as numbers count.
            pictures = [] if most else pictures[:1]
            most = min(most, 1)
        chosen = [_alike(n, there, leading) for n in range(most)]
    else:
        wanted: list[tuple[Part, OtherStream]] = []
        chosen = []
        for i, name in enumerate(settings.tracks):
            drawn = [(p, s) for p, s in pictures if isinstance(name, str) and same_language(s.language, name)]
            row = _named(name, there, None if drawn or settings.missing == "skip" else f"{path}.tracks[{i}]")
            wanted += drawn if row is None else []
            chosen += [row] if row is not None else []
        pictures = wanted
    made = []
    for i, row in enumerate(chosen, 1):
        pieces = tuple(_piece(part, one, settings) for part, one in zip(parts, row, strict=True) if one is not None)
        language = next((one.language for one in row if one is not None and one.language), None)
        made.append(SubtitleTrack(id=f"s{i}", language=language, pieces=pieces))
    warnings = []
    for part, stream in pictures:
        why = _obstacle(settings, sources[part.source], stream, container, len(parts))
        if why is None:
            made.append(_copied(f"s{len(made) + 1}", part, stream))
        else:
            known = f"stream {stream.index} of source {part.source + 1}"
            warnings.append(f"subtitles in {stream.codec} ({known}) are pictures and were left out: {why}")
    return tuple(made), tuple(warnings)


def names(settings: SubtitleSettings | None, tracks: Sequence[SubtitleTrack]) -> dict[str, str]:
    """Names of sidecar files by the tracks' ids; empty: they are named after the target."""
    if settings is None or settings.name is None:
        return {}
    chosen = settings.tracks if isinstance(settings.tracks, tuple) else ()
    numbers = [
        chosen[i] if i < len(chosen) and isinstance(chosen[i], int) else i
        for i, track in enumerate(tracks)
        if not track.pictures
    ]
    return {track.id: f"{settings.name}_{number}" for track, number in zip(tracks, numbers, strict=False)}


def form(settings: SubtitleSettings | None) -> Literal["srt", "vtt", "ass"] | None:
    """Format of the files beside the target; None when there are to be none."""
    return settings.format or "vtt" if settings is not None and settings.mode == "sidecar" else None


def _obstacle(
    settings: SubtitleSettings, source: Source, stream: OtherStream, container: str | None, parts: int
) -> str | None:
    """Why subtitles that are pictures cannot be copied; None when they can."""
    if settings.mode != "embed" or stream.codec not in PICTURES_IN.get(container or "", frozenset()):
        return "only an mkv file holds them" if settings.mode == "embed" else f"mode {settings.mode} needs texts"
    if parts > 1 or source.start or source.duration is not None:
        return "they cannot be cut where sources are trimmed or joined"
    return "they cannot be moved by an offset" if settings.offset else None


def _copied(name: str, part: Part, stream: OtherStream) -> SubtitleTrack:
    end = part.offset + part.length
    piece = SubtitlePiece(
        source=part.source,
        stream=stream.index,
        codec=stream.codec,
        file=None,
        shift=-part.media.start,
        start=part.offset,
        end=end,
    )
    return SubtitleTrack(id=name, language=stream.language, pieces=(piece,), pictures=True)


class Texts:
    """Collects the texts that are drawn into pictures, and gives equal wishes the same ones."""

    def __init__(self, add: Callable[[TextSpec], int]) -> None:
        """`add` enters a subtask and gives its number."""
        self._add = add
        self._known: dict[tuple[tuple[SubtitlePiece, ...], bool], tuple[str, int]] = {}

    def drawn(
        self,
        settings: SubtitleSettings | None,
        parts: Sequence[Part],
        sources: Sequence[Source],
        look: Look,
        path: str,
    ) -> Look:
        """The look with its subtitles, if they are to be in the picture."""
        if settings is None or settings.mode != "burn":
            return look
        found, _ = tracks(settings, parts, sources, path)
        if not found:
            raise SourceNoSubtitles(
                "these subtitles are pictures, which cannot be drawn",
                field=f"{path}.tracks",
                hint="Name a track of texts.",
            )
        track = found[0]
        key = (track.pieces, settings.style is not None)
        if key not in self._known:
            name = f"t{len(self._known) + 1}"
            self._known[key] = (name, self._add(TextSpec(id=name, track=track, plain=key[1])))
        name, _ = self._known[key]
        style = settings.style or BurnStyle()
        size = style.size or USUAL_SIZE * min(1.0, UPRIGHT * look.width / look.height)
        burned = Burned(
            text=name,
            font=style.font,
            size=size,
            color=style.color,
            outline_color=style.outline_color,
            position=style.position,
        )
        return replace(look, frame=look.frame.model_copy(update={"burned": burned}))

    def told(self, spec: VideoChunkSpec) -> VideoChunkSpec:
        """A chunk that knows the subtasks of its texts."""
        return spec.model_copy(update={"texts": tuple(self._known.values())}) if burned_of(spec) else spec

    def subtask(self, encodings: Sequence[Encoding]) -> int | None:
        """The subtask of the texts in these pictures."""
        wanted = {e.frame.burned.text for e in encodings if e.frame.burned is not None}
        return next((number for name, number in self._known.values() if name in wanted), None)


def awaited(spec: Spec) -> tuple[int, ...]:
    """The subtasks of texts that a subtask needs."""
    match spec:
        case VideoChunkSpec():
            return tuple(number for _, number in spec.texts)
        case MeasureSpec():
            return awaited(spec.chunk)
    return ()


def _of(part: Part, source: Source) -> list[Found]:
    streams = [
        Found(s.language, s.index, s.codec, None, Fraction(0))
        for s in part.media.other
        if s.kind == "subtitle" and s.codec in TEXT_CODECS
    ]
    files = [Found(f.language, None, None, i, Fraction(str(f.offset))) for i, f in enumerate(source.subtitles)]
    return [*streams, *files]


def _alike(n: int, there: Sequence[Sequence[Found]], leading: int) -> list[Found | None]:
    leader = there[leading][n]

    def of(place: int, found: Sequence[Found]) -> Found | None:
        if place == leading:
            return leader
        if leader.language and any(f.language for f in found):
            return next((f for f in found if same_language(f.language, leader.language)), None)
        return found[n] if n < len(found) else None

    return [of(place, found) for place, found in enumerate(there)]


def _named(name: int | str, there: Sequence[Sequence[Found]], field: str | None) -> list[Found | None] | None:
    """What each source gives to a track; where none has it None, or SourceNoSubtitles if there is a `field` to name."""
    row: list[Found | None]
    if isinstance(name, int):
        row = [found[name] if name < len(found) else None for found in there]
    else:
        row = [next((f for f in found if same_language(f.language, name)), None) for found in there]
    if all(one is None for one in row):
        if field is None:
            return None
        known = ", ".join(f"{i} ({f.language or 'no language'})" for found in there for i, f in enumerate(found))
        raise SourceNoSubtitles(
            f"no source has the subtitles {name!r}", field=field, hint=f"Tracks, by number: {known}." if known else None
        )
    return row


def _piece(part: Part, found: Found, settings: SubtitleSettings) -> SubtitlePiece:
    return SubtitlePiece(
        source=part.source,
        stream=found.stream,
        codec=found.codec,
        file=found.file,
        shift=part.offset - part.trim + found.offset + Fraction(str(settings.offset)),
        start=part.offset,
        end=part.offset + part.length,
    )
