"""The seams: what the services need from the outside, as small Protocols. Adapters implement them; tests hold every
adapter of a port to one suite.

The file is long because all ports have one home: who writes an adapter or a fake finds here all there is to implement.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from framefleet.domain.delivery import DeliveryRecord, DeliveryState, Letter, Try
from framefleet.domain.errors import ErrorInfo
from framefleet.domain.measured import Measured
from framefleet.domain.pipeline import Pipeline
from framefleet.domain.records import SubtaskRecord, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState
from framefleet.domain.subtask import Plan, Subtask
from framefleet.domain.task import Task
from framefleet.domain.waiting import Explanation
from framefleet.messages import Order, Report


class ObjectStore(Protocol):
    """One bucket (or directory). Keys are relative paths with `/`. Errors: StoreUnavailable when it does not answer."""

    def put(self, key: str, data: bytes) -> None:
        """Write an object whole."""

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        """Upload a file whole: it appears complete or not at all."""

    def create(self, key: str, data: bytes) -> bool:
        """Write only if there is nothing; False when there was. Atomic against every other creator."""

    def get(self, key: str) -> bytes | None:
        """The object's bytes; None when there is none."""

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes] | None:
        """So many of the object's bytes, in blocks; None when there is none. A block may raise StoreUnavailable."""

    def fetch(self, key: str, path: Path) -> bool:
        """Download to a file; False when there is no such object."""

    def stat(self, key: str) -> ObjectInfo | None:
        """Size and identity; None when there is none."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object below a prefix, in order of keys."""

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; those that do not exist are no error."""

    def url(self, key: str, seconds: int) -> str:
        """What FFmpeg can read from: a presigned address valid for `seconds`, or a path."""

    def copy_from(self, other: ObjectStore, source_key: str, key: str) -> bool:
        """Copy server-side from a store of the same endpoint; False when that is not possible (copy by hand then)."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object's size and identity; the ETag changes when the bytes do."""

    key: str
    bytes: int
    etag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a subtask until the lease ends."""

    sid: str
    fence: int
    nonce: str
    attempt: int
    """1 for the first try."""
    spec: str
    """The subtask's spec as JSON."""
    priority: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a claim was not granted: `leased`, `final`, `unknown`, `blocked`, `excluded`, `drained`, `quarantined`, `paused`,
    `limit`, `no_epoch`.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an attempt is: fraction 0..1 and media seconds per wall second."""

    fraction: float
    speed: float | None = None


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A live slot."""

    id: str
    """host:pid:slot"""
    host: str
    tag: str
    state: str
    """idle, busy, sick (takes no work until its host is well), drained (takes none until undrained; may still be finishing)
    or stopping"""
    sid: str | None
    version: str
    encoders: tuple[str, ...]
    seen_at: datetime | None = None
    reason: str | None = None
    """What ails a sick slot."""

    @property
    def works(self) -> bool:
        """Whether orders may be meant for it."""
        return self.state in {"idle", "busy"}


class Claims(Protocol):
    """The worker's side of the task state. Each call is one atomic step. Errors: StateUnavailable."""

    def claim(self, sid: str, nonce: str, worker: str, lease_seconds: float) -> Claim | Refused:
        """queued -> running. The same nonce asking again gets the same answer."""

    def beat(self, sid: str, fence: int, nonce: str, lease_seconds: float, progress: Progress | None) -> str:
        """Renew: `ok`, `adopted`, `cancel` or `lost`."""

    def release(self, sid: str, fence: int, nonce: str, delay_seconds: float) -> bool:
        """running -> queued, not counted as an attempt; False when it was not ours any more."""

    def register(self, worker: WorkerInfo, seconds: float) -> bool:
        """Say that a slot lives, for `seconds`; True when it is drained: it shall take no new work."""


class Deaths(Protocol):
    """What who started a slot knows of its end. Errors: StateUnavailable."""

    def died(self, worker: str, how: str) -> bool:
        """The process of this slot is gone: its claim ends now. False when it held none."""


class Nudges(Protocol):
    """What a slot is told at once instead of at its next beat. May be lost. Errors: StateUnavailable."""

    def hear(self, worker: str, heard: Callable[[str], None], stop: threading.Event) -> None:
        """Call `heard` with a subtask whose claim is to be looked at now, until `stop` is set."""


@dataclass(frozen=True, slots=True)
class Due:
    """An outbox entry handed to a relay; `token` goes back with `published`."""

    order: Order
    token: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event to be published: `key` is the routing key, `body` JSON."""

    id: str
    key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Shown:
    """An event of a task for who watches."""

    place: str
    """In the feed; later events have later places."""
    event: str
    """`task.progress`, ..."""
    pipeline: str
    body: str
    """JSON on one line; a final event's without targets and subtasks."""


