"""The steps of a task as a whole: planned when its sources are probed, finished when nothing of it is open.

Everything is derived from records in the store that are created once, so a step that is taken twice, or by two
schedulers at once, gives the same result.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from framefleet import metrics, tracing
from framefleet.domain import keys
from framefleet.domain.errors import FramefleetError, ServiceError, StoreUnavailable
from framefleet.domain.measured import measured
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.subtask import Plan, Tag
from framefleet.domain.task import Task
from framefleet.ports import Clock, Measures, ObjectStore, TaskStatus, TaskStore, WorkerInfo
from framefleet_scheduler import results, traces
from framefleet_scheduler.clean import Cleaner
from framefleet_scheduler.counting import count_subtasks
from framefleet_scheduler.dry import dry_record
from framefleet_scheduler.move import Mover, without_gpu
from framefleet_scheduler.outcome import final_record
from framefleet_scheduler.plan import PlanSettings, plan_possible, plan_task
from framefleet_scheduler.plan.grids import UNKNOWN
from framefleet_scheduler.recall import recalled
from framefleet_scheduler.remembered import StoredGrids

log = structlog.get_logger()

_BATCH = 16


def plan_settings(workers: list[WorkerInfo]) -> PlanSettings:
    """What the planner should know about the cluster, from the slots that live now."""
    able = [worker for worker in workers if worker.works]
    cpu = sum(worker.tag == Tag.CPU for worker in able)
    gpu = [worker for worker in able if worker.tag == Tag.GPU]
    encoders = frozenset(encoder for worker in gpu for encoder in worker.encoders)
    # Without any worker (scaled to zero) the default stands: some will come.
    return PlanSettings(slots=cpu or PlanSettings().slots, gpu_slots=len(gpu), gpu_encoders=encoders)


class Advancer:
    """Takes the next step of tasks for which one is due. One thread at a time; several schedulers may do so."""

    def __init__(
        self,
        store: ObjectStore,
        tasks: TaskStore,
        clock: Clock,
        cleaner: Cleaner,
        kick: Callable[[], None],
        *,
        reuse: bool = False,
        measures: Measures | None = None,
    ) -> None:
        """`kick` is called after every step: there are orders or a final event to publish. `reuse`: films are cut as they
        were before, where finished work is kept. `measures` is told what work has cost.
        """
        self._store = store
        self._tasks = tasks
        self._clock = clock
        self._cleaner = cleaner
        self._kick = kick
        self._reuse = reuse
        self._measures = measures
        self._mover = Mover(store, tasks, clock, cleaned=cleaner.ended, kick=kick)

    def step(self) -> bool:
        """Take the step of every task that is due, up to a batch; says whether there was one.

        One task's trouble does not keep the others waiting. Raises ServiceError, after all had their turn.
        """
        due = self._tasks.take_advance(_BATCH)
        trouble: ServiceError | None = None
        for task_id in due:
            try:
                self.advance(task_id)
                self._tasks.advanced(task_id)
            except ServiceError as error:
                trouble = error
            except Exception:  # the shell of the advance loop: the task comes again, the others go on
                log.exception("advance.broken", task_id=task_id)
            self._kick()
        if trouble is not None:
            raise trouble
        return bool(due)

    def advance(self, task_id: str) -> None:
        """Plan or finish one task, if that is due. Raises ServiceError."""
        status = self._tasks.status(task_id)
        if status is not None and status.partial:  # whoever began it may have died
            self._tasks.complete(task_id)
            status = self._tasks.status(task_id)
        task = self._tasks.task(task_id)
        if status is None or task is None or status.state.final or status.open:
            return
        traces.remember(task)
        if task.dry is not None:
            self._end_dry(task, status)
            return
        if status.planned or status.canceling:
            self._finish(status, None)
            return
        media = results.media(self._store, task, status.run)
        if media is None:
            self._finish(status, None)
            return
        try:
            with tracing.telling("plan", task.trace.child(f"plan/{status.run}"), task.trace, run=status.run):
                plan = self._plan(task, status.run, media)
        except ServiceError:
            raise
        except FramefleetError as error:
            self._finish(status, error)
        except Exception as error:  # a defect of the planner ends this task, not the scheduler
            log.exception("plan.broken", task_id=task_id)
            self._finish(status, FramefleetError(f"the planner failed: {type(error).__name__}: {error}"))
        else:
            # False when it was canceled meanwhile, or entered before: then another step is due, or none.
            if self._tasks.add_plan(task_id, status.run, plan):
                log.info("task.planned", task_id=task_id, subtasks=len(plan.subtasks), duration_s=float(plan.duration))

    # --- planning --------------------------------------------------------------------------

    def _plan(self, task: Task, run: int, media: list[MediaInfo]) -> Plan:
        """The stored plan, made now if there is none: whoever stored it first, all use the same."""
        key = keys.plan(task.id, run)
        stored = self._store.get(key)
        if stored is None:
            settings = plan_settings(self._tasks.workers())
            settings = settings if task.moved is None else without_gpu(settings)
            grids = StoredGrids(self._store, task.pipeline) if self._reuse else None
            # Who only asks for the plan is told what refuses it.
            make = plan_possible if task.dry is None else plan_task
            plan = make(task, media, settings, grids or UNKNOWN)
            if self._store.create(key, plan.model_dump_json().encode()):
                if grids is not None and task.dry is None:
                    grids.keep()
                return plan
            stored = self._store.get(key)
            if stored is None:
                raise StoreUnavailable(f"{key} exists but cannot be read")
        return Plan.model_validate_json(stored)

    def _end_dry(self, task: Task, status: TaskStatus) -> None:
        """The probes of a dry run are done, or it was canceled: the plan it asked for is its result, and is not entered."""
        live = self._tasks.record(task.id)
        if live is None or live.state.final:
            return
        media = None if status.canceling else results.media(self._store, task, status.run)
        error: FramefleetError | None = None
        if media is not None and task.dry is not None and task.dry.what == "plan":
            try:
                self._plan(task, status.run, media)
            except ServiceError:
                raise
            except FramefleetError as refused:
                error = refused
            except Exception as defect:
                log.exception("plan.broken", task_id=task.id)
                error = FramefleetError(f"the planner failed: {type(defect).__name__}: {defect}")
        ended = dry_record(live, done=media is not None, canceled=status.canceling, error=error, at=self._clock.now())
        self._tasks.finish(self._recorded(ended))

    # --- finishing -------------------------------------------------------------------------

    def _finish(self, status: TaskStatus, error: FramefleetError | None) -> None:
        live = self._tasks.record(status.id)
        if live is None or live.state.final:
            return
        live = recalled(live, lambda n: results.done(self._store, status.id, status.run, n))
        live, published = results.ends(self._store, live, planned=status.planned)
        record = final_record(
            live,
            published,
            finished_at=self._clock.now(),
            canceled=status.canceling,
            reason=None if error is None else error.info(),
        )
        record = self._recorded(record)
        if record.continued:
            self._mover.go_on(record)
            return
        self._store.put(keys.result(record.id), record.model_dump_json().encode())
        # END has decided. Before Redis is told: if its answer is lost, the task has ended there and does not come again.
        self._cleaner.ended(record.id, record.run)
        if self._tasks.finish(record):
            _count(record)
            code = None if record.error is None else record.error.code
            log.info("task.finished", task_id=record.id, run=record.run, state=record.state.value, code=code)
            self._learn(record)
            self._tell(record)

    def _learn(self, record: TaskRecord) -> None:
        """What its work has cost makes later estimates better; nothing else depends on it."""
        try:
            if self._measures is not None:
                self._measures.note(measured(record.subtasks))
        except ServiceError as error:
            log.debug("costs.unknown", task_id=record.id, code=error.code)

    def _tell(self, record: TaskRecord) -> None:
        """The spans of its run, for a collector where there is one; nothing depends on them either."""
        if not tracing.enabled():
            return
        try:
            task = self._tasks.task(record.id)
        except ServiceError as error:
            log.debug("spans.unknown", task_id=record.id, code=error.code)
            return
        if task is not None:
            traces.tell(task, record)

    def _recorded(self, record: TaskRecord) -> TaskRecord:
        """Create END; the record that stands, whoever created it first."""
        key = keys.end(record.id, record.run)
        if self._store.create(key, record.model_dump_json().encode()):
            return record
        stored = self._store.get(key)
        if stored is None:
            raise StoreUnavailable(f"{key} exists but cannot be read")
        return TaskRecord.model_validate_json(stored)


def _count(record: TaskRecord) -> None:
    assert record.finished_at is not None
    metrics.task_finished(
        pipeline=record.pipeline,
        outcome=record.state.value,
        seconds=(record.finished_at - record.created_at).total_seconds(),
    )
    for target in record.targets:
        doubtful = target.warnings or not all(check.passed for check in target.certificate)
        warned = target.state is TaskState.SUCCEEDED and doubtful
        metrics.target_ended("warned" if warned else target.state.value)
    count_subtasks(record)
