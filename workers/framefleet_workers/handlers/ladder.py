"""concat into a ladder: the chunks are finished segments already, so packaging is copying and text."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from framefleet.domain.errors import VerifyFailed
from framefleet.domain.records import Check, PublishedFile, PublishedOutput, Segment, StoredFile, Track
from framefleet.domain.subtask import AudioTrack, ConcatSpec, LadderPackage, VideoTrack
from framefleet.media.boxes import shifted, without_gap
from framefleet.media.dash import manifest
from framefleet.media.hls import master_playlist, media_playlist
from framefleet.media.manifest import ListedSegment, ListedTrack
from framefleet_workers import verify
from framefleet_workers.parts import fetch, needed_tracks, sound, together, video_segments
from framefleet_workers.publish import publish_bytes, publish_object
from framefleet_workers.work import Work


@dataclass(frozen=True, slots=True)
class Listed:
    """A track with what is stored of it."""

    track: ListedTrack
    init: StoredFile
    segments: tuple[Segment, ...]
    delay: int
    """Ticks its segments must be moved: sound that starts late says so in its edit list, which players of segments ignore."""


def handle(work: Work, spec: ConcatSpec, package: LadderPackage) -> PublishedOutput:
    """Check that the parts fit, publish segments, then playlists, then the manifest at the target's own address."""
    numbers = [n for v in spec.video for n in v.chunks] + [a.subtask for a in spec.audio]
    made = needed_tracks(work, numbers)
    video = [_video(track, made) for track in spec.video]
    audio = [_audio(track, made) for track in spec.audio]
    checks = _verify(spec, video, audio)
    verify.require(checks)
    files: list[PublishedFile] = []
    work.lease.confirm()
    for listed in [*video, *audio]:
        files += _publish_segments(work, spec.uri, listed)
        work.lease.interrupt.check()
    work.lease.confirm()
    files += _publish_manifests(work, spec.uri, package, [v.track for v in video], [a.track for a in audio])
    return PublishedOutput(files=tuple(files), media=_media(package, video, audio, spec), checks=tuple(checks))


def _video(track: VideoTrack, made: dict[int, dict[str, Track]]) -> Listed:
    init, segments, codecs = video_segments(track, made)
    listed = ListedTrack(
        name=track.name,
        codecs=codecs,
        init="init.mp4",
        segments=_listed(segments, track.scale, 0),
        scale=track.scale,
        width=track.encoding.width,
        height=track.encoding.height,
        frame_rate=track.rate,
    )
    return Listed(listed, init, tuple(segments), 0)


def _audio(track: AudioTrack, made: dict[int, dict[str, Track]]) -> Listed:
    found = sound(track, made)
    # Priming before zero is hidden by the header's edit list, so segments count from zero.
    delay = max(0, found.first)
    listed = ListedTrack(
        name=f"audio-{track.id}",
        codecs=found.codecs,
        init="init.mp4",
        segments=_listed(found.segments, found.scale, delay),
        scale=found.scale,
        sample_rate=found.scale,
        channels=found.channels,
        language=track.language,
    )
    return Listed(listed, found.init, found.segments, delay)


def _listed(segments: list[Segment] | tuple[Segment, ...], scale: int, delay: int) -> tuple[ListedSegment, ...]:
    return tuple(
        ListedSegment(
            name=f"{i:05d}.m4s",
            start=Fraction(s.start + delay, scale),
            duration=Fraction(s.duration, scale),
            bytes=s.bytes,
        )
        for i, s in enumerate(segments, 1)
    )


def _verify(spec: ConcatSpec, video: list[Listed], audio: list[Listed]) -> list[Check]:
    """Every segment was decoded when it was made; here they must line up."""
    borders = {tuple(s.start for s in v.track.segments) for v in video}
    checks = [verify.check("renditions cut at the same instants", 1 if video else 0, len(borders))]
    for listed in audio:
        ends = [(a.start + a.duration == b.start) for a, b in zip(listed.segments, listed.segments[1:], strict=False)]
        checks.append(verify.check(f"{listed.track.name}: segments adjoin", True, all(ends)))
    for listed in video:
        end = listed.track.segments[-1].start + listed.track.segments[-1].duration
        close = end <= spec.duration + Fraction(1, 5)
        checks.append(
            Check(
                check=f"{listed.track.name}: ends inside the film",
                expected=f"<= {float(spec.duration):.3f} s",
                found=f"{float(end):.3f} s",
                passed=close,
            )
        )
    return checks


def _publish_segments(work: Work, uri: str, listed: Listed) -> list[PublishedFile]:
    name = listed.track.name
    pairs = list(zip(listed.segments, listed.track.segments, strict=True))
    if not listed.delay:

        def copy(pair: tuple[Segment, ListedSegment]) -> PublishedFile:
            return publish_object(work, pair[0], uri, "segment", f"{name}/{pair[1].name}")

        init = publish_object(work, listed.init, uri, "init", f"{name}/{listed.track.init}")
        return [init, *together(copy, pairs)]
    head = without_gap(fetch(work, listed.init))
    files = [publish_bytes(work, head, uri, "init", name=f"{name}/{listed.track.init}")]
    for stored, entry in pairs:
        data = shifted(fetch(work, stored), listed.delay)
        files.append(publish_bytes(work, data, uri, "segment", name=f"{name}/{entry.name}"))
    return files


def _publish_manifests(
    work: Work, uri: str, package: LadderPackage, video: list[ListedTrack], audio: list[ListedTrack]
) -> list[PublishedFile]:
    own = uri.rsplit("/", 1)[1]
    hls, dash = package.packaging in {"hls", "cmaf"}, package.packaging in {"dash", "cmaf"}
    if not (video or audio):
        raise VerifyFailed("there is nothing to list")
    files: list[PublishedFile] = []
    if hls:
        files = [
            publish_bytes(work, media_playlist(t).encode(), uri, "manifest", name=f"{t.name}/index.m3u8")
            for t in [*video, *audio]
        ]
    stem = own.rsplit(".", 1)[0]
    manifests = []
    if dash:
        manifests.append((own if not hls or own.endswith(".mpd") else f"{stem}.mpd", manifest(video, audio)))
    if hls:
        manifests.append(
            (own if not dash or not own.endswith(".mpd") else f"{stem}.m3u8", master_playlist(video, audio))
        )
    # The target's own address comes last: when it is there, everything is.
    for name, text in sorted(manifests, key=lambda m: m[0] == own):
        files.append(publish_bytes(work, text.encode(), uri, "manifest", name=name))
    return files


def _media(package: LadderPackage, video: list[Listed], audio: list[Listed], spec: ConcatSpec) -> dict[str, object]:
    def entry(listed: Listed) -> dict[str, object]:
        track = listed.track
        known = {
            "name": track.name,
            "codec": track.codecs,
            "duration": float(track.seconds),
            "bitrate": track.average_bandwidth,
            "peak_bitrate": track.peak_bandwidth,
            "segments": len(track.segments),
            "width": track.width,
            "height": track.height,
            "frame_rate": str(track.frame_rate) if track.frame_rate else None,
            "sample_rate": track.sample_rate,
            "channels": track.channels,
            "language": track.language,
        }
        return {k: v for k, v in known.items() if v is not None}

    return {
        "container": package.packaging,
        "duration": float(spec.duration),
        "video": [entry(v) for v in video],
        "audio": [entry(a) for a in audio],
    }
