"""The scheduler's side of the task state, over Redis and Valkey."""

from __future__ import annotations

import pytest

from framefleet.adapters.redis_state import RedisState
from framefleet.domain.errors import FfmpegKilled, SourceNotFound, VerifyFailed
from framefleet.domain.states import TaskState
from framefleet.domain.subtask import Plan, Tag
from framefleet.ports import Expired, TaskQuery
from tests.contract.conftest import (
    LEASE,
    WORKER,
    chunks_and_concat,
    claim,
    concat,
    final_record,
    make_task,
    places,
    planned,
    probe,
    sid,
    subtask_states,
    transcode,
)

BROKEN = VerifyFailed("frames differ").info()


def test_a_new_task_waits_with_its_probes_queued(state: RedisState) -> None:
    task = make_task()

    assert state.tasks.create(task, 1, [probe(1), probe(2)])

    status = state.tasks.status(task.id)
    assert status is not None
    assert (status.state, status.open, status.planned, status.canceling) == (TaskState.QUEUED, 2, False, False)
    assert status.created_at == task.created_at
    assert state.tasks.task(task.id) == task
    assert places(state, sid(task, 1)) == ["ready"]
    assert state.tasks.take_advance(10) == []


def test_i3_a_task_is_entered_once(state: RedisState) -> None:
    task = make_task()
    state.tasks.create(task, 1, [probe()])
    claim(state, sid(task, 1))

    assert not state.tasks.create(task, 1, [probe()])
    assert subtask_states(state, task) == {1: "running"}


def test_unknown_tasks_are_none(state: RedisState) -> None:
    assert state.tasks.status("x") is None
    assert state.tasks.task("x") is None
    assert state.tasks.record("x") is None
    assert not state.tasks.cancel("x")
    assert not state.tasks.done("x.1.1", "{}", 0)
    assert not state.tasks.fail("x.1.1", None, BROKEN, None)
    assert not state.tasks.reprioritize("x", 1)


def test_the_first_claim_starts_the_task(state: RedisState) -> None:
    task = make_task()
    state.tasks.create(task, 1, [probe()])

    claim(state, sid(task, 1))

    status = state.tasks.status(task.id)
    assert status is not None
    assert status.state is TaskState.RUNNING
    assert status.started_at is not None


def test_i5_a_task_is_due_for_planning_when_all_probes_are_done_and_until_planned(state: RedisState) -> None:
    task = make_task()
    state.tasks.create(task, 1, [probe(1), probe(2)])
    state.tasks.done(sid(task, 1), "{}", 0)
    assert state.tasks.take_advance(10) == []
    state.tasks.done(sid(task, 2), "{}", 0)

    assert state.tasks.take_advance(10) == [task.id]
    assert state.tasks.take_advance(10) == []  # somebody is on it
    state.tasks.advanced(task.id)  # but did not do it
    assert state.client.zscore("ff:advance", task.id) is not None

    assert state.tasks.add_plan(task.id, 1, chunks_and_concat(2))
    state.tasks.advanced(task.id)
    assert state.client.zscore("ff:advance", task.id) is None


def test_i2_a_step_that_becomes_due_while_another_is_taken_is_kept(state: RedisState) -> None:
    task = make_task()
    state.tasks.create(task, 1, [probe()])
    state.tasks.done(sid(task, 1), "{}", 0)
    assert state.tasks.take_advance(10) == [task.id]
    state.tasks.add_plan(task.id, 1, Plan(subtasks=(transcode(2),), targets={"hd": (2,)}))
    state.tasks.done(sid(task, 2), "{}", 0)

    state.tasks.advanced(task.id)

    assert state.tasks.take_advance(10) == [task.id]


def test_what_needs_nothing_is_ready_and_the_rest_is_blocked(state: RedisState) -> None:
    task = planned(state, chunks=2)

    assert subtask_states(state, task) == {1: "succeeded", 2: "queued", 3: "queued", 4: "blocked"}
    assert places(state, sid(task, 4)) == []


def test_i3_a_plan_is_entered_once(state: RedisState) -> None:
    task = planned(state, chunks=2)
    claim(state, sid(task, 2))

    assert not state.tasks.add_plan(task.id, 1, chunks_and_concat(2))
    assert not state.tasks.add_plan(task.id, 2, chunks_and_concat(2))
    assert subtask_states(state, task)[2] == "running"


