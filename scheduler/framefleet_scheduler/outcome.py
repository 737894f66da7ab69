"""How a task ended: its final record, from live state and DONE records. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from framefleet.domain.errors import ErrorInfo, FramefleetError
from framefleet.domain.records import PublishedOutput, TargetRecord, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState


def final_record(
    live: TaskRecord,
    published: Mapping[str, Sequence[PublishedOutput]],
    *,
    finished_at: datetime,
    canceled: bool,
    reason: ErrorInfo | None = None,
) -> TaskRecord:
    """The record of an ended task.

    `published` is what the last steps of each succeeded target made. `reason` is why there is no plan, if that is so.
    A cancel that came after the last target was published changes nothing.
    """
    if reason is None:
        reason = next((s.error for s in live.subtasks if s.state is SubtaskState.FAILED and s.error), None)
    targets = tuple(_target(t, published.get(t.name, ()), canceled=canceled, reason=reason) for t in live.targets)
    states = [target.state for target in targets]
    if all(state is TaskState.SUCCEEDED for state in states):
        state = TaskState.SUCCEEDED
    elif canceled:
        state = TaskState.CANCELED
    else:
        state = TaskState.FAILED
    error = next((t.error for t in targets if t.error is not None), reason) if state is TaskState.FAILED else None
    return live.model_copy(
        update={
            "state": state,
            "finished_at": finished_at,
            "progress": 1.0 if state is TaskState.SUCCEEDED else live.progress,
            "error": error,
            "targets": targets,
        }
    )


def with_published(live: TargetRecord, published: Sequence[PublishedOutput]) -> TargetRecord:
    """A succeeded target with what its last steps made."""
    return live.model_copy(
        update={
            "files": tuple(file for output in published for file in output.files),
            "media": next((output.media for output in published if output.media is not None), None),
            "certificate": tuple(check for output in published for check in output.checks),
            "facts": next((output.facts for output in published if output.facts is not None), None),
            "warnings": tuple(warning for output in published for warning in output.warnings),
        }
    )


def _target(
    live: TargetRecord, published: Sequence[PublishedOutput], *, canceled: bool, reason: ErrorInfo | None
) -> TargetRecord:
    match live.state:
        case TaskState.SUCCEEDED if live.files:  # carried over from an earlier run
            return live
        case TaskState.SUCCEEDED if published:
            return with_published(live, published)
        case TaskState.FAILED:
            return live.model_copy(update={"error": live.error or reason})
        case TaskState.CANCELED:
            return live
        case _ if canceled:
            return live.model_copy(update={"state": TaskState.CANCELED})
        case _:
            lost = FramefleetError("the task ended without this target").info()
            return live.model_copy(update={"state": TaskState.FAILED, "error": reason or lost})
