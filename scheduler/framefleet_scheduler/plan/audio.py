"""Sound: which tracks a target gets, and one whole-timeline encode per distinct setting of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from framefleet.domain.errors import InvalidTemplate, SourceNoAudio
from framefleet.domain.languages import same_language
from framefleet.domain.media_info import AudioStream
from framefleet.domain.packaging import AUDIO_IN
from framefleet.domain.sound import MOST_CHANNELS, AudioSettings, default_bitrate
from framefleet.domain.subtask import AudioPiece, AudioTrackSpec, FilePackage, LadderPackage, SoundForm
from framefleet.domain.task import Task
from framefleet.domain.template import LadderTemplate
from framefleet.domain.timeline import to_ticks
from framefleet.media.sound_encoders import audio_rate, layout
from framefleet_scheduler.plan.timeline import Part

DEFAULT_SEGMENT = 4.0
"""Seconds, where no ladder says."""
TOLERANCE_FRAMES = 3
"""AAC frames (1024 samples): priming and padding of the source's own encoder are not known exactly before decoding."""
FRAGMENTED = frozenset({"aac", "mp3", "opus", "flac", "ac3", "eac3"})
"""Codecs that go into fragments, and so into ladders and joins alike."""
WHOLE_FILES: dict[str, SoundForm] = {
    "mp3": "mp3",
    "ogg": "ogg",
    "opus": "opus",
    "flac": "flac",
    "wav": "wav",
    "ac3": "ac3",
    "aac": "aac",
}
TO_JOIN: dict[str, SoundForm] = {"flac": "flac", "pcm_s16le": "wav", "pcm_s24le": "wav"}
"""What is made before a join, where not fragments: MP4 has no PCM, and FFmpeg 5.1 loses the last packet of fragmented FLAC."""
"""Containers of sound alone that are made in one go: only the encoder's own muxer tells players its delay and padding."""


@dataclass(frozen=True)
class Choice:
    """One track of the output: the stream each part gives to it, None where a part is silent."""

    streams: tuple[AudioStream | None, ...]
    parts: tuple[Part, ...]
    until: Fraction | None = None
    """Seconds up to which the only part is repeated; None: it is heard once."""

    @property
    def first(self) -> AudioStream:
        """The first stream that is heard: it decides rate, channels and language."""
        return next(s for s in self.streams if s is not None)

    @property
    def language(self) -> str | None:
        """The first one that is known."""
        return next((s.language for s in self.streams if s is not None and s.language), None)


def choose(
    settings: AudioSettings, parts: tuple[Part, ...], wanted: Sequence[bool], beside: Sequence[Choice], path: str
) -> list[Choice]:
    """The tracks that are asked for, none when there is no sound at all; raises SourceNoAudio for one that is in no source.

    The tracks `beside` the film come after its own.
    """
    heard: list[tuple[AudioStream, ...]] = [
        part.media.audio if use else () for part, use in zip(parts, wanted, strict=True)
    ]
    if not any(heard) and not beside:
        return []
    if settings.tracks == "main":
        if not any(heard):
            return [beside[0]]
        mains = (p.media.main_audio if use else None for p, use in zip(parts, wanted, strict=True))
        return [Choice(tuple(mains), parts)]
    leading = _fullest(heard)
    if settings.tracks == "all":
        own = [_alike(i, stream, heard, heard.index(leading)) for i, stream in enumerate(leading)]
        return [*(Choice(streams, parts) for streams in own), *beside]
    found: list[Choice] = []
    for i, name in enumerate(settings.tracks):
        streams = _named(name, heard)
        if any(streams):
            found.append(Choice(streams, parts))
            continue
        try:
            found.append(_named_beside(name, leading, beside, f"{path}.tracks[{i}]"))
        except SourceNoAudio:
            if settings.missing == "refuse":
                raise
    return found


def _fullest(heard: Sequence[tuple[AudioStream, ...]]) -> tuple[AudioStream, ...]:
    """The tracks of the source that has most of them, the first such."""
    most = max(len(streams) for streams in heard)
    return next(streams for streams in heard if len(streams) == most)


