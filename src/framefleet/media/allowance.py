"""How much of a machine one program may use for a subtask: generous against the plan, finite against hostile input.

Figures are of the plan, not of the source: a source that lies about itself gets no more than what was planned for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from framefleet.domain.still_spec import AnimationSpec, SceneSearch, SnapshotSpec, SpriteSpec
from framefleet.domain.subtask import AudioTrackSpec, ConcatSpec, Spec, VideoChunkSpec
from framefleet.media.encoders import RELATIVE_COST

LEAST_CPU_SECONDS = 1800.0
"""Never less: reaching a chunk in a source without keyframes may mean to decode hours of it."""

_PER_PIXEL = 2.5e-8
"""CPU seconds of x264's medium preset per pixel; slower presets and machines are what the patience is for."""
_PER_SOUND_SECOND = 0.05
_PER_STILL_SECOND = 0.3
_SLOWEST_RATE = 10


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one program of an attempt may use."""

    memory_bytes: int | None = None
    """Of private memory (data, heap, stacks); None: no limit."""
    cpu_seconds: float | None = None
    """Of user and system time, summed over its threads; None: no limit."""


UNLIMITED = Allowance()


def allowance(spec: Spec, *, memory_bytes: int, patience: float) -> Allowance:
    """The allowance of each program that works on `spec`; 0 switches a limit off.

    `patience` is how many CPU seconds are allowed for each that the work should cost.
    """
    cpu = max(LEAST_CPU_SECONDS, planned_cpu_seconds(spec) * patience) if patience else None
    return Allowance(memory_bytes or None, cpu)


def planned_cpu_seconds(spec: Spec) -> float:
    """What the work should cost on an ordinary core, seconds; 0.0 where nothing is planned that takes long."""
    match spec:
        case VideoChunkSpec():
            pixels = sum(e.width * e.height * RELATIVE_COST.get(e.family, 1.0) for e in spec.encodings)
            return spec.times.count * pixels * _PER_PIXEL
        case AudioTrackSpec():
            return spec.samples / spec.sample_rate * _PER_SOUND_SECOND
        case ConcatSpec() | SpriteSpec():
            return float(spec.duration) * _PER_STILL_SECOND
        case AnimationSpec():
            return float(spec.frames / spec.frame_rate) * max(float(spec.speed), 1.0) * _PER_STILL_SECOND
        case SnapshotSpec(scenes=SceneSearch() as search):
            return sum(p.frames for p in search.pieces) / _SLOWEST_RATE * _PER_STILL_SECOND
        case _:
            return 0.0
