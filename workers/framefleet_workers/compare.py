"""VMAF of a chunk's renditions against the picture they were made from, where the task asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from framefleet.adapters.tools import find_vmaf
from framefleet.domain import checking
from framefleet.domain.errors import QualityTooLow, VerifyFailed
from framefleet.domain.subtask import VideoChunkSpec
from framefleet.media.chunk import NO_SAMPLE
from framefleet.media.quality import Sample, below, sampled_frames, scores, summed, vmaf_command
from framefleet_workers.work import Work


def wanted(work: Work, spec: VideoChunkSpec) -> Sample:
    """Which pictures of the chunk have to be compared; none when the task does not ask for it."""
    seconds = checking.sample_seconds(work.task.verify())
    if not seconds:
        return NO_SAMPLE
    names = {e.id: str(work.path(f"{e.id}.nut")) for e in spec.encodings}
    return Sample(sampled_frames(spec, seconds), names)


def with_source(
    work: Work, spec: VideoChunkSpec, sample: Sample, made: Mapping[str, Path]
) -> dict[str, tuple[tuple[float, float], ...]]:
    """(second of the film, VMAF) of the compared frames of each encoding; empty when nothing is to be compared.

    Raises ToolMissing when no FFmpeg here has libvmaf, VerifyFailed when fewer frames than planned could be compared, and
    QualityTooLow for a first attempt that a task wants to be followed by another.
    """
    if not sample.frames:
        return {}
    logs = {e.id: work.path(f"{e.id}.vmaf") for e in spec.encodings}
    files = {name: str(path) for name, path in made.items()}
    command = vmaf_command(spec.encodings, files, sample, {name: str(path) for name, path in logs.items()})
    result = work.ffmpeg(command, frames=sample.frames, share=(0.95, 1.0), program=find_vmaf(work.tools.ffmpeg))
    work.verify_cpu_seconds += result.cpu_seconds
    for path in sample.paths.values():
        Path(path).unlink()
    seconds = [tick / spec.scale for tick in spec.times.ticks[: sample.frames]]
    found = {name: _paired(path, seconds) for name, path in logs.items()}
    _again(work, found)
    return found


def _again(work: Work, found: Mapping[str, tuple[tuple[float, float], ...]]) -> None:
    """Give up the first attempt at a chunk that is not good enough; what the second one gives is for the join to judge."""
    minimum = checking.tried_again_below(work.task.verify())
    if minimum is None or work.attempt > 1:
        return
    for name, pairs in found.items():
        quality = summed(name, pairs)
        if quality is not None and quality.mean < minimum:
            raise QualityTooLow(below(quality, minimum))


def _paired(log: Path, seconds: list[float]) -> tuple[tuple[float, float], ...]:
    try:
        found = scores(log.read_text("utf-8"))
    except (OSError, ValueError, KeyError) as error:
        raise VerifyFailed(f"VMAF was not measured: {error}") from error
    if len(found) != len(seconds):
        raise VerifyFailed(f"{len(seconds)} frames were to be compared by VMAF, {len(found)} were")
    return tuple((round(second, 4), score) for second, score in zip(seconds, found, strict=True))
