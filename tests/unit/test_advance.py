"""Planning and finishing tasks."""

from __future__ import annotations

from typing import Any

import pytest

from framefleet.domain import keys
from framefleet.domain.errors import FfmpegFailed, SourceNotMedia, StateUnavailable, StoreUnavailable
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.records import (
    Check,
    Output,
    ProbeOutput,
    PublishedFile,
    PublishedOutput,
    TaskRecord,
    TracksOutput,
)
from framefleet.domain.states import SubtaskState, TaskState
from framefleet.domain.subtask import Kind, Plan, subtask_id
from framefleet.ports import WorkerInfo
from framefleet_scheduler.advance import Advancer, plan_settings
from framefleet_scheduler.clean import Cleaner
from framefleet_scheduler.plan import plan_task, probe_subtasks
from tests import factories
from tests.fakes import FakeClock, FakeState, MemoryStore
from tests.unit.test_aggregate import done_record


class Desk:
    """An advancer, and one task."""

    def __init__(self, *targets: str | dict[str, Any], **more: Any) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.state = FakeState(self.clock)
        self.cleaner = Cleaner(self.store, self.clock)
        self.kicks = 0
        self.advancer = Advancer(self.store, self.state, self.clock, self.cleaner, self._kick)
        self.task = factories.task(*targets, **more)
        self.store.put(keys.task(self.task.id), self.task.model_dump_json().encode())
        self.state.create(self.task, 1, probe_subtasks(self.task))

    def sid(self, n: int) -> str:
        return subtask_id(self.task.id, 1, n)

    def succeed(self, n: int, output: Output) -> None:
        """As a worker and the aggregator do; leaves an intermediate object behind."""
        self.store.put(keys.done(self.task.id, 1, n), done_record(self.sid(n), output).model_dump_json().encode())
        self.store.put(keys.attempt_prefix(self.task.id, 1, n, 1, "n") + "chunk.mp4", b"bytes")
        assert self.state.done(self.sid(n), "{}", 1.0)

    def probed(self, media: MediaInfo | None = None) -> None:
        for n in range(1, len(self.task.request.sources) + 1):
            self.succeed(n, ProbeOutput(media=media or factories.media()))

    def work(self) -> None:
        """Let every planned subtask succeed."""
        for n, found in list(self.state.live[self.task.id].subtasks.items()):
            if found.state in {SubtaskState.QUEUED, SubtaskState.BLOCKED}:
                published = found.subtask.kind in {Kind.CONCAT, Kind.SNAPSHOT, Kind.SPRITE, Kind.ANIMATION}
                self.succeed(n, published_output(n) if published else TracksOutput(tracks=()))

    def end(self) -> TaskRecord:
        return TaskRecord.model_validate_json(self.store.objects[keys.end(self.task.id, 1)])

    def _kick(self) -> None:
        self.kicks += 1


def published_output(n: int) -> PublishedOutput:
    return PublishedOutput(
        files=(PublishedFile(uri=f"s3://out/{n}.mp4", bytes=7, sha256="x"),),
        media={"container": "mp4"},
        checks=(Check(check="frames", expected="500", found="500", passed=True),),
    )


def test_nothing_happens_while_a_source_is_being_probed() -> None:
    desk = Desk(sources=[{"uri": "s3://in/a.mov"}, {"uri": "s3://in/b.mov"}])
    desk.succeed(1, ProbeOutput(media=factories.media()))

    assert not desk.advancer.step()
    assert not desk.state.live[desk.task.id].targets


def test_a_probed_task_is_planned_and_the_plan_recorded() -> None:
    desk = Desk()
    desk.probed()

    assert desk.advancer.step()

    plan = Plan.model_validate_json(desk.store.objects[keys.plan(desk.task.id, 1)])
    assert [s.n for s in plan.subtasks] == sorted(desk.state.live[desk.task.id].subtasks)[1:]
    assert desk.kicks == 1


def test_the_plan_that_was_recorded_first_is_used() -> None:
    desk = Desk()
    desk.probed()
    recorded = plan_task(desk.task, [factories.media()], plan_settings([slot("cpu")] * 40))
    desk.store.put(keys.plan(desk.task.id, 1), recorded.model_dump_json().encode())

    desk.advancer.step()

    assert len(desk.state.live[desk.task.id].subtasks) == 1 + len(recorded.subtasks)