def test_i4_a_plan_staged_in_part_is_invisible_and_can_be_entered_again(state: RedisState) -> None:
    task = make_task()
    state.tasks.create(task, 1, [probe()])
    state.tasks.done(sid(task, 1), "{}", 0)
    # What a scheduler killed half-way leaves behind.
    state.client.hset(sid_key := f"ff:s:{sid(task, 2)}", mapping={"state": "staged", "tid": task.id, "n": 2})

    assert str(state.claims.claim(sid(task, 2), "n", WORKER, LEASE)) == "Refused(reason='unknown')"
    assert not state.tasks.done(sid(task, 2), "{}", 0)
    assert state.tasks.add_plan(task.id, 1, chunks_and_concat(1))
    assert state.client.hget(sid_key, "state") == "queued"


def test_the_last_need_unblocks_by_membership_however_often_it_is_reported(state: RedisState) -> None:
    task = planned(state, chunks=2)

    assert state.tasks.done(sid(task, 2), '{"frames": 96}', 1.5)
    assert not state.tasks.done(sid(task, 2), '{"frames": 96}', 1.5)
    assert subtask_states(state, task)[4] == "blocked"
    assert state.tasks.done(sid(task, 3), "{}", 1.0)

    assert subtask_states(state, task)[4] == "queued"
    record = state.tasks.record(task.id)
    assert record is not None
    assert (record.subtasks[1].output, record.subtasks[1].cpu_seconds) == ({"frames": 96}, 1.5)


@pytest.mark.parametrize("before", ["queued", "running", "expired", "blocked"])
def test_i3_a_done_record_decides_from_any_open_state(state: RedisState, before: str) -> None:
    task = planned(state, chunks=2)
    n = 4 if before == "blocked" else 2
    if before in {"running", "expired"}:
        mine = claim(state, sid(task, n), lease=0)
        if before == "expired":
            state.tasks.expire(mine.sid, mine.fence)

    assert state.tasks.done(sid(task, n), "{}", 0)

    assert subtask_states(state, task)[n] == "succeeded"
    assert places(state, sid(task, n)) == []
    assert state.tasks.expired(10) == []


def test_I3_many_results_are_entered_at_once_each_by_itself(state: RedisState) -> None:
    one, other = planned(state, chunks=2), planned(state, chunks=300)
    state.tasks.done(sid(one, 2), "{}", 0)
    results = [(sid(one, 2), "{}", 0.5), (sid(one, 3), '{"frames": 7}', 2.5), ("x.1.1", "{}", 0.0)]
    results += [(sid(other, n), "{}", 0.0) for n in range(2, 301)]

    new = state.tasks.done_all([*results, (sid(other, 2), "{}", 0.0)])

    assert new == [False, True, False, *[True] * 299, False]
    assert subtask_states(state, one)[4] == "queued"
    assert subtask_states(state, other)[302] == "blocked"
    assert state.tasks.done_all([(sid(other, 301), "{}", 0.0), (sid(one, 4), "{}", 0.0)]) == [True, True]
    assert subtask_states(state, other)[302] == "queued"
    assert state.tasks.take_advance(10) == [one.id]
    record = state.tasks.record(one.id)
    assert record is not None
    assert (record.subtasks[2].output, record.subtasks[2].cpu_seconds) == ({"frames": 7}, 2.5)
    assert state.tasks.done_all([]) == []


def test_i2_all_done_makes_finishing_due(state: RedisState) -> None:
    task = planned(state, chunks=1)
    state.tasks.done(sid(task, 2), "{}", 0)
    state.tasks.done(sid(task, 3), "{}", 0)

    assert state.tasks.take_advance(10) == [task.id]
    record = state.tasks.record(task.id)
    assert record is not None
    assert record.progress == 1.0
    assert record.targets[0].state is TaskState.SUCCEEDED


