"""A task whose GPUs are gone goes on on CPUs: once, as a whole, and whoever is killed at whatever moment."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from framefleet.domain import keys
from framefleet.domain.errors import EncoderBusy, EncoderUnavailable, StoreUnavailable
from framefleet.domain.records import ProbeOutput, PublishedFile, PublishedOutput, TaskRecord, TracksOutput
from framefleet.domain.states import SubtaskState, TaskState
from framefleet.domain.subtask import Kind, Plan, Tag, subtask_id
from framefleet.domain.task import Task
from framefleet.messages import Failed
from framefleet.ports import WorkerInfo
from framefleet_scheduler.advance import Advancer, plan_settings
from framefleet_scheduler.aggregate import Aggregator
from framefleet_scheduler.clean import Cleaner
from framefleet_scheduler.control import Control
from framefleet_scheduler.move import Mover, Watch, gpu_encodings
from framefleet_scheduler.plan import probe_subtasks
from framefleet_scheduler.rebuild import Rebuilder
from tests import factories
from tests.fakes import FakeClock, FakeState, MemoryStore
from tests.unit.test_aggregate import done_record

GPU = WorkerInfo("gpu:1:0", "gpu", "gpu", "idle", None, "1", ("h264_nvenc",))
CPU = WorkerInfo("cpu:1:0", "cpu", "cpu", "idle", None, "1", ("libx264",))


def film(name: str, accelerator: str = "auto") -> dict[str, Any]:
    overrides = {"accelerator": accelerator}
    return {"name": name, "template": "mp4-h264-720p", "uri": f"s3://out/{name}.mp4", "overrides": overrides}


class Store(MemoryStore):
    """Dies before the write that was chosen."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.writes_left: int | None = None

    def put(self, key: str, data: bytes) -> None:
        if self.writes_left is not None:
            if not self.writes_left:
                raise StoreUnavailable
            self.writes_left -= 1
        super().put(key, data)


class Desk:
    """A scheduler's parts over one task, planned while a GPU lived."""

    def __init__(self, *targets: dict[str, Any]) -> None:
        self.clock = FakeClock()
        self.store = Store(self.clock)
        self.state = FakeState(self.clock)
        self.state.slots = [GPU, CPU]
        cleaner = Cleaner(self.store, self.clock)
        self.mover = Mover(self.store, self.state, self.clock, lambda: plan_settings(self.state.slots))
        self.advancer = Advancer(self.store, self.state, self.clock, cleaner, lambda: None)
        self.aggregator = Aggregator(self.store, self.state, lambda: None, lambda: 1.0, self.mover.move)
        self.task = factories.task(*(targets or (film("one"),)))
        self.store.put(keys.task(self.id), self.task.model_dump_json().encode())
        self.state.create(self.task, 1, probe_subtasks(self.task))
        self.probed(1)
        self.advancer.step()

    @property
    def id(self) -> str:
        return self.task.id

    def probed(self, run: int) -> None:
        self.succeed(run, 1, ProbeOutput(media=factories.media()))

    def succeed(self, run: int, n: int, output: ProbeOutput | PublishedOutput | TracksOutput) -> None:
        sid = subtask_id(self.id, run, n)
        self.store.put(keys.done(self.id, run, n), done_record(sid, output).model_dump_json().encode())
        assert self.state.done(sid, "{}", 1.0)

    def publish(self, run: int, *targets: str) -> None:
        """Let all that these targets need succeed."""
        plan = self.plan(run)
        for subtask in plan.subtasks:
            final = any(subtask.n in plan.targets[target] for target in targets)
            if final or subtask.kind is not Kind.CONCAT:
                made = PublishedOutput(files=(PublishedFile(uri=f"s3://out/{subtask.n}", bytes=7, sha256="x"),))
                if self.state.at(subtask_id(self.id, run, subtask.n)).state is not SubtaskState.SUCCEEDED:
                    self.succeed(run, subtask.n, made if final else TracksOutput(tracks=()))

    def move(self, run: int = 1) -> bool:
        return self.mover.move(self.id, run, "the driver is gone")

    def plan(self, run: int) -> Plan:
        return Plan.model_validate_json(self.store.objects[keys.plan(self.id, run)])

    def end(self, run: int) -> TaskRecord:
        return TaskRecord.model_validate_json(self.store.objects[keys.end(self.id, run)])

    @property
    def live(self) -> Task:
        return self.state.live[self.id].task

    @property
    def run(self) -> int:
        return self.state.live[self.id].run

    def final_events(self) -> list[str]:
        return [e.key for e in self.state.waiting_events if e.key.split(".")[1] in {"succeeded", "failed", "canceled"}]


