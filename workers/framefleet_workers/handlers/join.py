"""concat into one file: the segments of a rendition and the sound, copied, verified, published."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from framefleet.domain.records import Check, PublishedOutput, Track
from framefleet.domain.subtask import ConcatSpec, FilePackage, VideoTrack
from framefleet.domain.subtitles import EMBEDDED
from framefleet.media import opus
from framefleet.media.audio import track_tags
from framefleet.media.join import join_command
from framefleet.media.mpegts import APART
from framefleet.media.subtitles import subtitle_tags
from framefleet.media.verify import packets_command
from framefleet_workers import certify, metadata, subtitles, verify
from framefleet_workers.handlers import copies
from framefleet_workers.laid import Part, lay_audio, lay_video
from framefleet_workers.packets import adjoins, read_packets
from framefleet_workers.parts import needed_tracks, sound, video_segments
from framefleet_workers.publish import publish_file, published_media
from framefleet_workers.work import Work

REWRAPPED = frozenset({"mp3", "ogg", "opus", "flac", "wav", "ac3", "aac", "ts"})
"""Containers that wrap packets anew, so that their payload differs and only decoding proves them."""
MATROSKA = frozenset({"mkv", "webm", "mka"})
_HEAD_BYTES = 4096
CLOCK = {"mkv": 1000, "webm": 1000, "ts": 90_000, "flv": 1000}
"""Ticks per second of containers with a clock of their own, which rounds frame times."""
WRAPPED_TOLERANCE = 2 * 1152
"""Samples two decodes may differ by when sound is wrapped anew: what is hidden of the encoder's delay and padding."""


def handle(work: Work, spec: ConcatSpec, package: FilePackage) -> PublishedOutput:
    """Fetch, join, prove, publish."""
    numbers = [n for v in spec.video for n in v.chunks] + [a.subtask for a in spec.audio]
    made = needed_tracks(work, numbers)
    picture = _picture(work, spec, package, made)
    audio = [lay_audio(work, sound(track, made), track.id) for track in spec.audio]
    texts, inside, drawn, unseen = subtitles.arranged(work, spec, package.container)
    path = work.path(f"joined.{package.container}")
    command = join_command(
        str(picture.path) if picture else None,
        [str(a.path) for a in audio],
        str(path),
        package.container,
        video_start=picture.start if picture else Fraction(0),
        scale=spec.video[0].scale if spec.video else None,
        audio_shifts=[_shift(work, a) for a in audio] if package.container in MATROSKA else (),
        tags=package.carried.tags,
        cover=metadata.cover(work, package.carried, package.container),
        tracks=track_tags(spec.audio, package.container)
        | subtitle_tags([*(t.track for t in inside), *drawn], EMBEDDED.get(package.container, ""), package.container)
        | (APART if package.container == "ts" and not all(adjoins(work, a.path) for a in audio) else {}),
        subtitle_files=subtitles.laid(work, inside, package.container),
        subtitle_streams=subtitles.copied(work, drawn),
    )
    command = metadata.equipped(work, command, package.carried, package.container)
    work.ffmpeg(command, seconds=float(spec.duration), share=(0.1, 0.7))
    metadata.mark_speed(path, package.carried)
    media = published_media(work, path)
    checks = _verify(work, spec, path, picture, audio, package, made)
    moving = metadata.pictures(media)
    shown = 1 if picture else 0
    checks.append(verify.check("streams", (shown, len(audio)), (len(moving), len(media.audio))))
    checks += metadata.checks(package.carried, media, path)
    if package.copied is not None:
        checks.append(copies.turned(package.copied, media, package.container))
    if picture:
        moved = (media.video[0].start or Fraction(0)) - picture.start
        first = shown + len(audio)
        checks += subtitles.checks(work, path, inside, (first, package.container), moved)
        checks += subtitles.copies(work, path, drawn, first + len(inside), moved)
    for track, stream in zip(spec.video, moving, strict=False):
        wanted = (track.encoding.width, track.encoding.height)
        checks.append(verify.check("picture size", wanted, (stream.width, stream.height)))
    verify.require(checks)
    (asked,) = work.task.verify(spec.target)
    facts = certify.facts(work.tools.build, spec, made, asked)
    said = certify.quality_warnings(facts, asked)
    work.lease.confirm()
    beside, read = (
        subtitles.publish(work, spec.uri, texts, spec.sidecar, spec.sidecar_names) if spec.sidecar else ([], [])
    )
    file = publish_file(work, path, spec.uri)
    return PublishedOutput(
        files=(file, *beside),
        media=media.model_dump(mode="json", exclude={"index"}),
        checks=(*checks, *read),
        warnings=(*certify.warnings(facts, spec), *unseen, *said, *subtitles.unseen(work, spec)),
        facts=facts,
    )


