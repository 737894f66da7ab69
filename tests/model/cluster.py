"""Two schedulers, three workers and somebody who asks, as actors over a real Redis and one object store.

The code is the real one down to the ports; the broker loses and repeats, and time passes when it is told to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from framefleet.adapters.redis_state import RedisState
from framefleet.adapters.storages import Storages
from framefleet.domain import keys
from framefleet.domain.errors import FfmpegKilled, SourceNotMedia
from framefleet.domain.records import Output, ProbeOutput, PublishedFile, PublishedOutput, TaskRecord, TracksOutput
from framefleet.domain.subtask import Spec
from framefleet.messages import Order, Report
from framefleet.pipelines import PipelineRegistry
from framefleet.ports import Event
from framefleet_scheduler.control import Control
from framefleet_scheduler.loops import Scheduler, SchedulerOptions, Services
from framefleet_scheduler.sweep import SweepSettings
from framefleet_workers.execute import Executor, SlotSettings
from framefleet_workers.lease import Lease
from framefleet_workers.process import Interrupted
from framefleet_workers.work import Limits, Tools, Work
from tests import factories
from tests.contract.snapshots import Past, Snapshot
from tests.fakes import FakeClock, MemoryStore
from tests.model.actors import Actor, gated

WORKERS = 3
_HOUR = 3600.0
_MANY = 9
_ALL = 100_000
_CREATED_ONCE = ("DONE", "END", "FAILED", "RUN", "CANCEL", "plan.json", "request.json")


class Broken(AssertionError):
    """Something happened that must not."""


class OnceStore(MemoryStore):
    """A store that notices when a record that is to be created once is written over, or names what is not there."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.redis_is_behind = False
        self.ended_behind: set[str] = set()
        """ENDs that were recorded before a Redis that had forgotten something was caught up."""
        self.broken = ""
        """What was done to it that must not be; an exception might be caught by who did it."""

    def put(self, key: str, data: bytes) -> None:
        last = key.rpartition("/")[2]
        if key in self.objects and last in _CREATED_ONCE:
            self.broken = f"{key} was written over"
        if last == "END" and self.redis_is_behind:
            self.ended_behind.add(key)
        if last == "DONE":
            attempt = next((part for part in data.decode().split('"') if part.startswith("s3://made/")), None)
            if attempt is not None and attempt.removeprefix("s3://made/") not in self.objects:
                self.broken = f"{key} names an output that is not there"
        super().put(key, data)


class Broker:
    """Orders and reports that wait, and every event that was published."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.reports: list[Report] = []
        self.events: list[Event] = []

    def order(self, order: Order) -> None:
        self.orders.append(order)

    def report(self, report: Report) -> None:
        self.reports.append(report)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def batch(self, messages: Sequence[Order | Event]) -> None:
        for message in messages:
            self.order(message) if isinstance(message, Order) else self.event(message)


class Inline:
    """A thread pool without threads: what is submitted is done at once, by the actor that submits it."""

    def __init__(self, *values: object, **named: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def submit(self, do: Callable[..., Any], *values: Any) -> Future[Any]:
        made: Future[Any] = Future()
        made.set_result(do(*values))
        return made

    def shutdown(self, **how: object) -> None:
        """Nothing runs."""


class _Server:
    """Epochs of a Redis that may be another process than before."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster.state.epochs, name)

    def server(self) -> str:
        return f"process {self._cluster.redis_starts}"


class Slot:
    """A worker process: dies, and another takes its place."""

    def __init__(self, cluster: Cluster, number: int) -> None:
        self.actor = Actor(f"worker {number}")
        self.lease: Lease | None = None
        self.executor: Executor | None = None
        self._cluster = cluster
        self._name = f"host{number}:1:1"

    def take(self, order: Order, outcome: str = "") -> None:
        """Begin with an order; it stays in the broker until it is settled."""
        cluster, actor = self._cluster, self.actor
        folder = cluster.folder / f"attempt{next(cluster.numbers)}"
        executor = Executor(
            SlotSettings(self._name, "cpu", folder, Limits(1, 1, 1), lease_seconds=_HOUR, beat_seconds=_HOUR),
            gated(cluster.state.claims, actor),
            gated(cluster.store, actor),
            Storages(None, {}, []),
            gated(cluster.broker, actor),
            Tools("ffmpeg", ("ffprobe",), "5"),
        )
        self.executor, self.lease = executor, None

        def settle() -> None:
            if order in cluster.broker.orders:
                cluster.broker.orders.remove(order)

        cluster.slots_by_folder[folder] = (self, outcome)
        actor.begin(f"order {order.sid}", lambda: executor.run(order.sid), settle)

    def beat(self) -> None:
        """Renew the lease now, and learn of cancel and loss."""
        if self.actor.busy and self.lease is not None:
            try:
                self.lease.confirm()
            except Interrupted:
                pass

    def stop(self) -> None:
        """SIGTERM."""
        if self.actor.busy and self.executor is not None:
            self.executor.shutdown()