def test_a_moved_task_is_made_on_cpus_by_its_next_run() -> None:
    desk = Desk()
    assert gpu_encodings(desk.plan(1))

    assert desk.move()
    desk.probed(2)
    desk.advancer.step()

    assert (desk.run, desk.live.moved) == (2, "the driver is gone")
    assert not gpu_encodings(desk.plan(2)), "although the GPU slot is there again"
    assert {s.tag for s in desk.plan(2).subtasks} == {Tag.CPU}
    assert not desk.final_events(), "the task has not ended"
    desk.publish(2, "one")
    desk.advancer.step()
    assert desk.end(2).state is TaskState.SUCCEEDED
    assert len(desk.final_events()) == 1


def test_what_the_run_before_has_cost_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[TaskRecord] = []
    monkeypatch.setattr("framefleet_scheduler.move.count_subtasks", counted.append)
    desk = Desk()

    assert desk.move()
    assert not desk.move()
    desk.mover.go_on(desk.end(1))

    assert [(record.run, record.continued) for record in counted] == [(1, True)]


def test_what_may_be_made_on_gpus_only_stays() -> None:
    desk = Desk(film("one", "gpu"))
    before = dict(desk.store.objects)

    assert not desk.move()

    assert (desk.run, desk.store.objects) == (1, before)


def test_what_is_made_on_cpus_already_stays() -> None:
    desk = Desk(film("one", "cpu"))

    assert not desk.move()
    assert desk.run == 1


def test_one_target_that_needs_a_gpu_does_not_keep_the_other_there() -> None:
    desk = Desk(film("either"), film("only", "gpu") | {"template": "mp4-h264-360p"})
    on_gpu = len(gpu_encodings(desk.plan(1)))

    assert desk.move()
    desk.probed(2)
    desk.advancer.step()

    assert (on_gpu, len(gpu_encodings(desk.plan(2)))) == (2, 1)
    assert not desk.move(run=2), "a task is moved once"


def test_what_has_succeeded_is_kept_and_not_made_again() -> None:
    desk = Desk(film("one", "cpu"), film("two"))
    desk.publish(1, "one")

    assert desk.move()

    assert [t.name for t in desk.live.targets] == ["two"]
    (kept,) = desk.live.carried
    assert (kept.name, kept.state, len(kept.files)) == ("one", TaskState.SUCCEEDED, 1)


def test_i2_i3_whoever_dies_at_whatever_write_the_task_moves_once() -> None:
    for writes in count():
        desk = Desk()
        desk.store.writes_left = writes
        try:
            moved = desk.move()
        except StoreUnavailable:
            desk.store.writes_left = None
            rival = desk.move()
            moved = rival or desk.run == 2
        else:
            assert writes == 3, "the marker, END, and the next run"
        assert moved
        assert desk.run == 2
        assert desk.end(1).continued
        assert not desk.store.objects.get(keys.restarted(desk.id, 3))
        assert not desk.final_events()
        if desk.store.writes_left is not None:
            break


def test_i2_a_redis_lost_in_the_middle_of_a_move_loses_nothing() -> None:
    desk = Desk()
    desk.store.writes_left = 2
    with pytest.raises(StoreUnavailable):
        desk.move()
    desk.store.writes_left = None
    assert desk.end(1).continued
    desk.clock.pass_(40 * 86400)
    desk.state.lose_everything()

    rebuilt = Rebuilder(desk.store, desk.state, desk.state, desk.clock).run()

    assert (rebuilt.unfinished, rebuilt.ended) == (1, 0)
    assert (desk.run, desk.live.moved) == (2, "the driver is gone")


