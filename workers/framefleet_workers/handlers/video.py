"""transcode, video: one chunk of the timeline, all renditions of one family, as finished CMAF segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from framefleet.domain.errors import VerifyFailed
from framefleet.domain.records import Segment, StoredFile, Track, TracksOutput
from framefleet.domain.subtask import Encoding, VideoChunkSpec
from framefleet.media.boxes import BadBox, Fragment, split_file
from framefleet.media.budget import next_aim
from framefleet.media.chunk import WITNESS
from framefleet.media.codecs import codec_string
from framefleet.media.framecrc import FrameCrcParser
from framefleet.media.static_hdr import with_static_hdr
from framefleet_workers import compare, reuse, sources, verify
from framefleet_workers.assets import Assets, fetch_assets
from framefleet_workers.digest import sha256_bytes
from framefleet_workers.handlers import average
from framefleet_workers.parcel import Parcel
from framefleet_workers.work import Work

EXTRA_SEEK = Fraction(12)
"""Seconds the second look starts earlier: more than any source's distance of keyframes that is worth a cluster."""

DAMAGED = "The source is probably damaged there: frames its index announces cannot be decoded."


def handle(work: Work, spec: VideoChunkSpec) -> TracksOutput:
    """Encode what is not there from earlier, check, upload."""
    for piece in spec.pieces:
        sources.require_unchanged(work, piece.source, piece.identity)
    assets = fetch_assets(work, spec)
    spec = average.with_bits(work, spec)
    names = {e.id: reuse.name_rendition(work, spec, e, _marks(e, assets.digest)) for e in spec.encodings}
    found = _taken_over(work, spec, names)
    missing = spec.model_copy(update={"encodings": tuple(e for e in spec.encodings if e.id not in found)})
    if missing.encodings:
        urls = {p.source: sources.address(work, p.source) for p in spec.pieces}
        found |= _made(work, missing, urls, assets, names)
        seconds = (spec.end - spec.segments[0]) / spec.scale
        work.media_seconds += seconds * len(missing.encodings)
    made = {e.id for e in missing.encodings}
    return TracksOutput(
        tracks=tuple(found[e.id].track for e in spec.encodings),
        checks=tuple(
            c.model_copy(update={"check": f"{e.id}: {c.check}"}) for e in spec.encodings for c in found[e.id].checks
        ),
        reused=not made,
        reused_tracks=tuple(e.id for e in spec.encodings if made and e.id not in made),
    )


def _taken_over(work: Work, spec: VideoChunkSpec, names: dict[str, str | None]) -> dict[str, reuse.Found]:
    """The renditions that an earlier run has made."""
    frames = compare.wanted(work, spec).frames
    found = {e.id: reuse.find_track(work, "video", names[e.id], e.id, frames) for e in spec.encodings}
    if None in found.values() and len({e.pixel_format for e in spec.encodings}) > 1:
        return {}  # made together, filters before the split work at the depth of the deepest: all or nothing
    return {name: track for name, track in found.items() if track is not None}


def _made(
    work: Work, spec: VideoChunkSpec, urls: dict[int, str], assets: Assets, names: dict[str, str | None]
) -> dict[str, reuse.Found]:
    """Encode, check and upload."""
    sample = compare.wanted(work, spec)
    paths = {e.id: work.path(f"{e.id}.mp4") for e in spec.encodings}
    fragments = _encode(work, spec, average.Inputs(urls, assets.paths, sample=sample), paths)
    made = {}
    scores = compare.with_source(work, spec, sample, paths)
    for encoding in spec.encodings:
        path = paths[encoding.id]
        seen = verify.video_chunk(work, path, spec.times, spec.scale, spec.end)
        verify.require(seen.checks)
        head, parts = fragments[encoding.id]
        head = with_static_hdr(head, encoding.mastering, encoding.light)
        parcel = reuse.parcel(work, names[encoding.id])
        track = _upload(work, spec, encoding, path, (head, parts), parcel)
        more = {
            "spans": seen.spans,
            "assets": _marks(encoding, assets.digest),
            "vmaf": scores.get(encoding.id, ()),
        }
        track = track.model_copy(update=more)
        path.unlink()
        reuse.remember_track(work, names[encoding.id], parcel, track, seen.checks)
        made[encoding.id] = reuse.Found(track, tuple(seen.checks))
    return made


def _marks(encoding: Encoding, digest: str | None) -> str | None:
    """Digest of what is drawn into this rendition."""
    return digest if encoding.frame.marks or encoding.frame.burned else None


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
    work: Work, spec: VideoChunkSpec, encoding: Encoding, path: Path, parts: Parts, parcel: Parcel | None
) -> Track:
    head, fragments = parts
    init_path = work.path(f"{encoding.id}-init.mp4")
    init_path.write_bytes(head)
    if parcel is not None:
        parcel.add(head)
    init = work.upload(init_path, f"{encoding.id}/init.mp4")
    segments = []
    ends = [*spec.segments[1:], spec.end]
    with path.open("rb") as file:
        for start, end in zip(spec.segments, ends, strict=True):
            mine = [f for f in fragments if start <= f.presented < end]
            if not mine or mine[0].presented != start:
                raise VerifyFailed(f"no fragment starts at tick {start} of {encoding.id}")
            stored = _upload_segment(work, file, mine, f"{encoding.id}/{start}.m4s", parcel)
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


def _upload_segment(
    work: Work, file: BinaryIO, fragments: Sequence[Fragment], name: str, parcel: Parcel | None
) -> StoredFile:
    first, last = fragments[0], fragments[-1]
    file.seek(first.offset)
    data = file.read(last.offset + last.size - first.offset)
    key = f"{work.prefix}{name}"
    work.store.put(key, data)
    if parcel is not None:
        parcel.add(data)
    work.written_bytes += len(data)
    return StoredFile(key=key, bytes=len(data), sha256=sha256_bytes(data))
