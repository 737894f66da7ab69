"""What a rebuild left unread: the results of subtasks that were done before Redis was lost. Read when their task ends."""

from __future__ import annotations

import json
from collections.abc import Callable

from framefleet.domain.attempts import Attempt
from framefleet.domain.records import DoneRecord, SubtaskRecord, TaskRecord
from framefleet.domain.states import SubtaskState
from framefleet.domain.summary import summary

Read = Callable[[int], DoneRecord | None]
"""The DONE record of a subtask, by its number; None when it cannot be read."""


def recalled(live: TaskRecord, read: Read) -> TaskRecord:
    """The task with what its DONE records say of subtasks that say nothing themselves. Raises what `read` raises."""
    return live.model_copy(update={"subtasks": tuple(_recalled(subtask, read) for subtask in live.subtasks)})


def _recalled(subtask: SubtaskRecord, read: Read) -> SubtaskRecord:
    if subtask.state is not SubtaskState.SUCCEEDED or subtask.output is not None:
        return subtask
    record = read(subtask.n)
    if record is None:
        return subtask
    said: dict[str, object] = {
        "attempts": max(subtask.attempts, 1),
        "worker": subtask.worker or record.worker,
        # When it was queued is lost: the rebuild's time would be after its start.
        "queued_at": subtask.queued_at if subtask.started_at else None,
        "started_at": subtask.started_at or record.started_at,
        "finished_at": record.finished_at,
        "cpu_seconds": record.usage.cpu_seconds,
        "output": json.loads(summary(record).output),
    }
    if not subtask.history:
        said["history"] = (_attempt(record),)
    return subtask.model_copy(update=said)


def _attempt(record: DoneRecord) -> Attempt:
    """The one that succeeded is all that is known."""
    return Attempt(
        attempt=1,
        fence=record.fence,
        worker=record.worker,
        started_at=record.started_at,
        ended_at=record.finished_at,
        outcome="succeeded",
    )
