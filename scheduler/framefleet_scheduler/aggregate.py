"""Reports become state. That a subtask is done was confirmed by the object store: to the worker whose report carries the
summary of the record it created, else to us, who look.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import structlog
from pydantic import ValidationError

from framefleet import metrics
from framefleet.domain import keys
from framefleet.domain.errors import ErrorInfo, FramefleetError, Retry, ServiceError
from framefleet.domain.records import DoneRecord
from framefleet.domain.states import SubtaskState
from framefleet.domain.subtask import split_subtask_id
from framefleet.domain.summary import Summary, summary
from framefleet.messages import Done, Failed, Report
from framefleet.ports import ObjectStore, TaskStore
from framefleet_scheduler import retry, traces

log = structlog.get_logger()

_OF_THE_GPU = frozenset({"encoder_unavailable", "encoder_busy"})
"""What a CPU may do better."""


class Aggregator:
    """Applies reports. Every call may be repeated; any number may run at once."""

    def __init__(
        self,
        store: ObjectStore,
        tasks: TaskStore,
        kick: Callable[[], None],
        chance: Callable[[], float] = random.random,
        move: Callable[[str, int, str], bool] = lambda task_id, run, reason: False,
    ) -> None:
        """`kick` is called after every change; `chance` (0..1) spreads retries; `move` takes a run off the GPUs, if that
        helps (`Mover.move`).
        """
        self._store = store
        self._tasks = tasks
        self._kick = kick
        self._chance = chance
        self._move = move

    def apply_all(self, reports: Sequence[Report]) -> None:
        """Enter what workers say. Raises ServiceError, after all had their turn: the reports have to come again."""
        known = [report for report in reports if self._names_a_subtask(report)]
        for task_id in {split_subtask_id(report.sid)[0] for report in known}:
            traces.learn(self._tasks, task_id)
        entered = {report.sid: report.summary for report in known if isinstance(report, Done) and report.summary}
        self._succeeded(entered)
        trouble: ServiceError | None = None
        for report in known:
            if report.sid in entered:
                continue
            try:
                self._apply(report)
            except ServiceError as error:
                trouble = error
        if trouble is not None:
            raise trouble

    def _apply(self, report: Report) -> None:
        """Having looked into the store."""
        match report:
            case Done(sid=sid):
                if not self.done(sid):
                    # Its lease will run out, and the sweep decides then.
                    log.warning("report.dropped", sid=sid, reason="no DONE record")
            case Failed():
                self._failed(report)

    def done(self, sid: str) -> bool:
        """Enter the subtask's success if its DONE record exists; says whether it does. Raises ServiceError."""
        task_id, run, n = split_subtask_id(sid)
        body = self._store.get(keys.done(task_id, run, n))
        if body is None:
            return False
        try:
            record = DoneRecord.model_validate_json(body)
        except ValidationError as error:
            log.error("record.unreadable", sid=sid, message=str(error))
            unreadable = FramefleetError("the subtask's record is not readable by this version").info()
            self._record_failure(sid, unreadable)
            self._fail(sid, None, unreadable)
            return True
        self._succeeded({sid: summary(record)})
        return True

    def _succeeded(self, results: dict[str, Summary]) -> None:
        """Enter what is in the store; says what is new."""
        if not results:
            return
        new = self._tasks.done_all([(sid, said.output, said.cpu_seconds) for sid, said in results.items()])
        for (sid, said), is_new in zip(results.items(), new, strict=True):
            if is_new:
                task_id, _, n = split_subtask_id(sid)
                log.info("subtask.succeeded", task_id=task_id, subtask=n, worker=said.worker, kind=said.kind)
        if any(new):
            self._kick()

    @staticmethod
    def _names_a_subtask(report: Report) -> bool:
        try:
            split_subtask_id(report.sid)
        except ValueError:
            log.warning("report.dropped", sid=report.sid, reason="not a subtask")
            return False
        return True

    def give_up(self, sid: str, fence: int | None, error: ErrorInfo, nonce: str = "") -> bool:
        """Fail the subtask for good: first in the store, so that a rebuild knows it, then in Redis.

        `fence` None is the scheduler's own verdict. False when the fence is stale or the subtask decided: then nothing is
        written either, or a rebuild would fail what another attempt is doing well.
        """
        if fence is not None and not self._tasks.holds(sid, fence, nonce):
            log.debug("report.dropped", sid=sid, reason="stale")
            return False
        self._record_failure(sid, error)
        # A worker that was taken for dead may have succeeded after we looked; a success that stood first counts.
        if self.done(sid):
            return False
        return self._fail(sid, fence, error, nonce)

    def _record_failure(self, sid: str, error: ErrorInfo) -> None:
        self._store.create(keys.failed(*split_subtask_id(sid)), error.model_dump_json().encode())

    def _fail(self, sid: str, fence: int | None, error: ErrorInfo, nonce: str = "") -> bool:
        task_id, _, n = split_subtask_id(sid)
        failed = self._tasks.fail(sid, fence, error, None, nonce)
        if failed:
            log.warning("subtask.failed", task_id=task_id, subtask=n, code=error.code, message=error.message)
            self._kick()
        return failed

    def _failed(self, report: Failed) -> None:
        if report.error.retry is Retry.PERMANENT:
            self.give_up(report.sid, report.fence, report.error, report.nonce)
            return
        subtask = self._tasks.subtask(report.sid)
        if subtask is None or subtask.state is not SubtaskState.RUNNING:
            log.debug("report.dropped", sid=report.sid, reason="stale")
            return
        delay = retry.decide(report.error, subtask.attempts, self._chance)
        if delay is None and report.error.code in _OF_THE_GPU and self._moved(report):
            return
        if delay is None:
            self.give_up(report.sid, report.fence, report.error, report.nonce)
        elif self._tasks.fail(report.sid, report.fence, report.error, delay, report.nonce):
            metrics.retried(kind=subtask.kind, code=report.error.code)
            log.info("subtask.postponed", sid=report.sid, code=report.error.code, delay_s=round(delay, 1))
            self._kick()

    def _moved(self, report: Failed) -> bool:
        task_id, run, _ = split_subtask_id(report.sid)
        return self._tasks.holds(report.sid, report.fence, report.nonce) and self._move(
            task_id, run, report.error.message
        )