@dataclass(frozen=True, slots=True)
class Expired:
    """A lease that ran out."""

    sid: str
    fence: int
    crashes: int
    """Leases of this subtask that expired before, this one not counted."""
    worker: str = field(default="", compare=False)
    """Whose lease it was."""
    how: str = field(default="", compare=False)
    """How its process died, where that is known."""


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """What `advance` needs to know about a task."""

    id: str
    run: int
    state: TaskState
    planned: bool
    open: int
    """Subtasks that are not final."""
    canceling: bool
    created_at: datetime
    started_at: datetime | None
    partial: bool = False
    """Something was begun with it in parts and is not complete."""


class Place(NamedTuple):
    """A place in a listing, which is the same whatever is entered later: after this task."""

    created_ms: int
    """When it was created, milliseconds since 1970."""
    id: str


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Filter of a listing; None matches everything."""

    state: TaskState | None = None
    pipeline: str | None = None
    tag: tuple[str, str] | None = None
    """Name and value."""
    since: datetime | None = None
    """Created then or later."""
    until: datetime | None = None
    """Created then or earlier."""
    after: Place | None = None
    limit: int = 50
    oldest_first: bool = False
    """Else the newest is."""


class TaskPage(NamedTuple):
    """A part of a listing."""

    tasks: list[TaskRecord]
    next: Place | None
    """Where the next part begins; None when this was the last."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers for metrics."""

    tasks: dict[tuple[str, str], int] = field(default_factory=dict)
    """(pipeline, state) -> tasks that are not final."""
    backlog: dict[tuple[str, str], int] = field(default_factory=dict)
    """(tag, kind) -> subtasks queued or running."""
    outbox: int = 0
    deliveries: dict[str, int] = field(default_factory=dict)
    """state -> deliveries to webhooks: `waiting` and `dead`."""
    oldest_tasks: dict[tuple[str, str], float] = field(default_factory=dict)
    """(pipeline, state) -> seconds since its oldest task that is not final was accepted."""
    longest_attempts: dict[str, float] = field(default_factory=dict)
    """Tag -> seconds since the claim of the attempt that has run longest."""
    held: dict[str, int] = field(default_factory=dict)
    """tag -> those queued that pauses and limits of pipelines hold back, slots or not."""
    whole: bool = True
    """False after a loss of Redis, until its state has been rebuilt: the numbers say too little then."""

    def demand(self) -> dict[str, int]:
        """tag -> subtasks that run, or could if there were slots: what autoscaling goes by."""
        tags = {tag for tag, _ in self.backlog} | set(self.held)
        backlog = {tag: sum(n for (of, _), n in self.backlog.items() if of == tag) for tag in tags}
        return {tag: max(0, number - self.held.get(tag, 0)) for tag, number in backlog.items()}


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    """A pipeline's settings and what there is of it."""

    pipeline: Pipeline
    waiting: int
    """Subtasks that could run and have not been released."""
    out: int
    """Subtasks that run, or are released and not claimed."""
    tasks_queued: int
    tasks_running: int


