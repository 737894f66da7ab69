"""transcode, sound: one track of the whole timeline, in CMAF fragments."""

from __future__ import annotations

from framefleet.domain.errors import VerifyFailed
from framefleet.domain.records import Segment, StoredFile, Track, TracksOutput
from framefleet.domain.subtask import AudioTrackSpec
from framefleet.media.audio import audio_command
from framefleet.media.boxes import BadBox, edit_of, media_scale, split_file
from framefleet.media.codecs import codec_string
from framefleet_workers import reuse, verify
from framefleet_workers.digest import sha256_bytes
from framefleet_workers.work import Work


def handle(work: Work, spec: AudioTrackSpec) -> TracksOutput:
    """Encode, check, upload."""
    urls = {p.source: work.source(p.source).url for p in spec.pieces if p.stream is not None}
    if (known := reuse.find(work, spec)) is not None:
        return known
    path = work.path(f"{spec.id}.mp4")
    seconds = spec.samples / spec.sample_rate
    work.ffmpeg(audio_command(spec, urls, str(path)), seconds=seconds, share=(0.0, 0.9))
    seen = verify.audio_track(work, path, spec.samples, spec.tolerance, spec.sample_rate)
    verify.require(seen.checks)
    try:
        head, fragments = split_file(path)
    except BadBox as error:
        raise VerifyFailed(f"{path.name} is not readable: {error}") from error
    init_path = work.path("init.mp4")
    init_path.write_bytes(head)
    scale, edit = media_scale(head), edit_of(head)
    segments = []
    with path.open("rb") as file:
        for fragment in fragments:
            file.seek(fragment.offset)
            data = file.read(fragment.size)
            key = f"{work.prefix}{spec.id}/{fragment.decode_time}.m4s"
            work.store.put(key, data)
            stored = StoredFile(key=key, bytes=len(data), sha256=sha256_bytes(data))
            segments.append(Segment(**stored.model_dump(), start=fragment.decode_time, duration=fragment.duration))
            work.written_bytes += len(data)
    track = Track(
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
    work.media_seconds += seconds
    output = TracksOutput(tracks=(track,), checks=tuple(seen.checks))
    reuse.remember(work, spec, output)
    return output
