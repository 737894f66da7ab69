"""Dry runs: tasks that only look. They are probed like others, by any worker and any scheduler; the plan is their result.

They are of use to whoever waits for the answer, so one that takes too long is canceled, and nothing of them is kept long.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from framefleet.domain import keys
from framefleet.domain.errors import ErrorInfo, FramefleetError
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import SubtaskState, TaskState
from framefleet.ports import Clock, Measures, ObjectStore, TaskStore

log = structlog.get_logger()

ANSWER_SECONDS = 30.0
"""Whoever asks waits no longer."""
GIVEN_UP_SECONDS = 60.0
"""Nobody waits any more, whatever has become of the process that was asked."""
KEPT_SECONDS = 3600.0
_LOOK_SECONDS = 15.0
_BATCH = 200


def dry_record(
    live: TaskRecord, *, done: bool, canceled: bool, error: FramefleetError | None, at: datetime
) -> TaskRecord:
    """How a dry run ended. `error` is why there is no plan."""
    reason: ErrorInfo | None = None if error is None else error.info()
    if reason is None and not done:
        reason = next((s.error for s in live.subtasks if s.state is SubtaskState.FAILED and s.error), None)
    if canceled:
        state = TaskState.CANCELED
    else:
        state = TaskState.SUCCEEDED if done and reason is None else TaskState.FAILED
    if state is TaskState.FAILED and reason is None:
        reason = FramefleetError("what the probe found cannot be read by this version").info()
    failed = reason if state is TaskState.FAILED else None
    return live.model_copy(update={"state": state, "error": failed, "finished_at": at, "targets": ()})


def forget_dry(store: ObjectStore, task_id: str, before: datetime | None = None) -> int:
    """Remove everything of a dry run, if it began before; says how many objects. Raises StoreUnavailable.

    The request goes first: without it a rebuild enters nothing, whatever else is left.
    """
    found = list(store.list(keys.task_prefix(task_id)))
    if not found or (before is not None and min(info.modified for info in found) >= before):
        return 0
    request = keys.task(task_id)
    store.delete([request])
    store.delete([info.key for info in found if info.key != request])
    return len(found)


class DryKeeper:
    """Cancels dry runs that take too long, and removes what is left of those that have ended. For the leader's sweep."""

    def __init__(
        self, store: ObjectStore, tasks: TaskStore, measures: Measures, clock: Clock, kick: Callable[[], None]
    ) -> None:
        """`kick` is called when there is a task to finish."""
        self._store = store
        self._tasks = tasks
        self._measures = measures
        self._clock = clock
        self._kick = kick
        self._next = clock.monotonic()

    def step(self) -> None:
        """Look now and then. Raises ServiceError."""
        if self._clock.monotonic() < self._next:
            return
        self._next = self._clock.monotonic() + _LOOK_SECONDS
        now = self._clock.now()
        for task_id in self._measures.dry_runs(now - timedelta(seconds=GIVEN_UP_SECONDS), _BATCH, ended=False):
            self._give_up(task_id)
        gone = self._measures.dry_runs(now - timedelta(seconds=KEPT_SECONDS), _BATCH, ended=True)
        for task_id in gone:
            forget_dry(self._store, task_id)
        if gone:
            self._measures.forget_dry(gone, ended=True)

    def _give_up(self, task_id: str) -> None:
        """Nobody was told anything of it, so the store need not know: one that a rebuild enters is given up in its turn."""
        if self._tasks.cancel(task_id):
            log.info("dry_run.given_up", task_id=task_id)
            self._kick()
        elif self._tasks.status(task_id) is None:  # Redis went back to before it was entered, or it was never whole
            forget_dry(self._store, task_id)
            self._measures.forget_dry([task_id], ended=False)
