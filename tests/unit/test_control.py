"""Cancel, restart and priority: every yes outlives Redis."""

from __future__ import annotations

from dataclasses import replace

import pytest

from framefleet.domain import keys
from framefleet.domain.errors import (
    InvalidRequest,
    NothingFailed,
    StateUnavailable,
    StoreUnavailable,
    TaskFinal,
    TaskNotFinal,
    TaskNotFound,
    WorkerNotFound,
)
from framefleet.domain.records import PublishedFile, TargetRecord, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState
from framefleet.domain.task import Task
from framefleet.ports import WorkerInfo
from framefleet_scheduler.advance import Advancer
from framefleet_scheduler.clean import Cleaner
from framefleet_scheduler.control import Control
from framefleet_scheduler.inventory import run_in
from framefleet_scheduler.plan import probe_subtasks
from framefleet_scheduler.rebuild import Rebuilder
from tests import factories
from tests.fakes import FakeClock, FakeState, MemoryStore

S, F = TaskState.SUCCEEDED, TaskState.FAILED


class Desk:
    """One accepted task of two targets."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.state = FakeState(self.clock)
        self.control = Control(self.store, self.state, self.clock)
        self.task = factories.task(
            targets=[
                {"name": name, "template": "mp4-h264-720p", "uri": f"s3://out/{name}.mp4"} for name in ("one", "two")
            ]
        )
        self.store.put(keys.task(self.task.id), self.task.model_dump_json().encode())
        self.state.create(self.task, 1, probe_subtasks(self.task))

    @property
    def id(self) -> str:
        return self.task.id

    def end(self, one: TaskState = S, two: TaskState = F, run: int = 1, priority: int = 5) -> TaskRecord:
        outcome = S if (one, two) == (S, S) else F
        targets = [
            TargetRecord(
                name=name,
                template=None,
                uri=f"s3://out/{name}.mp4",
                state=state,
                files=(PublishedFile(uri=f"s3://out/{name}.mp4", bytes=7, sha256="x"),) if state is S else (),
            )
            for name, state in (("one", one), ("two", two))
        ]
        record = TaskRecord(
            id=self.id,
            run=run,
            state=outcome,
            pipeline="default",
            priority=priority,
            created_at=self.task.created_at,
            finished_at=self.clock.now(),
            targets=tuple(targets),
        )
        self.store.create(keys.end(self.id, run), record.model_dump_json().encode())
        self.state.finish(record)
        return record

    def rebuild(self) -> None:
        self.state.lose_everything()
        Rebuilder(self.store, self.state, self.state, self.clock).run()

    def states(self) -> set[SubtaskState]:
        return {s.state for s in self.state.live[self.id].subtasks.values()}

    def targets(self) -> list[str]:
        return [target.name for target in self.state.live[self.id].task.targets]


# --- cancel -----------------------------------------------------------------------------------


def test_i2_a_cancel_outlives_the_loss_of_redis() -> None:
    desk = Desk()

    desk.control.cancel(desk.id)
    desk.rebuild()

    assert desk.state.live[desk.id].canceling
    assert desk.states() == {SubtaskState.CANCELED}


def test_i2_no_cancel_is_confirmed_that_is_not_in_the_store() -> None:
    desk = Desk()
    desk.store.away = True

    with pytest.raises(StoreUnavailable):
        desk.control.cancel(desk.id)

    assert not desk.state.live[desk.id].canceling


def test_a_cancel_may_be_asked_for_twice() -> None:
    desk = Desk()

    assert desk.control.cancel(desk.id) == desk.control.cancel(desk.id) == 1


def test_what_has_ended_cannot_be_changed_and_what_is_not_there_neither() -> None:
    desk = Desk()
    desk.end()

    for act in (desk.control.cancel, lambda task_id: desk.control.reprioritize(task_id, 3)):
        with pytest.raises(TaskFinal):
            act(desk.id)
        with pytest.raises(TaskNotFound):
            act("nobody")
    desk.state.live.clear()
    with pytest.raises(TaskFinal):
        desk.control.cancel(desk.id)


def test_a_task_that_redis_does_not_know_yet_is_not_said_to_be_unknown() -> None:
    desk = Desk()
    desk.state.live.clear()

    with pytest.raises(StateUnavailable):
        desk.control.cancel(desk.id)


def test_i8_the_marks_of_a_run_go_when_it_has_ended() -> None:
    desk = Desk()
    desk.control.cancel(desk.id)
    desk.control.reprioritize(desk.id, 7)
    desk.end(F, F)

    Cleaner(desk.store, desk.clock).clean(desk.id, 1)

    assert [key for key in desk.store.objects if key.startswith(keys.run_prefix(desk.id, 1))] == [keys.end(desk.id, 1)]


# --- priority ---------------------------------------------------------------------------------


def test_i2_the_last_priority_outlives_the_loss_of_redis() -> None:
    desk = Desk()

    desk.control.reprioritize(desk.id, 9)
    desk.control.reprioritize(desk.id, 2)
    assert desk.state.live[desk.id].task.priority == 2
    desk.rebuild()

    assert desk.state.live[desk.id].task.priority == 2


def test_i2_two_changes_of_priority_at_once_are_both_kept_in_one_order(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    create = desk.store.create

    def outrun(key: str, data: bytes) -> bool:
        monkeypatch.setattr(desk.store, "create", create)
        Control(desk.store, desk.state, desk.clock).reprioritize(desk.id, 1)
        return create(key, data)

    monkeypatch.setattr(desk.store, "create", outrun)
    desk.control.reprioritize(desk.id, 8)

    assert desk.state.live[desk.id].task.priority == 8
    desk.rebuild()
    assert desk.state.live[desk.id].task.priority == 8


@pytest.mark.parametrize("priority", [-1, 10])
def test_i7_a_priority_out_of_range_is_refused(priority: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Desk().control.reprioritize("t", priority)

    assert caught.value.field == "priority"


# --- restart ----------------------------------------------------------------------------------


def test_a_restart_is_a_new_run_of_all_targets() -> None:
    desk = Desk()
    desk.end(priority=8)

    task = desk.control.restart(desk.id)

    live = desk.state.live[desk.id]
    assert (live.run, live.task) == (2, task)
    assert desk.targets() == ["one", "two"]
    assert task.priority == 8
    assert desk.states() == {SubtaskState.QUEUED}


def test_a_restart_of_what_failed_keeps_what_succeeded_with_its_files() -> None:
    desk = Desk()
    ended = desk.end(S, F)
    desk.control.restart(desk.id, failed_only=True)
    assert desk.targets() == ["two"]
    before = desk.state.record(desk.id)
    assert before is not None
    assert [(t.name, t.state) for t in before.targets] == [("one", S), ("two", TaskState.QUEUED)]

    desk.state.cancel(desk.id)  # the shortest way to an end
    Advancer(desk.store, desk.state, desk.clock, Cleaner(desk.store, desk.clock), lambda: None).step()

    stored = desk.store.get(keys.end(desk.id, 2))
    assert stored is not None
    record = TaskRecord.model_validate_json(stored)
    assert record.targets[0] == ended.targets[0]
    assert record.targets[1].state is TaskState.CANCELED
    assert keys.end(desk.id, 1) in desk.store.objects


def test_i2_a_restart_outlives_the_loss_of_redis() -> None:
    desk = Desk()
    desk.end()
    desk.control.restart(desk.id, failed_only=True)
    desk.control.reprioritize(desk.id, 1)

    desk.rebuild()

    live = desk.state.live[desk.id]
    assert (live.run, desk.targets(), live.task.priority) == (2, ["two"], 1)
    assert [target.name for target in live.task.carried] == ["one"]


def test_i3_two_restarts_at_once_begin_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.end()
    create = desk.store.create
    first: list[Task] = []

    def outrun(key: str, data: bytes) -> bool:
        monkeypatch.setattr(desk.store, "create", create)
        first.append(Control(desk.store, desk.state, desk.clock).restart(desk.id, failed_only=True))
        return create(key, data)

    monkeypatch.setattr(desk.store, "create", outrun)
    second = desk.control.restart(desk.id)

    assert [second] == first
    assert desk.state.live[desk.id].run == 2
    assert desk.store.get(keys.restarted(desk.id, 3)) is None


def test_only_what_has_ended_is_restarted() -> None:
    desk = Desk()
    with pytest.raises(TaskNotFinal):
        desk.control.restart(desk.id)
    desk.end()
    desk.control.restart(desk.id)
    with pytest.raises(TaskNotFinal):
        desk.control.restart(desk.id)
    with pytest.raises(TaskNotFound):
        desk.control.restart("nobody")


def test_i2_a_restart_that_died_half_way_is_finished_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.end()

    def die(*_: object) -> bool:
        raise StateUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(desk.state, "create", die)
        with pytest.raises(StateUnavailable):
            desk.control.restart(desk.id, failed_only=True)

    desk.control.restart(desk.id)

    assert (desk.state.live[desk.id].run, desk.targets()) == (2, ["two"])


def test_where_nothing_failed_nothing_is_made_again() -> None:
    desk = Desk()
    desk.end(S, S)

    with pytest.raises(NothingFailed):
        desk.control.restart(desk.id, failed_only=True)


def test_a_third_run_keeps_what_the_second_made() -> None:
    desk = Desk()
    desk.end(S, F)
    desk.control.restart(desk.id, failed_only=True)
    desk.end(S, F, run=2)

    task = desk.control.restart(desk.id, failed_only=True)

    assert [target.name for target in task.carried] == ["one"]
    assert desk.targets() == ["two"]
    assert desk.state.live[desk.id].run == 3


def test_i8_a_later_run_keeps_its_task_when_it_is_cleaned() -> None:
    desk = Desk()
    desk.end()
    desk.control.restart(desk.id)
    desk.end(run=2)

    Cleaner(desk.store, desk.clock).clean(desk.id, 2)

    assert keys.restarted(desk.id, 2) in desk.store.objects
    assert run_in(desk.store, desk.id, 2).restarted


# --- drain ------------------------------------------------------------------------------------


def slot(name: str) -> WorkerInfo:
    return WorkerInfo(
        id=name,
        host=name.split(":", maxsplit=1)[0],
        tag="cpu",
        state="idle",
        sid=None,
        version="1",
        encoders=("libx264",),
    )


def test_i2_a_drain_outlives_the_loss_of_redis_and_an_undrain_too() -> None:
    desk = Desk()
    desk.state.slots = [slot("a b:1:1"), slot("c:1:1"), slot("c:2:2")]

    assert desk.control.drain("a b:1:1") == ["a b:1:1"]
    assert desk.control.drain("c") == ["c:1:1", "c:2:2"]
    desk.rebuild()
    assert desk.state.drains() == ["a b:1:1", "c"]

    assert desk.control.undrain("c")
    assert not desk.control.undrain("c")
    desk.rebuild()
    assert desk.state.drains() == ["a b:1:1"]


def test_i7_what_is_no_worker_is_not_drained() -> None:
    with pytest.raises(WorkerNotFound):
        Desk().control.drain("nobody")


def test_marks_of_slots_that_are_gone_are_forgotten() -> None:
    desk = Desk()
    desk.state.slots = [slot("a:1:1")]
    desk.control.drain("a:1:1")
    desk.control.drain("a")
    desk.state.slots = [slot("a:2:1")]

    desk.control.drain("a:2:1")

    assert desk.state.drains() == ["a", "a:2:1"]
    assert keys.drain("a:1:1") not in desk.store.objects


def test_no_orders_are_meant_for_what_is_drained_or_stopping() -> None:
    works = {
        state: replace(slot("a:1:1"), state=state).works for state in ("idle", "busy", "sick", "drained", "stopping")
    }

    assert [state for state, does in works.items() if does] == ["idle", "busy"]