def test_i7_a_permanent_failure_fails_what_needs_it_and_cancels_what_served_only_that(state: RedisState) -> None:
    task = make_task(targets=("hd", "sd"))
    state.tasks.create(task, 1, [probe()])
    state.tasks.done(sid(task, 1), "{}", 0)
    parts = (
        transcode(2),
        transcode(3),
        transcode(4),  # serves both
        transcode(5),
        concat(6, (2, 3, 4), "hd"),
        concat(7, (4, 5), "sd"),
    )
    state.tasks.add_plan(task.id, 1, Plan(subtasks=parts, targets={"hd": (6,), "sd": (7,)}))
    running = claim(state, sid(task, 3), "r")
    mine = claim(state, sid(task, 2), "m")

    assert state.tasks.fail(mine.sid, mine.fence, BROKEN, None)

    assert subtask_states(state, task) == {
        1: "succeeded",
        2: "failed",
        3: "canceled",
        4: "queued",
        5: "queued",
        6: "failed",
        7: "blocked",
    }
    assert state.claims.beat(running.sid, running.fence, "r", LEASE, None) == "cancel"
    record = state.tasks.record(task.id)
    assert record is not None
    hd, sd = record.targets
    assert (hd.state, hd.error) == (TaskState.FAILED, BROKEN)
    assert (sd.state, sd.error) == (TaskState.RUNNING, None)
    assert state.tasks.take_advance(10) == []  # the other target goes on


def test_what_nothing_depends_on_is_not_canceled_with_a_failure(state: RedisState) -> None:
    task = make_task()
    state.tasks.create(task, 1, [probe(1), probe(2)])

    state.tasks.fail(sid(task, 1), None, SourceNotFound().info(), None)

    assert subtask_states(state, task) == {1: "failed", 2: "queued"}


def test_a_plan_that_needs_what_has_failed_fails_there(state: RedisState) -> None:
    task = make_task()
    state.tasks.create(task, 1, [probe(1), probe(2)])
    state.tasks.fail(sid(task, 1), None, BROKEN, None)
    parts = (transcode(3, (1,)), transcode(4, (2,)), transcode(5, (2,)), concat(6, (3, 4)))

    assert state.tasks.add_plan(task.id, 1, Plan(subtasks=parts, targets={"hd": (6,)}))

    assert subtask_states(state, task) == {
        1: "failed",
        2: "queued",
        3: "failed",
        4: "canceled",
        5: "blocked",
        6: "failed",
    }


def test_needs_on_probes_that_are_still_open_are_kept(empty_state: RedisState) -> None:
    task = make_task()
    empty_state.tasks.create(task, 1, [probe()])
    empty_state.tasks.add_plan(task.id, 1, Plan(subtasks=(transcode(2, (1,)),), targets={"hd": (2,)}))
    empty_state.tasks.done(sid(task, 1), "{}", 0)
    empty_state.epochs.begin(1)

    assert subtask_states(empty_state, task) == {1: "succeeded", 2: "queued"}


def test_i7_a_transient_failure_waits_out_its_delay(state: RedisState) -> None:
    task = planned(state)
    mine = claim(state, sid(task, 2))

    assert state.tasks.fail(mine.sid, mine.fence, FfmpegKilled("oom").info(), 60)

    assert places(state, sid(task, 2)) == ["outbox"]
    assert state.outbox.next_due() == pytest.approx(60, abs=2)
    record = state.tasks.record(task.id)
    assert record is not None
    error = record.subtasks[1].error
    assert error is not None
    assert error.message == "oom"
    assert claim(state, sid(task, 2), "again").attempt == 2


def test_a_retry_of_what_is_not_running_is_refused(state: RedisState) -> None:
    task = planned(state)

    assert not state.tasks.fail(sid(task, 2), None, BROKEN, 0)
    assert places(state, sid(task, 2)) == ["ready"]


def test_i5_leases_that_ran_out_are_found_and_counted(state: RedisState) -> None:
    task = planned(state)
    mine = claim(state, sid(task, 2), lease=0)
    claim(state, sid(task, 3))

    assert state.tasks.expired(10) == [Expired(sid(task, 2), mine.fence, 0)]
    assert not state.tasks.expire(sid(task, 2), mine.fence - 1)
    assert not state.tasks.expire(sid(task, 3), mine.fence)
    assert state.tasks.expire(sid(task, 2), mine.fence)
    assert not state.tasks.expire(sid(task, 2), mine.fence)

    again = claim(state, sid(task, 2), "b", lease=0)
    assert state.tasks.expired(10) == [Expired(sid(task, 2), again.fence, 1)]


