"""Remuxes: what is copied of each source, from keyframe to keyframe, and whether the sources can be joined at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from framefleet.domain.errors import CopyImpossible, InvalidTemplate, SourceNoAudio, SourceNotMedia
from framefleet.domain.languages import same_language
from framefleet.domain.media_info import AudioStream, VideoStream
from framefleet.domain.packaging import AUDIO_IN, VIDEO_IN
from framefleet.domain.sound import AudioSettings
from framefleet.domain.subtask import CopiedPicture, CopyPiece, RemuxPackage
from framefleet.domain.task import Source
from framefleet.domain.template import RemuxTemplate
from framefleet_scheduler.plan.metadata import carried
from framefleet_scheduler.plan.timeline import Part

ALSO_COPIED: dict[str, frozenset[str]] = {
    "mp4": frozenset({"mpeg1video", "mp2", "dts", "vorbis"}),
    "ts": frozenset({"mpeg1video", "opus", "dts"}),
    "flv": frozenset({"mp3"}),
}
"""Codecs that we do not encode for these containers, but copy."""
MARGIN = Fraction(15)
"""Seconds that are read before the window: containers interleave, and seek by decode times."""


def remux(
    template: RemuxTemplate, parts: Sequence[Part], sources: Sequence[Source], path: str
) -> tuple[RemuxPackage, Fraction, tuple[str, ...]]:
    """The package, its length (s), and what has to be said about it.

    Raises InvalidTemplate for a codec the container cannot hold, CopyImpossible for sources that do not match.
    """
    chosen = _chosen(template, parts, sources, path)
    video, audio = chosen[0]
    first = parts[0]
    if video is None and not audio:
        raise SourceNotMedia("the source has no stream to copy", field=f"sources[{first.source}].uri")
    indexes = _indexes(video, audio)
    languages = tuple(a.language for a in audio)
    asked = [sources[p.source] for p in parts]
    if len(parts) == 1 and not asked[0].start and asked[0].duration is None:
        index = first.media.index
        # An edit list may hide packets that a copy keeps: then their number says nothing.
        frames = index.count if video and index is not None and video.frames == index.count else None
        package = RemuxPackage(
            container=template.container,
            source=first.source,
            streams=indexes,
            data=_data(template.container, first, path) if template.data else (),
            languages=languages,
            frames=frames,
            carried=carried(template.metadata, template.container, parts),
        )
        return package, first.length, ()
    if template.data:
        raise CopyImpossible(
            "data streams cannot be copied where sources are joined or trimmed",
            field=f"{path}.overrides.data",
            hint="Leave data out, or remux one whole source.",
        )
    cut = _cut(parts, asked, chosen)
    package = RemuxPackage(
        container=template.container,
        source=first.source,
        streams=indexes,
        languages=languages,
        frames=cut.frames if video else None,
        pieces=cut.pieces,
        through=cut.through,
        rotation=video.rotation if video else 0,
        carried=carried(template.metadata, template.container, cut.parts),
    )
    return package, cut.parts[-1].offset + cut.parts[-1].length, cut.warnings


def picture(
    template: RemuxTemplate, parts: Sequence[Part], sources: Sequence[Source], path: str
) -> tuple[CopiedPicture | None, tuple[Part, ...], tuple[str, ...]]:
    """The picture that is copied beside sound that is encoded, the parts as they are copied, and what has to be said.

    No picture where none is asked for or there is none. Raises as `remux`.
    """
    chosen = _chosen(template, parts, sources, path)
    if all(video is None for video, _ in chosen):
        return None, tuple(parts), ()
    cut = _cut(parts, [sources[p.source] for p in parts], chosen)
    copied = CopiedPicture(
        pieces=cut.pieces, through=cut.through, rotation=cut.parts[0].stream.rotation, frames=cut.frames
    )
    return copied, cut.parts, cut.warnings


@dataclass(frozen=True)
class _Cut:
    """Sources from keyframe to keyframe."""

    pieces: tuple[CopyPiece, ...]
    parts: tuple[Part, ...]
    through: Literal["mp4", "mov"]
    warnings: tuple[str, ...]

    @property
    def frames(self) -> int:
        return sum(p.frames or 0 for p in self.pieces)


def _cut(parts: Sequence[Part], asked: Sequence[Source], chosen: Sequence[Streams]) -> _Cut:
    """Raises CopyImpossible for sources that do not match."""
    video, audio = chosen[0]
    for part, streams in zip(parts[1:], chosen[1:], strict=True):
        _same(part, parts[0], streams, chosen[0])
    snapped, warnings = _snapped(parts, asked, with_video=video is not None)
    pieces = tuple(
        _piece(part, source, streams, last=part is snapped[-1])
        for part, source, streams in zip(snapped, asked, chosen, strict=True)
    )
    return _Cut(pieces, tuple(snapped), _through(video, audio, parts[0]), warnings)


Streams = tuple[VideoStream | None, tuple[AudioStream, ...]]


def _chosen(template: RemuxTemplate, parts: Sequence[Part], sources: Sequence[Source], path: str) -> list[Streams]:
    """What is copied of each part; raises InvalidTemplate for a codec the container cannot hold."""
    chosen = [_streams(part, sources[part.source], template, path) for part in parts]
    for video, audio in chosen:
        _fits(template.container, video, audio, path)
    return chosen


def _streams(
    part: Part, source: Source, template: RemuxTemplate, path: str
) -> tuple[VideoStream | None, tuple[AudioStream, ...]]:
    video = part.media.main_video if source.video and template.video else None
    if not source.audio or template.audio is None or isinstance(template.audio, AudioSettings):
        return video, ()
    if template.audio == "all":
        return video, part.media.audio
    if template.audio == "main":
        main = part.media.main_audio
        return video, () if main is None else (main,)
    found = []
    for i, name in enumerate(template.audio):
        track = _named(name, part.media.audio)
        if track is not None:
            found.append(track)
        elif template.missing == "refuse":
            there = ", ".join(f"{i} ({a.language or 'no language'})" for i, a in enumerate(part.media.audio)) or "none"
            raise SourceNoAudio(
                f"the source has no sound track {name!r}",
                field=f"{path}.overrides.audio[{i}]",
                hint=f"Tracks, by number: {there}.",
            )
    return video, tuple(found)


def _named(name: int | str, audio: Sequence[AudioStream]) -> AudioStream | None:
    if isinstance(name, int):
        return audio[name] if name < len(audio) else None
    return next((a for a in audio if same_language(a.language, name)), None)


def _indexes(video: VideoStream | None, audio: Sequence[AudioStream]) -> tuple[int, ...]:
    return (*((video.index,) if video else ()), *(a.index for a in audio))


def _fits(container: str, video: VideoStream | None, audio: Sequence[AudioStream], path: str) -> None:
    also = ALSO_COPIED.get(container, frozenset())
    for kind, codec, known in (
        *((("video", video.codec, VIDEO_IN[container]),) if video else ()),
        *(("sound", a.codec, AUDIO_IN[container]) for a in audio),
    ):
        # Matroska holds about everything, QuickTime every kind of PCM.
        if container == "mkv" or codec in known | also or (container == "mov" and codec.startswith("pcm_")):
            continue
        raise InvalidTemplate(
            f"{container} cannot hold the source's {kind}, which is {codec}",
            field=f"{path}.overrides.container",
            hint="Use container mkv, or an encoding template.",
        )


def _data(container: str, part: Part, path: str) -> tuple[int, ...]:
    """Indexes of the source's data streams; raises InvalidTemplate for one that the container cannot hold."""
    found = [s for s in part.media.other if s.kind == "data"]
    for stream in found:
        kind = part.media.container
        like = {"ts": kind == "mpegts", "mov": kind == "mov", "mp4": kind == "mov" and stream.codec == "bin_data"}
        if not like.get(container, False):
            raise InvalidTemplate(
                f"{container} cannot hold the source's data stream {stream.index} ({stream.codec})",
                field=f"{path}.overrides.data",
                hint=f"Use container {'ts' if kind == 'mpegts' else 'mov'}, or leave data out.",
            )
    return tuple(s.index for s in found)