def test_i2_a_mover_that_died_after_end_is_followed_by_the_next_advance() -> None:
    desk = Desk()
    desk.store.writes_left = 2
    with pytest.raises(StoreUnavailable):
        desk.move()
    desk.store.writes_left = None

    desk.publish(1, "one")
    desk.advancer.step()

    assert desk.run == 2, "END has decided, although everything succeeded meanwhile"
    assert not desk.final_events()


def test_i3_a_run_that_has_ended_is_not_moved() -> None:
    desk = Desk()
    desk.publish(1, "one")
    ended = desk.state.record(desk.id)
    assert ended is not None
    record = ended.model_copy(update={"state": TaskState.SUCCEEDED, "finished_at": desk.clock.now()})
    desk.store.put(keys.end(desk.id, 1), record.model_dump_json().encode())  # by another scheduler, just now

    assert not desk.move()
    assert desk.run == 1


def test_i6_a_cancel_of_the_run_before_is_one_of_the_run_after() -> None:
    desk = Desk()
    desk.store.writes_left = 2
    with pytest.raises(StoreUnavailable):
        desk.move()
    desk.store.writes_left = None
    Control(desk.store, desk.state, desk.clock).cancel(desk.id)

    desk.advancer.step()

    assert desk.run == 2
    assert desk.state.live[desk.id].canceling
    assert keys.cancel(desk.id, 2) in desk.store.objects


@pytest.mark.parametrize("error", [EncoderUnavailable("Cannot load libcuda.so.1"), EncoderBusy("no session")])
@pytest.mark.parametrize(("accelerator", "run"), [("auto", 2), ("gpu", 1)])
def test_attempts_used_up_move_what_may_move_and_fail_what_may_not(
    error: EncoderUnavailable | EncoderBusy, accelerator: str, run: int
) -> None:
    desk = Desk(film("one", accelerator))
    sid = next(subtask_id(desk.id, 1, s.n) for s in desk.plan(1).subtasks if s.tag is Tag.GPU)
    for _ in range(20):
        fence = desk.state.claim(sid)
        desk.aggregator.apply_all([Failed(sid=sid, fence=fence, nonce="n", worker="gpu:1:0", error=error.info())])
        if desk.run == 2 or desk.state.at(sid).state is SubtaskState.FAILED:
            break

    assert desk.run == run
    assert (keys.failed(desk.id, 1, int(sid.rsplit(".", 1)[1])) in desk.store.objects) == (run == 1)


class Moves:
    """Notes what it was asked to move; says yes to the tasks it was given."""

    def __init__(self, *movable: str) -> None:
        self.asked: list[str] = []
        self._movable = movable

    def __call__(self, task_id: str, run: int, reason: str) -> bool:
        self.asked.append(task_id)
        return task_id in self._movable


def test_tasks_move_after_a_while_without_any_gpu() -> None:
    desk = Desk()
    moves = Moves(desk.id)
    watch = Watch(desk.state, desk.clock, moves, 120)
    watch.step()
    desk.state.slots = [CPU]

    watch.step()
    desk.clock.pass_(119)
    watch.step()
    assert not moves.asked
    desk.clock.pass_(1)
    watch.step()

    assert moves.asked == [desk.id]


def test_a_sick_gpu_is_none_and_one_that_returns_begins_the_wait_again() -> None:
    desk = Desk()
    moves = Moves()
    watch = Watch(desk.state, desk.clock, moves, 120)
    sick = WorkerInfo("gpu:1:0", "gpu", "gpu", "sick", None, "1", ("h264_nvenc",), None, "encoder_unavailable: x")
    for slots, seconds in (([sick], 119), ([GPU], 1), ([sick], 119), ([sick], 1)):
        desk.state.slots = slots
        watch.step()
        assert not moves.asked
        desk.clock.pass_(seconds)

    watch.step()
    assert moves.asked == [desk.id]


def test_what_cannot_move_is_asked_once_until_a_gpu_was_there() -> None:
    desk = Desk()
    moves = Moves()
    watch = Watch(desk.state, desk.clock, moves, 0)
    for slots in ([CPU], [CPU], [CPU], [GPU], [CPU], [CPU]):
        desk.state.slots = slots
        watch.step()

    assert moves.asked == [desk.id] * 2
