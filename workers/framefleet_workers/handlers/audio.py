"""transcode, sound: one track of the whole timeline, in CMAF fragments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from framefleet.domain.errors import VerifyFailed
from framefleet.domain.records import Check, Segment, StoredFile, Track, TracksOutput
from framefleet.domain.subtask import AudioTrackSpec
from framefleet.media.audio import audio_command, gain_to, measure_command, parse_loudness, payload_command
from framefleet.media.boxes import BadBox, edit_of, media_scale, split_file
from framefleet.media.codecs import codec_string
from framefleet.media.framecrc import FrameCrcParser
from framefleet.media.sound_encoders import spare_samples
from framefleet.media.verify import parse_payload
from framefleet_workers import reuse, sources, verify
from framefleet_workers.certify import LOUDNESS_TOLERANCE
from framefleet_workers.digest import sha256_bytes
from framefleet_workers.parcel import Parcel
from framefleet_workers.work import Work


def handle(work: Work, spec: AudioTrackSpec) -> TracksOutput:
    """Encode, check, upload."""
    name = reuse.name_sound(work, spec)
    if (known := reuse.find_track(work, "sound", name, spec.id)) is not None:
        return TracksOutput(tracks=(known.track,), checks=known.checks, reused=True)
    urls = {p.source: sources.address(work, p.source) for p in spec.pieces if p.stream is not None}
    parcel = reuse.parcel(work, name)
    path = work.path(f"{spec.id}.mp4" if spec.form == "cmaf" else f"{spec.id}.{spec.form}")
    seconds = spec.samples / spec.sample_rate
    seen = _made(work, spec, urls, path, seconds)
    if spec.form == "cmaf":
        track = _fragments(work, spec, path, seen, parcel)
    else:
        if parcel is not None:
            parcel.add_file(path)
        track = Track(
            id=spec.id,
            codecs=spec.settings.codec,
            scale=spec.sample_rate,
            init=work.upload(path, f"{spec.id}/{path.name}"),
            segments=(),
            frames=seen.samples,
            channels=spec.channels,
            spans=seen.spans,
            loudness=seen.loudness,
            form=spec.form,
        )
    work.media_seconds += seconds
    reuse.remember_track(work, name, parcel, track, seen.checks)
    return TracksOutput(tracks=(track,), checks=tuple(seen.checks))


def _made(work: Work, spec: AudioTrackSpec, urls: Mapping[int, str], path: Path, seconds: float) -> verify.Seen:
    """Make the track's file and prove it."""
    if spec.settings.codec == "copy":
        work.ffmpeg(audio_command(spec, urls, str(path)), seconds=seconds, share=(0.0, 0.9))
        uneven = spec.pieces[0].uneven
        seen = verify.audio_track(work, path, spec.samples, spec.tolerance, spec.sample_rate, by_times=uneven)
        seen.checks.append(_same_packets(work, spec, urls, path))
    else:
        counted = work.path(f"{spec.id}.framecrc")
        gain, goal = _loudness(work, spec, urls, seconds)
        command = audio_command(spec, urls, str(path), counted=str(counted), gain=gain)
        work.ffmpeg(command, seconds=seconds, share=(0.4 if gain else 0.0, 0.9))
        given = _count(counted)
        seen = verify.audio_track(work, path, given, spare_samples(spec), spec.sample_rate, only_more=True)
        if goal is not None:
            level = seen.loudness
            near = level is not None and abs(level - goal) <= LOUDNESS_TOLERANCE
            seen.checks.append(
                Check(
                    check="loudness", expected=f"{goal:.1f} ± {LOUDNESS_TOLERANCE} LUFS", found=f"{level}", passed=near
                )
            )
        close = abs(given - spec.samples) <= spec.tolerance
        seen.checks.append(
            Check(
                check="audio samples heard",
                expected=f"{spec.samples} ± {spec.tolerance}",
                found=str(given),
                passed=close,
            )
        )
    verify.require(seen.checks)
    return seen


def _loudness(work: Work, spec: AudioTrackSpec, urls: Mapping[int, str], seconds: float) -> tuple[float, float | None]:
    """The gain (dB) that brings the track to the loudness asked for, and the loudness (LUFS) it then has; None: as it is."""
    wanted = spec.settings.loudness
    if wanted is None:
        return 0.0, None
    result = work.ffmpeg(measure_command(spec, urls), seconds=seconds, share=(0.0, 0.4))
    measured = parse_loudness(result.tail)
    if measured is None:
        return 0.0, None
    gain = gain_to(wanted, *measured)
    return gain, measured[0] + gain


def _count(path: Path) -> int:
    """Samples that went into the encoder."""
    parser = FrameCrcParser()
    with path.open() as lines:
        return sum(entry.duration for line in lines if (entry := parser.feed(line)) is not None)


def _same_packets(work: Work, spec: AudioTrackSpec, urls: Mapping[int, str], path: Path) -> Check:
    """A copy has the very packets of the source."""
    piece = spec.pieces[0]
    lines: list[str] = []
    adts = spec.form == "cmaf" and spec.adts
    command = payload_command(urls[piece.source], piece.stream or 0, adts=adts)
    result = work.lines(command.argv(work.tools.ffmpeg), lines.append)
    if result.returncode != 0:
        raise VerifyFailed("the source's packets cannot be read again", log=result.tail)
    source = parse_payload("\n".join(lines)).get(0)
    return verify.check("packets", source, verify.payload_hashes(work, path).get(0))


def _fragments(work: Work, spec: AudioTrackSpec, path: Path, seen: verify.Seen, parcel: Parcel | None) -> Track:
    """Upload the file's head and each of its fragments."""
    try:
        head, fragments = split_file(path)
    except BadBox as error:
        raise VerifyFailed(f"{path.name} is not readable: {error}") from error
    init_path = work.path("init.mp4")
    init_path.write_bytes(head)
    if parcel is not None:
        parcel.add(head)
    scale, edit = media_scale(head), edit_of(head)
    segments = []
    with path.open("rb") as file:
        for fragment in fragments:
            file.seek(fragment.offset)
            data = file.read(fragment.size)
            key = f"{work.prefix}{spec.id}/{fragment.decode_time}.m4s"
            work.store.put(key, data)
            if parcel is not None:
                parcel.add(data)
            stored = StoredFile(key=key, bytes=len(data), sha256=sha256_bytes(data))
            segments.append(Segment(**stored.model_dump(), start=fragment.decode_time, duration=fragment.duration))
            work.written_bytes += len(data)
    return Track(
        id=spec.id,
        codecs=codec_string(head),
        scale=scale,
        init=work.upload(init_path, f"{spec.id}/init.mp4"),
        segments=tuple(segments),
        frames=seen.samples,
        first=int(edit.gap * scale) - edit.media_time,
        channels=spec.channels,
        spans=seen.spans,
        loudness=seen.loudness,
    )