class Cluster:
    """All of it. `act` moves one part; `settle` lets everything happen that can; `judge` says whether all is well."""

    def __init__(self, state: RedisState, past: Past, folder: Path) -> None:
        self.state, self.past, self.folder = state, past, folder
        state.client.flushdb()
        self.clock = FakeClock()
        self.store = OnceStore(self.clock)
        self.broker = Broker()
        self.redis_starts = 0
        self.saved: Snapshot | None = None
        self.numbers = iter(range(1_000_000))
        self.slots_by_folder: dict[Path, tuple[Slot, str]] = {}
        self.actors = [Actor("scheduler 1"), Actor("scheduler 2")]
        self.schedulers = [self._scheduler(actor) for actor in self.actors]
        self.slots = [Slot(self, number) for number in range(WORKERS)]
        self.user = Actor("user")
        self.control = Control(gated(self.store, self.user), gated(state.tasks, self.user), self.clock)
        self.canceled: set[tuple[str, int]] = set()
        self.priorities: dict[tuple[str, int], int] = {}
        self.runs: Counter[str] = Counter()
        self.run_scheduler("sweep")
        self.task_id = self._accept("first")

    # --- parts -------------------------------------------------------------------------------

    def _scheduler(self, actor: Actor) -> Scheduler:
        state = self.state
        services = Services(
            store=gated(self.store, actor),
            tasks=gated(state.tasks, actor),
            outbox=gated(state.outbox, actor),
            epochs=gated(_Server(self), actor),
            publisher=gated(self.broker, actor),
            event_publisher=gated(self.broker, actor),
            clock=self.clock,
            reports=lambda handler, stop: None,
        )
        settings = SweepSettings(lease=0.0, adoption=0.0, lost=0.0, lost_anyway=0.0, lost_every=0.0)
        return Scheduler(services, SchedulerOptions(sweep=settings))

    def _accept(self, token: str) -> str:
        request = factories.request(client_token=token)
        task = self.schedulers[0].acceptor.accept(request)  # not by an actor: whole
        self.runs[task.id] = 1
        return task.id

    def handle(self, work: Work, spec: Spec) -> Output:
        """What an attempt does in place of FFmpeg: an upload, a last look at the lease, and what the order's taker chose."""
        slot, outcome = self.slots_by_folder[work.folder.parent]
        slot.lease = work.lease
        key = f"{work.prefix}made"
        work.store.put(key, b"media")
        work.lease.interrupt.check()
        if outcome == "killed":
            raise FfmpegKilled
        if outcome == "bad":
            raise SourceNotMedia
        if spec.kind == "probe":
            return ProbeOutput(media=factories.media(frames=100))
        if spec.kind == "transcode":
            return TracksOutput(tracks=(), warnings=(f"s3://made/{key}",))
        work.lease.confirm()
        return PublishedOutput(files=(PublishedFile(uri=f"s3://made/{key}", bytes=1, sha256="x"),))

    def get_planned(self) -> None:
        """The probe is done, without any fault."""
        for what in ("dispatch", "order", "report", "advance", "dispatch"):
            self.act(what, 1, 3)
            for actor in (*self.actors, self.slots[1].actor):
                actor.finish()

    # --- what may happen ---------------------------------------------------------------------

    def act(self, what: str, which: int, effects: int) -> None:
        """One thing happens, or nothing where it cannot. What ends a story, or holds it up, mostly does not."""
        if what in {"cancel", "pause", "wipe"} and which:
            return
        if effects >= _MANY:
            effects = _ALL
        everybody = [*self.actors, *(slot.actor for slot in self.slots), self.user]
        match what:
            case "go on":
                busy = [actor for actor in everybody if actor.busy]
                if busy:
                    busy[which % len(busy)].go_on(effects)
            case "finish":
                busy = [actor for actor in everybody if actor.busy]
                if busy:
                    busy[which % len(busy)].finish()
            case "kill":
                everybody[which % len(everybody)].kill()
            case "order":
                self._take_order(which, effects)
            case "beat":
                self.slots[which % WORKERS].beat()
            case "stop":
                self.slots[which % WORKERS].stop()
            case "report" | "dispatch" | "events" | "advance" | "sweep" | "catch up":
                self.run_scheduler(what, which, effects)
            case "lease over":
                running = sorted(str(sid) for sid in self.state.client.zrange("ff:leases", 0, -1))
                if running:
                    self.state.client.zadd("ff:leases", {running[which % len(running)]: 1})
            case "lose":
                for waiting in (self.broker.orders, self.broker.reports):
                    if waiting:
                        waiting.pop(which % len(waiting))
            case "repeat":
                for waiting in (self.broker.orders, self.broker.reports):
                    if waiting:
                        waiting.append(waiting[which % len(waiting)])  # type: ignore[arg-type]
            case "time":
                self.time_passes()
            case "wipe":
                self.state.client.flushdb()
                self.saved = None
                self.redis_starts += 1
            case "save":
                self.saved = self.past.take()
            case "go back":
                if self.saved is not None:
                    self.past.restore(self.saved)
                    self.redis_starts += 1
                    self.store.redis_is_behind = True
                    self.saved = None
            case _:
                self._ask(what, which)
        self.raise_errors()

    def end(self) -> None:
        """Nothing goes on any more."""
        for actor in (*self.actors, *(slot.actor for slot in self.slots), self.user):
            actor.kill()

    def raise_errors(self) -> None:
        """What went wrong inside an actor goes wrong here."""
        for actor in (*self.actors, *(slot.actor for slot in self.slots), self.user):
            if actor.error is not None:
                raise actor.error
        if self.store.broken:
            raise Broken(self.store.broken)

    def _take_order(self, which: int, effects: int) -> None:
        if not self.broker.orders:
            self.run_scheduler("dispatch")
        free = [slot for slot in self.slots if not slot.actor.busy]
        if free and self.broker.orders:
            outcome = {1: "killed", 2: "" if which else "bad"}.get(effects, "")
            free[which % len(free)].take(self.broker.orders[which % len(self.broker.orders)], outcome)

    def run_scheduler(self, what: str, which: int = 0, effects: int = _ALL) -> None:
        """An idle scheduler begins a step of one of its loops."""
        free = [i for i, actor in enumerate(self.actors) if not actor.busy]
        if not free:
            return
        i = free[which % len(free)]
        actor, scheduler = self.actors[i], self.schedulers[i]
        done: Callable[[], None] = lambda: None  # noqa: E731
        match what:
            case "report":
                if not self.broker.reports:
                    return
                first = which % len(self.broker.reports)
                reports = self.broker.reports[first : first + 2]
                work: Callable[[], object] = lambda: scheduler.aggregator.apply_all(reports)  # noqa: E731

                def done() -> None:
                    for report in reports:
                        if report in self.broker.reports:
                            self.broker.reports.remove(report)

            case "dispatch":
                work = scheduler.dispatcher.step
            case "events":
                work = scheduler.event_relay.step
            case "advance":
                self._come_again("ff:advance")  # as if the other one had it for ten seconds
                work = scheduler.advancer.step
            case "sweep":
                self.state.client.delete("ff:leader")  # two at once are allowed
                work = scheduler.sweeper.step
            case _:
                work = scheduler.catching_up.step
                start = self.redis_starts

                def done() -> None:
                    self.store.redis_is_behind &= self.redis_starts != start

        actor.begin(what, work, done)
        actor.go_on(effects)

    def time_passes(self) -> None:
        """All delays are over: of retries, of what was handed out, of relays that died."""
        self.clock.pass_(1000)
        client = self.state.client
        client.delete("ff:events:taken", "ff:leader", "ff:quiet")
        for key in ("ff:outbox:cpu", "ff:outbox:gpu", "ff:advance"):
            self._come_again(key)

    def _come_again(self, key: str) -> None:
        """What was handed out, or waits, is due."""
        found = self.state.client.zrange(key, 0, -1)
        if found:
            self.state.client.zadd(key, {str(member): 1 for member in found})

    # --- what people ask ---------------------------------------------------------------------

    def _ask(self, what: str, which: int) -> None:
        if self.user.busy:
            return
        task_id, control = self.task_id, self.control
        match what:
            case "cancel":
                self.user.begin(what, lambda: self._canceled(task_id, control.cancel(task_id)))
            case "restart":
                self.user.begin(what, lambda: self._restarted(task_id, control))
            case "priority":
                self.priorities.clear()  # whoever asks again and gets no answer may have been heard
                level = which % 10
                self.user.begin(what, lambda: self._prioritized(task_id, control.reprioritize(task_id, level), level))
            case "pause" | "resume":
                paused = what == "pause"
                self.user.begin(what, lambda: self._pause(paused=paused))
            case _:
                raise ValueError(what)

    def _undecided(self, task_id: str, run: int) -> bool:
        """Nobody is about to record the end with what was true before."""
        ending = any(actor.what in {"advance", "sweep"} for actor in self.actors)
        return not ending and keys.end(task_id, run) not in self.store.objects

    def _canceled(self, task_id: str, run: int) -> None:
        if self._undecided(task_id, run):
            self.canceled.add((task_id, run))

    def _restarted(self, task_id: str, control: Control) -> None:
        control.restart(task_id)
        run = 1
        while keys.restarted(task_id, run + 1) in self.store.objects:
            run += 1
        self.runs[task_id] = max(self.runs[task_id], run)

    def _prioritized(self, task_id: str, run: int, level: int) -> None:
        if self._undecided(task_id, run):
            self.priorities[task_id, run] = level

    def _pause(self, *, paused: bool) -> None:
        registry = PipelineRegistry(gated(self.store, self.user))
        registry.change("default", paused=paused)
        registry.copy_to(gated(self.state.tasks, self.user))

    # --- the end -----------------------------------------------------------------------------

    def settle(self) -> None:
        """Let everything happen that can, without any more faults. Raises Broken when that leads nowhere."""
        everybody = [*self.actors, *(slot.actor for slot in self.slots), self.user]
        for actor in everybody:
            actor.finish()
        self._pause(paused=False)
        for _ in range(40):
            self.raise_errors()
            self.time_passes()
            for sid in self.state.client.zrange("ff:leases", 0, -1):  # nobody works now
                self.state.client.zadd("ff:leases", {str(sid): 1})
            for what in ("sweep", "catch up", "advance", "dispatch", "events"):
                self.run_scheduler(what, 0)
                self.actors[0].finish()
            while self.broker.orders:
                self.slots[0].take(self.broker.orders[0])
                self.slots[0].actor.finish()
                self.raise_errors()
            while self.broker.reports:
                self.run_scheduler("report", 0)
                self.actors[0].finish()
                self.raise_errors()
            if self._at_rest():
                return
        raise Broken(f"it never ends: {self.leftovers()}, {self.state.tasks.status(self.task_id)}")

    def _at_rest(self) -> bool:
        run = self.runs[self.task_id]
        while keys.restarted(self.task_id, run + 1) in self.store.objects:
            run += 1
        self.runs[self.task_id] = run
        status = self.state.tasks.status(self.task_id)
        ended = keys.end(self.task_id, run) in self.store.objects
        return ended and status is not None and status.run == run and status.state.final and not self.leftovers()

    def leftovers(self) -> dict[str, int]:
        """What should be empty when nothing is left to do, and is not."""
        client, found = self.state.client, {}
        for pattern in ("ff:ready:*", "ff:outbox:*", "ff:announced:*", "ff:leases", "ff:advance", "ff:events"):
            for key in client.keys(pattern):
                if client.type(key) == "zset":
                    found[str(key)] = int(client.zcard(key))
        for pattern in ("ff:open:*", "ff:work:*", "ff:out:*", "ff:begun:*"):
            for key in client.keys(pattern):
                found[str(key)] = int(client.scard(key))
        return found

    def judge(self) -> None:
        """Raises Broken when something was lost, doubled or contradicts the store."""
        task_id, run = self.task_id, self.runs[self.task_id]
        body = self.store.objects[keys.end(task_id, run)]
        end = TaskRecord.model_validate_json(body)
        live = self.state.tasks.record(task_id)
        if live is None or (live.state, live.run, live.targets) != (end.state, end.run, end.targets):
            raise Broken(f"Redis says {live}, the store {end}")
        if any(not subtask.state.final for subtask in end.subtasks):
            raise Broken(f"open in its final record: {end.subtasks}")
        for subtask in end.subtasks:
            done = keys.done(task_id, run, subtask.n) in self.store.objects
            if done != (subtask.state == "succeeded") and end.state != "canceled" and subtask.state != "canceled":
                raise Broken(f"subtask {subtask.n} is {subtask.state}, its DONE {'exists' if done else 'does not'}")
        for canceled, number in self.canceled:
            key = keys.end(canceled, number)
            state = TaskRecord.model_validate_json(self.store.objects[key]).state
            if state == "failed" and key not in self.store.ended_behind:
                raise Broken("a task that was canceled has failed")
        asked = self.priorities.get((task_id, run))
        if asked is not None and end.priority != asked and keys.end(task_id, run) not in self.store.ended_behind:
            raise Broken(f"its priority was to be {asked}, and is {end.priority}")
        self._judge_events(f"{task_id}.{run}.{end.state}", end)

    def _judge_events(self, last: str, end: TaskRecord) -> None:
        bodies: dict[str, set[bytes]] = {}
        for event in self.broker.events:
            bodies.setdefault(event.id, set()).add(event.body)
        if last not in bodies:
            raise Broken(f"the final event was never told: {sorted(bodies)}")
        for event_id, told in bodies.items():
            if event_id.rpartition(".")[2] in {"succeeded", "failed", "canceled"} and event_id.count(".") == 2:
                if len(told) > 1:
                    raise Broken(f"{event_id} was told with different bodies")
                _, run, state = event_id.split(".")
                if int(run) == end.run and state != end.state:
                    raise Broken(f"{event_id} was told, and END says {end.state}")
