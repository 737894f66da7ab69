"""concat into a ladder: the chunks are finished segments already, so packaging is copying and text."""

from __future__ import annotations

from fractions import Fraction
from urllib.parse import quote

from framefleet.domain.address import target_address
from framefleet.domain.errors import VerifyFailed
from framefleet.domain.languages import shortest
from framefleet.domain.packaging import key_file, own_folder
from framefleet.domain.records import Check, PublishedFile, PublishedOutput, Segment, Track
from framefleet.domain.subtask import AudioTrack, ConcatSpec, LadderPackage, VideoTrack
from framefleet.domain.template import LadderTemplate
from framefleet.media.codecs import video_range
from framefleet.media.dash import manifest
from framefleet.media.hls import (
    Lock,
    iframe_playlist,
    image_playlist,
    master_playlist,
    media_playlist,
    texts_playlist,
)
from framefleet.media.manifest import ListedSegment, ListedSheets, ListedTexts, ListedTrack
from framefleet_workers import certify, subtitles, verify
from framefleet_workers.handlers.ladder_texts import publish_texts
from framefleet_workers.handlers.segments import Listed, Published, publish_track
from framefleet_workers.parts import fetch, needed_tracks, published_files, sound, video_segments
from framefleet_workers.publish import publish_bytes
from framefleet_workers.work import Work


def handle(work: Work, spec: ConcatSpec, package: LadderPackage) -> PublishedOutput:
    """Check that the parts fit, publish segments, then playlists, then the manifest at the target's own address."""
    numbers = [n for v in spec.video for n in v.chunks] + [a.subtask for a in spec.audio]
    made = needed_tracks(work, numbers)
    video = [_video(work, track, made, package) for track in spec.video]
    audio = [_audio(track, made, package) for track in spec.audio]
    checks = _verify(spec, video, audio)
    verify.require(checks)
    (wanted,) = work.task.verify(spec.target)
    facts = certify.facts(work.tools.build, spec, made, wanted)
    said = certify.quality_warnings(facts, wanted)
    key = _key(work, spec, package)
    files: list[PublishedFile] = []
    shown: list[Published] = []
    work.lease.confirm()
    cuts = [s.start for s in (video or audio)[0].track.segments]
    below = own_folder(spec.uri) if package.own_folder else spec.uri
    texts, text_files, read, unseen = publish_texts(work, spec, package, below, cuts, key)
    for listed in [*video, *audio]:
        published = publish_track(work, below, listed, package, key)
        shown.append(published)
        files += published.files
        checks += published.checks
        work.lease.interrupt.check()
    work.lease.confirm()
    tracks = [one.track for one in shown]
    pictures, sounds = tracks[: len(video)], tracks[len(video) :]
    sheets, sheet_files = _sheets(work, spec, package)
    files += [*sheet_files, *text_files]
    checks += read
    files += _publish_manifests(work, spec.uri, package, pictures, sounds, texts, key, sheets)
    return PublishedOutput(
        files=tuple(files),
        media=_media(package, spec, [*zip([*video, *audio], shown, strict=True)], texts),
        checks=tuple(checks),
        warnings=(*certify.warnings(facts, spec), *unseen, *said, *subtitles.unseen(work, spec)),
        facts=facts,
    )


def _sheets(
    work: Work, spec: ConcatSpec, package: LadderPackage
) -> tuple[ListedSheets | None, tuple[PublishedFile, ...]]:
    """The thumbnails that a subtask of their own has published."""
    images = package.images
    if images is None:
        return None, ()
    found = published_files(work, images.subtask)
    sheets = [f for f in found if f.kind == "picture"]
    return ListedSheets(
        folder=sheets[0].uri.rsplit("/", 2)[-2],
        names=tuple(f.uri.rsplit("/", 1)[-1] for f in sheets),
        bytes=tuple(f.bytes for f in sheets),
        columns=images.columns,
        rows=images.rows,
        width=images.width,
        height=images.height,
        interval=images.interval,
        duration=spec.duration,
    ), found


def _key(work: Work, spec: ConcatSpec, package: LadderPackage) -> bytes | None:
    """The key, from the accepted task: no plan and no record has it."""
    if not package.encrypted:
        return None
    settings = next(t.settings for t in work.task.targets if t.name == spec.target)
    if not isinstance(settings, LadderTemplate) or settings.encryption is None or settings.encryption.key is None:
        raise VerifyFailed("the accepted task has no key")
    return bytes.fromhex(settings.encryption.key)


def _video(work: Work, track: VideoTrack, made: dict[int, dict[str, Track]], package: LadderPackage) -> Listed:
    init, segments, codecs = video_segments(track, made)
    listed = ListedTrack(
        name=track.name,
        codecs=codecs,
        init="init.mp4",
        segments=_listed(segments, track.scale, 0, package.start_number),
        scale=track.scale,
        width=track.encoding.width,
        height=track.encoding.height,
        frame_rate=track.rate,
        video_range=video_range(fetch(work, init)),
    )
    return Listed(listed, None, init, tuple(segments), 0, track.frames)


