"""The scheduler's loops over a real Redis, a directory and the in-process broker, with a worker that only pretends."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.embedded_redis import EmbeddedRedis
from framefleet.adapters.inprocess import InProcessBroker
from framefleet.adapters.redis_state import RedisState, connect
from framefleet.domain import keys
from framefleet.domain.records import (
    DoneRecord,
    Output,
    ProbeOutput,
    PublishedFile,
    PublishedOutput,
    TaskRecord,
    TracksOutput,
)
from framefleet.domain.states import TaskState
from framefleet.domain.subtask import split_subtask_id
from framefleet.domain.task import utc_now
from framefleet.messages import Done, Order, Report
from framefleet.ports import Claim, Event
from framefleet_scheduler import loops
from framefleet_scheduler.loops import Scheduler, SchedulerOptions, Services, polling
from framefleet_scheduler.notify import Webhooks
from framefleet_scheduler.sweep import SweepSettings
from tests import factories
from tests.factories import request


class SystemClock:
    """Real time."""

    now = staticmethod(utc_now)
    monotonic = staticmethod(time.monotonic)


class Cluster:
    """A scheduler, one pretending worker, and what was published."""

    def __init__(self, state: RedisState, store: DirectoryStore, webhooks: Webhooks | None = None) -> None:
        self.state = state
        self.store = store
        self.broker = InProcessBroker()
        self.events: list[Event] = []
        self.broker.subscribe(self.events.append)
        services = Services(
            store=store,
            tasks=state.tasks,
            outbox=state.outbox,
            epochs=state.epochs,
            publisher=self,
            event_publisher=self,
            clock=SystemClock(),
            reports=polling(self.broker.take_report),
            webhooks=webhooks,
        )
        options = SchedulerOptions(sweep=SweepSettings(lease=2.0, adoption=0.0))
        self.scheduler = Scheduler(services, options)
        self.stop = threading.Event()
        self.frozen = threading.Event()
        self.worker = threading.Thread(target=self._work, daemon=True)

    def order(self, order: Order) -> None:
        self.broker.order(order)

    def report(self, report: Report) -> None:
        self.broker.report(report)

    def event(self, event: Event) -> None:
        self.broker.event(event)

    def batch(self, messages: Sequence[Order | Event]) -> None:
        for message in messages:
            if isinstance(message, Order):
                self.order(message)
            else:
                self.event(message)

    def record(self, task_id: str) -> TaskRecord | None:
        body = self.store.get(keys.end(task_id, 1))
        return None if body is None else TaskRecord.model_validate_json(body)

    def _work(self) -> None:
        while not self.stop.is_set():
            order = self.broker.take_order("cpu", 0.05)
            if order is None:
                continue
            claim = self.state.claims.claim(order.sid, os.urandom(4).hex(), "host:1:0", 2.0)
            if self.frozen.is_set():
                self.frozen.clear()  # as one that was killed: it holds a lease and says nothing
            elif isinstance(claim, Claim):
                self._succeed(order, claim)

    def _succeed(self, order: Order, claim: Claim) -> None:
        task_id, run, n = split_subtask_id(order.sid)
        prefix = keys.attempt_prefix(task_id, run, n, claim.fence, claim.nonce)
        self.store.put(f"{prefix}chunk.mp4", b"bytes")
        record = DoneRecord(
            sid=order.sid,
            fence=claim.fence,
            nonce=claim.nonce,
            worker="host:1:0",
            started_at=utc_now(),
            finished_at=utc_now(),
            output=_output(order.kind),
        )
        self.store.create(keys.done(task_id, run, n), record.model_dump_json().encode())
        self.broker.report(Done(sid=order.sid))


def _output(kind: str) -> Output:
    match kind:
        case "probe":
            return ProbeOutput(media=factories.media(frames=6000))
        case "transcode":
            return TracksOutput(tracks=())
        case _:
            return PublishedOutput(files=(PublishedFile(uri="s3://out/a", bytes=1, sha256="x"),))


@pytest.fixture
def state() -> Iterator[RedisState]:
    program = shutil.which("redis-server")
    if program is None:
        message = "redis-server is not installed"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    assert program is not None
    with (
        tempfile.TemporaryDirectory(prefix="framefleet-") as folder,
        EmbeddedRedis(Path(folder), program=Path(program)) as server,
        connect(server.url) as connected,
    ):
        yield connected


@pytest.fixture
def cluster(state: RedisState, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(state, DirectoryStore(tmp_path))
    made.scheduler.start()
    made.worker.start()
    until(lambda: state.epochs.current() == 1)
    yield made
    made.stop.set()
    made.worker.join(5)
    assert made.scheduler.stop(60)


def until(true: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_a_task_goes_all_the_way_and_its_final_event_is_published(cluster: Cluster) -> None:
    task = cluster.scheduler.acceptor.accept(request("mp4-h264-720p", "snapshot"))

    until(lambda: any(event.key == "task.succeeded.default" for event in cluster.events))

    record = cluster.record(task.id)
    assert record is not None
    assert record.state is TaskState.SUCCEEDED
    assert all(target.files for target in record.targets)
    seen = [event.key for event in cluster.events if event.key.startswith("task.")]
    assert (seen[0], seen[-1]) == ("task.queued.default", "task.succeeded.default")
    until(lambda: not [info for info in cluster.store.list("tasks/") if info.key.endswith("chunk.mp4")])


def test_every_change_wakes_whoever_acts_on_it(
    state: RedisState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(loops, "POLL_SECONDS", 3600.0)  # nobody looks by himself
        made = Cluster(state, DirectoryStore(tmp_path))
    made.scheduler.start()
    made.worker.start()
    until(lambda: state.epochs.current() == 1)

    task = made.scheduler.acceptor.accept(request("mp4-h264-720p", "snapshot"))
    until(lambda: made.record(task.id) is not None)
    until(lambda: any(event.key == "task.succeeded.default" for event in made.events))

    made.stop.set()
    made.worker.join(5)
    assert made.scheduler.stop(60)


def test_i2_a_killed_worker_costs_a_lease_and_not_the_task(cluster: Cluster) -> None:
    cluster.frozen.set()
    task = cluster.scheduler.acceptor.accept(request("audio-aac"))

    until(lambda: cluster.record(task.id) is not None)

    record = cluster.record(task.id)
    assert record is not None
    assert record.state is TaskState.SUCCEEDED
    assert record.subtasks[0].attempts == 2


def test_i2_a_lost_redis_is_rebuilt_and_the_task_goes_on(cluster: Cluster) -> None:
    cluster.frozen.set()
    task = cluster.scheduler.acceptor.accept(request("audio-aac"))
    until(lambda: not cluster.frozen.is_set())

    cluster.state.client.flushall()

    until(lambda: cluster.record(task.id) is not None)
    assert cluster.state.epochs.current() == 2
    record = cluster.record(task.id)
    assert record is not None
    assert record.state is TaskState.SUCCEEDED


def test_i6_a_canceled_task_ends_at_once_and_leaves_nothing(cluster: Cluster) -> None:
    cluster.frozen.set()
    task = cluster.scheduler.acceptor.accept(request("audio-aac"))
    until(lambda: not cluster.frozen.is_set())

    cluster.state.tasks.cancel(task.id)

    until(lambda: cluster.record(task.id) is not None, 2.0)
    record = cluster.record(task.id)
    assert record is not None
    assert record.state is TaskState.CANCELED
