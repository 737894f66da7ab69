"""transcode, average bit rates: measure chunks, share the film's bits out, and hold a chunk to its share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from framefleet.domain import keys
from framefleet.domain.errors import VerifyFailed
from framefleet.domain.records import BudgetOutput, DoneRecord, Measured, MeasuredOutput, Output
from framefleet.domain.subtask import BudgetSpec, MeasureSpec, VideoChunkSpec, split_subtask_id
from framefleet.media.budget import looking, measured, parse_log, shares, targets
from framefleet.media.chunk import NO_SAMPLE, chunk_command, measure_command
from framefleet.media.command import Command
from framefleet.media.encoders import LOOKS_FIRST
from framefleet.media.quality import Sample
from framefleet_workers import sources
from framefleet_workers.assets import fetch_assets
from framefleet_workers.parts import together
from framefleet_workers.work import Work

CORRECTIONS = 4
"""How often a chunk that is too far from its share of the bits is encoded again."""
EXTRA_SEEK = Fraction(12)
"""Seconds the second look starts earlier, as when a chunk is encoded."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a chunk is read from."""

    urls: Mapping[int, str]
    """Addresses of the sources."""
    assets: Mapping[str, str]
    """Local files that watermarks need."""
    extra_seek: Fraction = Fraction(0)
    """Seconds reading starts earlier."""
    sample: Sample = NO_SAMPLE
    """Pictures to keep for a comparison."""

    def encode(self, spec: VideoChunkSpec, outputs: Mapping[str, str], logs: Mapping[str, str]) -> Command:
        """The command that encodes the chunk."""
        seek, assets = self.extra_seek, self.assets
        return chunk_command(spec, self.urls, outputs, extra_seek=seek, assets=assets, logs=logs, sample=self.sample)

    def measure(self, spec: VideoChunkSpec, logs: Mapping[str, str]) -> Command:
        """The command that looks at the chunk."""
        return measure_command(spec, self.urls, logs, extra_seek=self.extra_seek, assets=self.assets)


def handle(work: Work, spec: MeasureSpec | BudgetSpec) -> MeasuredOutput | BudgetOutput:
    """Measure a chunk, or share out what all have been measured to need."""
    return measure(work, spec) if isinstance(spec, MeasureSpec) else share_out(work, spec)


def measure(work: Work, spec: MeasureSpec) -> MeasuredOutput:
    """A quick encode of a chunk that leaves nothing but its statistics."""
    chunk = spec.chunk
    urls = {p.source: sources.unchanged(work, p.source, p.identity) for p in chunk.pieces}
    assets = fetch_assets(work, chunk).paths
    logs = {e.id: work.path(f"{e.id}.log") for e in chunk.encodings}
    frames: set[int] = set()
    for extra in (Fraction(0), EXTRA_SEEK):
        names = {name: str(path) for name, path in logs.items()}
        work.ffmpeg(Inputs(urls, assets, extra).measure(chunk, names), frames=chunk.times.count)
        found = {name: parse_log(path.read_text()) for name, path in logs.items()}
        frames = {count for _, count in found.values()}
        if frames == {chunk.times.count}:
            return MeasuredOutput(renditions=measured({name: bits for name, (bits, _) in found.items()}))
    raise VerifyFailed(f"{chunk.times.count} frames were planned, {sorted(frames)} were measured")


def share_out(work: Work, spec: BudgetSpec) -> BudgetOutput:
    """Give every chunk its part of each rendition's bits."""
    outputs = together(lambda number: _output(work, number), spec.measures)
    found: list[dict[str, Measured]] = []
    for output in outputs:
        if not isinstance(output, MeasuredOutput):
            raise VerifyFailed("a chunk was not measured")
        found.append({m.id: m for m in output.renditions})
    bits = {
        a.id: tuple(shares([chunk[a.id] for chunk in found], spec.seconds, a.bitrate, a.max_bitrate))
        for a in spec.averages
    }
    return BudgetOutput(bits=bits)


def with_bits(work: Work, spec: VideoChunkSpec) -> VideoChunkSpec:
    """The chunk with what it may take, read from the subtask that shared it out if the plan did not know."""
    if spec.budget is None:
        return spec
    output = _output(work, spec.budget)
    if not isinstance(output, BudgetOutput):
        raise VerifyFailed(f"subtask {spec.budget} shared nothing out")
    bits = tuple((name, chunks[spec.chunk]) for name, chunks in output.bits.items())
    return spec.model_copy(update={"bits": (*spec.bits, *bits), "budget": None})


def aimed(spec: VideoChunkSpec, correction: dict[str, float]) -> VideoChunkSpec:
    """The chunk with its encodings' bit rates set to its share, times a correction."""
    bits = {name: round(share * correction.get(name, 1.0)) for name, share in spec.bits}
    return spec.model_copy(update={"encodings": targets(bits, spec.encodings, spec.seconds)})


def look(work: Work, spec: VideoChunkSpec, inputs: Inputs) -> dict[str, str]:
    """First passes of the encoders that have one; the names of their logs."""
    mine = {e.id for e in spec.encodings if e.passes == 2 and e.family in LOOKS_FIRST}
    logs = {name: str(work.path(f"{name}-pass")) for name in mine}
    if logs:
        quick = tuple(looking(e) if e.id in mine else e for e in spec.encodings)
        command = inputs.measure(spec.model_copy(update={"encodings": quick}), logs)
        work.ffmpeg(command, frames=spec.times.count, share=(0.0, 0.3))
    return logs


def _output(work: Work, number: int) -> Output:
    task_id, run, _ = split_subtask_id(work.sid)
    body = work.store.get(keys.done(task_id, run, number))
    if body is None:
        raise VerifyFailed(f"subtask {number} has no DONE record")
    return DoneRecord.model_validate_json(body).output