def test_i3_of_two_schedulers_that_plan_at_once_the_first_plan_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.probed()
    key = keys.plan(desk.task.id, 1)
    theirs = plan_task(desk.task, [factories.media()], plan_settings([slot("cpu")]))
    read = desk.store.get

    def outrun(asked: str) -> bytes | None:
        found = read(asked)
        if asked == key and found is None:
            desk.store.put(key, theirs.model_dump_json().encode())
        return found

    monkeypatch.setattr(desk.store, "get", outrun)
    desk.advancer.step()

    assert Plan.model_validate_json(desk.store.objects[key]) == theirs
    assert len(desk.state.live[desk.task.id].subtasks) == 1 + len(theirs.subtasks)


def test_i5_a_task_whose_plan_was_entered_meanwhile_is_not_finished() -> None:
    desk = Desk()
    desk.probed()
    desk.advancer.step()

    desk.advancer.advance(desk.task.id)  # a second scheduler had been told that its step is due

    assert keys.end(desk.task.id, 1) not in desk.store.objects


def test_i7_what_cannot_be_planned_ends_the_task_with_code_and_field() -> None:
    desk = Desk()
    desk.probed(factories.media(video=False))

    desk.advancer.step()

    record = desk.end()
    assert record.state is TaskState.FAILED
    assert record.error is not None
    assert (record.error.code, record.error.field) == ("source_no_video", "sources[0].uri")
    assert record.targets[0].state is TaskState.FAILED
    assert keys.plan(desk.task.id, 1) not in desk.store.objects


def test_a_defect_of_the_planner_ends_the_task_and_not_the_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Plan:
        raise ZeroDivisionError

    monkeypatch.setattr("framefleet_scheduler.advance.plan_possible", broken)
    desk = Desk()
    desk.probed()

    desk.advancer.step()

    assert desk.end().error is not None
    assert desk.end().state is TaskState.FAILED


def test_a_failed_probe_ends_the_task_with_its_error() -> None:
    desk = Desk()
    fence = desk.state.claim(desk.sid(1))
    desk.state.fail(desk.sid(1), fence, SourceNotMedia("no moov").info(), None)

    desk.advancer.step()

    record = desk.end()
    assert (record.state, record.error and record.error.code) == (TaskState.FAILED, "source_not_media")
    assert all(target.error == record.error for target in record.targets)


def test_a_finished_task_has_files_media_and_certificate_of_every_target() -> None:
    desk = Desk("mp4-h264-720p", "snapshot")
    desk.probed()
    desk.advancer.step()
    desk.work()

    desk.advancer.step()

    record = desk.end()
    assert record.state is TaskState.SUCCEEDED
    assert record.progress == 1.0
    assert record.finished_at == desk.clock.now()
    for target in record.targets:
        assert target.files[0].bytes == 7
        assert target.media == {"container": "mp4"}
        assert target.certificate[0].passed
    assert desk.state.live[desk.task.id].record == record
    assert desk.store.objects[keys.result(desk.task.id)] == desk.store.objects[keys.end(desk.task.id, 1)]


def test_a_task_with_one_failed_target_failed_but_keeps_what_the_others_made() -> None:
    desk = Desk("mp4-h264-720p", "snapshot")
    desk.probed()
    desk.advancer.step()
    snapshot = next(n for n, s in desk.state.live[desk.task.id].subtasks.items() if s.subtask.kind is Kind.SNAPSHOT)
    desk.state.fail(desk.sid(snapshot), None, FfmpegFailed("no").info(), None)
    desk.work()

    desk.advancer.step()

    record = desk.end()
    assert [target.state for target in record.targets] == [TaskState.SUCCEEDED, TaskState.FAILED]
    assert (record.state, record.error and record.error.message) == (TaskState.FAILED, "no")
    assert record.targets[0].files


def test_i6_a_canceled_task_ends_canceled_at_once() -> None:
    desk = Desk()
    desk.probed()
    desk.advancer.step()
    desk.state.cancel(desk.task.id)

    desk.advancer.step()

    record = desk.end()
    assert (record.state, record.error) == (TaskState.CANCELED, None)
    assert record.targets[0].state is TaskState.CANCELED


def test_a_cancel_before_the_plan_ends_the_task_canceled() -> None:
    desk = Desk()
    desk.state.cancel(desk.task.id)

    desk.advancer.step()

    assert desk.end().state is TaskState.CANCELED


