"""A real Redis is killed and comes back without the end of its append-only file; the scheduler goes on over the store."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.redis_state import connect
from framefleet.domain import keys
from framefleet.domain.errors import StateUnavailable
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import SubtaskState, TaskState
from framefleet.domain.subtask import subtask_id
from framefleet.ports import Claim, Refused
from tests.conftest import unavailable
from tests.factories import request
from tests.integration.test_scheduler import Cluster, until
from tests.services import MissingService, Redis


class Forgetful:
    """A cluster whose Redis can be thrown back to an earlier moment."""

    def __init__(self, redis: Redis, folder: Path, store: Path) -> None:
        self.redis = redis
        self._folder = folder
        self.cluster = Cluster(connect(redis.url), DirectoryStore(store))
        self.state = self.cluster.state
        self._marked: dict[Path, int] = {}

    def mark(self) -> None:
        """What comes after this moment will be forgotten."""
        self._marked = {path: path.stat().st_size for path in self._folder.rglob("*.aof")}

    def forget(self) -> None:
        self.redis.kill()
        for path in self._folder.rglob("*.aof"):
            os.truncate(path, self._marked.get(path, path.stat().st_size))
        self.redis.start()

    def work(self, done: Callable[[], bool]) -> None:
        """Do what is ordered until a condition holds."""

        def step() -> bool:
            order = self.cluster.broker.take_order("cpu", 0.02)
            if order is not None:
                claim = self.claim(order.sid)
                if isinstance(claim, Claim):
                    self.cluster._succeed(order, claim)
            return done()

        until(step, 60)

    def claim(self, sid: str) -> Claim | Refused:
        return self.state.claims.claim(sid, os.urandom(4).hex(), "host:1:0", 60.0)

    def order(self) -> str:
        """The next order."""
        found: list[str] = []

        def step() -> bool:
            order = self.cluster.broker.take_order("cpu", 0.02)
            found.extend([] if order is None else [order.sid])
            return bool(found)

        until(step, 60)
        return found[0]

    def subtasks(self, task_id: str) -> dict[int, SubtaskState]:
        try:
            record = self.state.tasks.record(task_id)
        except StateUnavailable:
            return {}
        return {} if record is None else {s.n: s.state for s in record.subtasks}

    def ended(self, task_id: str) -> bool:
        return self.cluster.record(task_id) is not None

    def record(self, task_id: str) -> TaskRecord:
        record = self.cluster.record(task_id)
        assert record is not None
        return record


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Forgetful]:
    with tempfile.TemporaryDirectory(prefix="framefleet-", ignore_cleanup_errors=True) as name:
        try:
            redis = Redis(Path(name))
        except MissingService as missing:
            unavailable(str(missing))
        redis.start()
        desk = Forgetful(redis, Path(name), tmp_path / "store")
        desk.cluster.scheduler.start()
        try:
            until(lambda: desk.state.epochs.current() == 1)
            yield desk
        finally:
            desk.cluster.scheduler.stop(10)
            desk.state.close()
            redis.close()


def test_I2_a_task_that_redis_forgot_is_entered_again(desk: Forgetful) -> None:
    desk.mark()
    task = desk.cluster.scheduler.acceptor.accept(request("audio-aac"))
    desk.forget()

    desk.work(lambda: desk.ended(task.id))

    assert desk.record(task.id).state is TaskState.SUCCEEDED


def test_I6_a_cancel_that_redis_forgot_is_heeded(desk: Forgetful) -> None:
    task = desk.cluster.scheduler.acceptor.accept(request("audio-aac"))
    desk.mark()
    desk.cluster.store.create(keys.cancel(task.id, 1), b"")
    desk.state.tasks.cancel(task.id)
    desk.forget()

    until(lambda: desk.ended(task.id), 60)

    assert desk.record(task.id).state is TaskState.CANCELED


def test_I2_a_plan_that_redis_forgot_is_the_same_again(desk: Forgetful) -> None:
    task = desk.cluster.scheduler.acceptor.accept(request("mp4-h264-720p"))
    desk.mark()
    desk.work(lambda: len(desk.subtasks(task.id)) > 1)
    planned = desk.cluster.store.get(keys.plan(task.id, 1))
    desk.forget()

    desk.work(lambda: desk.ended(task.id))

    assert desk.record(task.id).state is TaskState.SUCCEEDED
    assert desk.cluster.store.get(keys.plan(task.id, 1)) == planned
    assert {s.attempts for s in desk.record(task.id).subtasks} == {1}


def test_I3_a_success_that_redis_forgot_is_not_done_again(desk: Forgetful) -> None:
    task = desk.cluster.scheduler.acceptor.accept(request("audio-aac"))
    desk.mark()
    desk.work(lambda: desk.subtasks(task.id).get(1) is SubtaskState.SUCCEEDED)
    before = desk.cluster.store.get(keys.done(task.id, 1, 1))
    desk.forget()

    # Nobody works: the record alone says that it is done.
    until(lambda: desk.subtasks(task.id).get(1) is SubtaskState.SUCCEEDED, 60)

    assert desk.cluster.store.get(keys.done(task.id, 1, 1)) == before
    desk.work(lambda: desk.ended(task.id))
    first = desk.record(task.id).subtasks[0]
    assert first.output is not None, "what it made is read from its record"


def test_I3_running_work_that_redis_forgot_is_adopted(desk: Forgetful) -> None:
    task = desk.cluster.scheduler.acceptor.accept(request("audio-aac"))
    sid = desk.order()
    assert sid == subtask_id(task.id, 1, 1)
    desk.mark()
    claim = desk.claim(sid)
    assert isinstance(claim, Claim)
    desk.forget()
    until(lambda: desk.subtasks(task.id).get(1) is SubtaskState.QUEUED)

    answer = desk.state.claims.beat(sid, claim.fence, claim.nonce, 60.0, None)

    assert answer == "adopted"
    assert desk.claim(sid) == Refused("leased")
