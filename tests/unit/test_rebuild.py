"""Redis' state made again from the store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from framefleet.domain import keys
from framefleet.domain.errors import SourceNotMedia, StateUnavailable, StoreUnavailable
from framefleet.domain.records import ProbeOutput, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState
from framefleet.domain.subtask import Plan, subtask_id
from framefleet.domain.task import Task
from framefleet_scheduler.catch_up import CatchUp
from framefleet_scheduler.plan import PlanSettings, plan_task, probe_subtasks
from framefleet_scheduler.rebuild import Rebuilder
from framefleet_scheduler.recall import recalled
from tests import factories
from tests.fakes import FakeClock, FakeState, MemoryStore
from tests.unit.test_aggregate import done_record


class Desk:
    """An empty Redis beside a store."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.state = FakeState(self.clock, epoch=None)
        self.rebuilder = Rebuilder(self.store, self.state, self.state, self.clock)

    def accepted(self) -> Task:
        task = factories.task()
        self.store.put(keys.task(task.id), task.model_dump_json().encode())
        return task

    def planned(self) -> tuple[Task, Plan]:
        task = self.accepted()
        plan = plan_task(task, [factories.media()], PlanSettings())
        self.store.put(keys.plan(task.id, 1), plan.model_dump_json().encode())
        self.done(task, 1)
        return task, plan

    def done(self, task: Task, n: int) -> None:
        record = done_record(subtask_id(task.id, 1, n), ProbeOutput(media=factories.media()))
        self.store.put(keys.done(task.id, 1, n), record.model_dump_json().encode())

    def ended(self, task: Task) -> TaskRecord:
        record = TaskRecord(
            id=task.id,
            state=TaskState.SUCCEEDED,
            pipeline=task.pipeline,
            priority=task.priority,
            created_at=task.created_at,
            finished_at=self.clock.now(),
        )
        self.store.put(keys.end(task.id, 1), record.model_dump_json().encode())
        return record

    def states(self, task: Task) -> dict[int, SubtaskState]:
        return {n: s.state for n, s in self.state.live[task.id].subtasks.items()}


def test_the_first_start_over_an_empty_store_begins_the_first_generation() -> None:
    desk = Desk()

    rebuilt = desk.rebuilder.run()

    assert (rebuilt.epoch, rebuilt.unfinished) == (1, 0)
    assert desk.state.epoch == 1
    assert keys.epoch(1) in desk.store.objects


def test_a_task_has_begun_before_its_plan_is_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    task, _ = desk.planned()
    desk.done(task, 2)
    entered, add_plan = [], desk.state.add_plan

    def watched(task_id: str, run: int, plan: Plan) -> bool:
        entered.append(desk.states(task))
        return add_plan(task_id, run, plan)

    monkeypatch.setattr(desk.state, "add_plan", watched)
    desk.rebuilder.run()

    assert entered == [{1: SubtaskState.SUCCEEDED}]
    assert desk.states(task)[2] is SubtaskState.SUCCEEDED


def test_every_generation_has_a_number_of_its_own() -> None:
    desk = Desk()
    desk.rebuilder.run()
    desk.state.lose_everything()

    assert desk.rebuilder.run().epoch == 2


def test_two_rebuilds_at_once_take_different_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    create = desk.store.create

    def outrun(key: str, data: bytes) -> bool:
        monkeypatch.setattr(desk.store, "create", create)
        desk.store.put(key, b"somebody else")
        return create(key, data)

    monkeypatch.setattr(desk.store, "create", outrun)

    assert desk.rebuilder.run().epoch == 2


def test_i2_an_accepted_task_is_probed_again() -> None:
    desk = Desk()
    task = desk.accepted()

    desk.rebuilder.run()

    assert desk.states(task) == {1: SubtaskState.QUEUED}