def test_a_cancel_after_the_last_target_was_published_changes_nothing() -> None:
    desk = Desk()
    desk.probed()
    desk.advancer.step()
    desk.work()
    desk.state.cancel(desk.task.id)

    desk.advancer.step()

    assert desk.end().state is TaskState.SUCCEEDED


def test_i3_the_end_that_was_recorded_first_stands() -> None:
    desk = Desk()
    desk.probed()
    desk.advancer.step()
    desk.work()
    live = desk.state.record(desk.task.id)
    assert live is not None
    first = live.model_copy(update={"state": TaskState.CANCELED, "finished_at": factories.NOW})
    desk.store.put(keys.end(desk.task.id, 1), first.model_dump_json().encode())

    desk.advancer.step()

    assert desk.state.live[desk.task.id].record == first


def test_i2_a_crash_after_the_end_was_recorded_is_mended_by_the_next_step() -> None:
    desk = Desk()
    desk.probed()
    desk.advancer.step()
    desk.work()
    desk.advancer.step()
    before = desk.end()
    desk.state.live[desk.task.id].record = None
    desk.clock.pass_(60)

    desk.advancer.step()

    assert desk.end() == before
    assert desk.state.live[desk.task.id].record == before


def test_one_tasks_trouble_does_not_keep_the_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    other = factories.task()
    desk.state.create(other, 1, [])
    desk.probed()
    advance = desk.advancer.advance

    def troubled(task_id: str) -> None:
        if task_id == desk.task.id:
            raise StoreUnavailable
        advance(task_id)

    monkeypatch.setattr(desk.advancer, "advance", troubled)

    with pytest.raises(StoreUnavailable):
        desk.advancer.step()

    assert keys.end(other.id, 1) in desk.store.objects


def test_i8_an_ended_run_keeps_only_its_records() -> None:
    desk = Desk()
    desk.probed()
    desk.advancer.step()
    desk.work()
    desk.advancer.step()

    assert desk.cleaner.step()

    names = {key.rpartition("/")[2] for key in desk.store.objects if key.startswith(keys.run_prefix(desk.task.id, 1))}
    assert names == {"plan.json", "END", "DONE"}


def test_i8_a_run_is_cleaned_though_the_answer_that_it_has_ended_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.probed()
    desk.advancer.step()
    desk.work()
    finish = desk.state.finish

    def unheard(record: TaskRecord) -> bool:
        assert finish(record)
        raise StateUnavailable

    monkeypatch.setattr(desk.state, "finish", unheard)
    with pytest.raises(StateUnavailable):
        desk.advancer.step()
    assert not desk.advancer.step(), "it does not come again"

    while desk.cleaner.step():
        pass

    names = {key.rpartition("/")[2] for key in desk.store.objects if key.startswith(keys.run_prefix(desk.task.id, 1))}
    assert names == {"plan.json", "END", "DONE"}


def test_i8_what_a_canceled_attempt_uploads_late_is_gone_within_a_minute() -> None:
    desk = Desk()
    desk.state.cancel(desk.task.id)
    desk.advancer.step()
    desk.cleaner.step()
    late = keys.attempt_prefix(desk.task.id, 1, 1, 1, "late") + "chunk.mp4"
    desk.store.put(late, b"bytes")

    for _ in range(60):
        desk.clock.pass_(1)
        desk.cleaner.step()

    assert late not in desk.store.objects


def test_i8_cleaning_is_repeated_after_the_store_was_away() -> None:
    desk = Desk()
    desk.probed()
    desk.state.cancel(desk.task.id)
    desk.advancer.step()
    desk.store.away = True
    with pytest.raises(StoreUnavailable):
        desk.cleaner.step()
    desk.store.away = False

    desk.clock.pass_(30)
    while desk.cleaner.step():
        pass

    assert not [key for key in desk.store.objects if key.endswith("chunk.mp4")]


def slot(tag: str, *encoders: str) -> WorkerInfo:
    return WorkerInfo("host:1:0", "host", tag, "idle", None, "1", encoders)


def test_the_plan_is_made_for_the_slots_and_encoders_that_live() -> None:
    settings = plan_settings([slot("cpu", "libx264"), slot("cpu", "libx264"), slot("gpu", "h264_nvenc")])

    assert (settings.slots, settings.gpu_slots, settings.gpu_encoders) == (2, 1, frozenset({"h264_nvenc"}))


def test_without_workers_the_plan_is_made_for_the_default() -> None:
    assert plan_settings([]).slots >= 1
