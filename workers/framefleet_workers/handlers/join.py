"""concat into one file: the segments of a rendition and the sound, copied, verified, published."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from framefleet.domain.records import Check, PublishedOutput, Track
from framefleet.domain.subtask import ConcatSpec, FilePackage, VideoTrack
from framefleet.media.boxes import payload_ranges
from framefleet.media.join import concat_list, join_command
from framefleet_workers import verify
from framefleet_workers.parts import fetch, fetch_all, needed_tracks, sound, video_segments
from framefleet_workers.publish import publish_file, published_media
from framefleet_workers.work import Work


@dataclass(frozen=True, slots=True)
class Part:
    """A stream on its way into the file."""

    path: Path
    payload: str
    """SHA-256 of all its packets."""
    start: Fraction
    """When its first frame or sample is, seconds; negative for sound that begins with its encoder's priming."""
    samples: int = 0
    """Samples per channel of a sound track, as decoded when it was made."""


WRAPPED_TOLERANCE = 2 * 1152
"""Samples two decodes may differ by when MP3 or Opus is wrapped anew: what is hidden of the encoder's delay and padding."""


def handle(work: Work, spec: ConcatSpec, package: FilePackage) -> PublishedOutput:
    """Fetch, join, prove, publish."""
    numbers = [n for v in spec.video for n in v.chunks] + [a.subtask for a in spec.audio]
    made = needed_tracks(work, numbers)
    video = [_video(work, track, made) for track in spec.video]
    audio = [_audio(work, sound(track, made), track.id) for track in spec.audio]
    path = work.path(f"joined.{package.container}")
    command = join_command(
        str(video[0].path) if video else None,
        [(str(a.path), a.start) for a in audio],
        str(path),
        package.container,
        video_start=video[0].start if video else Fraction(0),
        scale=spec.video[0].scale if spec.video else None,
    )
    work.ffmpeg(command, seconds=float(spec.duration), share=(0.1, 0.7))
    media = published_media(work, path)
    checks = _verify(work, spec, path, video, audio, package)
    checks.append(verify.check("streams", (len(video), len(audio)), (len(media.video), len(media.audio))))
    for track, stream in zip(spec.video, media.video, strict=False):
        wanted = (track.encoding.width, track.encoding.height)
        checks.append(verify.check("picture size", wanted, (stream.width, stream.height)))
    verify.require(checks)
    work.lease.confirm()
    file = publish_file(work, path, spec.uri)
    return PublishedOutput(files=(file,), media=media.model_dump(mode="json", exclude={"index"}), checks=tuple(checks))


def _video(work: Work, track: VideoTrack, made: dict[int, dict[str, Track]]) -> Part:
    """Each segment behind its header in a file of its own, listed for the concat demuxer.

    A file holds one fragment, because a demuxer takes the shift of decode times from the first fragment it sees.
    """
    init, segments, _ = video_segments(track, made)
    head = fetch(work, init)
    digest = hashlib.sha256()
    names, durations = [], []
    for segment, data in zip(segments, fetch_all(work, segments), strict=True):
        for start, end in payload_ranges(data):
            digest.update(data[start:end])
        name = f"{segment.start}.mp4"
        work.path(f"{track.id}/{name}").write_bytes(head + data)
        names.append(name)
        durations.append(Fraction(segment.duration, track.scale))
    listing = work.path(f"{track.id}/list.ffconcat")
    listing.write_text(concat_list(names, durations))
    return Part(listing, digest.hexdigest(), Fraction(segments[0].start, track.scale))


def _audio(work: Work, track: Track, name: str) -> Part:
    digest = hashlib.sha256()
    path = work.path(f"{name}.mp4")
    with path.open("wb") as file:
        file.write(fetch(work, track.init))
        for data in fetch_all(work, track.segments):
            for start, end in payload_ranges(data):
                digest.update(data[start:end])
            file.write(data)
    return Part(path, digest.hexdigest(), Fraction(track.first, track.scale), track.frames)


def _verify(
    work: Work, spec: ConcatSpec, path: Path, video: list[Part], audio: list[Part], package: FilePackage
) -> list[Check]:
    """Every part was decoded when it was made; what is left to prove is that the join kept each packet and its place."""
    checks = []
    if package.container not in {"mp3", "ogg"}:  # these wrap packets anew, so their payload differs
        hashes = verify.payload_hashes(work, path)
        for i, part in enumerate([*video, *audio]):
            checks.append(verify.check(f"stream {i}: packets", part.payload, hashes.get(i)))
    else:
        found, _ = verify.audio_track(work, path, audio[0].samples, WRAPPED_TOLERANCE)
        checks += found
    if video:
        checks += _video_times(
            work, spec.video[0], path, Fraction(1, 500) if package.container in {"mkv", "webm"} else None
        )
    return checks


def _video_times(work: Work, track: VideoTrack, path: Path, rounding: Fraction | None) -> list[Check]:
    times = sorted(verify.packet_times(work, path).get(0, []))
    steps = [b - a for a, b in pairwise(times)]
    checks = [
        verify.check("frames", track.frames, len(times)),
        verify.check("times increase", True, all(step > 0 for step in steps)),
    ]
    if track.rate is not None and rounding is None:
        checks.append(verify.check("frame distance", {int(track.scale / track.rate)} if steps else set(), set(steps)))
    return checks
