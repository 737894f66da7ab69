"""Cancel, restart and priority, as Redis sees them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from framefleet.adapters.redis_state import RedisState, connect
from framefleet.domain.errors import FfmpegStalled, StateUnavailable, VerifyFailed
from framefleet.domain.records import PublishedFile, TargetRecord
from framefleet.domain.states import TaskState
from framefleet.ports import Claim, Refused, WorkerInfo
from tests.contract.conftest import (
    LEASE,
    claim,
    final_record,
    make_task,
    places,
    planned,
    probe,
    publish_all,
    sid,
    subtask_states,
)
from tests.waiting import eventually


def slot(name: str) -> WorkerInfo:
    return WorkerInfo(
        id=name, host=name.split(":", maxsplit=1)[0], tag="cpu", state="idle", sid=None, version="1", encoders=()
    )


def test_a_cancel_of_another_run_changes_nothing(state: RedisState) -> None:
    task = planned(state)

    assert not state.tasks.cancel(task.id, 2)
    assert set(subtask_states(state, task).values()) == {"succeeded", "queued", "blocked"}
    assert state.tasks.cancel(task.id, 1)
    assert set(subtask_states(state, task).values()) == {"succeeded", "canceled"}


def test_a_rebuild_cancels_before_there_is_an_epoch(empty_state: RedisState) -> None:
    task = make_task()
    empty_state.tasks.create(task, 1, [probe()])
    with pytest.raises(StateUnavailable):
        empty_state.tasks.cancel(task.id)

    assert empty_state.tasks.cancel(task.id, 1, rebuilding=True)
    empty_state.epochs.begin(1)

    assert subtask_states(empty_state, task) == {1: "canceled"}
    assert empty_state.tasks.take_advance(10) == [task.id]


def test_an_older_change_of_priority_does_not_undo_a_newer_one(state: RedisState) -> None:
    task = planned(state)

    assert state.tasks.reprioritize(task.id, 8, 2)
    assert state.tasks.reprioritize(task.id, 1, 1)

    record = state.tasks.record(task.id)
    assert record is not None
    assert record.priority == 8
    assert state.tasks.reprioritize(task.id, 3, 3)
    record = state.tasks.record(task.id)
    assert record is not None
    assert record.priority == 3


def test_i3_only_the_holder_of_the_fence_holds_it(state: RedisState) -> None:
    task = planned(state)
    first = claim(state, sid(task, 2), "a", lease=0)
    assert state.tasks.holds(first.sid, first.fence)
    second = claim(state, sid(task, 2), "b")

    assert not state.tasks.holds(first.sid, first.fence)
    assert state.tasks.holds(second.sid, second.fence)
    assert state.claims.release(second.sid, second.fence, second.nonce, 0)
    assert not state.tasks.holds(second.sid, second.fence)
    assert not state.tasks.holds("nobody.1.1", 1)


def test_a_run_shows_what_it_keeps_of_an_earlier_one(state: RedisState) -> None:
    task = make_task(targets=("one", "two"))
    state.tasks.create(task, 1, [probe()])
    state.tasks.finish(final_record(task, TaskState.FAILED))
    kept = TargetRecord(
        name="one",
        template=None,
        uri="s3://out/one.mp4",
        state=TaskState.SUCCEEDED,
        files=(PublishedFile(uri="s3://out/one.mp4", bytes=7, sha256="x"),),
    )
    again = task.model_copy(update={"targets": task.targets[1:], "carried": (kept,)})

    assert state.tasks.create(again, 2, [probe()])

    record = state.tasks.record(task.id)
    assert record is not None
    assert [(t.name, t.state) for t in record.targets] == [("one", "succeeded"), ("two", "queued")]
    assert record.targets[0] == kept
    assert f"{task.id}.2.queued" in [event.id for event in state.outbox.events(100)]


# --- drains -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a:1:1", "a"])
def test_a_drained_slot_is_told_so_and_its_order_goes_to_another(state: RedisState, name: str) -> None:
    task = planned(state)
    publish_all(state)
    state.tasks.drain(name, drained=True)

    assert state.claims.register(slot("a:1:1"), 60)
    assert not state.claims.register(slot("b:1:1"), 60)
    refused = state.claims.claim(sid(task, 2), "n", "a:1:1", LEASE)

    assert refused == Refused("drained")
    assert places(state, sid(task, 2)) == ["outbox"]
    assert sid(task, 2) in [entry.order.sid for entry in state.outbox.due(10)]
    claim(state, sid(task, 2), worker="b:1:1")
    assert state.tasks.drains() == [name]
    state.tasks.drain(name, drained=False)
    assert not state.claims.register(slot("a:1:1"), 60)
    claim(state, sid(task, 3), worker="a:1:1")


# --- nudges -----------------------------------------------------------------------------------


@pytest.fixture
def heard(state: RedisState) -> Iterator[list[str]]:
    """What slot a:1:1 is nudged about; it listens already."""
    found: list[str] = []
    stop = threading.Event()
    listener = threading.Thread(target=state.nudges.hear, args=("a:1:1", found.append, stop))
    listener.start()
    eventually(lambda: dict(state.client.pubsub_numsub("ff:nudge:a:1:1"))["ff:nudge:a:1:1"] or None, "it to listen")
    yield found
    stop.set()
    listener.join(10)


def test_i6_who_works_on_what_was_canceled_is_told_at_once(state: RedisState, heard: list[str]) -> None:
    task = planned(state, chunks=3)
    claim(state, sid(task, 2), worker="a:1:1")
    claim(state, sid(task, 3), worker="b:1:1")

    state.tasks.cancel(task.id)

    eventually(lambda: heard or None, "a nudge")
    assert heard == [sid(task, 2)]


def test_who_works_for_what_has_failed_is_told_at_once(state: RedisState, heard: list[str]) -> None:
    task = planned(state, chunks=2)
    claim(state, sid(task, 2), worker="a:1:1")
    other = claim(state, sid(task, 3), worker="b:1:1")

    state.tasks.fail(other.sid, other.fence, VerifyFailed().info(), None)

    eventually(lambda: heard or None, "a nudge")
    assert heard == [sid(task, 2)]


def test_nudges_are_missed_with_a_word_of_it() -> None:
    with connect("unix:///nonexistent/redis.sock") as gone, pytest.raises(StateUnavailable):
        gone.nudges.hear("a:1:1", lambda _: None, threading.Event())


# --- deaths and quarantine --------------------------------------------------------------------


def test_what_a_dead_slot_worked_on_is_free_at_once_and_the_slot_is_gone(state: RedisState) -> None:
    task = planned(state)
    state.claims.register(slot("a:1:1"), 60)
    mine = claim(state, sid(task, 2), worker="a:1:1")

    assert state.claims.died("a:1:1", "killed")

    (lease,) = state.tasks.expired(10)
    assert (lease.sid, lease.worker, lease.how) == (mine.sid, "a:1:1", "killed")
    assert state.tasks.workers() == []
    assert state.tasks.expire(lease.sid, lease.fence)
    again = claim(state, sid(task, 2), "other", lease=0, worker="b:1:1")
    assert again.attempt == 2
    (lease,) = state.tasks.expired(10)
    assert lease.how == "", "how the first one died says nothing of the second"


def test_i3_the_death_of_a_slot_takes_nothing_from_others(state: RedisState) -> None:
    task = planned(state)
    first = claim(state, sid(task, 2), "a", lease=0, worker="a:1:1")
    state.tasks.expire(first.sid, first.fence)
    claim(state, sid(task, 2), "b", worker="b:1:1")

    assert not state.claims.died("a:1:1", "killed")
    assert not state.claims.died("nobody:1:1", "killed")
    assert state.tasks.expired(10) == []


def crash(state: RedisState, sid: str, times: int) -> None:
    for n in range(times):
        mine = claim(state, sid, f"{sid} {n}", lease=0, worker=f"h{n}:1:1")
        assert state.tasks.expire(mine.sid, mine.fence)


def test_on_each_host_one_subtask_at_a_time_is_in_quarantine(state: RedisState) -> None:
    task = planned(state, chunks=4)
    one, other, harmless = sid(task, 2), sid(task, 3), sid(task, 4)
    crash(state, one, 2)
    crash(state, other, 2)
    crash(state, harmless, 1)
    publish_all(state)

    mine = claim(state, one, worker="a:1:1")
    assert state.claims.claim(other, "n", "a:2:2", LEASE) == Refused("quarantined")
    assert places(state, other) == ["outbox"]
    claim(state, harmless, worker="a:2:2")
    assert isinstance(state.claims.claim(sid(task, 5), "n", "a:3:3", LEASE), Claim)
    assert state.tasks.done(one, "{}", 1.0)
    assert mine.attempt == 3
    claim(state, other, worker="a:2:2")


def test_another_host_takes_what_waits_for_a_quarantine(state: RedisState) -> None:
    task = planned(state, chunks=2)
    for n in (2, 3):
        crash(state, sid(task, n), 2)
    claim(state, sid(task, 2), worker="a:1:1")

    claim(state, sid(task, 3), worker="b:1:1")


def test_after_a_crash_another_host_is_preferred(state: RedisState) -> None:
    task = planned(state)
    for name in ("a:1:1", "a:2:2", "b:1:1"):
        state.claims.register(slot(name), 60)
    mine = claim(state, sid(task, 2), lease=0, worker="a:1:1")
    state.tasks.expire(mine.sid, mine.fence, 0.0)

    assert state.claims.claim(sid(task, 2), "n", "a:2:2", LEASE) == Refused("excluded")
    claim(state, sid(task, 2), worker="b:1:1")


def test_a_crash_that_is_forgiven_later_comes_back_later(state: RedisState) -> None:
    task = planned(state)
    mine = claim(state, sid(task, 2), lease=0)

    state.tasks.expire(mine.sid, mine.fence, 60.0)

    assert mine.sid not in publish_all(state)


@pytest.mark.parametrize(("other", "kept_away"), [("idle", True), ("busy", False)])
def test_after_a_passing_failure_an_idle_worker_is_preferred(state: RedisState, other: str, kept_away: bool) -> None:
    task = planned(state)
    state.claims.register(slot("a:1:1"), 60)
    state.claims.register(replace(slot("a:2:2"), state=other), 60)
    mine = claim(state, sid(task, 2), worker="a:1:1")
    state.tasks.fail(mine.sid, mine.fence, FfmpegStalled().info(), 0.0)

    refused = state.claims.claim(sid(task, 2), "n", "a:1:1", LEASE) == Refused("excluded")

    assert refused == kept_away


def test_a_priority_is_of_one_run_and_may_be_entered_by_a_rebuild(empty_state: RedisState) -> None:
    task = make_task(priority=5)
    assert empty_state.tasks.create(task, 2, [probe()])

    assert not empty_state.tasks.reprioritize(task.id, 9, 1, 1, rebuilding=True)
    assert empty_state.tasks.reprioritize(task.id, 8, 1, 2, rebuilding=True)

    empty_state.epochs.begin(1)
    record = empty_state.tasks.record(task.id)
    assert record is not None
    assert record.priority == 8
