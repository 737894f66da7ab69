"""The certificate of a joined target, from what was seen when its parts were made: nothing is decoded again here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

from framefleet.domain.checking import Verify
from framefleet.domain.errors import QualityTooLow
from framefleet.domain.facts import Bitrate, Facts, Loudness, Quality
from framefleet.domain.records import Check, Segment, Track
from framefleet.domain.subtask import ConcatSpec, VideoTrack
from framefleet.media import watch
from framefleet.media.quality import below, summed
from framefleet_workers.verify import Packets, check

Made = Mapping[int, Mapping[str, Track]]
"""Subtask's number -> track's id -> what it made."""


LOUDNESS_TOLERANCE = 0.5
"""LU between what was asked for and what decodes."""


def facts(build: str, spec: ConcatSpec, made: Made, wanted: Verify) -> Facts:
    """What is true of the target. `build` is FFmpeg's version.

    All renditions show the same film, so that the first speaks for all; and the first sound track for its other codecs.
    """
    pictures = {v.name: [made[n][v.id] for n in v.chunks] for v in spec.video}
    sounds = {f"audio-{a.id}": made[a.subtask][a.id] for a in spec.audio}
    shown = next(iter(pictures.values()), [])
    heard = next(iter(sounds.values()), None)
    starts, ends = _together(shown, heard)
    return Facts(
        ffmpeg=build,
        spans=watch.merged([s for track in [*shown, *([heard] if heard else [])] for s in track.spans]),
        loudness=tuple(Loudness(track=name, integrated=t.loudness) for name, t in sounds.items()),
        bitrates=tuple(
            _whole(name, tracks[0])
            if tracks[0].form != "cmaf"
            else _bitrate(name, [s for t in tracks for s in t.segments], tracks[0].scale)
            for name, tracks in [*pictures.items(), *((name, [t]) for name, t in sounds.items())]
            if tracks
        ),
        vmaf=_quality(pictures) if wanted.vmaf is not None else (),
        sound_starts=starts,
        sound_ends=ends,
    )


def warnings(found: Facts, spec: ConcatSpec) -> tuple[str, ...]:
    """What somebody should look at."""
    return (*spec.warnings, *_too_soft(found, spec), *watch.warnings(found.spans, float(spec.duration)))


def _too_soft(found: Facts, spec: ConcatSpec) -> list[str]:
    """Tracks that could not be brought to the loudness asked for: silence, and peaks that leave no room."""
    levels = {level.track: level.integrated for level in found.loudness}
    told = []
    for track in spec.audio:
        wanted, level = track.settings.loudness, levels.get(f"audio-{track.id}")
        if wanted is None:
            continue
        if level is None:
            told.append(f"sound {track.id} is silent: it has no loudness to change")
        elif abs(level - wanted.target) > LOUDNESS_TOLERANCE:
            limit = f"its peaks would pass {wanted.true_peak:g} dBTP"
            told.append(f"sound {track.id} has {level:.1f} LUFS instead of {wanted.target:g}: any louder, {limit}")
    return told


def quality_warnings(found: Facts, wanted: Verify) -> tuple[str, ...]:
    """Which renditions miss the quality that was demanded; raises QualityTooLow when that is to fail the target."""
    minimum = wanted.minimum
    if minimum is None:
        return ()
    said = tuple(below(q, minimum) for q in found.vmaf if q.mean < minimum)
    if said and wanted.policy != "warn":
        raise QualityTooLow("; ".join(said), field="verify.vmaf.minimum")
    return said


def _quality(pictures: Mapping[str, Sequence[Track]]) -> tuple[Quality, ...]:
    found = (summed(name, [pair for t in tracks for pair in t.vmaf]) for name, tracks in pictures.items())
    return tuple(q for q in found if q is not None)


def segment_starts(track: VideoTrack, made: Made) -> list[int]:
    """Ticks, on the film's clock, at which the plan wants keyframes."""
    return [s.start for n in track.chunks for s in made[n][track.id].segments]


def order(packets: Mapping[int, Packets], starts: Sequence[int], sounds: Sequence[str]) -> list[Check]:
    """Decode times must increase strictly in every stream, and each planned start of a segment be a keyframe.

    For containers that keep the tracks' own clocks. Stream 0 is the picture; `starts` are ticks of its clock.
    """
    picture = packets.get(0, Packets())
    checks = [check("decode times increase", True, _increase(picture.decode_times))]
    for i, name in enumerate(sounds, 1):
        times = packets.get(i, Packets()).times
        checks.append(check(f"{name}: times increase", True, bool(times) and _increase(times)))
    shift = min(picture.times, default=0) - (starts[0] if starts else 0)
    missing = {start + shift for start in starts} - set(picture.keyframes)
    found = "at every segment" if not missing else f"none at tick {min(missing) - shift}"
    return [*checks, check("keyframes", "at every segment", found)]


def _increase(times: Sequence[int]) -> bool:
    return all(a < b for a, b in pairwise(times))


def _bitrate(name: str, segments: Sequence[Segment], scale: int) -> Bitrate:
    bits = 8 * sum(s.bytes for s in segments)
    ticks = sum(s.duration for s in segments)
    # A last segment of a frame or two says nothing about the rate.
    long = [s for s in segments if s.duration * 2 >= max(t.duration for t in segments)]
    peak = max((Fraction(8 * s.bytes * scale, s.duration) for s in long if s.duration), default=Fraction(0))
    return Bitrate(track=name, average=round(Fraction(bits * scale, ticks)) if ticks else 0, peak=round(peak))


def _whole(name: str, track: Track) -> Bitrate:
    """Of a sound track made as one file: it has no segments that could differ."""
    average = round(Fraction(8 * track.init.bytes * track.scale, track.frames)) if track.frames else 0
    return Bitrate(track=name, average=average, peak=average)


def _together(shown: Sequence[Track], heard: Track | None) -> tuple[float | None, float | None]:
    """How far the sound's beginning and end are from the picture's, seconds."""
    if not shown or heard is None:
        return None, None
    first, last = shown[0].segments[0], shown[-1].segments[-1]
    begins = Fraction(max(0, heard.first), heard.scale) - Fraction(first.start, shown[0].scale)
    ends = Fraction(heard.first + heard.frames, heard.scale) - Fraction(last.start + last.duration, shown[-1].scale)
    return round(float(begins), 3), round(float(ends), 3)