def test_i2_recorded_work_is_not_done_again() -> None:
    desk = Desk()
    task, plan = desk.planned()
    chunk = plan.subtasks[0].n
    desk.done(task, chunk)

    desk.rebuilder.run()

    states = desk.states(task)
    assert (states[1], states[chunk]) == (SubtaskState.SUCCEEDED, SubtaskState.SUCCEEDED)
    assert states[chunk + 1] is SubtaskState.QUEUED
    assert states[plan.subtasks[-1].n] is SubtaskState.BLOCKED


def test_a_permanent_failure_is_remembered_unless_there_is_a_success() -> None:
    desk = Desk()
    task, plan = desk.planned()
    failed, decided = plan.subtasks[0].n, plan.subtasks[1].n
    for n in (failed, decided):
        desk.store.put(keys.failed(task.id, 1, n), SourceNotMedia().info().model_dump_json().encode())
    desk.done(task, decided)

    desk.rebuilder.run()

    assert desk.states(task)[failed] is SubtaskState.FAILED
    assert desk.states(task)[decided] is SubtaskState.SUCCEEDED


def test_crashes_are_remembered() -> None:
    desk = Desk()
    task = desk.accepted()
    for fence in (1, 2, 3):
        desk.store.put(keys.crash(task.id, 1, 1, fence), b"")

    desk.rebuilder.run()

    assert desk.state.at(subtask_id(task.id, 1, 1)).crashes == 3


def test_a_task_that_ended_lately_is_told_again_and_an_older_one_is_not() -> None:
    desk = Desk()
    desk.ended(desk.accepted())
    desk.clock.pass_(timedelta(days=2).total_seconds())
    recent = desk.accepted()
    desk.ended(recent)

    assert desk.rebuilder.run().ended == 1
    assert [event.id.partition(".")[0] for event in desk.state.waiting_events] == [recent.id]


def test_a_later_run_is_rebuilt_as_that() -> None:
    desk = Desk()
    task = desk.accepted()
    desk.ended(task)
    desk.store.put(keys.crash(task.id, 2, 1, 7), b"")

    desk.rebuilder.run()

    assert desk.state.live[task.id].run == 2


def test_what_this_version_cannot_read_does_not_stop_the_others() -> None:
    desk = Desk()
    desk.store.put(keys.task("broken"), b"{}")
    task = desk.accepted()

    assert desk.rebuilder.run().unfinished == 1
    assert list(desk.state.live) == [task.id]


def test_i2_nobody_works_before_a_rebuild_is_complete() -> None:
    desk = Desk()
    desk.accepted()
    desk.store.away = True

    with pytest.raises(StoreUnavailable):
        desk.rebuilder.run()

    with pytest.raises(StateUnavailable):
        desk.state.take_advance(1)


def test_a_rebuild_that_was_interrupted_is_repeated_without_harm() -> None:
    desk = Desk()
    task, _ = desk.planned()
    desk.state.create(task, 1, probe_subtasks(task))

    desk.rebuilder.run()

    assert desk.states(task)[1] is SubtaskState.SUCCEEDED
    assert len(desk.states(task)) > 1


def test_i2_a_second_loss_during_the_rebuild_opens_nothing() -> None:
    desk = Desk()
    tasks = [desk.accepted() for _ in range(2)]
    lost = [False]

    def lose_redis() -> None:
        if desk.state.live and not lost[0]:
            lost[0] = True
            desk.state.lose_everything()

    create = desk.state.create

    def create_and_lose(*arguments: Any) -> bool:
        entered = create(*arguments)
        lose_redis()
        return entered

    desk.state.create = create_and_lose  # type: ignore[method-assign, assignment]

    with pytest.raises(StateUnavailable):
        desk.rebuilder.run()

    assert desk.state.current() is None
    desk.rebuilder.run()
    assert set(desk.state.live) == {task.id for task in tasks}


