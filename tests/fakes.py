"""In-memory stand-ins for the ports, as far as unit tests of the scheduler need them. The adapters' own behaviour is
held by the contract tests.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from framefleet.domain.errors import BrokerUnavailable, ErrorInfo, StateUnavailable, StoreUnavailable
from framefleet.domain.pipeline import Pipeline
from framefleet.domain.priority import broker_priority
from framefleet.domain.records import SubtaskRecord, TargetRecord, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState, target_state
from framefleet.domain.subtask import Plan, Subtask, split_subtask_id, subtask_id
from framefleet.domain.task import Task
from framefleet.domain.waiting import Explanation
from framefleet.messages import Order, Report
from framefleet.ports import (
    OPEN_STATES,
    Counts,
    Due,
    Event,
    Expired,
    ObjectInfo,
    ObjectStore,
    PipelineStatus,
    Submission,
    TaskPage,
    TaskQuery,
    TaskStatus,
    WorkerInfo,
)
from tests.factories import NOW

_WORK = (SubtaskState.QUEUED, SubtaskState.RUNNING)


class FakeClock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 1000.0)

    def monotonic(self) -> float:
        return self.seconds

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds


class MemoryStore:
    """An ObjectStore in a dictionary. `away` makes every call fail."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.objects: dict[str, bytes] = {}
        self.times: dict[str, datetime] = {}
        self.clock = clock or FakeClock()
        self.away = False

    def put(self, key: str, data: bytes) -> None:
        self._check()
        self.objects[key] = data
        self.times[key] = self.clock.now()

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        self.put(key, path.read_bytes())

    def create(self, key: str, data: bytes) -> bool:
        self._check()
        if key in self.objects:
            return False
        self.put(key, data)
        return True

    def get(self, key: str) -> bytes | None:
        self._check()
        return self.objects.get(key)

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes] | None:
        data = self.get(key)
        return None if data is None else iter([data[offset : offset + length]])

    def fetch(self, key: str, path: Path) -> bool:
        data = self.get(key)
        if data is not None:
            path.write_bytes(data)
        return data is not None

    def stat(self, key: str) -> ObjectInfo | None:
        data = self.get(key)
        return None if data is None else self._info(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self._check()
        return iter([self._info(key) for key in sorted(self.objects) if key.startswith(prefix)])

    def delete(self, keys: Sequence[str]) -> None:
        self._check()
        for key in keys:
            self.objects.pop(key, None)

    def url(self, key: str, seconds: int) -> str:
        return f"memory:{key}"

    def copy_from(self, other: ObjectStore, source_key: str, key: str) -> bool:
        return False

    def _info(self, key: str) -> ObjectInfo:
        data = self.objects[key]
        return ObjectInfo(key, len(data), hashlib.sha256(data).hexdigest(), self.times[key])

    def _check(self) -> None:
        if self.away:
            raise StoreUnavailable


class FakePublisher:
    """Keeps what was published."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.events: list[Event] = []
        self.reports: list[Report] = []
        self.away = False

    def order(self, order: Order) -> None:
        self._check()
        self.orders.append(order)

    def report(self, report: Report) -> None:
        self._check()
        self.reports.append(report)

    def event(self, event: Event) -> None:
        self._check()
        self.events.append(event)

    def batch(self, messages: Sequence[Order | Event]) -> None:
        for message in messages:
            if isinstance(message, Order):
                self.order(message)
            else:
                self.event(message)

    def _check(self) -> None:
        if self.away:
            raise BrokerUnavailable


@dataclass
class FakeSubtask:
    """A subtask's live state."""

    subtask: Subtask
    state: SubtaskState
    fence: int = 0
    attempts: int = 0
    crashes: int = 0
    expired: bool = False
    how: str = ""
    announced: bool = False
    output: str = ""
    error: ErrorInfo | None = None
    retry_in: float | None = None
    nonce: str = ""
    """Of the attempt that holds it; empty: any."""


@dataclass
class FakeTask:
    """A task's live state."""

    task: Task
    run: int
    subtasks: dict[int, FakeSubtask] = field(default_factory=dict)
    targets: dict[str, tuple[int, ...]] | None = None
    canceling: bool = False
    change: int = 0
    started_at: datetime | None = None
    record: TaskRecord | None = None

    @property
    def open(self) -> int:
        return sum(s.state in OPEN_STATES for s in self.subtasks.values())


class FakeState:
    """TaskStore, Outbox and Epochs over dictionaries. `away` makes every call fail."""

    def __init__(self, clock: FakeClock, *, epoch: int | None = 1) -> None:
        self.clock = clock
        self.epoch = epoch
        self.leader: str | None = None
        self.rebuilding: int | None = None
        self.process = "the first"
        self.away = False
        self.live: dict[str, FakeTask] = {}
        self.slots: list[WorkerInfo] = []
        self.drained: set[str] = set()
        self.waiting_events: list[Event] = []
        self.due_orders: list[str] = []
        self.republished: list[float] = []
        self.purged = 0
        self.quiet_until = float("-inf")
        self.time_ahead = 0.0
        self.clock_steps: list[float] = []
        self.configured: dict[str, Pipeline] = {}

    # --- what a test does in place of a worker ---------------------------------------------

    def at(self, sid: str) -> FakeSubtask:
        """A subtask's live state."""
        task_id, _, n = split_subtask_id(sid)
        return self.live[task_id].subtasks[n]

    def claim(self, sid: str) -> int:
        """queued -> running; the fence."""
        found = self.at(sid)
        assert found.state is SubtaskState.QUEUED, found
        found.state, found.announced = SubtaskState.RUNNING, False
        found.fence += 1
        found.attempts += 1
        task = self.live[split_subtask_id(sid)[0]]
        task.started_at = task.started_at or self.clock.now()
        return found.fence

    # --- TaskStore -------------------------------------------------------------------------

    def create(self, task: Task, run: int, probes: Sequence[Subtask]) -> bool:
        self._check(epoch=False)
        if task.id in self.live and self.live[task.id].run >= run:
            return False
        self.live[task.id] = FakeTask(task, run, {p.n: FakeSubtask(p, SubtaskState.QUEUED) for p in probes})
        self._event(f"task.queued.{task.pipeline}", task.id)
        return True

    def complete(self, task_id: str) -> bool:
        return task_id in self.live

    def add_plan(self, task_id: str, run: int, plan: Plan) -> bool:
        self._check(epoch=False)
        task = self.live.get(task_id)
        if task is None or task.run != run or task.targets is not None or task.canceling or task.record is not None:
            return False
        for subtask in plan.subtasks:
            state = SubtaskState.BLOCKED if subtask.needs else SubtaskState.QUEUED
            task.subtasks[subtask.n] = FakeSubtask(subtask, state)
        task.targets = plan.targets
        return True

    def done(self, sid: str, output: str, cpu_seconds: float) -> bool:
        self._check(epoch=False)
        task = self.live.get(split_subtask_id(sid)[0])
        found = task.subtasks.get(split_subtask_id(sid)[2]) if task else None
        if task is None or found is None or found.state not in OPEN_STATES:
            return False
        found.state, found.output = SubtaskState.SUCCEEDED, output
        for other in task.subtasks.values():
            needed = [task.subtasks[n].state for n in other.subtask.needs]
            if other.state is SubtaskState.BLOCKED and all(s is SubtaskState.SUCCEEDED for s in needed):
                other.state = SubtaskState.QUEUED
        return True

    def done_all(self, results: Sequence[tuple[str, str, float]]) -> list[bool]:
        return [self.done(*result) for result in results]

    def fail(self, sid: str, fence: int | None, error: ErrorInfo, retry_in: float | None, nonce: str = "") -> bool:
        self._check(epoch=fence is not None or retry_in is not None)
        found = self.at(sid)
        if found.state not in OPEN_STATES or (fence is not None and fence != found.fence):
            return False
        if nonce and found.nonce not in {"", nonce}:
            return False
        found.error, found.retry_in = error, retry_in
        found.state = SubtaskState.QUEUED if retry_in is not None else SubtaskState.FAILED
        if retry_in is None:
            for other in self.live[split_subtask_id(sid)[0]].subtasks.values():
                if found.subtask.n in other.subtask.needs and other.state in OPEN_STATES:
                    other.state, other.error = SubtaskState.FAILED, error
        return True

    def expired(self, limit: int) -> list[Expired]:
        self._check()
        return [Expired(sid, s.fence, s.crashes, "host:1:1", s.how) for sid, s in self._all() if s.expired][:limit]

    def expire(self, sid: str, fence: int, retry_in: float = 0.0) -> bool:
        self._check()
        found = self.at(sid)
        if found.state is not SubtaskState.RUNNING or found.fence != fence or not found.expired:
            return False
        found.state, found.expired = SubtaskState.QUEUED, False
        found.retry_in = retry_in or None
        found.crashes += 1
        return True

    def crashed(self, sid: str, crashes: int) -> bool:
        self._check(epoch=False)
        found = self.at(sid)
        found.crashes = max(found.crashes, crashes)
        return found.state in OPEN_STATES

    def holds(self, sid: str, fence: int, nonce: str = "") -> bool:
        self._check()
        found = self.at(sid)
        held = not nonce or found.nonce in {"", nonce}
        return found.state in OPEN_STATES and found.fence == fence and held

    def cancel(self, task_id: str, run: int | None = None, *, rebuilding: bool = False) -> bool:
        self._check(epoch=not rebuilding)
        task = self.live.get(task_id)
        if task is None or task.record is not None or run not in {None, task.run}:
            return False
        task.canceling = True
        for subtask in task.subtasks.values():
            if subtask.state in OPEN_STATES:
                subtask.state = SubtaskState.CANCELED
        return True

    def reprioritize(
        self,
        task_id: str,
        priority: int,
        change: int | None = None,
        run: int | None = None,
        *,
        rebuilding: bool = False,
    ) -> bool:
        self._check(epoch=not rebuilding)
        task = self.live.get(task_id)
        if task is None or task.record is not None or run not in {None, task.run}:
            return False
        if change is None or change > task.change:
            task.change = change or task.change
            task.task = task.task.model_copy(update={"priority": priority})
        return True

    def finish(self, record: TaskRecord) -> bool:
        self._check(epoch=False)
        known = self.live.get(record.id)
        if known is not None and known.record is not None:
            return False
        if known is not None:
            known.record = record
        self._event(f"task.{record.state}.{record.pipeline}", record.id)
        return True

    def purge(self, limit: int) -> int:
        self._check()
        self.purged += 1
        return 0

    def take_advance(self, limit: int) -> list[str]:
        self._check()
        return [task_id for task_id, task in self.live.items() if task.record is None and not task.open][:limit]

    def advanced(self, task_id: str) -> None:
        self._check()

    def status(self, task_id: str) -> TaskStatus | None:
        self._check()
        task = self.live.get(task_id)
        if task is None:
            return None
        record = self._record(task)
        return TaskStatus(
            id=task_id,
            run=task.run,
            state=record.state,
            planned=task.targets is not None,
            open=task.open,
            canceling=task.canceling,
            created_at=task.task.created_at,
            started_at=task.started_at,
        )

    def task(self, task_id: str) -> Task | None:
        self._check()
        return self.live[task_id].task if task_id in self.live else None

    def record(self, task_id: str) -> TaskRecord | None:
        self._check()
        return self._record(self.live[task_id]) if task_id in self.live else None

    def subtask(self, sid: str) -> SubtaskRecord | None:
        task_id, run, n = split_subtask_id(sid)
        record = self.record(task_id)
        if record is None or record.run != run:
            return None
        return next((subtask for subtask in record.subtasks if subtask.n == n), None)

    def query(self, query: TaskQuery) -> TaskPage:
        self._check()
        found = [self._record(task) for task in self.live.values()]
        return TaskPage([r for r in found if query.state in {None, r.state}][: query.limit], None)

    def explain(self, task_id: str) -> Explanation | None:
        self._check()
        return None

    def counts(self) -> Counts:
        self._check(epoch=False)
        backlog = Counter((s.subtask.tag.value, s.subtask.kind.value) for _, s in self._all() if s.state in _WORK)
        return Counts(
            tasks={("default", "running"): len(self.live)},
            backlog=dict(backlog),
            outbox=len(self.waiting_events),
            oldest_tasks={("default", "running"): 90.0} if self.live else {},
        )

    def with_work(self, tag: str, limit: int) -> list[tuple[str, int]]:
        self._check()
        found = [sid for sid, s in self._all() if s.subtask.tag == tag and s.state in _WORK]
        return sorted({split_subtask_id(sid)[:2] for sid in found})[:limit]

    def workers(self) -> list[WorkerInfo]:
        self._check(epoch=False)
        return self.slots

    def configure(self, pipeline: Pipeline) -> bool:
        self._check(epoch=False)
        known = self.configured.get(pipeline.name)
        if known is not None and known.version >= pipeline.version:
            return False
        self.configured[pipeline.name] = pipeline
        return True

    def default_priority(self, pipeline: str) -> int | None:
        self._check()
        return self.configured[pipeline].default_priority if pipeline in self.configured else None

    def pipelines(self) -> list[PipelineStatus]:
        self._check(epoch=False)
        return [PipelineStatus(p, 0, 0, 0, 0) for p in self.configured.values()]

    def drain(self, name: str, *, drained: bool) -> None:
        self._check(epoch=False)
        (self.drained.add if drained else self.drained.discard)(name)

    def drains(self) -> list[str]:
        self._check(epoch=False)
        return sorted(self.drained)

    # --- Outbox ----------------------------------------------------------------------------

    def release_window(self, tag: str, window: int) -> int:
        self._check()
        queued = [(sid, s) for sid, s in self._all() if s.state is SubtaskState.QUEUED and s.subtask.tag == tag]
        room = window - sum(s.announced for _, s in queued)
        ready = [sid for sid, s in queued if not s.announced and s.retry_in is None][: max(room, 0)]
        for sid in ready:
            self.at(sid).announced = True
        self.due_orders += ready
        return len(ready)

    def due(self, limit: int) -> list[Due]:
        self._check()
        if self.clock.monotonic() < self.quiet_until:
            return []
        return [Due(self._order(sid), sid) for sid in self.due_orders[:limit]]

    def published(self, *due: Due) -> None:
        self._check()
        for entry in due:
            self.due_orders.remove(entry.token)

    def events(self, limit: int) -> list[Event]:
        self._check()
        return self.waiting_events[:limit]

    def sent(self, events: Sequence[Event]) -> None:
        self._check(epoch=False)
        self.waiting_events = [event for event in self.waiting_events if event not in events]

    def republish_lost(self, older_than_seconds: float) -> int:
        self._check()
        self.republished.append(older_than_seconds)
        return 0

    def next_due(self) -> float | None:
        self._check()
        return 0.0 if self.due_orders else None

    # --- Epochs ----------------------------------------------------------------------------

    def current(self) -> int | None:
        self._check(epoch=False)
        return self.epoch

    def server(self) -> str:
        self._check(epoch=False)
        return self.process

    def rebuild(self, number: int) -> None:
        self._check(epoch=False)
        self.rebuilding = number

    def begin(self, number: int, *, rebuilt: bool = False, quiet_seconds: float = 0.0) -> bool:
        self._check(epoch=False)
        if rebuilt and self.rebuilding != number:
            return False
        self.epoch = number
        self.quiet_until = self.clock.monotonic() + quiet_seconds
        return True

    def time(self) -> tuple[float, int]:
        self._check(epoch=False)
        return self.clock.now().timestamp() + self.time_ahead, len(self.clock_steps)

    def clock_set(self, seconds: float, steps: int) -> bool:
        self._check(epoch=False)
        if steps != len(self.clock_steps):
            return False
        self.clock_steps.append(seconds)
        return True

    def lead(self, who: str, seconds: float) -> bool:
        self._check(epoch=False)
        self.leader = self.leader or who
        return self.leader == who

    # --- inside ----------------------------------------------------------------------------

    def lose_everything(self) -> None:
        """As FLUSHALL."""
        self.epoch, self.leader, self.rebuilding = None, None, None
        self.drained = set()
        self.live, self.waiting_events, self.due_orders = {}, [], []

    def _check(self, *, epoch: bool = True) -> None:
        if self.away or (epoch and self.epoch is None):
            raise StateUnavailable

    def _all(self) -> list[tuple[str, FakeSubtask]]:
        return [(subtask_id(t.task.id, t.run, n), s) for t in self.live.values() for n, s in t.subtasks.items()]

    def _order(self, sid: str) -> Order:
        subtask = self.at(sid).subtask
        return Order(sid=sid, kind=subtask.kind, tag=subtask.tag, priority=broker_priority(5, subtask.kind))

    def _event(self, key: str, task_id: str) -> None:
        self.waiting_events.append(Event(f"{task_id}.{key}", key, b"{}"))

    def _record(self, task: FakeTask) -> TaskRecord:
        if task.record is not None:
            return task.record
        return TaskRecord(
            id=task.task.id,
            run=task.run,
            state=TaskState.RUNNING if task.started_at else TaskState.QUEUED,
            pipeline=task.task.pipeline,
            priority=task.task.priority,
            created_at=task.task.created_at,
            started_at=task.started_at,
            targets=task.task.in_order({t.name: self._target(task, t.name, t.uri) for t in task.task.targets}),
            subtasks=tuple(
                SubtaskRecord(
                    n=n, kind=s.subtask.kind, tag=s.subtask.tag, state=s.state, attempts=s.attempts, error=s.error
                )
                for n, s in task.subtasks.items()
            ),
        )

    def _target(self, task: FakeTask, name: str, uri: str) -> TargetRecord:
        deciding = [task.subtasks[n] for n in (task.targets.get(name, ()) if task.targets else task.subtasks)]
        state = target_state([s.state for s in deciding])
        if task.targets is None and state is TaskState.SUCCEEDED:
            state = TaskState.RUNNING
        error = next((s.error for s in deciding if s.state is SubtaskState.FAILED), None)
        return TargetRecord(name=name, template=None, uri=uri, state=state, error=error)


@dataclass
class FakeDelivery:
    """A message on the submit queue, and what became of it."""

    body: bytes
    message_id: str | None = None
    priority: int | None = None
    answers: list[bytes] = field(default_factory=list)
    rejections: list[tuple[str, str, str | None]] = field(default_factory=list)
    acks: int = 0

    def submission(self) -> Submission:
        def reject(code: str, message: str, path: str | None) -> None:
            self.rejections.append((code, message, path))

        def ack() -> None:
            self.acks += 1

        return Submission(self.body, self.message_id, self.priority, self.answers.append, reject, ack)
