"""A task whose GPUs are gone goes on without them: everything it encodes on one, each rendition as a whole, on CPUs.

Chunks of one stream never mix encoders, so this is a new run of the task. The old run's END says that it was continued:
whoever creates END first decides whether a run ended or moved, and whoever finds it continued can do the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from framefleet.domain import keys
from framefleet.domain.errors import FramefleetError, ServiceError, StoreUnavailable
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.subtask import Encoding, Plan, Tag, VideoChunkSpec
from framefleet.domain.task import Task
from framefleet.ports import Clock, ObjectStore, TaskStatus, TaskStore
from framefleet_scheduler import results, traces
from framefleet_scheduler.counting import count_subtasks
from framefleet_scheduler.outcome import final_record
from framefleet_scheduler.plan import PlanSettings, plan_possible, probe_subtasks

log = structlog.get_logger()

_BATCH = 100


def without_gpu(settings: PlanSettings) -> PlanSettings:
    """The same installation, as if no GPU could encode."""
    return replace(settings, gpu_encoders=frozenset())


def gpu_encodings(plan: Plan) -> set[Encoding]:
    """What a plan encodes on GPUs."""
    return {
        encoding.model_copy(update={"id": ""})
        for subtask in plan.subtasks
        if isinstance(subtask.spec, VideoChunkSpec)
        for encoding in subtask.spec.encodings
        if encoding.family.endswith("_nvenc")
    }


def continued(task: Task, ended: TaskRecord, reason: str) -> Task:
    """The task as the run after `ended` makes it: what succeeded is kept, the rest is made on CPUs where it may be."""
    kept = {target.name: target for target in ended.targets if target.state is TaskState.SUCCEEDED}
    return task.model_copy(
        update={
            "priority": ended.priority,
            "targets": tuple(target for target in task.targets if target.name not in kept),
            "carried": tuple(kept.values()),
            "moved": reason,
        }
    )


class Mover:
    """Moves tasks. Every step may be repeated, by several schedulers at once."""

    def __init__(
        self,
        store: ObjectStore,
        tasks: TaskStore,
        clock: Clock,
        settings: Callable[[], PlanSettings] = PlanSettings,
        cleaned: Callable[[str, int], None] = lambda task_id, run: None,
        kick: Callable[[], None] = lambda: None,
    ) -> None:
        """`settings` tells of the cluster as it is now; `cleaned` is told of runs that are over; `kick` of new work."""
        self._store = store
        self._tasks = tasks
        self._clock = clock
        self._settings = settings
        self._cleaned = cleaned
        self._kick = kick

    def move(self, task_id: str, run: int, reason: str) -> bool:
        """Take a run off the GPUs, if its renditions may be made on CPUs. False: nothing would change, or it has ended.

        A task is moved once. Raises ServiceError.
        """
        status, task = self._tasks.status(task_id), self._tasks.task(task_id)
        if status is None or task is None or status.run != run or status.state.final or status.canceling:
            return False
        if not status.planned or task.moved is not None or not self._would_help(task, run):
            return False
        record = self._ended(status, reason)
        if record is None:
            return False
        traces.remember(task)
        log.warning("task.moved", task_id=task_id, run=run, reason=reason)
        self.go_on(record)
        return True

    def go_on(self, ended: TaskRecord, *, rebuilding: bool = False) -> None:
        """Enter the run after one that was continued. Raises ServiceError."""
        task_id, run = ended.id, ended.run
        key = keys.restarted(task_id, run + 1)
        task = continued(self._made(task_id, run), ended, ended.error.message if ended.error else "")
        if not self._store.create(key, task.model_dump_json().encode()):
            task = Task.model_validate_json(self._read(key))
        self._tasks.create(task, run + 1, probe_subtasks(task))
        # Whoever canceled the run before it was replaced was told yes.
        if self._store.stat(keys.cancel(task_id, run)) is not None:
            self._store.create(keys.cancel(task_id, run + 1), self._clock.now().isoformat().encode())
            self._tasks.cancel(task_id, run + 1, rebuilding=rebuilding)
        self._cleaned(task_id, run)
        self._kick()

    def _would_help(self, task: Task, run: int) -> bool:
        media = results.media(self._store, task, run)
        plan = self._store.get(keys.plan(task.id, run))
        if media is None or plan is None:
            return False
        on_gpu = gpu_encodings(Plan.model_validate_json(plan))
        try:
            return bool(on_gpu) and gpu_encodings(plan_possible(task, media, without_gpu(self._settings()))) != on_gpu
        except ServiceError:
            raise
        except FramefleetError:
            return False

    def _ended(self, status: TaskStatus, reason: str) -> TaskRecord | None:
        """The END of the run, created now or by another that moves it; None when it ended in another way."""
        live = self._tasks.record(status.id)
        if live is None or live.state.final or live.run != status.run:
            return None
        record = final_record(
            live,
            results.published(self._store, live, planned=True),
            finished_at=self._clock.now(),
            canceled=True,
        )
        if record.state is not TaskState.CANCELED:
            return None
        why = FramefleetError(reason).info()
        record = record.model_copy(update={"continued": True, "error": why})
        # Tells a rebuild to look into END, however old it is.
        self._store.put(keys.moved(record.id, record.run), b"")
        key = keys.end(record.id, record.run)
        if not self._store.create(key, record.model_dump_json().encode()):
            record = TaskRecord.model_validate_json(self._read(key))
        else:
            count_subtasks(record)
        return record if record.continued else None

    def _made(self, task_id: str, run: int) -> Task:
        return Task.model_validate_json(self._read(keys.task(task_id) if run == 1 else keys.restarted(task_id, run)))

    def _read(self, key: str) -> bytes:
        body = self._store.get(key)
        if body is None:
            raise StoreUnavailable(f"{key} exists but cannot be read")
        return body


class Watch:
    """Moves tasks that wait for GPUs when there have been none for a while. One thread at a time."""

    def __init__(self, tasks: TaskStore, clock: Clock, move: Callable[[str, int, str], bool], patience: float) -> None:
        """`patience`: seconds without any GPU slot that takes work."""
        self._tasks = tasks
        self._clock = clock
        self._move = move
        self._patience = patience
        self._gone_at: float | None = None
        self._stay: set[tuple[str, int]] = set()

    def step(self) -> None:
        """Look, and move some. Raises ServiceError."""
        if any(worker.tag == Tag.GPU and worker.works for worker in self._tasks.workers()):
            self._gone_at = None
            self._stay.clear()
            return
        now = self._clock.monotonic()
        if self._gone_at is None:
            self._gone_at = now
        if now - self._gone_at < self._patience:
            return
        reason = f"there has been no GPU slot that takes work for {now - self._gone_at:.0f} s"
        for task_id, run in self._tasks.with_work(Tag.GPU, _BATCH):
            # What may be made on GPUs only goes on waiting.
            if (task_id, run) not in self._stay and not self._move(task_id, run, reason):
                self._stay.add((task_id, run))