def _picture(
    work: Work, spec: ConcatSpec, package: FilePackage, made: dict[int, dict[str, Track]]
) -> Part | copies.Joined | None:
    if package.copied is not None:
        return copies.picture(work, package.copied, package.container)
    if not spec.video:
        return None
    (track,) = spec.video
    init, segments, _ = video_segments(track, made)
    return lay_video(work, track.id, init, segments, track.scale)


def _shift(work: Work, part: Part) -> Fraction:
    """Seconds this sound has to be moved by on its way into Matroska with this FFmpeg."""
    with part.path.open("rb") as file:
        skipped = opus.pre_skip(file.read(_HEAD_BYTES))
    if skipped is None:
        return Fraction(0)
    trial = work.path(f"{part.path.stem}.trial.mka")
    work.ffmpeg(opus.trial_command(str(part.path), str(trial)), share=(0.1, 0.1))
    found = min(verify.packets(work, trial)[0].times)
    return opus.shift(part.start, Fraction(found, CLOCK["mkv"]), skipped)


def _verify(
    work: Work,
    spec: ConcatSpec,
    path: Path,
    picture: Part | copies.Joined | None,
    audio: list[Part],
    package: FilePackage,
    made: certify.Made,
) -> list[Check]:
    """Every part was decoded when it was made; what is left to prove is that the join kept each packet and its place."""
    checks = []
    if package.container not in REWRAPPED:
        hashes = verify.payload_hashes(work, path)
        known = [None if isinstance(picture, copies.Joined) else picture.payload] if picture else []
        for i, payload in enumerate([*known, *(part.payload for part in audio)]):
            if payload is not None:
                checks.append(verify.check(f"stream {i}: packets", payload, hashes.get(i)))
    else:
        if isinstance(picture, Part):
            pictures = verify.decoded_frames(work, path, video_scale=spec.video[0].scale)
            checks.append(verify.check("frames decoded", spec.video[0].frames, len(pictures)))
        for part in audio:
            tolerance = WRAPPED_TOLERANCE + max(0, -round(part.start * 48_000))
            if part.form == package.container:
                tolerance = 0  # made in this container, which says what is not to be heard
            checks += verify.audio_track(work, path, part.samples, tolerance, part.scale).checks
    if isinstance(picture, copies.Joined) and package.copied is not None:
        streams = read_packets(work, packets_command(str(path)), path)
        checks += copies.picture_checks(work, path, package.copied, package.container, picture, streams)
        for track, part, stream in zip(spec.audio, audio, streams[1:], strict=False):
            checks.append(_together(track.id, part.start - picture.start, stream.first - streams[0].first))
    if isinstance(picture, Part):
        packets = verify.packets(work, path)
        found = {stream: p.times for stream, p in packets.items()}
        exact = package.container not in CLOCK
        checks += _video_times(spec.video[0], sorted(found.get(0, [])), exact=exact)
        if exact:
            checks += certify.order(packets, certify.segment_starts(spec.video[0], made), [a.id for a in spec.audio])
        for i, (track, part) in enumerate(zip(spec.audio, audio, strict=True), 1):
            scales = [CLOCK.get(package.container, scale) for scale in (spec.video[0].scale, part.scale)]
            distance = Fraction(min(found.get(i, [0])), scales[1]) - Fraction(min(found.get(0, [0])), scales[0])
            checks.append(_together(track.id, part.start - picture.start, distance))
    return checks


def _together(name: str, planned: Fraction, found: Fraction) -> Check:
    """Picture and sound must begin as far apart as they were made."""
    return Check(
        check=f"{name}: sound begins",
        expected=f"{float(planned):+.3f} s after the picture",
        found=f"{float(found):+.3f} s",
        passed=abs(planned - found) <= Fraction(1, 500),
    )


def _video_times(track: VideoTrack, times: list[int], *, exact: bool) -> list[Check]:
    steps = [b - a for a, b in pairwise(times)]
    checks = [
        verify.check("frames", track.frames, len(times)),
        verify.check("times increase", True, all(step > 0 for step in steps)),
    ]
    if track.rate is not None and exact:
        checks.append(verify.check("frame distance", set(track.distances), set(steps)))
    return checks
