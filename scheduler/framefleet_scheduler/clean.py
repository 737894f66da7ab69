"""Removing what a run leaves in the work bucket once it has ended: everything but its plan, its DONE records and END. The logs
of its attempts stay for as long as the task is listed.

A run is cleaned when it ends, and again a little later: attempts that were still running may have uploaded meanwhile.
What a killed scheduler did not get to is found through Redis at the next start, and by a slow pass over the bucket.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError

from framefleet.domain import keys
from framefleet.domain.errors import ServiceError
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.task import is_dry
from framefleet.ports import Clock, ObjectStore, TaskQuery, TaskStore
from framefleet_scheduler.cache import discard_canceled
from framefleet_scheduler.dry import KEPT_SECONDS, forget_dry
from framefleet_scheduler.inventory import TaskFiles, run_in, tasks_in

log = structlog.get_logger()

AGAIN_AFTER_SECONDS = (20.0, 50.0)
"""A canceled attempt learns it at once, or at its next beat (6 s) if the word was lost; within a minute all has to be gone."""
_RETRY_SECONDS = 30.0
_BATCH = 1000
_RECOVER_TASKS = 500
_RECOVER_ANYWAY = 50
"""So many of the latest of each state are looked at whatever their times say: a scheduler's clock may have been wrong."""
_RECOVER_AGE = timedelta(hours=2)
_SETTLED = timedelta(hours=1)


class Cleaner:
    """Cleans ended runs when their time comes. Safe to share between threads; every step may be repeated."""

    def __init__(
        self,
        store: ObjectStore,
        clock: Clock,
        wake: Callable[[], None] = lambda: None,
        *,
        keep_logs: timedelta = timedelta(days=7),
    ) -> None:
        """`wake` is called when there is something to clean at once; logs of attempts are kept so long after a run's end."""
        self._store = store
        self._clock = clock
        self._wake = wake
        self._keep_logs = keep_logs
        self._due: list[tuple[float, str, int]] = []
        self._lock = threading.Lock()

    def ended(self, task_id: str, run: int) -> None:
        """Note that a run has ended."""
        now = self._clock.monotonic()
        for delay in (0.0, *AGAIN_AFTER_SECONDS):
            self._note(now + delay, task_id, run)
        self._wake()

    def recover(self, tasks: TaskStore) -> int:
        """Note the runs that ended lately, as Redis knows them: the one who should have cleaned them may be dead.

        Of a task that was started again, its earlier runs, too. Says how many. Raises StateUnavailable.
        """
        oldest = self._clock.now() - _RECOVER_AGE
        found = 0
        for state in TaskState:
            for place, record in enumerate(tasks.query(TaskQuery(state=state, limit=_RECOVER_TASKS)).tasks):
                old = state.final and record.finished_at is not None and record.finished_at < oldest
                if old and place >= _RECOVER_ANYWAY:
                    continue
                for run in range(1, record.run + state.final):
                    self._note(self._clock.monotonic(), record.id, run)
                    found += 1
        return found

    def step(self) -> bool:
        """Clean one run whose time has come; False when there is none.

        Raises ServiceError when the store fails; the run comes again later.
        """
        entry = self._take()
        if entry is None:
            return False
        _, task_id, run = entry
        try:
            self.clean(task_id, run)
        except ServiceError:
            self._note(self._clock.monotonic() + _RETRY_SECONDS, task_id, run)
            raise
        return True

    def clean(self, task_id: str, run: int) -> int:
        """Remove a run's intermediate objects; says how many. The run must have ended. Raises ServiceError."""
        removed = self._remove(task_id, run, run_in(self._store, task_id, run).intermediate)
        if removed:
            log.info("run.cleaned", task_id=task_id, run=run, objects=removed)
        return removed

    def everything(self) -> int:
        """Clean all runs in the bucket that ended over an hour ago, and secrets and origins that were kept for a task that then
        was not accepted; says how many objects went. Raises ServiceError.

        One listing of the whole bucket: about 13 000 keys per second, so not for every minute.
        """
        settled = self._clock.now() - _SETTLED
        dry = self._clock.now() - timedelta(seconds=KEPT_SECONDS)
        unread = min(settled, self._clock.now() - self._keep_logs)
        removed = 0
        for task in tasks_in(self._store):
            if is_dry(task.id):
                removed += forget_dry(self._store, task.id, before=dry)
                continue
            if not task.accepted:
                removed += self._delete([hook.key for hook in task.webhooks if hook.modified < settled])
                removed += self._forget_origin(task, settled)
            for number, run in task.runs.items():
                if run.ended is not None and run.ended < settled:
                    removed += self._remove(task.id, number, run.intermediate)
                    if run.ended < unread:
                        removed += self._delete(run.logs)
        return removed

    def _forget_origin(self, task: TaskFiles, settled: datetime) -> int:
        """The call may come again while the listing is read; it writes the origin anew, before its task."""
        if task.origin is None:
            return 0
        now = self._store.stat(task.origin.key)
        return 0 if now is None or now.modified >= settled else self._delete([now.key])

    def _remove(self, task_id: str, run: int, found: list[str]) -> int:
        """The cache's entries first: their marks, among the objects, tell which they are."""
        marks = [key for key in found if "/cached/" in key]
        if marks and (end := self._end(task_id, run)) is not None and end.state is TaskState.CANCELED:
            discard_canceled(self._store, end.pipeline, f"{task_id}/{run}", marks)
        return self._delete(found)

    def _end(self, task_id: str, run: int) -> TaskRecord | None:
        body = self._store.get(keys.end(task_id, run))
        try:
            return None if body is None else TaskRecord.model_validate_json(body)
        except ValidationError:  # written by another version; age removes its entries
            return None

    def _delete(self, found: list[str]) -> int:
        for start in range(0, len(found), _BATCH):
            self._store.delete(found[start : start + _BATCH])
        return len(found)

    def _note(self, when: float, task_id: str, run: int) -> None:
        with self._lock:
            heapq.heappush(self._due, (when, task_id, run))

    def _take(self) -> tuple[float, str, int] | None:
        with self._lock:
            if self._due and self._due[0][0] <= self._clock.monotonic():
                return heapq.heappop(self._due)
            return None