class TaskStore(Protocol):
    """The scheduler's side of the task state. Each call is one atomic step. Errors: StateUnavailable."""

    def create(self, task: Task, run: int, probes: Sequence[Subtask]) -> bool:
        """Enter a task with its first subtasks (queued). False when it is there already."""

    def add_plan(self, task_id: str, run: int, plan: Plan) -> bool:
        """Enter the planned subtasks: ready ones queued, others blocked.

        False when done before, or the task is final.
        """

    def complete(self, task_id: str) -> bool:
        """Go on with what was begun with a task in parts (a large plan, ...) until it is complete; False when it is final."""

    def done(self, sid: str, output: str, cpu_seconds: float) -> bool:
        """A DONE record exists (`output`: a short JSON summary): succeed, unblock what waited.

        False when known already.
        """

    def done_all(self, results: Sequence[tuple[str, str, float]]) -> list[bool]:
        """As `done` for each. A rebuild, which has not read what the DONE records say, gives no output.

        Not one step for all of them.
        """

    def fail(self, sid: str, fence: int | None, error: ErrorInfo, retry_in: float | None, nonce: str = "") -> bool:
        """The attempt failed: queued again after `retry_in` seconds, or failed for good with all that needs it (None).

        A stale fence, or one that another nonce holds, is ignored (False); fence None is the scheduler's own verdict.
        """

    def expired(self, limit: int) -> list[Expired]:
        """Leases that have run out."""

    def expire(self, sid: str, fence: int, retry_in: float = 0.0) -> bool:
        """running -> queued because the lease ran out; False when it was renewed or decided meanwhile.

        Announced again after `retry_in` seconds; on another host, if there is one.
        """

    def crashed(self, sid: str, crashes: int) -> bool:
        """Say how many attempts died, as a rebuild knows it from the store. False when final or unknown."""

    def holds(self, sid: str, fence: int, nonce: str = "") -> bool:
        """Whether `fence` is the one that may decide about the subtask now."""

    def cancel(self, task_id: str, run: int | None = None, *, rebuilding: bool = False) -> bool:
        """Mark a task canceled: its open subtasks end now. False when final, unknown, or not in this run."""

    def reprioritize(
        self,
        task_id: str,
        priority: int,
        change: int | None = None,
        run: int | None = None,
        *,
        rebuilding: bool = False,
    ) -> bool:
        """Give a task another priority, also where its orders are out already. False when final, unknown, or not in this run.

        `change` numbers the changes of a run: one that is older than what was applied changes nothing.
        """

    def finish(self, record: TaskRecord) -> bool:
        """Enter the final record and its event. False when entered before."""

    def purge(self, limit: int) -> int:
        """Forget ended tasks whose retention is over; how many."""

    def take_advance(self, limit: int) -> list[str]:
        """Ids of tasks whose next step is due (planning or finishing); they come again until `advanced`."""

    def advanced(self, task_id: str) -> None:
        """The step was taken."""

    def status(self, task_id: str) -> TaskStatus | None:
        """Where a task stands."""

    def task(self, task_id: str) -> Task | None:
        """The accepted task."""

    def record(self, task_id: str) -> TaskRecord | None:
        """The task as users see it, from live state."""

    def subtask(self, sid: str) -> SubtaskRecord | None:
        """One subtask as users see it."""

    def explain(self, task_id: str) -> Explanation | None:
        """What a task waits for; None when unknown."""

    def query(self, query: TaskQuery) -> TaskPage:
        """Tasks without their subtasks, newest first. A page may be short though there is a next one."""

    def counts(self) -> Counts:
        """Numbers for metrics."""

    def workers(self) -> list[WorkerInfo]:
        """Live slots."""

    def configure(self, pipeline: Pipeline) -> bool:
        """Keep a copy of a pipeline's settings, unless this or a later version is there (False)."""

    def default_priority(self, pipeline: str) -> int | None:
        """The priority of a pipeline's tasks that name none, as it was configured."""

    def pipelines(self) -> list[PipelineStatus]:
        """Every pipeline that has settings or has had tasks, by name."""

    def with_work(self, tag: str, limit: int) -> list[tuple[str, int]]:
        """Tasks, with their runs, of which something waits for this tag or runs there: some of them, in any order."""

    def drain(self, name: str, *, drained: bool) -> None:
        """A slot, or every slot of a host, takes no new work; or does again."""

    def drains(self) -> list[str]:
        """Slots and hosts that take no new work."""


class EndedTasks(Protocol):
    """Tasks that have ended, where only those are wanted. Errors: StateUnavailable."""

    def ended(self, task_id: str) -> TaskRecord | None:
        """The task's final record; None when it is unknown or has not ended."""


class Seen(Protocol):
    """What may be used once, such as a signature's nonce. A loss of Redis forgets it. Errors: StateUnavailable."""

    def first(self, name: str, what: str, seconds: float) -> str:
        """What the name was used for first, within the seconds it is remembered: `what` itself, unless it was used before.

        `what` is to be different for every use, since a lost answer may repeat the call.
        """


class Measures(Protocol):
    """What work has cost, and which dry runs there are. Hints: nothing breaks when they are lost. Errors: StateUnavailable."""

    def note(self, costs: Measured) -> None:
        """Add up what a task's subtasks have cost."""

    def costs(self) -> Measured:
        """By tag and kind."""

    def dry_runs(self, before: datetime, limit: int, *, ended: bool) -> list[str]:
        """Dry runs that were created before and go on, or that ended before; the oldest first."""

    def forget_dry(self, task_ids: Sequence[str], *, ended: bool) -> None:
        """Do not list these again."""


class Outbox(Protocol):
    """What must be published because of state changes. Errors: StateUnavailable."""

    def release_window(self, tag: str, window: int) -> int:
        """Move the most urgent ready subtasks into the outbox until `window` are announced and unclaimed; how many."""

    def due(self, limit: int) -> list[Due]:
        """Orders to publish now. They come again after some seconds until `published`."""

    def published(self, *due: Due) -> None:
        """The broker has confirmed them."""

    def events(self, limit: int) -> list[Event]:
        """Events to publish, oldest first. They come again until `sent`."""

    def sent(self, events: Sequence[Event]) -> None:
        """The broker has confirmed them."""

    def republish_lost(self, older_than_seconds: float) -> int:
        """Announce again what was published long ago and never claimed; how many."""

    def next_due(self) -> float | None:
        """Seconds until the next outbox entry is due; None when there is none."""


