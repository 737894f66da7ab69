"""After a loss of Redis (or at the very first start): the live state is made again from the object store.

Until the new generation begins nobody claims anything. Work that is still running goes on and is adopted by its next
heartbeat. Every step may be repeated; two rebuilds at once only waste time.
"""

from __future__ import annotations

import secrets
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError

from framefleet.domain import keys
from framefleet.domain.errors import ErrorInfo, StateUnavailable
from framefleet.domain.records import TaskRecord
from framefleet.domain.subtask import Plan, subtask_id
from framefleet.domain.task import Task, is_dry
from framefleet.pipelines import PipelineRegistry
from framefleet.ports import Clock, Epochs, ObjectStore, TaskStore
from framefleet_scheduler.inventory import TaskFiles, tasks_in
from framefleet_scheduler.letters import Letters
from framefleet_scheduler.move import Mover
from framefleet_scheduler.plan import probe_subtasks

log = structlog.get_logger()

TOLD_AGAIN = timedelta(days=1)
"""Tasks that ended within this time are entered too: Redis may have been lost before their final event was sent."""
FORGOTTEN = timedelta(minutes=10)
"""Younger than the shortest retention: what ended so lately, Redis has not forgotten on purpose."""
_THREADS = 8
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild found."""

    epoch: int
    unfinished: int
    ended: int
    """Ended lately and told again."""


class Rebuilder:
    """Makes Redis' state from the store's records."""

    def __init__(
        self,
        store: ObjectStore,
        tasks: TaskStore,
        epochs: Epochs,
        clock: Clock,
        letters: Letters | None = None,
    ) -> None:
        """`letters`: None where nobody is told over HTTP."""
        self._store = store
        self._tasks = tasks
        self._epochs = epochs
        self._clock = clock
        self._letters = letters
        self._mover = Mover(store, tasks, clock)

    def run(self, still_leading: Callable[[], object] = lambda: None, *, quiet_seconds: float = 0.0) -> Rebuilt:
        """Enter every unfinished task, then open a new generation. `still_leading` is called now and then.

        Where there are unfinished tasks no orders go out for `quiet_seconds`.

        Raises ServiceError; run it again then.
        """
        epoch = self._next_epoch()
        # The first is no loss: there was nothing.
        (log.warning if epoch > 1 else log.info)("rebuild.started", epoch=epoch)
        self._epochs.rebuild(epoch)
        # Before anything may be released: a paused pipeline stays paused.
        PipelineRegistry(self._store).copy_to(self._tasks)
        entered = self._enter_all(TOLD_AGAIN, still_leading)
        unfinished, ended = entered["unfinished"], entered["ended"]
        self._copy_drains()
        self._copy_letters()
        if not self._epochs.begin(epoch, rebuilt=True, quiet_seconds=quiet_seconds if unfinished else 0.0):
            raise StateUnavailable("Redis was lost again while it was rebuilt, or another rebuild began")
        log.info("rebuild.finished", epoch=epoch, unfinished=unfinished, ended=ended)
        return Rebuilt(epoch, unfinished, ended)

    def catch_up(self) -> None:
        """Enter again what a Redis that was restarted may have forgotten: the last second or so before its end.

        For a Redis that has its generation and goes on working meanwhile; what it knows already stays as it is. Raises
        ServiceError.
        """
        log.info("catch_up.started")
        PipelineRegistry(self._store).copy_to(self._tasks)
        self._copy_drains()
        self._copy_letters()
        entered = self._enter_all(FORGOTTEN, lambda: None)
        log.info("catch_up.finished", unfinished=entered["unfinished"], ended=entered["ended"])

    def _copy_drains(self) -> None:
        for info in self._store.list(keys.DRAINS):
            self._tasks.drain(keys.drained_name(info.key), drained=True)

    def _copy_letters(self) -> None:
        if self._letters is not None:
            self._letters.enter_letters()

    def _enter_all(self, told_again: timedelta, still_leading: Callable[[], object]) -> Counter[str]:
        """Enter every task that has not ended, or that ended within this time; how many of each."""
        entered: Counter[str] = Counter()
        under_way: deque[Future[str]] = deque()
        since = self._clock.now() - told_again
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="rebuild") as pool:
            try:
                for number, task in enumerate(tasks_in(self._store)):
                    if number % _BATCH == 0:
                        still_leading()
                    # The listing goes on meanwhile, but not so far ahead that memory grows with the bucket.
                    under_way.append(pool.submit(self._enter, task, since))
                    if len(under_way) >= _BATCH:
                        entered[under_way.popleft().result()] += 1
                while under_way:
                    entered[under_way.popleft().result()] += 1
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return entered

    def _next_epoch(self) -> int:
        """A number nobody else has: fences of earlier generations stay smaller."""
        nonce = secrets.token_hex(8).encode()
        while True:
            numbers = [int(info.key.rpartition("/")[2]) for info in self._store.list("_epoch/")]
            number = max(numbers, default=0) + 1
            # A False may be the lost answer to our own creation; the bytes tell.
            if self._store.create(keys.epoch(number), nonce) or self._store.get(keys.epoch(number)) == nonce:
                return number

    def _enter(self, files: TaskFiles, since: datetime) -> str:
        try:
            if not files.accepted:
                return "nothing"
            if self._letters is not None:
                self._letters.enter_untold(files)
            if files.latest.ended is None:
                return "unfinished" if self._enter_unfinished(files) else "nothing"
            if is_dry(files.id):
                return "nothing"  # whoever asked has the answer, or has gone
            if files.latest.moved and self._moved_on(files):
                return "unfinished"
            if files.latest.ended >= since:
                return "ended" if self._enter_ended(files) else "nothing"
        except ValidationError as error:
            # Written by another version. It stays in the store; the others must not wait for it.
            log.error("rebuild.skipped", task_id=files.id, message=str(error))
        return "nothing"

    def _enter_unfinished(self, files: TaskFiles) -> bool:
        run, latest = files.run, files.latest
        body = self._store.get(keys.restarted(files.id, run) if latest.restarted else keys.task(files.id))
        if body is None:
            return False
        task = Task.model_validate_json(body)
        changed = self._store.get(latest.priority) if latest.priority else None
        if changed is not None:
            task = task.model_copy(update={"priority": int(changed)})
        body = self._store.get(keys.plan(task.id, run)) if latest.planned else None
        plan = None if body is None else Plan.model_validate_json(body)
        # Nothing is entered of a task before all that decides it has been read.
        if not self._tasks.create(task, run, probe_subtasks(task)) and latest.priority:
            # Redis knows the task, but may have forgotten that its priority was changed.
            change = int(latest.priority.rpartition("/")[2])
            self._tasks.reprioritize(task.id, task.priority, change, run, rebuilding=True)
        # That they exist decides. What they say is read when the task ends: they are most of what there is to read.
        done = [(subtask_id(task.id, run, n), "", 0.0) for n in sorted(latest.done)]
        if plan is not None:
            # Its probes first: the task has begun then, and a large plan is not moved between lanes once it is in.
            probes = sum(n <= len(task.request.sources) for n in latest.done)
            self._tasks.done_all(done[:probes])
            del done[:probes]
            self._tasks.add_plan(task.id, run, plan)
        self._tasks.done_all(done)
        for n in sorted(set(latest.failed) - set(latest.done)):
            failed = self._store.get(keys.failed(task.id, run, n))
            if failed is not None:
                self._tasks.fail(subtask_id(task.id, run, n), None, ErrorInfo.model_validate_json(failed), None)
        for n, crashes in latest.crashes.items():
            self._tasks.crashed(subtask_id(task.id, run, n), crashes)
        if latest.canceled:
            self._tasks.cancel(task.id, run, rebuilding=True)
        return True

    def _moved_on(self, files: TaskFiles) -> bool:
        """Enter the next run of one that was continued and has none yet; says whether it was."""
        body = self._store.get(keys.end(files.id, files.run))
        record = None if body is None else TaskRecord.model_validate_json(body)
        if record is None or not record.continued:
            return False
        self._mover.go_on(record, rebuilding=True)
        return True

    def _enter_ended(self, files: TaskFiles) -> bool:
        body = self._store.get(keys.end(files.id, files.run))
        return body is not None and self._tasks.finish(TaskRecord.model_validate_json(body))
