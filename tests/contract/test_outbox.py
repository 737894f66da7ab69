"""What is published because of state changes, over Redis and Valkey."""

from __future__ import annotations

import json
from typing import Any

import pytest

from framefleet.adapters.redis_state import RedisState
from framefleet.domain.errors import FfmpegKilled, StateUnavailable
from framefleet.domain.states import TaskState
from framefleet.domain.subtask import Plan
from tests.contract.conftest import (
    claim,
    concat,
    final_record,
    make_task,
    places,
    planned,
    probe,
    publish_all,
    sid,
    transcode,
)


def drain(state: RedisState) -> list[tuple[str, dict[str, Any]]]:
    """All pending events, marked sent."""
    found = []
    while events := state.outbox.events(1000):
        state.outbox.sent(events)
        found += [(event.key, json.loads(event.body)) for event in events]
    return found


def test_orders_carry_ids_and_the_brokers_priority(state: RedisState) -> None:
    task = make_task(priority=9)
    state.tasks.create(task, 1, [probe()])
    state.outbox.release_window("cpu", 5)

    (due,) = state.outbox.due(10)

    assert due.order.model_dump() == {
        "sid": sid(task, 1),
        "kind": "probe",
        "tag": "cpu",
        "priority": 10,
        "traceparent": task.trace.header,
    }


def test_urgent_before_late_then_older_tasks_then_dearer_subtasks(state: RedisState) -> None:
    urgent, old, new = make_task(priority=6), make_task(age=1), make_task()
    parts = (transcode(2, weight=5), transcode(3, weight=500), transcode(4, weight=5.5), concat(5, ()))
    plan = Plan(subtasks=parts, targets={"hd": (5,)})
    for task in (new, old, urgent):
        state.tasks.create(task, 1, [probe()])
        state.tasks.done(sid(task, 1), "{}", 0)
        state.tasks.add_plan(task.id, 1, plan)

    order: list[str] = []
    while state.outbox.release_window("cpu", len(order) + 1):
        order += publish_all(state, window=0)

    # A concat is one level above its task's priority: level with the urgent task's chunks, so there age decides,
    # and between tasks of the same age the cost.
    assert order == [
        sid(urgent, 5),
        sid(old, 5),
        *(sid(urgent, n) for n in (3, 4, 2)),
        sid(new, 5),
        *(sid(old, n) for n in (3, 4, 2)),
        *(sid(new, n) for n in (3, 4, 2)),
    ]


def test_the_window_counts_what_is_announced_and_unclaimed(state: RedisState) -> None:
    task = planned(state, chunks=5)

    assert state.outbox.release_window("cpu", 3) == 3
    assert state.outbox.release_window("cpu", 3) == 0
    published = publish_all(state, window=3)
    assert state.outbox.release_window("cpu", 3) == 0
    claim(state, published[0])
    assert state.outbox.release_window("cpu", 3) == 1
    assert state.outbox.release_window("gpu", 3) == 0
    assert task.id


def test_i5_retries_that_wait_do_not_fill_the_window(state: RedisState) -> None:
    task = planned(state, chunks=4)
    for n in (2, 3):
        mine = claim(state, sid(task, n))
        state.tasks.fail(mine.sid, mine.fence, FfmpegKilled().info(), 300)

    assert state.outbox.release_window("cpu", 2) == 2


def test_two_relays_do_not_get_the_same_order(state: RedisState) -> None:
    planned(state, chunks=4)
    state.outbox.release_window("cpu", 4)

    first, second = state.outbox.due(3), state.outbox.due(3)

    assert (len(first), len(second)) == (3, 1)
    assert {due.order.sid for due in first}.isdisjoint(due.order.sid for due in second)
    # Nothing was confirmed, so all of it comes again.
    assert state.outbox.next_due() == pytest.approx(10, abs=1)


