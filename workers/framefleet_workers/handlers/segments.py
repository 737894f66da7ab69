"""Publishing a ladder's tracks: segments as files of their own, as ranges of one file, or copied into MPEG-TS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import structlog

from framefleet.domain.errors import VerifyFailed
from framefleet.domain.media_info import AudioStream, VideoStream
from framefleet.domain.records import Check, PublishedFile, Segment, StoredFile, Track
from framefleet.domain.subtask import LadderPackage
from framefleet.media.boxes import shifted, without_gap
from framefleet.media.manifest import ListedSegment, ListedTrack
from framefleet.media.mpegts import CLOCK, BadTransportStream, TsSegment, joins, read_segment, segment_command
from framefleet_workers import verify
from framefleet_workers.aes import encrypted
from framefleet_workers.laid import lay_audio, lay_video
from framefleet_workers.packets import adjoins
from framefleet_workers.parts import fetch, fetch_all, together
from framefleet_workers.publish import publish_bytes, publish_file, publish_object, published_media
from framefleet_workers.work import Work

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Listed:
    """A track with what is stored of it."""

    track: ListedTrack
    made: Track | None
    """The sound track; None for video."""
    init: StoredFile
    segments: tuple[Segment, ...]
    delay: int
    """Ticks its segments must be moved: sound that starts late says so in its edit list, which players of segments ignore."""
    frames: int
    """Video frames, or samples per channel."""


@dataclass(frozen=True, slots=True)
class Published:
    """A track at its final address: how manifests list it, its files, and what was checked on the way."""

    track: ListedTrack
    files: tuple[PublishedFile, ...]
    checks: tuple[Check, ...] = ()
    stream: VideoStream | AudioStream | None = None
    """What is in its first segment, as it is published (but for encryption)."""


def publish_track(work: Work, uri: str, listed: Listed, package: LadderPackage, key: bytes | None) -> Published:
    """Put a track's segments where its manifests will name them. `key` encrypts them."""
    if package.segment_format == "ts":
        return _transport_stream(work, uri, listed, package, key)
    published = _one_file(work, uri, listed) if package.single_file else _fragments(work, uri, listed, package, key)
    return replace(published, stream=_first_fragment(work, listed))


def _first_fragment(work: Work, listed: Listed) -> VideoStream | AudioStream | None:
    path = work.path(f"{listed.track.name}/first.mp4")
    path.write_bytes(_header(work, listed) + next(iter(_data(work, replace(listed, segments=listed.segments[:1])))))
    stream = _described(work, path)
    path.unlink()
    return stream


def _described(work: Work, path: Path) -> VideoStream | AudioStream | None:
    try:
        info = published_media(work, path)
    except VerifyFailed:  # every segment was proved when it was made: this is for readers of the record only
        log.info("segment.undescribed", name=path.name)
        return None
    return info.main_video or info.main_audio


def _data(work: Work, listed: Listed) -> Iterable[bytes]:
    """The segments' bytes, at their final times."""
    for data in fetch_all(work, listed.segments):
        yield shifted(data, listed.delay) if listed.delay else data


def _header(work: Work, listed: Listed) -> bytes:
    head = fetch(work, listed.init)
    return without_gap(head) if listed.delay else head


def _fragments(work: Work, uri: str, listed: Listed, package: LadderPackage, key: bytes | None) -> Published:
    track = listed.track
    if not listed.delay and key is None:

        def copy(pair: tuple[Segment, ListedSegment]) -> PublishedFile:
            return publish_object(work, pair[0], uri, "segment", f"{track.name}/{pair[1].name}")

        init = publish_object(work, listed.init, uri, "init", f"{track.name}/{track.init}")
        pairs = list(zip(listed.segments, track.segments, strict=True))
        return Published(track, (init, *together(copy, pairs)))
    files = [publish_bytes(work, _header(work, listed), uri, "init", name=f"{track.name}/{track.init}")]
    segments = []
    for number, (entry, data) in enumerate(zip(track.segments, _data(work, listed), strict=True), package.start_number):
        whole = data if key is None else encrypted(data, key, number)
        files.append(publish_bytes(work, whole, uri, "segment", name=f"{track.name}/{entry.name}"))
        segments.append(replace(entry, bytes=len(whole)))
    return Published(replace(track, segments=tuple(segments)), tuple(files))


def _one_file(work: Work, uri: str, listed: Listed) -> Published:
    """Header and segments one after another: a valid fragmented MP4 by itself."""
    track, head = listed.track, _header(work, listed)
    name = "media.mp4"
    path = work.path(f"{track.name}/{name}")
    segments, at = [], len(head)
    with path.open("wb") as file:
        file.write(head)
        for entry, data in zip(track.segments, _data(work, listed), strict=True):
            file.write(data)
            segments.append(replace(entry, name=name, offset=at, bytes=len(data)))
            at += len(data)
    published = publish_file(work, path, uri, "segment", name=f"{track.name}/{name}")
    path.unlink()
    listing = replace(track, init=name, init_bytes=len(head), segments=tuple(segments))
    return Published(listing, (published,))