def test_what_was_done_before_a_loss_is_told_when_the_task_ends() -> None:
    desk = Desk()
    task, _ = desk.planned()
    desk.rebuilder.run()
    live = desk.state.record(task.id)
    assert live is not None
    # Only that it exists has been looked at.
    assert live.subtasks[0].output is None
    record = done_record(subtask_id(task.id, 1, 1), ProbeOutput(media=factories.media()))

    told = recalled(live, {1: record}.get)

    assert told.subtasks[0].output is not None
    assert told.subtasks[0].output["kind"] == "probe"
    assert told.subtasks[0].worker == record.worker
    assert told.subtasks[1:] == live.subtasks[1:]


def test_nothing_is_entered_of_a_task_whose_plan_this_version_cannot_read() -> None:
    desk = Desk()
    task, _ = desk.planned()
    desk.store.put(keys.plan(task.id, 1), b'{"from": "a newer version"}')
    other = desk.accepted()

    assert desk.rebuilder.run().unfinished == 1
    assert list(desk.state.live) == [other.id]
    assert desk.store.objects[keys.plan(task.id, 1)]


def test_two_rebuilds_at_once_enter_every_task_once() -> None:
    desk = Desk()
    tasks = [desk.planned()[0] for _ in range(3)]
    second = Rebuilder(desk.store, desk.state, desk.state, desk.clock)
    interrupted = iter([second.run])

    def meanwhile() -> None:
        for run in interrupted:
            run()

    with pytest.raises(StateUnavailable):  # the later one has opened Redis
        desk.rebuilder.run(meanwhile)

    assert desk.state.epoch == 2
    assert sorted(desk.state.live) == sorted(t.id for t in tasks)
    assert all(desk.states(t)[1] is SubtaskState.SUCCEEDED for t in tasks)
    queued = [event for event in desk.state.waiting_events if ".task.queued" in event.id]
    assert len(queued) == 3


def test_I5_a_rebuild_that_loses_its_store_half_way_begins_no_generation_and_is_taken_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk()
    tasks = [desk.planned()[0] for _ in range(3)]
    get = desk.store.get
    reads = iter(range(3))

    def fails_later(key: str) -> bytes | None:
        if next(reads, None) is None:
            raise StoreUnavailable
        return get(key)

    monkeypatch.setattr(desk.store, "get", fails_later)
    with pytest.raises(StoreUnavailable):
        desk.rebuilder.run()
    assert desk.state.epoch is None
    monkeypatch.setattr(desk.store, "get", get)

    assert desk.rebuilder.run().unfinished == 3
    assert all(desk.states(t)[1] is SubtaskState.SUCCEEDED for t in tasks)


def test_what_redis_forgot_is_entered_at_the_start_after_its_restart_and_every_hour() -> None:
    desk = Desk()
    desk.state.epoch = 1
    catching = CatchUp(desk.rebuilder, desk.state, desk.clock, lambda: None)
    first = desk.accepted()

    looks = [catching.step(), catching.step()]
    assert list(desk.state.live) == [first.id]
    second = desk.accepted()
    desk.state.process = "another"
    looks += [catching.step(), catching.step()]
    assert list(desk.state.live) == [first.id, second.id]
    desk.clock.pass_(3601)

    assert [*looks, catching.step()] == [True, False, True, False, True]


def test_an_empty_redis_is_left_to_the_rebuild() -> None:
    desk = Desk()
    desk.accepted()

    assert not CatchUp(desk.rebuilder, desk.state, desk.clock, lambda: None).step()
    assert desk.state.live == {}


def test_i2_a_change_of_priority_that_redis_forgot_is_made_again_and_an_older_one_is_not() -> None:
    desk = Desk()
    task = desk.accepted()
    desk.state.begin(1)
    desk.state.create(task, 1, probe_subtasks(task))
    desk.store.create(keys.priority(task.id, 1, 1), b"8")

    CatchUp(desk.rebuilder, desk.state, desk.clock, lambda: None).step()
    assert desk.state.live[task.id].task.priority == 8

    desk.state.reprioritize(task.id, 2, 2)  # it is in the store a moment later
    desk.rebuilder.catch_up()
    assert desk.state.live[task.id].task.priority == 2
