"""Tasks of very many subtasks: what concerns all of them is done in parts, and whoever does them may die between two."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from framefleet.adapters.redis_state import RedisState
from framefleet.adapters.redis_state.scripts import Scripts
from framefleet.domain.errors import FfmpegKilled, StateUnavailable, VerifyFailed
from framefleet.domain.records import SubtaskRecord
from framefleet.domain.states import SubtaskState, TaskState
from framefleet.domain.subtask import Plan
from framefleet.domain.task import Task
from framefleet.ports import Refused
from tests.contract.conftest import (
    LEASE,
    WORKER,
    chunks_and_concat,
    claim,
    concat,
    final_record,
    make_task,
    places,
    probe,
    publish_all,
    sid,
    subtask_states,
    transcode,
)

CHUNKS = 700
"""Three parts."""
LAST = CHUNKS + 2
BROKEN = VerifyFailed("frames differ").info()


class Died(Exception):
    """The scheduler is gone."""


@pytest.fixture
def dies(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A context in which the caller dies after some calls of some script have been made."""
    ask = Scripts.ask

    @contextmanager
    def dying(script: str, calls: int) -> Iterator[None]:
        left = calls

        def counted(self: Scripts, name: str, *arguments: str | float) -> list[Any]:
            nonlocal left
            if name == script:
                if not left:
                    raise Died
                left -= 1
            return ask(self, name, *arguments)

        with monkeypatch.context() as patch, pytest.raises(Died):
            patch.setattr(Scripts, "ask", counted)
            yield

    return dying


def probed(state: RedisState) -> Task:
    task = make_task()
    state.tasks.create(task, 1, [probe()])
    state.tasks.done(sid(task, 1), "{}", 0.1)
    return task


def is_planned(state: RedisState, task: Task) -> tuple[bool, bool]:
    """Whether it is planned, and whether something of it is to be completed."""
    status = state.tasks.status(task.id)
    assert status is not None
    return status.planned, status.partial


def is_due(state: RedisState, task: Task) -> bool:
    """Whether a scheduler will find the task, sooner or later, and keep finding it."""
    state.tasks.advanced(task.id)
    return state.client.zscore("ff:advance", task.id) is not None


def states(state: RedisState, task: Task) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in subtask_states(state, task).values():
        found[one] = found.get(one, 0) + 1
    return found


def planned(state: RedisState) -> Task:
    task = probed(state)
    assert state.tasks.add_plan(task.id, 1, chunks_and_concat(CHUNKS))
    return task


def kept(state: RedisState, task: Task, run: int = 1) -> list[str]:
    """What there is of a run that will not expire."""
    keys = [str(key) for kind in "sn" for key in state.client.keys(f"ff:{kind}:{task.id}.{run}.*")]
    return [key for key in keys if state.client.ttl(key) < 0]


@pytest.mark.parametrize("parts", [0, 1])
def test_i5_a_plan_entered_in_part_is_completed_by_whoever_comes_next(
    state: RedisState, dies: Callable[..., Any], parts: int
) -> None:
    task = probed(state)
    with dies("complete", parts):
        state.tasks.add_plan(task.id, 1, chunks_and_concat(CHUNKS))

    assert is_planned(state, task) == (False, True)
    assert is_due(state, task)
    assert state.tasks.complete(task.id)

    assert is_planned(state, task) == (True, False)
    assert not is_due(state, task)
    assert states(state, task) == {"succeeded": 1, "queued": CHUNKS, "blocked": 1}
    assert not state.tasks.add_plan(task.id, 1, chunks_and_concat(CHUNKS))


def test_i2_a_plan_entered_in_part_may_be_entered_again(empty_state: RedisState, dies: Callable[..., Any]) -> None:
    task = make_task()
    empty_state.tasks.create(task, 1, [probe()])
    with dies("complete", 1):
        empty_state.tasks.add_plan(task.id, 1, chunks_and_concat(CHUNKS))

    assert empty_state.tasks.add_plan(task.id, 1, chunks_and_concat(CHUNKS))  # the next rebuild
    empty_state.epochs.begin(1)

    assert states(empty_state, task) == {"queued": CHUNKS + 1, "blocked": 1}


