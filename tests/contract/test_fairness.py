"""Who is released next: pipelines by their weights, and inside one by priority without starving anybody."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from framefleet.adapters.redis_state import RedisState
from framefleet.domain.errors import FfmpegKilled
from framefleet.domain.pipeline import EVERYTHING, Pipeline
from framefleet.domain.subtask import Plan
from framefleet.domain.task import Task
from framefleet.ports import Refused
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


def configure(state: RedisState, name: str, version: int = 1, **fields: object) -> None:
    assert state.tasks.configure(Pipeline.model_validate({"name": name, "version": version} | fields))


def backlog(state: RedisState, pipeline: str, chunks: int, *, weight: float = 10.0, **of_task: float) -> Task:
    """A task of a pipeline with so many chunks that could run."""
    task = make_task(pipeline=pipeline, **of_task)  # type: ignore[arg-type]
    state.tasks.create(task, 1, [probe()])
    state.tasks.done(sid(task, 1), "{}", 0.1)
    parts = [transcode(n, weight=weight) for n in range(2, chunks + 2)]
    state.tasks.add_plan(task.id, 1, Plan(subtasks=tuple(parts), targets={"hd": (2,)}))
    return task


def releases(state: RedisState, count: int) -> list[str]:
    """The next subtasks to be released, one at a time; each is claimed at once."""
    found = []
    for _ in range(count):
        released = publish_all(state, window=1)
        if not released:
            break
        found += released
        claim(state, released[0])
    return found


def by_pipeline(released: list[str], *tasks: Task) -> Counter[str]:
    names = {task.id: task.pipeline for task in tasks}
    return Counter(names[one.split(".")[0]] for one in released)


def test_a_flood_in_one_pipeline_does_not_hold_up_another(state: RedisState) -> None:
    flood = backlog(state, "flood", 50, age=3600, priority=9)
    assert len(releases(state, 10)) == 10
    late = backlog(state, "late", 5, priority=0)

    released = releases(state, 10)

    # The flood's last one was paid before the other came: from then on they take turns.
    assert [one.split(".")[0] for one in released[:4]] == [late.id, flood.id, late.id, flood.id]
    assert by_pipeline(released, flood, late) == {"flood": 5, "late": 5}


def test_shares_are_as_the_weights(state: RedisState) -> None:
    for name, weight in {"one": 1, "two": 2, "four": 4}.items():
        configure(state, name, weight=weight)
    tasks = [backlog(state, name, 45) for name in ("one", "two", "four")]

    released = releases(state, 70)

    assert by_pipeline(released, *tasks) == {"one": 10, "two": 20, "four": 40}


def test_shares_are_of_work_not_of_subtasks(state: RedisState) -> None:
    long, short = backlog(state, "long", 30, weight=30.0), backlog(state, "short", 60, weight=10.0)

    released = releases(state, 40)

    assert by_pipeline(released, long, short) == {"long": 10, "short": 30}


def test_to_have_been_idle_or_paused_earns_nothing(state: RedisState) -> None:
    configure(state, "paused", paused=True)
    busy, paused = backlog(state, "busy", 40), backlog(state, "paused", 40)
    assert by_pipeline(releases(state, 20), busy, paused) == {"busy": 20}
    configure(state, "paused", 2)
    idle = backlog(state, "idle", 40)

    released = releases(state, 12)

    assert by_pipeline(released, busy, paused, idle) == {"busy": 4, "paused": 4, "idle": 4}


def test_who_asks_for_little_at_a_time_gets_no_more_than_a_share(state: RedisState) -> None:
    heavy = backlog(state, "heavy", 60)
    configure(state, "heavy", weight=4)
    tasks, released = [heavy], []
    for _ in range(50):
        if not any(state.client.zcard(key) for key in state.client.keys("ff:ready:cpu:*:little")):
            tasks.append(backlog(state, "little", 1))
        released += releases(state, 1)

    assert by_pipeline(released, *tasks)["little"] == 10


def test_the_highest_priority_passes_a_backlog_however_old_that_is(state: RedisState) -> None:
    backlog(state, "default", 40, age=30 * 86400)
    urgent = backlog(state, "default", 10, priority=9)

    released = releases(state, 8)

    # Three turns of four are the urgent task's; the fourth is for what is first when age counts, too.
    assert [one.startswith(urgent.id) for one in released] == [True, True, True, False] * 2


@pytest.mark.parametrize(("waited", "goes"), [(5399, False), (5401, True)])
def test_i5_a_level_is_worth_ten_minutes_of_waiting(state: RedisState, waited: int, goes: bool) -> None:
    low = backlog(state, "default", 1, age=waited, priority=0)
    high = backlog(state, "default", 8, priority=9)

    released = releases(state, 4)

    assert released[:3] == [sid(high, n) for n in (2, 3, 4)]
    assert released[3] == (sid(low, 2) if goes else sid(high, 5))


def test_the_oldest_of_a_level_is_first_then_stills_then_the_dearest(state: RedisState) -> None:
    parts = (transcode(2, weight=5), transcode(3, weight=500), transcode(4, weight=5.5))
    older, newer = make_task(age=0.001), make_task()
    for task in (newer, older):
        state.tasks.create(task, 1, [probe()])
        state.tasks.done(sid(task, 1), "{}", 0)
        state.tasks.add_plan(task.id, 1, Plan(subtasks=parts, targets={"hd": (4,)}))

    assert releases(state, 6) == [sid(task, n) for task in (older, newer) for n in (3, 4, 2)]


def test_an_order_that_a_window_of_later_ones_has_overtaken_goes_out_again_before_all(state: RedisState) -> None:
    slow = backlog(state, "slow", 1, priority=0)
    assert publish_all(state, window=4) == [sid(slow, 2)]
    fast = backlog(state, "fast", 40, priority=9)
    again = None
    overtakers = 0
    for _ in range(20):
        state.outbox.release_window("cpu", 4)
        for due in state.outbox.due(100):
            if due.order.sid == sid(slow, 2):
                again = due.order.priority
            state.outbox.published(due)
        if again is not None:
            break
        # The broker hands out what has the higher priority.
        announced: Any = state.client.zrange("ff:announced:cpu", 0, -1)
        claim(state, next(one for one in announced if one.startswith(fast.id)))
        overtakers += 1

    assert again == 10
    assert overtakers <= 5


def test_who_gets_the_turn_of_the_aged_stands_in_the_broker_where_it_was_released(state: RedisState) -> None:
    low = backlog(state, "default", 1, age=86400, priority=0)
    backlog(state, "default", 8, priority=9)
    state.outbox.release_window("cpu", 4)

    orders = [due.order for due in state.outbox.due(10)]

    assert [(order.sid == sid(low, 2), order.priority) for order in orders] == [(False, 9)] * 3 + [(True, 9)]


def test_a_limit_of_subtasks_counts_what_is_out_and_what_runs(state: RedisState) -> None:
    configure(state, "small", max_subtasks=2)
    small, other = backlog(state, "small", 5), backlog(state, "other", 3)

    out = publish_all(state, window=100)

    assert by_pipeline(out, small, other) == {"small": 2, "other": 3}
    mine = [one for one in out if one.startswith(small.id)]
    held = claim(state, mine[0])
    assert state.outbox.release_window("cpu", 100) == 0
    # What waits out a delay is not counted, so another may go in the meantime ...
    state.tasks.fail(held.sid, held.fence, FfmpegKilled().info(), 300)
    assert len(publish_all(state, window=100)) == 1
    # ... and the first one then finds the limit reached.
    assert state.claims.claim(held.sid, "again", "host:1:0", 60) == Refused("limit")
    assert places(state, held.sid) == ["ready"]
    state.tasks.done(mine[1], "{}", 1.0)
    assert state.outbox.release_window("cpu", 100) == 1


def test_a_limit_of_tasks_holds_back_new_ones_only(state: RedisState) -> None:
    configure(state, "one", max_tasks=1)
    first, second = make_task(pipeline="one", age=5), make_task(pipeline="one", priority=9)
    for task in (first, second):
        state.tasks.create(task, 1, [probe(1), probe(2)])
    state.tasks.reprioritize(second.id, 0)
    assert releases(state, 4) == [sid(first, 1), sid(first, 2)]
    state.tasks.reprioritize(second.id, 9)
    for n in (1, 2):
        state.tasks.done(sid(first, n), "{}", 0.1)
    parts = (transcode(3), transcode(4), concat(5, (3, 4)))
    state.tasks.add_plan(first.id, 1, Plan(subtasks=parts, targets={"hd": (5,)}))

    assert releases(state, 9) == [sid(first, 3), sid(first, 4)]
    state.tasks.cancel(first.id)
    assert releases(state, 9) == []
    state.tasks.finish(final_record(first))
    assert releases(state, 9) == [sid(second, 1), sid(second, 2)]


def test_pause_keeps_what_waits_and_takes_back_what_is_out(state: RedisState) -> None:
    task = backlog(state, "night", 4)
    first, second = publish_all(state, window=2)
    running = claim(state, first)

    configure(state, "night", paused=True)

    assert state.claims.claim(second, "n", "host:1:0", 60) == Refused("paused")
    assert places(state, second) == ["ready"]
    assert state.outbox.release_window("cpu", 9) == 0
    # What runs goes on, and is done.
    assert state.claims.beat(running.sid, running.fence, running.nonce, 60, None) == "ok"
    assert state.tasks.done(first, "{}", 1.0)
    configure(state, "night", 2, paused=False)
    assert sorted(publish_all(state, window=9)) == [sid(task, n) for n in (2, 3, 4, 5) if sid(task, n) != first]


def test_pause_of_everything(state: RedisState) -> None:
    task = planned(state)
    (first, second) = publish_all(state, window=9)
    claim(state, first, lease=0)
    configure(state, EVERYTHING, paused=True)
    other = planned(state)

    assert state.outbox.release_window("cpu", 9) == 0
    assert state.claims.claim(second, "n", "host:1:0", 60) == Refused("paused")
    # One whose worker has died is not begun again either.
    assert state.claims.claim(first, "n", "host:1:0", 60) == Refused("paused")
    configure(state, EVERYTHING, 2, paused=False)
    assert state.outbox.release_window("cpu", 9) == 3
    assert {task.pipeline, other.pipeline} == {"default"}


def test_an_older_version_of_a_pipeline_never_replaces_a_newer_one(empty_state: RedisState) -> None:
    assert empty_state.tasks.configure(Pipeline(name="a", version=2, weight=2.5, max_tasks=3))

    assert not empty_state.tasks.configure(Pipeline(name="a", version=1, paused=True))
    assert not empty_state.tasks.configure(Pipeline(name="a", version=2, paused=True))
    (status,) = empty_state.tasks.pipelines()
    assert status.pipeline == Pipeline(name="a", version=2, weight=2.5, max_tasks=3)
    assert empty_state.tasks.configure(Pipeline(name="a", version=3))
    assert empty_state.tasks.pipelines()[0].pipeline == Pipeline(name="a", version=3)


def test_pipelines_are_listed_with_what_there_is_of_them(state: RedisState) -> None:
    configure(state, "set", weight=2)
    backlog(state, "used", 5)
    releases(state, 2)

    listed = {s.pipeline.name: (s.waiting, s.out, s.tasks_queued, s.tasks_running) for s in state.tasks.pipelines()}

    assert listed == {"set": (0, 0, 0, 0), "used": (3, 2, 0, 1)}


def test_nothing_is_left_behind_when_a_task_ends(state: RedisState) -> None:
    task = backlog(state, "gone", 3)
    releases(state, 1)
    publish_all(state, window=2)
    state.tasks.cancel(task.id)
    assert state.tasks.finish(final_record(task))

    (status,) = state.tasks.pipelines()
    assert (status.waiting, status.out) == (0, 0)
    assert not state.client.keys("ff:begun:*")
    assert not state.client.keys("ff:ready:*")