def test_i2_an_entry_made_while_an_older_one_was_published_survives(state: RedisState) -> None:
    task = planned(state)
    state.outbox.release_window("cpu", 10)
    due = {entry.order.sid: entry for entry in state.outbox.due(10)}[sid(task, 2)]
    mine = claim(state, sid(task, 2))
    state.claims.release(mine.sid, mine.fence, mine.nonce, 0)

    state.outbox.published(due)

    assert places(state, sid(task, 2)) == ["outbox"]
    (again,) = state.outbox.due(10)
    assert again.order.sid == sid(task, 2)
    state.outbox.published(again)
    assert places(state, sid(task, 2)) == ["announced"]


def test_a_confirmation_after_the_claim_changes_nothing(state: RedisState) -> None:
    task = make_task()
    state.tasks.create(task, 1, [probe()])
    state.outbox.release_window("cpu", 1)
    (due,) = state.outbox.due(1)
    claim(state, sid(task, 1))

    state.outbox.published(due)

    assert places(state, sid(task, 1)) == ["leases"]


def test_a_retry_goes_out_one_level_higher(state: RedisState) -> None:
    task = planned(state)
    mine = claim(state, sid(task, 2))
    state.tasks.fail(mine.sid, mine.fence, FfmpegKilled().info(), 0)

    (due,) = state.outbox.due(10)

    assert (due.order.sid, due.order.priority) == (sid(task, 2), 6)


def test_i2_lost_messages_are_announced_again(state: RedisState) -> None:
    task = planned(state)
    assert set(publish_all(state)) == {sid(task, 2), sid(task, 3)}
    claim(state, sid(task, 3))

    assert state.outbox.republish_lost(30) == 0
    assert state.outbox.republish_lost(0) == 1
    assert publish_all(state) == [sid(task, 2)]


def test_a_new_priority_reaches_what_waits_and_what_is_out(state: RedisState) -> None:
    slow, fast = planned(state, chunks=3, task=make_task(age=60)), make_task()
    out = publish_all(state, window=1)
    planned(state, chunks=1, task=fast)

    assert state.tasks.reprioritize(fast.id, 9)
    assert state.tasks.reprioritize(slow.id, 8)

    assert places(state, out[0]) == ["outbox"]
    state.outbox.release_window("cpu", 2)
    due = {entry.order.sid: entry.order.priority for entry in state.outbox.due(10)}
    assert due == {out[0]: 8, sid(fast, 2): 9}
    record = state.tasks.record(slow.id)
    assert record is not None
    assert record.priority == 8


def test_nothing_is_due_in_an_empty_outbox(state: RedisState) -> None:
    assert state.outbox.next_due() is None
    assert state.outbox.due(10) == []
    assert state.outbox.events(10) == []


def test_nothing_is_relayed_without_an_epoch(empty_state: RedisState) -> None:
    for call in (
        lambda: empty_state.outbox.due(1),
        lambda: empty_state.outbox.events(1),
        lambda: empty_state.outbox.release_window("cpu", 1),
        lambda: empty_state.outbox.republish_lost(0),
        empty_state.outbox.next_due,
    ):
        with pytest.raises(StateUnavailable):
            call()


def test_events_tell_each_change_in_order(state: RedisState) -> None:
    task = planned(state, chunks=1)
    claim(state, sid(task, 2))
    state.tasks.done(sid(task, 2), "{}", 1.0)

    assert [key for key, _ in drain(state) if not key.startswith("task.progress")] == [
        "task.queued.default",
        "subtask.queued.probe",
        "task.running.default",
        "subtask.succeeded.probe",
        "subtask.queued.transcode",
        "subtask.running.transcode",
        "subtask.succeeded.transcode",
        "subtask.queued.concat",
    ]


def test_progress_is_told_but_not_twice_within_two_seconds(state: RedisState) -> None:
    task = planned(state, chunks=1)
    state.tasks.done(sid(task, 2), "{}", 1.0)

    (body,) = [body for key, body in drain(state) if key == "task.progress.default"]

    assert (body["id"], body["state"], body["progress"]) == (task.id, "running", 0.02)


