"""Cancel, restart and priority, as Redis sees them."""

from __future__ import annotations

import pytest

from framefleet.adapters.redis_state import RedisState
from framefleet.domain.errors import StateUnavailable
from framefleet.domain.records import PublishedFile, TargetRecord
from framefleet.domain.states import TaskState
from tests.contract.conftest import claim, final_record, make_task, planned, probe, sid, subtask_states


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