def _same(part: Part, first: Part, found: Streams, wanted: Streams) -> None:
    """Refuse a source whose packets would need another header than the first source's; raises CopyImpossible."""

    def told(of: Part, streams: Streams) -> dict[str, str]:
        video, audio = streams
        facts = {"container": of.media.container, "video": video.codec if video else "none"}
        if video:
            facts |= {
                "size": f"{video.width}x{video.height}",
                "pixel format": video.pixel_format or "unknown",
                "profile": video.profile or "unknown",
                "pixel shape": str(video.sample_aspect),
                "rotation": str(video.rotation),
            }
        facts["sound"] = ", ".join(f"{a.codec} {a.sample_rate} Hz {a.channels} channels" for a in audio) or "none"
        return facts

    here, there = told(part, found), told(first, wanted)
    differing = [
        f"{what} ({here.get(what)} instead of {value})" for what, value in there.items() if here.get(what) != value
    ]
    if differing:
        raise CopyImpossible(
            f"source {part.source + 1} differs from source {first.source + 1} in {', '.join(differing)}",
            field=f"sources[{part.source}].uri",
        )


def _snapped(parts: Sequence[Part], asked: Sequence[Source], *, with_video: bool) -> tuple[list[Part], tuple[str, ...]]:
    """The parts from keyframe to keyframe, so that all that was asked for is in, laid end to end; and what was moved."""
    found: list[Part] = []
    warnings: list[str] = []
    offset = Fraction(0)
    for part, source in zip(parts, asked, strict=True):
        moved = _to_keyframes(part, source) if with_video else part
        if (moved.trim, moved.length) != (part.trim, part.length):
            warnings.append(
                f"source {part.source + 1} is copied from keyframe to keyframe: from {float(moved.trim):.3f} to "
                f"{float(moved.trim + moved.length):.3f} s instead of {float(part.trim):.3f} to "
                f"{float(part.trim + part.length):.3f} s"
            )
        found.append(replace(moved, offset=offset))
        offset += moved.length
    return found, tuple(warnings)


