"""The feed: the latest events of tasks for who watches, over Redis and Valkey."""

from __future__ import annotations

import json

from framefleet.adapters.redis_state import RedisState
from framefleet.domain.errors import VerifyFailed
from framefleet.domain.states import TaskState
from tests.contract.conftest import claim, final_record, make_task, probe, sid


def events(state: RedisState, place: str = "0-0") -> list[str]:
    return [shown.event for shown in state.feed.after(place, 2000)]


def test_every_step_of_a_task_is_shown_in_order(state: RedisState) -> None:
    assert state.feed.newest() == "0-0"
    task = make_task(pipeline="night")
    state.tasks.create(task, 1, [probe()])
    begun = state.feed.newest()
    claim(state, sid(task, 1))
    failed = final_record(task).model_copy(
        update={"state": TaskState.FAILED, "error": VerifyFailed("frames differ", log=("a line of FFmpeg",)).info()}
    )
    state.tasks.finish(failed)

    assert events(state) == ["task.queued", "task.running", "task.failed"]
    assert events(state, begun) == ["task.running", "task.failed"]
    last = state.feed.after(begun, 10)[-1]
    assert (last.pipeline, last.place) == ("night", state.feed.newest())
    body = json.loads(last.body)
    assert body["event_id"] == f"{task.id}.1.failed"
    assert (body["state"], body["name"], body["error"]["code"]) == ("failed", "film", "verify_failed")
    assert not {"targets", "subtasks"} & set(body)
    assert "log" not in body["error"]


def test_i10_about_a_thousand_are_remembered(state: RedisState) -> None:
    state.tasks.create(make_task(), 1, [])
    first = state.feed.newest()
    for number in range(1, 1300):
        state.tasks.create(make_task(age=number), 1, [])

    kept = state.feed.after("0-0", 5000)
    assert 1000 <= len(kept) < 1300
    assert not state.feed.remembers(first)
    assert state.feed.remembers(kept[0].place)
    assert state.feed.remembers(kept[-1].place)


def test_what_was_seen_of_a_redis_that_is_lost_is_not_remembered(state: RedisState) -> None:
    state.tasks.create(make_task(), 1, [probe()])
    place = state.feed.newest()
    assert state.feed.remembers(place)

    state.client.flushall()

    assert not state.feed.remembers(place)
    state.epochs.begin(1)
    state.tasks.create(make_task(age=1), 1, [probe()])
    assert not state.feed.remembers(place)
    assert state.feed.remembers("0-0")
    assert state.feed.remembers(state.feed.newest())


def test_a_rebuild_is_silent(empty_state: RedisState) -> None:
    empty_state.tasks.create(make_task(), 1, [probe()])
    empty_state.tasks.finish(final_record(make_task(age=5)))

    assert events(empty_state) == []
