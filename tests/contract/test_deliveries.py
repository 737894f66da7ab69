"""Deliveries to webhooks, entered with the events they tell, over Redis and Valkey."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from framefleet.adapters.redis_state import RedisState
from framefleet.domain.delivery import DeliveryRecord, DeliveryState, Letter, Try
from framefleet.domain.errors import StateUnavailable
from framefleet.domain.states import TaskState
from framefleet.domain.task import Task, accept, parse_request
from framefleet.ports import OutgoingDelivery, Progress
from tests.contract.conftest import CREATED, LEASE, claim, final_record, probe, sid

ALL = ["task.queued", "task.running", "task.progress", "task.succeeded", "task.failed", "task.canceled"]
REFUSED = Try(at=CREATED, status=503, answer="not now")
TAKEN = Try(at=CREATED, status=204)


def told_task(url: str = "https://example.org/hook?token=t0ken", **webhook: Any) -> Task:
    """A task whose webhook wants to be told."""
    webhook = {"url": url, "secret": "s3cret", "events": ALL, "progress_seconds": 1, **webhook}
    body = {
        "pipeline": "night",
        "user_data": "handed back",
        "sources": [{"uri": "s3://in/a.mov"}],
        "targets": [{"name": "hd", "template": "mp4-h264-720p", "uri": "s3://out/hd.mp4"}],
        "notification": {"webhook": webhook},
    }
    return accept(parse_request(body), now=CREATED)


def enter(state: RedisState, **webhook: Any) -> Task:
    task = told_task(**webhook)
    assert state.tasks.create(task, 1, [probe()])
    return task


def take(state: RedisState, limit: int = 100, most: int = 100, **others: int) -> list[OutgoingDelivery]:
    return state.deliveries.take(limit, most, others)


def later(tried: Try, seconds: float) -> Try:
    return tried.model_copy(update={"at": tried.at + timedelta(seconds=seconds)})


def events(found: list[OutgoingDelivery]) -> list[str]:
    return [delivery.event for delivery in found]


def due_now(state: RedisState, host: str = "example.org:443") -> None:
    """As when its time has come."""
    waiting: Any = state.client.zrange(f"ff:deliveries:due:{host}", 0, -1)
    for delivery_id in waiting:
        state.client.zadd(f"ff:deliveries:due:{host}", {delivery_id: 1})
    state.client.zadd("ff:deliveries:hosts", {host: 1})


def test_an_event_and_its_delivery_are_one_step(state: RedisState) -> None:
    task = enter(state)
    claim(state, sid(task, 1))

    queued, running = take(state)

    assert (queued.id, queued.event) == (f"{task.id}.1.queued", "task.queued")
    assert (running.id, running.event) == (f"{task.id}.1.running", "task.running")
    assert (queued.task_id, queued.run, queued.pipeline, queued.host) == (task.id, 1, "night", "example.org:443")
    assert queued.name == task.webhook
    assert queued.tries == 0
    body = json.loads(queued.body)
    assert body == json.loads(next(e.body for e in state.outbox.events(10) if e.id == queued.id))
    assert not take(state), "handed out"


def test_a_final_event_is_delivered_without_a_body(state: RedisState) -> None:
    task = enter(state, events=["task.succeeded"])
    assert not take(state)

    state.tasks.finish(final_record(task))
    state.tasks.finish(final_record(task))

    (final,) = take(state)
    assert (final.id, final.event, final.body) == (f"{task.id}.1.succeeded", "task.succeeded", "")


def test_only_what_was_asked_for_is_delivered(state: RedisState) -> None:
    canceled = enter(state, events=["task.failed"])
    state.tasks.finish(final_record(canceled).model_copy(update={"state": TaskState.CANCELED}))
    failed = enter(state, events=["task.failed"])
    state.tasks.finish(final_record(failed).model_copy(update={"state": TaskState.FAILED}))

    assert [delivery.id for delivery in take(state)] == [f"{failed.id}.1.failed"]


def test_what_is_not_settled_comes_again_and_what_is_settled_does_not(state: RedisState) -> None:
    enter(state, events=["task.queued"])
    first = take(state)
    due_now(state)  # its taker has died
    second = take(state)

    assert first[0].id == second[0].id
    assert state.deliveries.settle(first[0].id, "delivered", TAKEN)
    due_now(state)
    assert not take(state)
    ((record,), _) = state.deliveries.page(DeliveryState.DELIVERED, 10, None)
    assert (record.tries, record.attempts, record.next_at) == (1, (TAKEN,), None)
    assert record.ended_at is not None


def test_a_failed_one_waits_for_its_time(state: RedisState) -> None:
    enter(state, events=["task.queued"])
    (taken,) = take(state)

    assert state.deliveries.settle(taken.id, "retry", REFUSED, 60)

    assert not take(state)
    ((record,), _) = state.deliveries.page(DeliveryState.WAITING, 10, None)
    assert (record.tries, record.attempts) == (1, (REFUSED,))
    assert record.next_at is not None
    assert 30 < (record.next_at - datetime.now(UTC)).total_seconds() <= 60
    due_now(state)
    assert [delivery.tries for delivery in take(state)] == [1]


def test_a_try_that_is_noted_twice_counts_once(state: RedisState) -> None:
    enter(state, events=["task.queued"])
    (taken,) = take(state)

    for tried in (REFUSED, REFUSED, later(REFUSED, 1), later(REFUSED, 1)):  # Redis' answer was lost
        assert state.deliveries.settle(taken.id, "retry", tried, 60)

    ((record,), _) = state.deliveries.page(DeliveryState.WAITING, 10, None)
    assert (record.tries, record.attempts) == (2, (REFUSED, later(REFUSED, 1)))


def test_dead_ones_stay_until_they_are_replayed(state: RedisState) -> None:
    enter(state, events=["task.queued"])
    (taken,) = take(state)
    state.deliveries.settle(taken.id, "dead", REFUSED)
    due_now(state)
    assert not take(state)
    assert state.tasks.counts().deliveries == {"waiting": 0, "dead": 1}

    assert state.deliveries.replay(taken.id)

    (again,) = take(state)
    assert (again.id, again.tries, again.replayed, again.body) == (taken.id, 0, True, taken.body)
    assert again.age_seconds < 30
    letter = state.deliveries.letter(taken.id)
    assert letter is not None
    assert letter.record.attempts == (REFUSED,), "what was tried before is still known"
    assert state.tasks.counts().deliveries == {"waiting": 1, "dead": 0}
    assert not state.deliveries.replay("nothing.1.queued")


def test_of_progress_only_the_newest_waits_and_none_after_the_end(state: RedisState) -> None:
    task = enter(state, events=["task.progress", "task.succeeded"])
    held = claim(state, sid(task, 1))

    def beat(fraction: float) -> None:
        state.client.hdel(f"ff:t:{task.id}", "called_at")  # its second is over
        state.claims.beat(held.sid, held.fence, held.nonce, LEASE, Progress(fraction))

    beat(0.25)
    beat(0.5)
    (newest,) = take(state)
    assert newest.body
    assert json.loads(newest.body)["progress"] == 0.01
    state.deliveries.settle(newest.id, "retry", REFUSED, 3600)
    beat(0.75)
    assert not take(state), "the receiver is away, whatever is newer"
    waiting, _ = state.deliveries.page(DeliveryState.WAITING, 10, None)
    assert [(record.id, record.tries) for record in waiting] == [(f"{task.id}.1.progress.0.0150", 1)]
    state.tasks.finish(final_record(task))
    assert events(take(state)) == ["task.succeeded"]
    assert not state.deliveries.settle(waiting[0].id, "delivered", TAKEN), "it is gone"


def test_of_a_run_that_another_replaces_no_progress_waits(state: RedisState) -> None:
    task = enter(state, events=["task.progress"])
    held = claim(state, sid(task, 1))
    state.claims.beat(held.sid, held.fence, held.nonce, LEASE, Progress(0.5))
    assert len(state.deliveries.page(DeliveryState.WAITING, 10, None)[0]) == 1

    assert state.tasks.create(task, 2, [probe()])

    assert not take(state)
    assert state.deliveries.page(DeliveryState.WAITING, 10, None) == ([], None)


def test_progress_comes_as_often_as_the_task_says(state: RedisState) -> None:
    task = enter(state, events=["task.progress"], progress_seconds=600)
    held = claim(state, sid(task, 1))

    for fraction in (0.2, 0.4, 0.6):
        state.claims.beat(held.sid, held.fence, held.nonce, LEASE, Progress(fraction))

    assert len(take(state)) == 1
    state.client.hset(f"ff:t:{task.id}", "called_at", 1)
    state.claims.beat(held.sid, held.fence, held.nonce, LEASE, Progress(0.8))
    assert len(take(state)) == 1


def test_progress_on_rabbitmq_has_a_measure_of_its_own(state: RedisState) -> None:
    body = {
        "sources": [{"uri": "s3://in/a.mov"}],
        "targets": [{"name": "hd", "template": "mp4-h264-720p", "uri": "s3://out/hd.mp4"}],
        "notification": {"progress_seconds": 600},
    }
    task = accept(parse_request(body), now=CREATED)
    state.tasks.create(task, 1, [probe()])
    held = claim(state, sid(task, 1))

    def told() -> int:
        events = state.outbox.events(100)
        state.outbox.sent(events)
        return sum(event.key.startswith("task.progress") for event in events)

    state.claims.beat(held.sid, held.fence, held.nonce, LEASE, Progress(0.2))
    assert told() == 1
    for seconds, fraction, expected in ((500, 0.4, 0), (601, 0.6, 1)):
        now, _ = state.epochs.time()
        state.client.hset(f"ff:t:{task.id}", "progress_at", round((now - seconds) * 1000))
        state.claims.beat(held.sid, held.fence, held.nonce, LEASE, Progress(fraction))
        assert told() == expected


def test_one_receiver_with_many_does_not_hide_the_others(state: RedisState) -> None:
    for _ in range(5):
        enter(state, events=["task.queued"])
    enter(state, url="http://other.example/", events=["task.queued"])
    enter(state, url="http://third.example:8080/", events=["task.queued"])

    found = state.deliveries.take(10, 2, {"third.example:8080": 0})

    assert [delivery.host for delivery in found] == ["example.org:443"] * 2 + ["other.example:80"]
    assert [delivery.host for delivery in state.deliveries.take(1, 2, {})] == ["example.org:443"]
    rest = state.deliveries.take(10, 100, {})
    assert sorted(delivery.host for delivery in rest) == ["example.org:443"] * 2 + ["third.example:8080"]


def test_pages_are_in_order_and_complete(state: RedisState) -> None:
    ids = [enter(state, events=["task.queued"]).id + ".1.queued" for _ in range(5)]

    seen: list[str] = []
    place = None
    while True:
        records, place = state.deliveries.page(DeliveryState.WAITING, 2, place)
        seen += [record.id for record in records]
        if place is None:
            break
        enter(state, events=["task.queued"])

    assert set(seen) >= set(ids)
    assert len(set(seen)) == len(seen)
    assert state.deliveries.page(DeliveryState.DEAD, 2, None) == ([], None)


def test_what_the_store_knows_is_entered_once_also_in_a_rebuild(empty_state: RedisState) -> None:
    record = DeliveryRecord(
        id="t1.1.succeeded",
        task_id="t1",
        run=1,
        event="task.succeeded",
        pipeline="night",
        url="https://example.org/",
        host="example.org:443",
        state=DeliveryState.WAITING,
        created_at=CREATED,
    )
    dead = record.model_copy(
        update={
            "id": "t2.1.queued",
            "event": "task.queued",
            "state": DeliveryState.DEAD,
            "attempts": (REFUSED,),
            "tries": 9,
            "ended_at": CREATED + timedelta(days=1),
        }
    )
    again = dead.model_copy(update={"id": "t3.1.queued", "state": DeliveryState.WAITING, "replayed": True})
    letters = [Letter(record=r, name="w", body=b) for r, b in ((record, ""), (dead, "{}"), (again, "{}"))]

    assert all(empty_state.deliveries.enter(letter) for letter in letters)
    assert not any(empty_state.deliveries.enter(letter) for letter in letters)
    with pytest.raises(StateUnavailable):
        take(empty_state)
    empty_state.epochs.begin(1)

    taken = {delivery.id: delivery for delivery in take(empty_state)}
    assert set(taken) == {record.id, again.id}
    assert taken[record.id].age_seconds > 3600, "its day began when the run ended"
    assert (taken[again.id].tries, taken[again.id].replayed) == (0, True)
    assert taken[again.id].age_seconds < 30
    ((shown,), _) = empty_state.deliveries.page(DeliveryState.DEAD, 10, None)
    assert shown.attempts == (REFUSED,)
    assert (shown.tries, shown.created_at, shown.ended_at) == (9, CREATED, CREATED + timedelta(days=1))


def test_i10_delivered_ones_and_tries_are_bounded(state: RedisState) -> None:
    task = enter(state, events=["task.queued"])
    (taken,) = take(state)
    for n in range(40):
        tried = REFUSED.model_copy(update={"status": 500 + n, "answer": "x" * 500, "error": None if n else "y" * 200})
        state.deliveries.settle(taken.id, "retry", tried, 1)

    letter = state.deliveries.letter(taken.id)
    assert letter is not None
    assert letter.record.tries == 40
    assert [one.status for one in letter.record.attempts] == [*range(500, 519), 539]
    assert [len(one.answer) for one in letter.record.attempts] == [500, *([0] * 18), 500]
    assert [one.error for one in letter.record.attempts[:2]] == ["y" * 200, None]
    assert state.client.hstrlen(f"ff:delivery:{taken.id}", "log") < 4096
    for _ in range(1005):
        enter(state, events=["task.queued"])
    state.deliveries.settle(taken.id, "delivered", TAKEN)
    for delivery in take(state, limit=2000, most=2000):
        state.deliveries.settle(delivery.id, "delivered", TAKEN)
    assert len(state.deliveries.page(DeliveryState.DELIVERED, 3000, None)[0]) == 1000
    assert state.deliveries.letter(f"{task.id}.1.queued") is None, "the oldest have gone"
    assert state.client.keys("ff:deliveries:due:*") == []
    assert state.client.zcard("ff:deliveries:hosts") == 0


def test_a_removed_one_is_gone(state: RedisState) -> None:
    enter(state, events=["task.queued"])
    (taken,) = take(state)

    assert state.deliveries.forget(taken.id)

    assert not state.deliveries.forget(taken.id)
    assert state.deliveries.letter(taken.id) is None
    assert not state.deliveries.settle(taken.id, "retry", REFUSED, 1)
    due_now(state)
    assert not take(state)


def test_neither_secret_nor_query_of_a_webhook_is_in_redis(state: RedisState) -> None:
    enter(state)

    dump = "".join(
        str(state.client.hgetall(key)) for key in state.client.keys("ff:*") if state.client.type(key) == "hash"
    )

    assert "https://example.org/hook" in dump
    assert "s3cret" not in dump
    assert "t0ken" not in dump


def test_an_end_that_a_rebuild_has_entered_is_not_begun_anew(state: RedisState) -> None:
    task = enter(state, events=["task.succeeded"])
    record = DeliveryRecord(
        id=f"{task.id}.1.succeeded",
        task_id=task.id,
        run=1,
        event="task.succeeded",
        pipeline="night",
        url="https://example.org/hook",
        host="example.org:443",
        state=DeliveryState.WAITING,
        created_at=CREATED,
    )
    assert state.deliveries.enter(Letter(record=record, name=task.webhook or "", body=""))
    (taken,) = take(state)
    state.deliveries.settle(taken.id, "retry", REFUSED, 3600)

    state.tasks.finish(final_record(task))

    assert not take(state)
    letter = state.deliveries.letter(record.id)
    assert letter is not None
    assert letter.record.tries == 1