def _to_keyframes(part: Part, source: Source) -> Part:
    index, zero = part.index, part.media.start
    first, last = part.frames
    trim, end = part.trim, part.trim + part.length
    if source.start:
        first = index.keyframe_before(min(first, index.count - 1))
        trim = index.time(first) - zero
    if source.duration is not None and last < index.count:
        last = next((k for k in index.keyframes if k >= last), index.count)
        end = index.time(last) - zero if last < index.count else _natural_end(part)
    return replace(part, trim=trim, length=end - trim, frames=(first, last))


def _natural_end(part: Part) -> Fraction:
    """Where the source ends, seconds after its container's start."""
    index = part.index
    ends = [index.time(index.count - 1) + index.last_duration * index.time_base]
    if part.media.audio_end is not None:
        ends.append(part.media.audio_end)
    return max(ends) - part.media.start


def _piece(part: Part, source: Source, streams: Streams, *, last: bool) -> CopyPiece:
    """What lies before the first piece (an encoder's priming) and after the last one is kept; between two it would overlap."""
    video, audio = streams
    zero = part.media.start + part.trim
    to_end = source.duration is None or (video is not None and part.frames[1] >= part.index.count)
    return CopyPiece(
        source=part.source,
        identity=part.media.identity,
        streams=_indexes(video, audio),
        zero=zero,
        offset=part.offset,
        window=(zero if part.trim or part.offset else None, None if to_end and last else zero + part.length),
        container_start=part.media.start,
        seek=part.trim - MARGIN if part.trim > MARGIN else None,
        frames=part.count if video else None,
    )


def _through(video: VideoStream | None, audio: Sequence[AudioStream], first: Part) -> Literal["mp4", "mov"]:
    """What keeps the packets' times exactly; Matroska would round them to milliseconds."""
    forms: tuple[Literal["mp4", "mov"], ...] = ("mp4", "mov")
    for form in forms:
        sounds = AUDIO_IN[form] | ({a.codec for a in audio if a.codec.startswith("pcm_")} if form == "mov" else set())
        if (video is None or video.codec in VIDEO_IN[form]) and all(a.codec in sounds for a in audio):
            return form
    codecs = ", ".join([*([video.codec] if video else []), *(a.codec for a in audio)])
    raise CopyImpossible(f"{codecs} cannot be cut or joined without encoding", field=f"sources[{first.source}].uri")
