"""What can be read of tasks, rebuilds, and size, over Redis and Valkey."""

from __future__ import annotations

from dataclasses import replace

import pytest

from framefleet.adapters.redis_state import RedisState, connect
from framefleet.domain.errors import StateUnavailable, VerifyFailed
from framefleet.domain.states import TaskState
from framefleet.ports import TaskQuery
from tests.contract.conftest import (
    LEASE,
    chunks_and_concat,
    claim,
    final_record,
    make_task,
    planned,
    probe,
    sid,
    subtask_states,
)

BROKEN = VerifyFailed("frames differ").info()


def test_listings_are_newest_first_bounded_and_filtered(state: RedisState) -> None:
    tasks = [make_task(age=age, pipeline="a" if age % 2 else "b") for age in range(6)]
    for task in reversed(tasks):
        state.tasks.create(task, 1, [probe()])
    claim(state, sid(tasks[1], 1))
    state.tasks.finish(final_record(tasks[2]))

    def ids(**filters: object) -> list[str]:
        return [record.id for record in state.tasks.query(TaskQuery(**filters)).tasks]  # type: ignore[arg-type]

    assert ids() == [task.id for task in tasks]
    assert ids(limit=2) == [tasks[0].id, tasks[1].id]
    assert ids(limit=0) == []
    assert ids(pipeline="a") == [tasks[n].id for n in (1, 3, 5)]
    assert ids(state=TaskState.RUNNING) == [tasks[1].id]
    assert ids(state=TaskState.SUCCEEDED, pipeline="b") == [tasks[2].id]
    assert ids(state=TaskState.QUEUED, pipeline="b") == [tasks[0].id, tasks[4].id]
    assert all(not record.subtasks for record in state.tasks.query(TaskQuery()).tasks)