def test_i6_cancel_ends_open_work_and_makes_finishing_due(state: RedisState) -> None:
    task = planned(state)
    claim(state, sid(task, 2))

    assert state.tasks.cancel(task.id)
    assert state.tasks.cancel(task.id)

    assert subtask_states(state, task) == {1: "succeeded", 2: "canceled", 3: "canceled", 4: "canceled"}
    status = state.tasks.status(task.id)
    assert status is not None
    assert (status.canceling, status.open) == (True, 0)
    assert state.tasks.take_advance(10) == [task.id]
    assert state.tasks.finish(final_record(task, TaskState.CANCELED))
    assert not state.tasks.cancel(task.id)


def test_a_canceled_task_takes_no_plan(state: RedisState) -> None:
    task = make_task()
    state.tasks.create(task, 1, [probe()])
    state.tasks.cancel(task.id)

    assert not state.tasks.add_plan(task.id, 1, chunks_and_concat(1))


def test_finishing_ends_everything_and_keeps_the_record(state: RedisState) -> None:
    task = planned(state)
    mine = claim(state, sid(task, 2))
    record = final_record(task, TaskState.FAILED)

    assert state.tasks.finish(record)
    assert not state.tasks.finish(record)
    assert not state.tasks.finish(final_record(task, TaskState.SUCCEEDED))

    assert state.tasks.record(task.id) == record
    assert state.claims.beat(mine.sid, mine.fence, mine.nonce, LEASE, None) == "cancel"
    assert places(state, sid(task, 3)) == []
    assert state.tasks.take_advance(10) == []
    assert sum(state.tasks.counts().backlog.values()) == 0
    assert state.client.ttl(f"ff:t:{task.id}") > 6 * 86400


def test_only_final_states_finish(state: RedisState) -> None:
    task = planned(state)

    with pytest.raises(ValueError, match="running"):
        state.tasks.finish(final_record(task, TaskState.RUNNING))


def test_a_restart_is_a_new_run_that_leaves_nothing_of_the_old_one(state: RedisState) -> None:
    task = planned(state)
    old = claim(state, sid(task, 2))
    state.tasks.finish(final_record(task, TaskState.FAILED))

    assert state.tasks.create(task, 2, [probe()])

    status = state.tasks.status(task.id)
    assert status is not None
    assert (status.run, status.state, status.open, status.planned) == (2, TaskState.QUEUED, 1, False)
    assert state.client.ttl(f"ff:t:{task.id}") == -1
    assert not state.tasks.done(old.sid, "{}", 0)
    assert not state.tasks.finish(final_record(task, TaskState.FAILED))
    assert [r.state for r in state.tasks.query(TaskQuery()).tasks] == [TaskState.QUEUED]
    assert claim(state, sid(task, 1, run=2)).attempt == 1


def test_a_plan_has_no_gaps(state: RedisState) -> None:
    task = make_task()
    state.tasks.create(task, 1, [probe()])

    with pytest.raises(ValueError, match="gaps"):
        state.tasks.add_plan(task.id, 1, Plan(subtasks=(transcode(2), transcode(4)), targets={}))


def test_tags_have_places_of_their_own(state: RedisState) -> None:
    task = make_task()
    state.tasks.create(task, 1, [transcode(1, tag=Tag.GPU)])

    assert places(state, sid(task, 1), "gpu") == ["ready"]
    assert state.outbox.release_window("cpu", 5) == 0
    assert state.outbox.release_window("gpu", 5) == 1
    assert state.outbox.due(5)[0].order.tag == "gpu"


def test_who_is_impatient_sees_tasks_that_have_ended_and_no_others(state: RedisState) -> None:
    task = planned(state, chunks=1)
    impatient = state.impatient(5.0)
    assert (impatient.ended(task.id), impatient.ended("t0")) == (None, None)

    state.tasks.cancel(task.id)
    record = state.tasks.record(task.id)
    assert record is not None
    ended = record.model_copy(update={"state": TaskState.CANCELED})
    state.tasks.finish(ended)
    assert impatient.ended(task.id) == state.tasks.record(task.id)