def _audio(track: AudioTrack, made: dict[int, dict[str, Track]], package: LadderPackage) -> Listed:
    found = sound(track, made)
    # Priming before zero is hidden by the header's edit list, so segments count from zero.
    delay = max(0, found.first)
    listed = ListedTrack(
        name=f"audio-{track.id}",
        codecs=found.codecs,
        init="init.mp4",
        segments=_listed(found.segments, found.scale, delay, package.start_number),
        scale=found.scale,
        sample_rate=found.scale,
        channels=found.channels,
        language=shortest(track.language),
        default=track.default,
    )
    return Listed(listed, found, found.init, found.segments, delay, found.frames)


def _listed(
    segments: list[Segment] | tuple[Segment, ...], scale: int, delay: int, start_number: int
) -> tuple[ListedSegment, ...]:
    return tuple(
        ListedSegment(
            name=f"{i:05d}.m4s",
            start=Fraction(s.start + delay, scale),
            duration=Fraction(s.duration, scale),
            bytes=s.bytes,
            key_bytes=s.key_bytes,
        )
        for i, s in enumerate(segments, start_number)
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


def _publish_manifests(
    work: Work,
    uri: str,
    package: LadderPackage,
    video: list[ListedTrack],
    audio: list[ListedTrack],
    texts: list[ListedTexts],
    key: bytes | None,
    sheets: ListedSheets | None,
) -> list[PublishedFile]:
    own = target_address(uri, "uri").key.rsplit("/", 1)[-1]
    stem = own.rsplit(".", 1)[0]
    below, folder = (own_folder(uri), f"{quote(stem)}/") if package.own_folder else (uri, "")
    hls, dash = package.packaging in {"hls", "cmaf"}, package.packaging in {"dash", "cmaf"}
    if not (video or audio):
        raise VerifyFailed("there is nothing to list")
    files: list[PublishedFile] = []
    lock = None
    if key is not None:
        name = key_file(own)
        lock = Lock(package.key_uri or f"../{quote(name)}")
        if package.key_uri is None:
            files.append(publish_bytes(work, key, below, "key", name=name))
    start = package.start_number
    if hls:
        playlists = [
            (f"{t.name}/index.m3u8", media_playlist(t, start_number=start, lock=lock)) for t in [*video, *audio]
        ]
        if package.iframe_playlists:
            playlists += [(f"{t.name}/iframes.m3u8", iframe_playlist(t, start_number=start)) for t in video]
        playlists += [(f"{t.name}/index.m3u8", texts_playlist(t, start_number=start, lock=lock)) for t in texts]
        if sheets is not None:
            playlists.append((f"{sheets.folder}/index.m3u8", image_playlist(sheets)))
        files += [publish_bytes(work, text.encode(), below, "manifest", name=name) for name, text in playlists]
    manifests = []
    if dash:
        manifests.append(
            (
                own if not hls or own.endswith(".mpd") else f"{stem}.mpd",
                manifest(video, audio, start_number=start, sheets=sheets, texts=texts, below=folder),
            )
        )
    if hls:
        manifests.append(
            (
                own if not dash or not own.endswith(".mpd") else f"{stem}.m3u8",
                master_playlist(video, audio, texts, iframes=package.iframe_playlists, sheets=sheets, below=folder),
            )
        )
    # The target's own address comes last: when it is there, everything is.
    for name, text in sorted(manifests, key=lambda m: m[0] == own):
        files.append(publish_bytes(work, text.encode(), uri, "manifest", name=name))
    return files


_OF_THE_STREAM = {
    *("profile", "level", "pixel_format", "sample_aspect", "colour", "reordered", "codec_tag", "time_base", "start"),
    *("layout", "sample_format"),
}
"""What a track's first segment tells of all of it; the rest is known from its manifest."""


def _media(
    package: LadderPackage,
    spec: ConcatSpec,
    tracks: list[tuple[Listed, Published]],
    texts: list[ListedTexts],
) -> dict[str, object]:
    def entry(listed: Listed, published: Published) -> dict[str, object]:
        track, stream = published.track, published.stream
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
            "frames": listed.frames if listed.made is None else None,
            "sample_rate": track.sample_rate,
            "channels": track.channels,
            "language": track.language,
        }
        seen = {} if stream is None else stream.model_dump(mode="json", include=_OF_THE_STREAM)
        return {k: v for k, v in (seen | known).items() if v is not None}

    return {
        "container": package.packaging,
        "duration": float(spec.duration),
        "video": [entry(listed, one) for listed, one in tracks if listed.made is None],
        "audio": [entry(listed, one) for listed, one in tracks if listed.made is not None],
        "subtitles": [{"name": t.name, "codec": "webvtt", "language": t.language} for t in texts],
    }
