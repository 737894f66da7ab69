"""Sound: one whole-timeline track per distinct setting."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from framefleet.domain.media_info import AudioStream
from framefleet.domain.subtask import AudioPiece, AudioTrackSpec
from framefleet.domain.template import AudioSettings
from framefleet.domain.timeline import to_ticks
from framefleet.media.encoders import audio_rate
from framefleet_scheduler.plan.timeline import Part

TOLERANCE_FRAMES = 3
"""AAC frames (1024 samples): priming and padding of the source's own encoder are not known exactly before decoding."""


def main_stream(parts: Sequence[Part], wanted: Sequence[bool]) -> AudioStream | None:
    """The first sound that is used: it decides rate and channels."""
    streams = (p.media.main_audio for p, use in zip(parts, wanted, strict=True) if use)
    return next((s for s in streams if s is not None), None)


def track(
    name: str, settings: AudioSettings, parts: Sequence[Part], wanted: Sequence[bool], first: AudioStream
) -> AudioTrackSpec:
    """The sound of all parts; parts without sound are silent."""
    rate = audio_rate(settings.codec, settings.sample_rate, first.sample_rate)
    channels = min(settings.channels or first.channels, first.channels)
    whole = len(parts) == 1
    pieces = tuple(_piece(part, use, whole) for part, use in zip(parts, wanted, strict=True))
    expected = _heard(parts[0]) if whole else sum((p.length for p in parts), Fraction(0))
    return AudioTrackSpec(
        id=name,
        pieces=pieces,
        settings=settings,
        sample_rate=rate,
        channels=channels,
        samples=to_ticks(expected, rate),
        tolerance=TOLERANCE_FRAMES * 1024 * len(parts) + rate // 100,
    )


def _piece(part: Part, use: bool, whole: bool) -> AudioPiece:
    stream = part.media.main_audio if use else None
    if stream is None:
        return AudioPiece(source=part.source, stream=None, duration=part.length)
    if whole and not part.trim and not _cut_short(part):
        return AudioPiece(source=part.source, stream=stream.index)
    return AudioPiece(source=part.source, stream=stream.index, start=part.trim, duration=part.length)


def _cut_short(part: Part) -> bool:
    end = part.media.audio_end
    return end is not None and part.length < end - part.media.start


def _heard(part: Part) -> Fraction:
    """Seconds of sound the part holds."""
    stream = part.media.main_audio
    assert stream is not None
    start = max(part.trim, (stream.start or part.media.start) - part.media.start)
    natural = part.media.audio_end - part.media.start if part.media.audio_end is not None else part.trim + part.length
    return max(Fraction(0), min(natural, part.trim + part.length) - start)