def _alike(
    i: int, leader: AudioStream, heard: Sequence[Sequence[AudioStream]], leading: int
) -> tuple[AudioStream | None, ...]:
    """The tracks of the other sources that go on where `leader` ends: of its language, else in its place."""

    def of(place: int, streams: Sequence[AudioStream]) -> AudioStream | None:
        if place == leading:
            return leader
        if leader.language and any(s.language for s in streams):
            return next((s for s in streams if same_language(s.language, leader.language)), None)
        return streams[i] if i < len(streams) else None

    return tuple(of(place, streams) for place, streams in enumerate(heard))


def _named(name: int | str, heard: Sequence[tuple[AudioStream, ...]]) -> tuple[AudioStream | None, ...]:
    if isinstance(name, int):
        return tuple(streams[name] if name < len(streams) else None for streams in heard)
    return tuple(next((s for s in streams if same_language(s.language, name)), None) for streams in heard)


def _named_beside(name: int | str, own: Sequence[AudioStream], beside: Sequence[Choice], field: str) -> Choice:
    if isinstance(name, int):
        found = beside[name - len(own)] if 0 <= name - len(own) < len(beside) else None
    else:
        found = next((choice for choice in beside if same_language(choice.language, name)), None)
    if found is None:
        languages = [*(s.language for s in own), *(choice.language for choice in beside)]
        there = ", ".join(f"{i} ({language or 'no language'})" for i, language in enumerate(languages))
        raise SourceNoAudio(f"no source has the sound track {name!r}", field=field, hint=f"Tracks, by number: {there}.")
    return found


def form_of(package: FilePackage | LadderPackage, settings: AudioSettings, choice: Choice) -> SoundForm:
    """How a track is made for what it goes into."""
    if isinstance(package, LadderPackage):
        return "cmaf"
    if package.container in WHOLE_FILES:
        return WHOLE_FILES[package.container]
    if settings.codec in TO_JOIN:
        return TO_JOIN[settings.codec]
    codec = choice.first.codec if settings.codec == "copy" else settings.codec
    return "cmaf" if codec in FRAGMENTED - {"flac"} else "mka"


def check_copy(settings: AudioSettings, choice: Choice, package: FilePackage | LadderPackage, path: str) -> None:
    """Refuse a copy that could not be exact, or that the container cannot hold; raises InvalidTemplate with the field."""
    if settings.codec != "copy":
        return
    parts = choice.parts
    if len(parts) > 1 or parts[0].trim or choice.until is not None or _cut_short(parts[0], choice.first):
        raise InvalidTemplate(
            "packets cannot be copied where sources are joined, trimmed, filled up or repeated",
            field=f"{path}.codec",
            hint="Encode the sound: packets begin and end where their own encoder wanted.",
        )
    codec = choice.first.codec
    ladder = isinstance(package, LadderPackage)
    if isinstance(package, LadderPackage):
        container = "ts" if package.segment_format == "ts" else "mp4"
    else:
        container = package.container
    held = {"m4a": frozenset({"aac"}), "mka": AUDIO_IN["mkv"]} | AUDIO_IN
    allowed = held[container] - ({"mp3"} if ladder and container == "mp4" else frozenset())
    if codec not in allowed or (ladder and codec not in FRAGMENTED):
        raise InvalidTemplate(
            f"{container} cannot hold the source's sound, which is {codec}",
            field=f"{path}.codec",
            hint=f"Encode it, for example with codec {'aac' if 'aac' in allowed else min(allowed)}.",
        )