def test_i5_a_plan_put_down_in_part_is_put_down_again(state: RedisState, dies: Callable[..., Any]) -> None:
    task = probed(state)
    with dies("stage", 1):
        state.tasks.add_plan(task.id, 1, chunks_and_concat(1200))

    assert is_planned(state, task) == (False, False)
    assert is_due(state, task)
    assert states(state, task) == {"succeeded": 1}
    assert state.tasks.add_plan(task.id, 1, chunks_and_concat(1200))
    assert states(state, task) == {"succeeded": 1, "queued": 1200, "blocked": 1}


def test_i2_a_redis_that_forgot_a_part_of_a_plan_does_not_enter_the_rest(
    state: RedisState, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = probed(state)
    run, forgot = Scripts.run, False

    def forgetful(self: Scripts, name: str, *arguments: str | float) -> list[Any]:
        nonlocal forgot
        if name != "stage" or forgot:
            return run(self, name, *arguments)
        keys = set(state.client.keys("*"))
        answer = run(self, name, *arguments)
        state.client.delete(*set(state.client.keys("*")) - keys)
        forgot = True
        return answer

    monkeypatch.setattr(Scripts, "run", forgetful)
    with pytest.raises(StateUnavailable):
        state.tasks.add_plan(task.id, 1, chunks_and_concat(1200))

    assert is_due(state, task)
    assert state.tasks.add_plan(task.id, 1, chunks_and_concat(1200))
    assert states(state, task) == {"succeeded": 1, "queued": 1200, "blocked": 1}


def test_what_is_entered_runs_before_the_last_part_and_what_needs_it_learns_of_it(
    state: RedisState, dies: Callable[..., Any]
) -> None:
    task = probed(state)
    with dies("complete", 0):
        state.tasks.add_plan(task.id, 1, chunks_and_concat(CHUNKS))
    (first,) = publish_all(state, window=1)
    mine = claim(state, first)
    assert state.tasks.fail(mine.sid, mine.fence, FfmpegKilled().info(), 0)
    record = state.tasks.record(task.id)
    assert record is not None
    # A report of it finds it, and the targets are as those of a task that is not planned.
    assert record.subtasks[-1].state is SubtaskState.BLOCKED
    assert record.targets[0].state is TaskState.RUNNING

    assert state.claims.claim(sid(task, 2), "n", WORKER, LEASE) == Refused("unknown")
    state.tasks.complete(task.id)
    for n in range(2, LAST):
        assert state.tasks.done(sid(task, n), "{}", 0.1)

    assert places(state, sid(task, LAST)) == ["ready"]


def test_i7_what_fails_before_the_last_part_is_in_fails_the_rest(state: RedisState, dies: Callable[..., Any]) -> None:
    task = probed(state)
    # What the first target needs is entered first and last, and 500 subtasks of the second between.
    mine, others = (2, 3, 4, LAST - 1), tuple(range(5, LAST - 1))
    parts = (*(transcode(n) for n in range(2, LAST)), concat(LAST, mine), concat(LAST + 1, others, "sd"))
    with dies("complete", 0):
        state.tasks.add_plan(task.id, 1, Plan(subtasks=parts, targets={"hd": (LAST,), "sd": (LAST + 1,)}))

    assert state.tasks.fail(sid(task, LAST - 1), None, BROKEN, None)
    state.tasks.complete(task.id)

    assert states(state, task) == {
        "succeeded": 1, "failed": 2, "canceled": 3, "queued": len(others), "blocked": 1
    }  # fmt: skip


def test_i7_a_task_of_which_all_fails_while_it_is_entered_ends(state: RedisState, dies: Callable[..., Any]) -> None:
    task = probed(state)
    with dies("complete", 0):
        state.tasks.add_plan(task.id, 1, chunks_and_concat(CHUNKS))

    assert state.tasks.fail(sid(task, LAST), None, BROKEN, None)
    state.tasks.complete(task.id)

    assert states(state, task) == {"succeeded": 1, "failed": 1, "canceled": CHUNKS}
    assert state.tasks.take_advance(10) == [task.id]


def test_i6_a_cancel_between_two_parts_is_the_end(state: RedisState, dies: Callable[..., Any]) -> None:
    task = probed(state)
    with dies("complete", 1):
        state.tasks.add_plan(task.id, 1, chunks_and_concat(CHUNKS))

    assert state.tasks.cancel(task.id)
    assert not state.tasks.add_plan(task.id, 1, chunks_and_concat(CHUNKS))
    state.tasks.complete(task.id)

    assert "queued" not in states(state, task)
    assert publish_all(state) == []
    assert is_due(state, task)
    assert state.tasks.finish(final_record(task, TaskState.CANCELED))
    assert kept(state, task) == []


def test_a_restart_between_two_parts_leaves_nothing_of_the_run_before(
    state: RedisState, dies: Callable[..., Any]
) -> None:
    task = probed(state)
    with dies("complete", 1):
        state.tasks.add_plan(task.id, 1, chunks_and_concat(CHUNKS))

    assert state.tasks.create(task, 2, [probe()])
    state.tasks.complete(task.id)

    assert is_planned(state, task) == (False, False)
    assert subtask_states(state, task) == {1: "queued"}
    assert publish_all(state, window=1000) == [sid(task, 1, 2)]
    assert kept(state, task) == []


def test_a_wipe_between_two_parts_leaves_nothing(state: RedisState, dies: Callable[..., Any]) -> None:
    task = probed(state)
    with dies("complete", 1):
        state.tasks.add_plan(task.id, 1, chunks_and_concat(CHUNKS))
    state.client.flushall()

    assert not state.tasks.complete(task.id)

    assert state.client.keys("*") == []


def test_a_subtask_of_a_plan_needs_only_what_comes_before_it(state: RedisState) -> None:
    task = probed(state)
    plan = Plan(subtasks=(concat(2, (3,)), transcode(3)), targets={"hd": (2,)})

    with pytest.raises(ValueError, match="lower numbers"):
        state.tasks.add_plan(task.id, 1, plan)


def test_i8_a_plan_that_was_only_put_down_goes_with_its_task(state: RedisState, dies: Callable[..., Any]) -> None:
    task = probed(state)
    with dies("stage", 1):
        state.tasks.add_plan(task.id, 1, chunks_and_concat(1200))
    assert kept(state, task)

    state.tasks.cancel(task.id)
    state.tasks.finish(final_record(task, TaskState.CANCELED))
    state.tasks.purge(10)

    assert kept(state, task) == []
    assert not state.client.keys("ff:staged:*")


def test_i6_a_cancel_in_parts_reaches_what_runs_first_and_nothing_else_begins(
    state: RedisState, dies: Callable[..., Any]
) -> None:
    task = planned(state)
    out = publish_all(state, window=2)
    running = claim(state, out[0])
    with dies("complete", 0):
        state.tasks.cancel(task.id)

    assert state.client.hget(f"ff:s:{running.sid}", "state") == "canceled"
    assert state.claims.beat(running.sid, running.fence, running.nonce, LEASE, None) == "cancel"
    waiting = next(n for n, one in subtask_states(state, task).items() if one == "queued")
    assert state.claims.claim(sid(task, waiting), "n", WORKER, LEASE) == Refused("final")
    assert is_due(state, task)

    assert state.tasks.complete(task.id)

    assert states(state, task) == {"succeeded": 1, "canceled": CHUNKS + 1}
    assert state.tasks.take_advance(10) == [task.id]
    assert publish_all(state, window=10) == []


def test_i6_what_was_given_back_after_a_cancel_began_is_told_by_its_beat(
    state: RedisState, dies: Callable[..., Any]
) -> None:
    task = planned(state)
    mine = claim(state, publish_all(state, window=1)[0], lease=0)
    state.tasks.expire(mine.sid, mine.fence)
    state.client.hset(f"ff:t:{task.id}", "canceling", 1)  # and no part of it was made

    assert state.claims.beat(mine.sid, mine.fence, mine.nonce, LEASE, None) == "cancel"


def test_i7_a_failure_in_parts_is_completed_by_whoever_comes_next(state: RedisState, dies: Callable[..., Any]) -> None:
    task = planned(state)
    with dies("complete", 1):
        state.tasks.fail(sid(task, 2), None, BROKEN, None)

    assert states(state, task)["queued"] > 0
    assert is_due(state, task)
    assert state.tasks.complete(task.id)

    assert states(state, task) == {"succeeded": 1, "failed": 2, "canceled": CHUNKS - 1}
    assert is_planned(state, task) == (True, False)
    assert not state.client.keys("ff:failing:*")
    assert not state.client.keys("ff:unneeded:*")


def test_i7_all_that_needs_a_failed_subtask_gets_its_error_however_many_calls_it_takes(
    state: RedisState, dies: Callable[..., Any]
) -> None:
    task = probed(state)
    first, last = 3, CHUNKS + 3
    chunks = (transcode(n, (2,)) for n in range(first, last))
    plan = (transcode(2), *chunks, concat(last, tuple(range(first, last))), transcode(last + 1))
    state.tasks.add_plan(task.id, 1, Plan(subtasks=plan, targets={"hd": (last,)}))
    with dies("complete", 1):
        state.tasks.fail(sid(task, 2), None, BROKEN, None)

    assert states(state, task)["blocked"] > 0
    assert state.tasks.complete(task.id)

    assert states(state, task) == {"succeeded": 1, "failed": CHUNKS + 2, "queued": 1}
    record = state.tasks.record(task.id)
    assert record is not None
    assert {subtask.error for subtask in record.subtasks if subtask.state is SubtaskState.FAILED} == {BROKEN}
    assert record.targets[0].error == BROKEN
    assert not is_due(state, task)


def test_i5_what_many_waited_for_unblocks_them_in_parts(state: RedisState) -> None:
    task = probed(state)
    first, last = 4, CHUNKS + 4
    chunks = (transcode(n, (2, 3)) for n in range(first, last))
    plan = (transcode(2), transcode(3), *chunks, concat(last, tuple(range(first, last))))
    state.tasks.add_plan(task.id, 1, Plan(subtasks=plan, targets={"hd": (last,)}))

    # The second is done before all have been told of the first.
    assert state.tasks.done(sid(task, 2), "{}", 0.1)
    assert state.tasks.take_advance(10) == [task.id]
    assert state.tasks.done(sid(task, 3), "{}", 0.1)

    assert 0 < states(state, task)["queued"] < CHUNKS
    assert is_due(state, task)
    assert state.tasks.complete(task.id)
    assert states(state, task) == {"succeeded": 3, "queued": CHUNKS, "blocked": 1}
    assert not is_due(state, task)
    assert not state.client.keys("ff:unblocking:*")


def test_i6_what_is_still_to_be_unblocked_goes_with_a_cancel(state: RedisState) -> None:
    task = probed(state)
    last = CHUNKS + 3
    plan = (transcode(2), *(transcode(n, (2,)) for n in range(3, last)))
    state.tasks.add_plan(task.id, 1, Plan(subtasks=plan, targets={"hd": (2,)}))
    state.tasks.done(sid(task, 2), "{}", 0.1)

    state.tasks.cancel(task.id)
    state.tasks.finish(final_record(task, TaskState.CANCELED))

    assert publish_all(state) == []
    assert not state.client.keys("ff:unblocking:*")


def test_i7_what_several_failed_ones_needed_is_canceled_however_many_calls_it_takes(
    state: RedisState, dies: Callable[..., Any]
) -> None:
    task = probed(state)
    last = 603
    joins = [concat(last + i, (2, *range(3 + 200 * i, 203 + 200 * i)), f"t{i}") for i in range(3)]
    plan = (*(transcode(n) for n in range(2, last)), *joins)
    state.tasks.add_plan(task.id, 1, Plan(subtasks=plan, targets={f"t{i}": (last + i,) for i in range(3)}))
    with dies("complete", 0):
        state.tasks.fail(sid(task, 2), None, BROKEN, None)

    assert states(state, task)["queued"] > 0
    state.tasks.complete(task.id)

    assert states(state, task) == {"succeeded": 1, "failed": 4, "canceled": 600}


def test_a_change_of_priority_in_parts_is_completed_by_whoever_comes_next(
    state: RedisState, dies: Callable[..., Any]
) -> None:
    task = planned(state)
    with dies("complete", 1):
        state.tasks.reprioritize(task.id, 9, 1)

    assert is_due(state, task)
    assert state.client.zcard("ff:ready:cpu:b5:default") > 0
    assert state.tasks.complete(task.id)

    assert state.client.zcard("ff:ready:cpu:b5:default") == 0
    assert state.client.zcard("ff:ready:cpu:b9:default") == CHUNKS
    assert not is_due(state, task)


def test_a_run_that_is_still_open_is_replaced_or_finished_in_parts(state: RedisState, dies: Callable[..., Any]) -> None:
    task = planned(state)
    with dies("complete", 1):
        state.tasks.create(task, 2, [probe()])
    assert is_due(state, task)
    assert state.tasks.create(task, 2, [probe()])
    assert subtask_states(state, task) == {1: "queued"}

    state.tasks.done(sid(task, 1, 2), "{}", 0.1)
    assert state.tasks.add_plan(task.id, 2, chunks_and_concat(CHUNKS))
    ended = final_record(task, TaskState.FAILED, run=2)
    with dies("complete", 1):
        state.tasks.finish(ended)
    assert is_due(state, task)
    assert state.tasks.finish(ended)
    assert not state.tasks.finish(ended)

    assert state.tasks.record(task.id) == ended
    assert publish_all(state, window=1000) == []
    assert kept(state, task) == kept(state, task, 2) == []
    assert sum(state.tasks.counts().backlog.values()) == 0


def test_i8_what_a_large_run_leaves_is_forgotten_in_parts(state: RedisState, dies: Callable[..., Any]) -> None:
    task = probed(state)
    state.tasks.add_plan(task.id, 1, chunks_and_concat(1200))
    live = state.tasks.record(task.id)
    assert live is not None
    with dies("forget", 1):
        state.tasks.finish(final_record(task).model_copy(update={"subtasks": live.subtasks}))
    assert kept(state, task)

    state.tasks.purge(10)

    assert kept(state, task) == []
    assert not state.client.exists("ff:forget")


def test_i2_a_task_that_has_begun_is_planned_into_the_lanes_of_those_that_have(empty_state: RedisState) -> None:
    task = probed(empty_state)
    assert empty_state.tasks.add_plan(task.id, 1, chunks_and_concat(2))

    assert empty_state.client.zcard("ff:ready:cpu:b5:default") == 2


def test_i2_the_final_event_of_a_task_of_thousands_of_subtasks_fits_into_a_message(state: RedisState) -> None:
    task = probed(state)
    done = [SubtaskRecord(n=n, kind="transcode", tag="cpu", state=SubtaskState.SUCCEEDED) for n in range(1, 2002)]
    record = final_record(task).model_copy(update={"subtasks": tuple(done)})

    assert state.tasks.finish(record)

    event = state.outbox.events(100)[-1]
    assert event.key == "task.succeeded.default"
    assert len(event.body) < 10_000
    assert json.loads(event.body)["subtasks"] == []
    assert state.tasks.record(task.id) == record