# --- MPEG-TS --------------------------------------------------------------------------------


def _transport_stream(work: Work, uri: str, listed: Listed, package: LadderPackage, key: bytes | None) -> Published:
    track, video = listed.track, listed.made is None
    if listed.made is None:
        part, even = lay_video(work, f"{track.name}-parts", listed.init, list(listed.segments), track.scale), True
    else:
        part = lay_audio(work, listed.made, f"{track.name}-parts")
        even = adjoins(work, part.path)
    pattern = work.path(f"{track.name}/%d.ts")
    # FFmpeg begins segment n at the first keyframe n lengths after the start. Where frames are not evenly apart, as at the
    # joins of a film made of clips, segments are not equally long: none may begin before its turn.
    begin = track.segments[0].start
    turns = [(s.start - begin) / n for n, s in enumerate(track.segments) if n]
    usual = min(turns, default=Fraction(str(package.segment_seconds)))
    command = segment_command(
        str(part.path),
        str(pattern),
        video=video,
        start=part.start,
        segment_seconds=_below(usual),
        even=even,
    )
    work.ffmpeg(command, seconds=float(track.seconds))
    paths = sorted(pattern.parent.glob("*.ts"), key=lambda p: int(p.stem))
    found = [_read(path) for path in paths]
    checks = _judge(work, listed, paths, found)
    verify.require(checks)
    stream = _described(work, paths[0])
    segments, files = [], []
    end = track.segments[-1].start + track.segments[-1].duration
    starts = [max(Fraction(0), Fraction(f.first, CLOCK)) for f in found]
    offsets: list[int] = []
    if package.single_file:
        whole = work.path(f"{track.name}/media.ts")
        offsets = _concatenate(paths, whole)
        files.append(publish_file(work, whole, uri, "segment", name=f"{track.name}/media.ts"))
    for i, (path, ts) in enumerate(zip(paths, found, strict=True)):
        number = package.start_number + i
        after = starts[i + 1] if i + 1 < len(starts) else end
        entry = ListedSegment(
            name=f"{number:05d}.ts",
            start=starts[i],
            duration=after - starts[i],
            bytes=path.stat().st_size,
            key_bytes=ts.key_bytes if video else None,
        )
        if package.single_file:
            entry = replace(entry, name="media.ts", offset=offsets[i])
        else:
            if key is not None:
                path.write_bytes(encrypted(path.read_bytes(), key, number))
                entry = replace(entry, bytes=path.stat().st_size)
            files.append(publish_file(work, path, uri, "segment", name=f"{track.name}/{entry.name}"))
        segments.append(entry)
    return Published(replace(track, init=None, segments=tuple(segments)), tuple(files), tuple(checks), stream)


def _below(seconds: Fraction) -> Fraction:
    """The length rounded down to what FFmpeg's option can say, so that no keyframe comes too early for it."""
    return Fraction(int(seconds * 1_000_000), 1_000_000)


def _read(path: Path) -> TsSegment:
    try:
        return read_segment(path.read_bytes())
    except BadTransportStream as error:
        raise VerifyFailed(f"{path.name}: {error}") from error


def _concatenate(paths: list[Path], whole: Path) -> list[int]:
    """All segments in one file; where each begins."""
    offsets, at = [], 0
    with whole.open("wb") as file:
        for path in paths:
            offsets.append(at)
            at += file.write(path.read_bytes())
    return offsets


def _judge(work: Work, listed: Listed, paths: list[Path], found: list[TsSegment]) -> list[Check]:
    """The copy must have every frame at its time, start segments where the plan does, and run on over every border."""
    name = listed.track.name
    whole = work.path(f"{name}/judged.ts")
    _concatenate(paths, whole)
    checks = [verify.check(f"{name}: counters run on", True, all(joins(a, b) for a, b in pairwise(found)))]
    if listed.made is not None:
        times = verify.decoded_frames(work, whole, audio=True)
        samples = sum(duration for _, duration in times)
        # Priming is not hidden in TS, and a decoder gives it out.
        spare = abs(samples - listed.frames) <= 4096
        checks.append(
            Check(check=f"{name}: samples", expected=f"{listed.frames} ± 4096", found=str(samples), passed=spare)
        )
    else:
        planned = [round(s.start * CLOCK) for s in listed.track.segments]
        starts = [f.first for f in found]
        close = len(planned) == len(starts) and all(abs(a - b) <= 1 for a, b in zip(planned, starts, strict=True))
        checks += [
            verify.check(
                f"{name}: segments start as planned", "as planned", "as planned" if close else str(starts[:9])
            ),
            verify.check(f"{name}: frames", listed.frames, sum(f.frames for f in found)),
            verify.check(
                f"{name}: frames decoded", listed.frames, len(verify.decoded_frames(work, whole, video_scale=CLOCK))
            ),
        ]
    whole.unlink()
    return checks
