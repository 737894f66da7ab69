"""What the subtasks of a run that is over have cost and waited for, as metrics."""

from __future__ import annotations

from framefleet import metrics
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import SubtaskState


def count_subtasks(record: TaskRecord) -> None:
    """Count them, once for each run. Only what succeeded is charged to the pipeline: of anything else, the times in the
    record do not say how long a slot was held.
    """
    for subtask in record.subtasks:
        if subtask.state is SubtaskState.SUCCEEDED and subtask.started_at and subtask.finished_at:
            metrics.pipeline_cost(
                pipeline=record.pipeline,
                tag=subtask.tag,
                cpu_seconds=subtask.cpu_seconds,
                slot_seconds=max((subtask.finished_at - subtask.started_at).total_seconds(), 0.0),
            )
        if subtask.queued_at is not None and subtask.started_at is not None:
            seconds = max((subtask.started_at - subtask.queued_at).total_seconds(), 0.0)
            metrics.subtask_waited(kind=subtask.kind, tag=subtask.tag, seconds=seconds)
