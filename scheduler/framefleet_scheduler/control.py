"""What people ask of a task that was accepted (cancel, restart, another priority) and of workers (drain). Knows no command
line.

Every "yes" is in the object store before it is said, so that a rebuild of Redis knows it. Each call may be repeated: what
an earlier one left half done is finished.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from pydantic import ValidationError

from framefleet.domain import keys
from framefleet.domain import priority as levels
from framefleet.domain.errors import (
    FramefleetError,
    InvalidRequest,
    NothingFailed,
    StateUnavailable,
    StoreUnavailable,
    TaskFinal,
    TaskNotFinal,
    TaskNotFound,
    WorkerNotFound,
)
from framefleet.domain.records import TargetRecord, TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.task import Task
from framefleet.ports import Clock, ObjectStore, TaskStatus, TaskStore
from framefleet_scheduler import traces
from framefleet_scheduler.plan import probe_subtasks

log = structlog.get_logger()

_RACES = 100


class Control:
    """The verbs. Safe to share between threads; several processes may use theirs at once."""

    def __init__(
        self, store: ObjectStore, tasks: TaskStore, clock: Clock, kick: Callable[[], None] = lambda: None
    ) -> None:
        """`kick` is called after every change, where there is a scheduler in this process."""
        self._store = store
        self._tasks = tasks
        self._clock = clock
        self._kick = kick

    def cancel(self, task_id: str) -> int:
        """Cancel a task: what runs for it is ended within seconds. Says which run.

        Raises TaskNotFound, TaskFinal, StateUnavailable or StoreUnavailable.
        """
        status = self._open(task_id)
        self._store.create(keys.cancel(task_id, status.run), self._clock.now().isoformat().encode())
        if not self._tasks.cancel(task_id, status.run):
            raise TaskFinal("the task ended just now")
        log.info("task.canceling", task_id=task_id, run=status.run)
        self._kick()
        return status.run

    def reprioritize(self, task_id: str, priority: int) -> int:
        """Give a task another priority (0..9), also where it has begun. Says which run.

        Raises InvalidRequest, TaskNotFound, TaskFinal, StateUnavailable or StoreUnavailable.
        """
        if not levels.LOWEST <= priority <= levels.HIGHEST:
            raise InvalidRequest(
                f"a priority is {levels.LOWEST} to {levels.HIGHEST}, not {priority}",
                field="priority",
                hint="9 is first.",
            )
        status = self._open(task_id)
        change = self._record_priority(task_id, status.run, priority)
        if not self._tasks.reprioritize(task_id, priority, change, status.run):
            raise TaskFinal("the task ended just now")
        log.info("task.reprioritized", task_id=task_id, run=status.run, priority=priority)
        self._kick()
        return status.run

    def restart(self, task_id: str, *, failed_only: bool = False) -> Task:
        """Begin a new run of a task that has ended: of all its targets, or of those that did not succeed.

        Targets that succeeded are then carried over with their files and certificates. Restarts at the same time begin
        one run, as the first of them asked. Raises TaskNotFound, TaskNotFinal, NothingFailed, StateUnavailable or
        StoreUnavailable.
        """
        body = self._store.get(keys.task(task_id))
        if body is None:
            raise TaskNotFound(f"there is no task {task_id}")
        self._tasks.status(task_id)  # before anything is stored: raises while Redis is away
        run = self._latest_run(task_id)
        ended = self._store.get(keys.end(task_id, run))
        if ended is None:
            return self._enter_again(task_id, run)
        record = TaskRecord.model_validate_json(ended)
        if record.continued:
            raise TaskNotFinal(f"run {run} of the task goes on as another")
        task = self._next(_read_task(body), record, failed_only=failed_only)
        run += 1
        if not self._store.create(keys.restarted(task_id, run), task.model_dump_json().encode()):
            task = self._stored(task_id, run)
        return self._enter(task, run)

    def drain(self, name: str) -> list[str]:
        """Let a slot, or every slot of a host, take no new work until `undrain`; the slots it means now.

        What runs there goes on. Raises WorkerNotFound, StateUnavailable or StoreUnavailable.
        """
        live = self._tasks.workers()
        meant = [worker.id for worker in live if name in {worker.id, worker.host}]
        if not meant:
            raise WorkerNotFound(f"there is no live worker and no host {name}")
        self._forget_dead({worker.id for worker in live})
        self._store.put(keys.drain(name), self._clock.now().isoformat().encode())
        self._tasks.drain(name, drained=True)
        log.info("worker.drained", name=name, slots=meant)
        return meant

    def undrain(self, name: str) -> bool:
        """Let it take work again; False when it was not drained. Raises StateUnavailable or StoreUnavailable."""
        known = name in self._tasks.drains()
        self._store.delete([keys.drain(name)])
        self._tasks.drain(name, drained=False)
        log.info("worker.undrained", name=name)
        return known

    def _forget_dead(self, live: set[str]) -> None:
        """A slot that was drained and has ended never comes back: its process had the name."""
        for name in self._tasks.drains():
            if ":" in name and name not in live:
                self._store.delete([keys.drain(name)])
                self._tasks.drain(name, drained=False)

    # --- a run that is going on ------------------------------------------------------------

    def _open(self, task_id: str) -> TaskStatus:
        """Where a task stands that has not ended."""
        status = self._tasks.status(task_id)
        if status is not None and not status.state.final:
            traces.learn(self._tasks, task_id)
            return status
        if status is not None:
            raise TaskFinal(f"the task has already ended: {status.state}")
        if self._store.stat(keys.task(task_id)) is None:
            raise TaskNotFound(f"there is no task {task_id}")
        if self._store.stat(keys.end(task_id, self._latest_run(task_id))) is not None:
            raise TaskFinal
        raise StateUnavailable("the task is stored, but not entered yet", hint="Ask again in a moment.")

    def _record_priority(self, task_id: str, run: int, priority: int) -> int:
        """Store the change; its number, which nobody else has."""
        for _ in range(_RACES):
            numbers = [int(i.key.rpartition("/")[2]) for i in self._store.list(keys.priorities(task_id, run))]
            change = max(numbers, default=0) + 1
            if self._store.create(keys.priority(task_id, run, change), str(priority).encode()):
                return change
        raise StoreUnavailable("others change the priority of this task all the time")

    # --- the next run ----------------------------------------------------------------------

    def _latest_run(self, task_id: str) -> int:
        run = 1
        while self._store.stat(keys.restarted(task_id, run + 1)) is not None:
            run += 1
        return run

    def _next(self, task: Task, ended: TaskRecord, *, failed_only: bool) -> Task:
        """The task as its next run makes it."""
        carried: tuple[TargetRecord, ...] = ()
        if failed_only:
            carried = tuple(target for target in ended.targets if target.state is TaskState.SUCCEEDED)
        kept = {target.name for target in carried}
        targets = tuple(target for target in task.targets if target.name not in kept)
        if not targets:
            raise NothingFailed
        return task.model_copy(
            update={
                "created_at": self._clock.now(),
                "priority": ended.priority,
                "targets": targets,
                "carried": carried,
            }
        )

    def _stored(self, task_id: str, run: int) -> Task:
        body = self._store.get(keys.restarted(task_id, run))
        if body is None:
            raise StoreUnavailable(f"run {run} of {task_id} exists in the store but cannot be read")
        return _read_task(body)

    def _enter_again(self, task_id: str, run: int) -> Task:
        """The latest run has not ended: what asks for it twice, or began it and died, gets it; all else has to wait."""
        status = self._tasks.status(task_id)
        if run == 1 or (status is not None and status.run >= run):
            raise TaskNotFinal(f"run {run} of the task has not ended")
        return self._enter(self._stored(task_id, run), run)

    def _enter(self, task: Task, run: int) -> Task:
        if self._tasks.create(task, run, probe_subtasks(task)):
            traces.remember(task)
            log.info("task.restarted", task_id=task.id, run=run, targets=[target.name for target in task.targets])
            self._kick()
        return task


def _read_task(body: bytes) -> Task:
    try:
        return Task.model_validate_json(body)
    except ValidationError as error:
        raise FramefleetError(f"the task was stored by a version this one cannot read: {error}") from None
