"""transcode, video: one chunk of the timeline, all renditions of one family, as finished CMAF segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from framefleet.domain.errors import VerifyFailed
from framefleet.domain.records import Check, Segment, StoredFile, Track, TracksOutput
from framefleet.domain.subtask import Encoding, VideoChunkSpec
from framefleet.media.boxes import BadBox, Fragment, split_file
from framefleet.media.budget import next_aim
from framefleet.media.chunk import WITNESS
from framefleet.media.codecs import codec_string
from framefleet.media.framecrc import FrameCrcParser
from framefleet.media.static_hdr import with_static_hdr
from framefleet_workers import compare, reuse, verify
from framefleet_workers.assets import fetch_assets
from framefleet_workers.digest import sha256_bytes
from framefleet_workers.handlers import average
from framefleet_workers.work import Work

EXTRA_SEEK = Fraction(12)
"""Seconds the second look starts earlier: more than any source's distance of keyframes that is worth a cluster."""

DAMAGED = "The source is probably damaged there: frames its index announces cannot be decoded."


def handle(work: Work, spec: VideoChunkSpec) -> TracksOutput:
    """Encode, check, upload."""
    urls = {p.source: work.unchanged_source(p.source, p.identity) for p in spec.pieces}
    assets = fetch_assets(work, spec)
    spec = average.with_bits(work, spec)
    known = reuse.find(work, spec, assets.digest)
    sample = compare.wanted(work, spec)
    if known is not None and all(len(t.vmaf) >= sample.frames for t in known.tracks):
        return known
    paths = {e.id: work.path(f"{e.id}.mp4") for e in spec.encodings}
    fragments = _encode(work, spec, average.Inputs(urls, assets.paths, sample=sample), paths)
    checks: list[Check] = []
    tracks = []
    scores = compare.with_source(work, spec, sample, paths)
    for encoding in spec.encodings:
        path = paths[encoding.id]
        seen = verify.video_chunk(work, path, spec.times, spec.scale, spec.end)
        verify.require(seen.checks)
        checks += [c.model_copy(update={"check": f"{encoding.id}: {c.check}"}) for c in seen.checks]
        head, parts = fragments[encoding.id]
        head = with_static_hdr(head, encoding.mastering, encoding.light)
        track = _upload(work, spec, encoding, path, head, parts)
        marks = assets.digest if encoding.frame.marks or encoding.frame.burned else None
        tracks.append(
            track.model_copy(update={"spans": seen.spans, "assets": marks, "vmaf": scores.get(encoding.id, ())})
        )
        path.unlink()
    seconds = (spec.end - spec.segments[0]) / spec.scale
    work.media_seconds += seconds * len(spec.encodings)
    output = TracksOutput(tracks=tuple(tracks), checks=tuple(checks))
    reuse.remember(work, spec, output, assets.digest)
    return output


Parts = tuple[bytes, list[Fragment]]
"""Head and fragments of an encoded file."""


def _encode(work: Work, spec: VideoChunkSpec, inputs: average.Inputs, paths: dict[str, Path]) -> dict[str, Parts]:
    """Encode until the planned number of frames came out and each bit rate was met."""
    witness = work.path("frames.crc")
    outputs = {name: str(path) for name, path in paths.items()} | {WITNESS: str(witness)}
    frames: set[int] = set()
    for extra in (Fraction(0), EXTRA_SEEK):
        inputs = replace(inputs, extra_seek=extra)
        aimed = average.aimed(spec, {})
        logs = average.look(work, aimed, inputs)
        command = inputs.encode(aimed, outputs, logs)
        work.ffmpeg(command, frames=spec.times.count, share=(0.3 if logs else 0.0, 0.95))
        parts = {name: _split(path) for name, path in paths.items()}
        frames = {sum(f.samples for f in fragments) for _, fragments in parts.values()}
        if frames == {spec.times.count} and _all_seen(spec, witness):
            return _corrected(work, spec, inputs, outputs, parts, logs)
        # Fewer than planned: the seek landed after the keyframe (seen in MPEG-TS). Look again from further back.
    if frames == {spec.times.count}:
        raise VerifyFailed("frames of the source are missing", hint=DAMAGED)
    raise VerifyFailed(
        f"{spec.times.count} frames were planned, {', '.join(map(str, sorted(frames)))} came out",
        hint=DAMAGED,
    )


def _all_seen(spec: VideoChunkSpec, witness: Path) -> bool:
    """Whether every planned frame of the sources was there, where repeated ones could stand in for them."""
    if spec.resample is None:
        return True
    parser = FrameCrcParser()
    with witness.open(encoding="ascii") as lines:
        seen = sum(parser.feed(line) is not None for line in lines)
    return seen == sum(p.frames for p in spec.pieces)


def _corrected(
    work: Work,
    spec: VideoChunkSpec,
    inputs: average.Inputs,
    outputs: dict[str, str],
    parts: dict[str, Parts],
    logs: dict[str, str],
) -> dict[str, Parts]:
    """Encode again, aiming lower or higher, while a chunk misses its share of an average bit rate by too much."""
    wanted = dict(spec.bits)
    aim = dict.fromkeys(wanted, 1.0)
    tries: dict[str, list[tuple[float, float]]] = {name: [] for name in wanted}
    for left in reversed(range(average.CORRECTIONS)):
        for name, found in tries.items():
            taken = 8 * sum(to - at for at, to in (f.payload for f in parts[name][1]))
            found.append((aim[name], taken / wanted[name]))
        better = {name: next_aim(found, last=not left) for name, found in tries.items()}
        if better == aim:
            break
        aim = better
        command = inputs.encode(average.aimed(spec, aim), outputs, logs)
        work.ffmpeg(command, frames=spec.times.count, share=(0.5, 0.95))
        parts = {name: _split(Path(outputs[name])) for name in parts}
    return parts


def _split(path: Path) -> Parts:
    try:
        return split_file(path)
    except (BadBox, OSError) as error:
        raise VerifyFailed(f"{path.name} is not readable: {error}") from error


def _upload(
    work: Work, spec: VideoChunkSpec, encoding: Encoding, path: Path, head: bytes, fragments: Sequence[Fragment]
) -> Track:
    init_path = work.path(f"{encoding.id}-init.mp4")
    init_path.write_bytes(head)
    init = work.upload(init_path, f"{encoding.id}/init.mp4")
    segments = []
    ends = [*spec.segments[1:], spec.end]
    with path.open("rb") as file:
        for start, end in zip(spec.segments, ends, strict=True):
            mine = [f for f in fragments if start <= f.presented < end]
            if not mine or mine[0].presented != start:
                raise VerifyFailed(f"no fragment starts at tick {start} of {encoding.id}")
            stored = _upload_segment(work, file, mine, f"{encoding.id}/{start}.m4s")
            key_bytes = mine[0].payload[0] - mine[0].offset + mine[0].first_bytes
            segments.append(Segment(**stored.model_dump(), start=start, duration=end - start, key_bytes=key_bytes))
    return Track(
        id=encoding.id,
        codecs=codec_string(head),
        scale=spec.scale,
        init=init,
        segments=tuple(segments),
        frames=sum(f.samples for f in fragments),
        first=spec.segments[0],
    )


def _upload_segment(work: Work, file: BinaryIO, fragments: Sequence[Fragment], name: str) -> StoredFile:
    first, last = fragments[0], fragments[-1]
    file.seek(first.offset)
    data = file.read(last.offset + last.size - first.offset)
    key = f"{work.prefix}{name}"
    work.store.put(key, data)
    work.written_bytes += len(data)
    return StoredFile(key=key, bytes=len(data), sha256=sha256_bytes(data))