def track(name: str, settings: AudioSettings, choice: Choice, form: SoundForm, path: str) -> AudioTrackSpec:
    """One track over all its parts; parts without its sound are silent."""
    first, codec, parts = choice.first, settings.codec, choice.parts
    rate = audio_rate(codec, settings.sample_rate, first.sample_rate)
    most = MOST_CHANNELS.get(codec, first.channels)
    channels = first.channels if codec == "copy" else min(settings.channels or most, first.channels, most)
    whole = len(parts) == 1
    pieces = tuple(_piece(part, stream, whole) for part, stream in zip(parts, choice.streams, strict=True))
    expected = _heard(parts[0], first) if whole else sum((p.length for p in parts), Fraction(0))
    if choice.until is not None:
        expected = choice.until
        pieces = (_piece(parts[0], first, False).model_copy(update={"until": choice.until}),)
    bitrate = None if settings.quality is not None else settings.bitrate or default_bitrate(codec, channels)
    if codec == "mp3" and rate < 32_000 and bitrate is not None and bitrate > 160_000:
        if settings.bitrate is not None:
            raise InvalidTemplate(
                f"mp3 at {rate} Hz has at most 160000 bits/s", field=f"{path}.bitrate", hint="Choose a lower one."
            )
        bitrate = 160_000
    return AudioTrackSpec(
        id=name,
        pieces=pieces,
        settings=settings,
        sample_rate=rate,
        channels=channels,
        layout=layout(codec, channels),
        bitrate=bitrate,
        filtered=codec != "copy"
        and (
            form != "cmaf"
            or channels > 2
            or channels != first.channels
            or bool(settings.volume)
            or rate != first.sample_rate
        ),
        form=form,
        adts=codec == "copy" and first.codec == "aac" and parts[0].media.container in {"mpegts", "aac"},
        samples=to_ticks(expected, rate),
        tolerance=TOLERANCE_FRAMES * 1024 * len(parts) + rate // 100,
    )


def segment_seconds(package: FilePackage | LadderPackage, task: Task) -> float:
    """How long a track's segments are: as the ladder's. Files do not care, and share the track of the task's first ladder."""
    if isinstance(package, LadderPackage):
        return package.segment_seconds
    ladders = (t.settings.segment_seconds for t in task.targets if isinstance(t.settings, LadderTemplate))
    return next(ladders, DEFAULT_SEGMENT)


def key(settings: AudioSettings, choice: Choice, form: SoundForm) -> tuple[object, ...]:
    """Equal for tracks that come out the same, whichever targets ask for them."""
    first = choice.first
    rate = audio_rate(settings.codec, settings.sample_rate, first.sample_rate)
    channels = min(settings.channels or 8, first.channels, MOST_CHANNELS.get(settings.codec, 8))
    same = settings.model_copy(
        update={
            "tracks": "main",
            "sample_rate": rate,
            "channels": channels,
            "bitrate": settings.bitrate or default_bitrate(settings.codec, channels),
        }
    )
    streams = tuple(
        (p.source, p.trim, p.length, None if s is None else s.index)
        for p, s in zip(choice.parts, choice.streams, strict=True)
    )
    return (same, form, streams)


def _piece(part: Part, stream: AudioStream | None, whole: bool) -> AudioPiece:
    if stream is None:
        return AudioPiece(source=part.source, stream=None, duration=part.length)
    if whole and not part.trim and not _cut_short(part, stream):
        return AudioPiece(source=part.source, stream=stream.index, uneven=stream.uneven)
    return AudioPiece(
        source=part.source, stream=stream.index, start=part.trim, duration=part.length, uneven=stream.uneven
    )


def _end(part: Part, stream: AudioStream) -> Fraction | None:
    """Where the track's last packet ends, on the file's clock."""
    if stream.end is not None:
        return stream.end
    main = part.media.main_audio
    return part.media.audio_end if main is not None and main.index == stream.index else None


def _cut_short(part: Part, stream: AudioStream) -> bool:
    end = _end(part, stream)
    return end is not None and part.length < end - part.media.start - part.trim


def _heard(part: Part, stream: AudioStream) -> Fraction:
    """Seconds of sound the part holds."""
    zero, end = part.media.start, _end(part, stream)
    start = max(part.trim, (stream.start or zero) - zero)
    natural = end - zero if end is not None else part.trim + part.length
    return max(Fraction(0), min(natural, part.trim + part.length) - start)