def test_events_say_what_a_consumer_needs(state: RedisState) -> None:
    task = planned(state, chunks=1)
    claim(state, sid(task, 2))

    _, body = next(event for event in drain(state) if event[0] == "subtask.running.transcode")

    assert body.pop("at").endswith("Z")
    assert body == {
        "event_id": f"{sid(task, 2)}.running.1000001",
        "event": "subtask.running",
        "task_id": task.id,
        "run": 1,
        "subtask": 2,
        "kind": "transcode",
        "tag": "cpu",
        "state": "running",
        "attempt": 1,
        "worker": "host:1:0",
        "progress": 0,
        "error": None,
        "pipeline": "default",
        "user_data": 'handed "back" untouched: é',
        "tags": {"show": "x1"},
        "traceparent": task.trace.header,
    }


def test_a_failures_event_has_the_error(state: RedisState) -> None:
    task = planned(state, chunks=1)
    error = FfmpegKilled("died", log=("a", "b")).info()

    state.tasks.fail(sid(task, 2), None, error, None)

    failed = [body for key, body in drain(state) if key.startswith("subtask.failed")]
    assert [body["subtask"] for body in failed] == [2, 3]
    assert all(body["error"]["log"] == ["a", "b"] for body in failed)


def test_i2_events_stay_until_sent_and_go_to_one_relay_at_a_time(state: RedisState) -> None:
    planned(state)

    first = state.outbox.events(2)

    assert state.outbox.events(2) == []
    state.client.delete("ff:events:taken")  # as it expires when the relay has died
    assert state.outbox.events(2) == first
    state.outbox.sent(first)
    rest = state.outbox.events(100)
    assert not {event.id for event in first} & {event.id for event in rest}


def test_i2_the_final_event_has_the_record_and_an_id_that_follows_from_it(state: RedisState) -> None:
    task = planned(state)
    record = final_record(task, TaskState.FAILED)
    drain(state)

    assert state.tasks.finish(record)

    key, body = drain(state)[-1]
    assert key == "task.failed.default"
    assert body["event_id"] == f"{task.id}.1.failed"
    assert {name: body[name] for name in record.model_dump(mode="json")} == record.model_dump(mode="json")


def test_a_rebuild_tells_no_subtask_events_again(empty_state: RedisState) -> None:
    planned(empty_state)
    empty_state.epochs.begin(2)

    assert {key.split(".")[0] for key, _ in drain(empty_state)} == {"task"}


def test_after_a_rebuild_no_scheduler_is_handed_orders_for_a_while_but_events(empty_state: RedisState) -> None:
    planned(empty_state)
    empty_state.epochs.begin(2, quiet_seconds=600)
    assert empty_state.outbox.release_window("cpu", 9)

    assert [] == empty_state.outbox.due(9)
    assert drain(empty_state)
    empty_state.client.delete("ff:quiet")  # as its time does
    assert empty_state.outbox.due(9)


def test_i2_a_rebuild_can_tell_a_final_event_again_that_redis_lost(empty_state: RedisState) -> None:
    record = final_record(make_task())

    assert empty_state.tasks.finish(record)
    empty_state.epochs.begin(2)

    assert [key for key, _ in drain(empty_state)] == ["task.succeeded.default"]
    assert empty_state.tasks.record(record.id) == record


def test_counts_have_the_outbox(state: RedisState) -> None:
    planned(state)
    drain(state)
    state.outbox.release_window("cpu", 10)

    assert state.tasks.counts().outbox == 2


def test_a_retry_that_waits_out_its_delay_is_no_message_to_be_published(state: RedisState) -> None:
    planned(state)
    drain(state)
    state.outbox.release_window("cpu", 10)
    first: Any = state.client.zrange("ff:outbox:cpu", 0, 0)
    state.client.zincrby("ff:outbox:cpu", 60_000, first[0])

    assert state.tasks.counts().outbox == 1
