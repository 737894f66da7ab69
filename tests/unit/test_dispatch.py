"""The relay between outbox and broker."""

from __future__ import annotations

import json

import pytest
from prometheus_client import REGISTRY

from framefleet.domain.subtask import Tag, subtask_id
from framefleet.domain.task import Task
from framefleet.ports import Event, WorkerInfo
from framefleet_scheduler.dispatch import Dispatcher, EventRelay, window
from framefleet_scheduler.plan import probe_subtasks
from tests import factories
from tests.fakes import FakeClock, FakePublisher, FakeState


class Relay:
    """A dispatcher and what is around it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.state = FakeState(self.clock)
        self.publisher = FakePublisher()
        self.dispatcher = Dispatcher(self.state, self.state, self.publisher, self.clock)
        self.events = EventRelay(self.state, self.state, self.publisher, self.clock)

    def enter(self, sources: int) -> Task:
        task = factories.task(sources=[{"uri": f"s3://in/{i}.mov"} for i in range(sources)])
        self.state.create(task, 1, probe_subtasks(task))
        return task


def slot(number: int, tag: str = "cpu") -> WorkerInfo:
    return WorkerInfo(f"host:1:{number}", "host", tag, "idle", None, "1", ("libx264",))


def test_a_tasks_wait_is_counted_when_it_begins() -> None:
    relay = Relay()
    times = {"created_at": "2026-01-01T00:00:00.000Z", "started_at": "2026-01-01T00:00:42.500Z"}
    begun = Event("t.1.running", "task.running.film.a", json.dumps({"pipeline": "film.a", "run": 1} | times).encode())
    queued = Event("t.1.queued", "task.queued.film.a", b'{"pipeline":"film.a","started_at":null}')
    relay.state.waiting_events = [queued, begun]

    assert relay.events.step()

    labels = {"pipeline": "film.a"}
    assert REGISTRY.get_sample_value("framefleet_task_wait_seconds_sum", labels) == 42.5
    assert REGISTRY.get_sample_value("framefleet_task_wait_seconds_count", labels) == 1


@pytest.mark.parametrize(("moved", "counted"), [(None, 1), ("the driver is gone", None)])
def test_a_later_run_counts_when_somebody_asked_for_it_and_not_when_it_moved(
    moved: str | None, counted: float | None
) -> None:
    relay = Relay()
    pipeline = "again" if moved is None else "moved"
    task = factories.task().model_copy(update={"moved": moved})
    relay.state.create(task, 2, probe_subtasks(task))
    told = {
        "pipeline": pipeline,
        "run": 2,
        "id": task.id,
        "created_at": "2026-01-01T00:00:00.000Z",
        "started_at": "2026-01-01T03:00:00.000Z",
    }
    relay.state.waiting_events = [Event("t.2.running", f"task.running.{pipeline}", json.dumps(told).encode())]

    assert relay.events.step()

    assert REGISTRY.get_sample_value("framefleet_task_wait_seconds_count", {"pipeline": pipeline}) == counted


@pytest.mark.parametrize(("slots", "orders"), [(0, 2), (1, 2), (2, 4), (10, 20)])
def test_the_window_is_twice_the_live_slots_and_never_less_than_two(slots: int, orders: int) -> None:
    assert window(slots) == orders


def test_without_workers_two_orders_go_out_so_that_an_autoscaler_sees_them() -> None:
    relay = Relay()
    task = relay.enter(5)

    assert relay.dispatcher.step()

    assert [order.sid for order in relay.publisher.orders] == [subtask_id(task.id, 1, n) for n in (1, 2)]


def test_only_slots_of_the_right_tag_widen_the_window() -> None:
    relay = Relay()
    relay.enter(11)
    relay.state.slots = [slot(1), slot(2), slot(3), *(slot(n, "gpu") for n in range(10))]

    relay.dispatcher.step()

    assert len(relay.publisher.orders) == 6
    assert {order.tag for order in relay.publisher.orders} == {Tag.CPU}


def test_an_order_is_published_once() -> None:
    relay = Relay()
    relay.enter(1)

    relay.dispatcher.step()

    assert not relay.dispatcher.step()
    assert len(relay.publisher.orders) == 1


def test_events_are_published_and_forgotten() -> None:
    relay = Relay()
    relay.enter(1)

    assert relay.events.step()

    assert not relay.events.step()
    assert [event.key for event in relay.publisher.events] == ["task.queued.default"]
    assert relay.state.waiting_events == []


def test_i2_while_the_broker_is_away_everything_stays_in_the_outbox() -> None:
    relay = Relay()
    relay.enter(1)
    relay.publisher.away = True

    assert not relay.dispatcher.step()
    assert not relay.events.step()

    assert len(relay.state.due_orders) == 1
    assert len(relay.state.waiting_events) == 1


def test_while_the_broker_is_away_it_is_asked_ever_less_often() -> None:
    relay = Relay()
    relay.enter(1)
    relay.publisher.away = True
    relay.dispatcher.step()
    relay.publisher.away = False

    assert not relay.dispatcher.step()
    relay.clock.pass_(0.3)
    assert relay.dispatcher.step()


def test_after_a_rebuild_orders_wait_but_events_go_out() -> None:
    relay = Relay()
    relay.enter(1)
    relay.state.begin(2, quiet_seconds=7)

    relay.dispatcher.step()
    relay.events.step()
    assert (len(relay.publisher.orders), len(relay.publisher.events)) == (0, 1)

    relay.clock.pass_(7)
    relay.dispatcher.step()
    assert len(relay.publisher.orders) == 1