@dataclass(frozen=True, slots=True)
class OutgoingDelivery:
    """An event to be sent to a webhook now."""

    id: str
    task_id: str
    run: int
    event: str
    pipeline: str
    name: str
    """Of the webhook, below its task."""
    url: str
    """Without its query; the whole one is in the store."""
    host: str
    tries: int
    """Made so far."""
    age_seconds: float
    """Since it was entered, or replayed."""
    replayed: bool
    body: str
    """Empty for a final event: the run's record is its body."""


class Deliveries(Protocol):
    """Events on their way to webhooks. Each call is one atomic step. Errors: StateUnavailable."""

    def take(self, limit: int, most_of_a_host: int, others: Mapping[str, int]) -> list[OutgoingDelivery]:
        """What is due. It comes again after some seconds until `settle`. `others`: hosts with another limit."""

    def settle(self, delivery_id: str, outcome: str, tried: Try, delay_seconds: float = 0.0) -> bool:
        """What came of a try: `delivered`, `dead`, `dropped` or `retry`; False when it was removed meanwhile."""

    def enter(self, letter: Letter) -> bool:
        """Enter what the store knows; False when it is known."""

    def replay(self, delivery_id: str) -> bool:
        """Let it be due now, with another day; False when unknown."""

    def forget(self, delivery_id: str) -> bool:
        """Remove it; False when unknown."""

    def letter(self, delivery_id: str) -> Letter | None:
        """A delivery whole."""

    def page(self, state: DeliveryState, limit: int, after: Place | None) -> tuple[list[DeliveryRecord], Place | None]:
        """Deliveries in a state, the newest first, and where the next page begins."""

    def of_task(self, task_id: str) -> list[DeliveryRecord]:
        """Those of a task, the newest first."""


class WebhookSender(Protocol):
    """Calls over HTTP. Never raises for what a receiver does."""

    def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Try:
        """POST, and what came of it."""


class Feed(Protocol):
    """The latest events of tasks, about a thousand, in their order. Errors: StateUnavailable."""

    def newest(self) -> str:
        """The place of the last event."""

    def after(self, place: str, limit: int, wait_seconds: float = 0.0) -> list[Shown]:
        """The events behind a place, the oldest first; waits for one for so long when there is none (under 5 s)."""

    def remembers(self, place: str) -> bool:
        """Whether `after` gives all that came behind the place."""


class Epochs(Protocol):
    """Generations of Redis. Without one nobody claims or finishes anything."""

    def current(self) -> int | None:
        """The generation; None when Redis is empty."""

    def server(self) -> str:
        """Which process Redis is: another one after a restart or a failover."""

    def rebuild(self, number: int) -> None:
        """Say that the rebuild for a generation begins to write."""

    def begin(self, number: int, *, rebuilt: bool = False, quiet_seconds: float = 0.0) -> bool:
        """Open a generation. `rebuilt` (the last step of a rebuild): False when Redis was lost again meanwhile.

        No scheduler is handed orders for `quiet_seconds`.
        """

    def time(self) -> tuple[float, int]:
        """Redis' clock (seconds since 1970), and how often it is known to have been set."""

    def clock_set(self, seconds: float, steps: int) -> bool:
        """Redis' clock was set by so much: leases, delays and orders move with it.

        `steps` as `time` said it: False when somebody else has moved them.
        """

    def lead(self, who: str, seconds: float) -> bool:
        """Become (or stay) the one that rebuilds and sweeps for `seconds`."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A message on the submit queue. Settle it exactly once."""

    body: bytes
    message_id: str | None
    priority: int | None
    answer: Callable[[bytes], None]
    """Send a reply if one was asked for."""
    reject: Callable[[str, str, str | None], None]
    """Put the unchanged body on the rejected queue with code, message and field."""
    ack: Callable[[], None]
    traceparent: str | None = None
    """Of its header, as it came."""


class Publisher(Protocol):
    """Publishing, confirmed by the broker before the call returns. Errors: BrokerUnavailable."""

    def order(self, order: Order) -> None:
        """To the tag's work queue."""

    def report(self, report: Report) -> None:
        """To the results queue."""

    def event(self, event: Event) -> None:
        """To the events exchange."""

    def batch(self, messages: Sequence[Order | Event]) -> None:
        """Each where `order` or `event` would put it, in this order; cheaper than one by one.

        When it raises, any of them may have been published.
        """


class Clock(Protocol):
    """Time, injected so that tests own it."""

    def now(self) -> datetime:
        """The time, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back."""


OPEN_STATES = (SubtaskState.BLOCKED, SubtaskState.QUEUED, SubtaskState.RUNNING)
