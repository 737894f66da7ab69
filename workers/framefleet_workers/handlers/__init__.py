"""One module per kind of subtask; each turns a spec into an output."""

from __future__ import annotations

from typing import assert_never

from framefleet.domain.records import Output
from framefleet.domain.still_spec import AnimationSpec, SnapshotSpec, SpriteSpec
from framefleet.domain.subtask import (
    AudioTrackSpec,
    BudgetSpec,
    ConcatSpec,
    MeasureSpec,
    ProbeSpec,
    Spec,
    TextSpec,
    VideoChunkSpec,
)
from framefleet_workers.handlers import audio, average, concat, probe, stills, texts, video
from framefleet_workers.work import Work


def handle(work: Work, spec: Spec) -> Output:
    """Do the work of one subtask."""
    match spec:
        case ProbeSpec():
            return probe.handle(work, spec)
        case VideoChunkSpec():
            return video.handle(work, spec)
        case MeasureSpec() | BudgetSpec():
            return average.handle(work, spec)
        case AudioTrackSpec() | TextSpec():
            return audio.handle(work, spec) if isinstance(spec, AudioTrackSpec) else texts.handle(work, spec)
        case SnapshotSpec():
            return stills.snapshot(work, spec)
        case SpriteSpec():
            return stills.sprite(work, spec)
        case AnimationSpec():
            return stills.animation(work, spec)
        case ConcatSpec():
            return concat.handle(work, spec)
        case _:
            assert_never(spec)