def test_pages_are_the_same_whatever_is_entered_meanwhile(state: RedisState) -> None:
    old = [make_task(age=10 + n // 3) for n in range(9)]  # three of each millisecond
    for task in old:
        state.tasks.create(task, 1, [probe()])
    expected = [task.id for task in sorted(old, key=lambda t: (t.created_at, t.id), reverse=True)]

    seen: list[str] = []
    place = None
    while True:
        page = state.tasks.query(TaskQuery(after=place, limit=2))
        seen += [record.id for record in page.tasks]
        state.tasks.create(make_task(), 1, [probe()])
        place = page.next
        if place is None:
            break

    assert seen == expected
    assert state.tasks.query(TaskQuery(limit=2)).next is not None


def test_pages_may_begin_with_the_oldest(state: RedisState) -> None:
    old = [make_task(age=10 + n // 3) for n in range(9)]  # three of each millisecond
    for task in old:
        state.tasks.create(task, 1, [probe()])
    expected = [task.id for task in sorted(old, key=lambda t: (t.created_at, t.id))]

    seen: list[str] = []
    place = None
    while True:
        page = state.tasks.query(TaskQuery(after=place, limit=2, oldest_first=True))
        seen += [record.id for record in page.tasks]
        place = page.next
        if place is None:
            break

    assert seen == expected


def test_listings_are_filtered_by_tag_and_time(state: RedisState) -> None:
    tasks = [make_task(age=age) for age in range(4)]
    for task in tasks:
        state.tasks.create(task, 1, [probe()])
    claim(state, sid(tasks[1], 1))

    def ids(**filters: object) -> list[str]:
        return [record.id for record in state.tasks.query(TaskQuery(**filters)).tasks]  # type: ignore[arg-type]

    assert ids(tag=("show", "x1")) == [task.id for task in tasks]
    assert ids(tag=("show", "x1"), state=TaskState.RUNNING) == [tasks[1].id]
    assert ids(tag=("show", "x1"), pipeline="other") == []
    assert ids(tag=("show", "x2")) == []
    assert ids(since=tasks[2].created_at) == [task.id for task in tasks[:3]]
    assert ids(until=tasks[2].created_at) == [task.id for task in tasks[2:]]
    assert ids(since=tasks[2].created_at, until=tasks[1].created_at) == [tasks[1].id, tasks[2].id]


def test_a_listing_by_tag_forgets_what_is_purged(state: RedisState) -> None:
    path = state.client.connection_pool.connection_kwargs["path"]
    with connect(f"unix://{path}", retention_seconds=0) as hasty:
        ended = planned(hasty)
        hasty.tasks.finish(final_record(ended))
        gone = make_task()
        hasty.tasks.finish(final_record(gone))  # as a rebuild does, of a task that is not here

    assert len(state.tasks.query(TaskQuery(tag=("show", "x1"))).tasks) == 2
    assert state.tasks.purge(10) == 2
    assert not state.client.exists("ff:tasks:tag:show=x1")


def test_a_listing_looks_past_what_is_not_there_any_more(state: RedisState) -> None:
    tasks = [make_task(age=n) for n in range(6)]
    for task in tasks:
        state.tasks.create(task, 1, [probe()])
    state.client.zadd("ff:tasks:tag:show=x1", {f"x{n}": 1e15 + n for n in range(50)})  # forgotten elsewhere

    page = state.tasks.query(TaskQuery(tag=("show", "x1"), limit=10))

    assert ([record.id for record in page.tasks], page.next) == ([task.id for task in tasks], None)
    assert state.client.zcard("ff:tasks:tag:show=x1") == 6


@pytest.mark.parametrize("many", ["tag:show=x1", "state:running", "lane:shop:running"])
def test_few_of_many_are_found_at_once_whichever_are_few(state: RedisState, many: str) -> None:
    wanted = [make_task(age=9000 + n // 2, pipeline="shop") for n in range(5)]
    for task in wanted:
        state.tasks.create(task, 1, [probe()])
        claim(state, sid(task, 1))
    state.tasks.create(make_task(pipeline="shop"), 1, [probe()])  # has the tag and the pipeline, and does not run
    state.client.zadd(f"ff:tasks:{many}", {f"x{n}": 1e13 + n for n in range(20_000)})
    pipeline = "shop" if many.startswith("lane") else None
    expected = [task.id for task in sorted(wanted, key=lambda t: (t.created_at, t.id), reverse=True)]

    filters = TaskQuery(tag=("show", "x1"), state=TaskState.RUNNING, pipeline=pipeline, limit=2)
    pages = [first := state.tasks.query(filters)]
    while first.next is not None:
        pages.append(first := state.tasks.query(replace(filters, after=first.next)))

    assert [record.id for page in pages for record in page.tasks] == expected
    assert [len(page.tasks) for page in pages] == [2, 2, 1]


def test_tasks_whose_retention_is_over_are_forgotten(state: RedisState) -> None:
    path = state.client.connection_pool.connection_kwargs["path"]
    with connect(f"unix://{path}", retention_seconds=0) as hasty:
        ended, kept = planned(hasty), planned(state)
        hasty.tasks.finish(final_record(ended))
        state.tasks.finish(final_record(kept))

    assert state.tasks.purge(10) == 1

    assert state.tasks.record(ended.id) is None
    assert [record.id for record in state.tasks.query(TaskQuery(state=TaskState.SUCCEEDED)).tasks] == [kept.id]


def test_counts_are_by_lane_and_by_kind(state: RedisState) -> None:
    task = planned(state, chunks=3)
    claim(state, sid(task, 2))
    state.tasks.create(make_task(pipeline="other"), 1, [probe()])

    counts = state.tasks.counts()

    assert counts.tasks[("default", "running")] == 1
    assert counts.tasks[("other", "queued")] == 1
    assert counts.backlog[("cpu", "transcode")] == 3
    assert counts.backlog[("cpu", "probe")] == 1
    assert counts.backlog[("cpu", "concat")] == 0


def test_counts_have_the_age_of_the_oldest(state: RedisState) -> None:
    assert state.tasks.counts().oldest_tasks == {}
    for age, pipeline in ((60, "a"), (3600, "a"), (600, "b")):
        state.tasks.create(make_task(age=age, pipeline=pipeline), 1, [probe()])
    task = planned(state, chunks=3)
    claim(state, sid(task, 2))

    counts = state.tasks.counts()

    assert counts.oldest_tasks["a", "queued"] - counts.oldest_tasks["b", "queued"] == 3000
    assert ("default", "running") in counts.oldest_tasks
    assert set(counts.longest_attempts) == {"cpu"}
    assert 0 <= counts.longest_attempts["cpu"] < 3600


def test_tasks_with_work_for_a_tag_are_found_while_it_waits_or_runs(state: RedisState) -> None:
    waiting, running, ended = (planned(state, chunks=3) for _ in range(3))
    claim(state, sid(running, 2))
    assert state.tasks.cancel(ended.id)

    assert set(state.tasks.with_work("cpu", 100)) == {(waiting.id, 1), (running.id, 1)}
    assert len(state.tasks.with_work("cpu", 1)) == 1
    assert state.tasks.with_work("gpu", 100) == []


def test_probing_is_a_small_part_of_the_progress(state: RedisState) -> None:
    task = make_task()
    state.tasks.create(task, 1, [probe(1), probe(2)])
    state.tasks.done(sid(task, 1), "{}", 0)

    record = state.tasks.record(task.id)

    assert record is not None
    assert record.progress == pytest.approx(0.01)


def test_a_failed_attempts_progress_is_taken_back(state: RedisState) -> None:
    task = planned(state)
    mine = claim(state, sid(task, 2))
    state.claims.beat(mine.sid, mine.fence, mine.nonce, LEASE, None)
    state.tasks.fail(mine.sid, mine.fence, BROKEN, 0)

    record = state.tasks.record(task.id)

    assert record is not None
    assert record.progress == pytest.approx(0.02)


def test_i2_a_rebuild_enters_what_the_store_knows_before_the_epoch_begins(empty_state: RedisState) -> None:
    store, task = empty_state.tasks, make_task()

    assert store.create(task, 3, [probe()])
    assert store.done(sid(task, 1, 3), "{}", 0)
    assert store.add_plan(task.id, 3, chunks_and_concat(2))
    assert store.done(sid(task, 2, 3), "{}", 0)
    assert store.crashed(sid(task, 3, 3), 4)
    empty_state.epochs.begin(9)

    assert subtask_states(empty_state, task) == {1: "succeeded", 2: "succeeded", 3: "queued", 4: "blocked"}
    mine = claim(empty_state, sid(task, 3, 3), lease=0)
    assert (mine.fence, mine.attempt) == (9_000_001, 5)
    assert store.expired(1)[0].crashes == 4


def test_i2_a_rebuild_may_be_begun_again_by_another_scheduler(empty_state: RedisState) -> None:
    task = planned(empty_state)
    empty_state.tasks.fail(sid(task, 2), None, BROKEN, None)

    assert not empty_state.tasks.create(task, 1, [probe()])
    assert not empty_state.tasks.done(sid(task, 1), "{}", 0)
    assert not empty_state.tasks.add_plan(task.id, 1, chunks_and_concat(2))
    assert not empty_state.tasks.fail(sid(task, 2), None, BROKEN, None)
    empty_state.epochs.begin(1)

    assert subtask_states(empty_state, task) == {1: "succeeded", 2: "failed", 3: "canceled", 4: "failed"}


def test_everything_else_waits_for_an_epoch(empty_state: RedisState) -> None:
    store, task = empty_state.tasks, planned(empty_state)

    for call in (
        lambda: store.fail(sid(task, 2), 1, BROKEN, None),
        lambda: store.fail(sid(task, 2), None, BROKEN, 1.0),
        lambda: store.cancel(task.id),
        lambda: store.expired(1),
        lambda: store.expire(sid(task, 2), 1),
        lambda: store.take_advance(1),
        lambda: store.advanced(task.id),
        lambda: store.status(task.id),
        lambda: store.record(task.id),
        lambda: store.query(TaskQuery()),
        lambda: store.reprioritize(task.id, 1),
        lambda: store.purge(1),
    ):
        with pytest.raises(StateUnavailable):
            call()


def test_one_subtask_is_read_by_itself(state: RedisState) -> None:
    task = planned(state)
    claim(state, sid(task, 2))
    record = state.tasks.record(task.id)
    assert record is not None

    assert [state.tasks.subtask(sid(task, n)) for n in (1, 2, 3, 4)] == list(record.subtasks)
    assert state.tasks.subtask(sid(task, 5)) is None
    assert state.tasks.subtask(sid(task, 2, run=2)) is None


def test_twenty_thousand_subtasks_are_one_plan(state: RedisState) -> None:
    count = 20_000
    task = planned(state, chunks=count)

    assert state.outbox.release_window("cpu", 50) == 50
    record = state.tasks.record(task.id)
    assert record is not None
    assert len(record.subtasks) == count + 2
    assert record.subtasks[-1].n == count + 2
    assert state.tasks.fail(sid(task, count + 2), None, BROKEN, None)
    status = state.tasks.status(task.id)
    assert status is not None
    assert status.open == 0
