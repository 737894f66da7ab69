"""Reports become state, as far as the store confirms them."""

from __future__ import annotations

import json

import pytest

from framefleet.domain import keys
from framefleet.domain.errors import (
    ErrorInfo,
    FramefleetError,
    SourceNotMedia,
    SourceUnavailable,
    StateUnavailable,
    StoreUnavailable,
)
from framefleet.domain.records import (
    DoneRecord,
    Output,
    ProbeOutput,
    PublishedFile,
    PublishedOutput,
    TracksOutput,
)
from framefleet.domain.states import SubtaskState
from framefleet.domain.subtask import split_subtask_id, subtask_id
from framefleet.domain.summary import summary
from framefleet.messages import Done, Failed
from framefleet_scheduler.aggregate import Aggregator
from framefleet_scheduler.plan import probe_subtasks
from tests import factories
from tests.fakes import FakeClock, FakeState, MemoryStore


class Desk:
    """An aggregator, and one task whose probe runs."""

    def __init__(self) -> None:
        clock = FakeClock()
        self.store = MemoryStore(clock)
        self.state = FakeState(clock)
        self.kicks = 0
        self.aggregator = Aggregator(self.store, self.state, self._kick, lambda: 1.0)
        self.task = factories.task()
        self.state.create(self.task, 1, probe_subtasks(self.task))
        self.sid = subtask_id(self.task.id, 1, 1)
        self.fence = self.state.claim(self.sid)

    def record(self, output: Output | None = None) -> None:
        self.store.put(keys.done(*split_subtask_id(self.sid)), done_record(self.sid, output).model_dump_json().encode())

    def fail(self, error: FramefleetError, fence: int | None = None) -> None:
        failed = Failed(
            sid=self.sid,
            fence=self.fence if fence is None else fence,
            nonce="n",
            worker="host:1:0",
            error=error.info(),
        )
        self.aggregator.apply_all([failed])

    def _kick(self) -> None:
        self.kicks += 1


def done_record(sid: str, output: Output | None = None) -> DoneRecord:
    return DoneRecord(
        sid=sid,
        fence=1,
        nonce="n",
        worker="host:1:0",
        started_at=factories.NOW,
        finished_at=factories.NOW,
        output=output or ProbeOutput(media=factories.media()),
    )


def test_a_recorded_success_is_entered_and_the_dispatcher_kicked() -> None:
    desk = Desk()
    desk.record()

    desk.aggregator.apply_all([Done(sid=desk.sid)])

    assert desk.state.at(desk.sid).state is SubtaskState.SUCCEEDED
    assert json.loads(desk.state.at(desk.sid).output)["width"] == 1280
    assert desk.kicks == 1


def test_i3_a_report_that_comes_twice_changes_nothing() -> None:
    desk = Desk()
    desk.record()

    for _ in range(2):
        desk.aggregator.apply_all([Done(sid=desk.sid)])

    assert desk.kicks == 1


def test_what_the_worker_recorded_itself_is_not_read_again() -> None:
    desk = Desk()
    desk.store.away = True

    desk.aggregator.apply_all([Done(sid=desk.sid, summary=summary(done_record(desk.sid)))])

    assert desk.state.at(desk.sid).state is SubtaskState.SUCCEEDED
    assert json.loads(desk.state.at(desk.sid).output)["width"] == 1280
    assert desk.kicks == 1


def test_i2_reports_that_need_no_store_are_entered_though_the_store_is_away() -> None:
    desk = Desk()
    desk.store.away = True

    with pytest.raises(StoreUnavailable):
        desk.aggregator.apply_all(
            [Done(sid=f"{desk.task.id}.1.2"), Done(sid=desk.sid, summary=summary(done_record(desk.sid)))]
        )

    assert desk.state.at(desk.sid).state is SubtaskState.SUCCEEDED


def test_i2_one_report_that_has_to_come_again_does_not_keep_the_others_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk()
    desk.record()
    get = desk.store.get

    def get_most(key: str) -> bytes | None:
        if key == keys.done(desk.task.id, 1, 9):
            raise StoreUnavailable
        return get(key)

    monkeypatch.setattr(desk.store, "get", get_most)

    with pytest.raises(StoreUnavailable):
        desk.aggregator.apply_all([Done(sid=subtask_id(desk.task.id, 1, 9)), Done(sid=desk.sid)])

    assert desk.state.at(desk.sid).state is SubtaskState.SUCCEEDED


def test_i3_a_success_without_a_record_is_not_believed() -> None:
    desk = Desk()

    desk.aggregator.apply_all([Done(sid=desk.sid)])

    assert desk.state.at(desk.sid).state is SubtaskState.RUNNING


@pytest.mark.parametrize("sid", ["", "nonsense", "a.b.c"])
def test_a_report_about_no_subtask_is_dropped(sid: str) -> None:
    desk = Desk()

    desk.aggregator.apply_all([Done(sid=sid)])
    desk.aggregator.apply_all([Failed(sid=sid, fence=1, nonce="n", worker="w", error=SourceUnavailable().info())])

    assert desk.kicks == 0


def test_a_record_nobody_can_read_fails_the_subtask() -> None:
    desk = Desk()
    desk.store.put(keys.done(*split_subtask_id(desk.sid)), b"{}")

    desk.aggregator.apply_all([Done(sid=desk.sid)])

    assert desk.state.at(desk.sid).state is SubtaskState.FAILED


def test_i7_a_permanent_failure_is_recorded_before_it_is_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()

    def away(*_: object) -> bool:
        raise StateUnavailable

    with monkeypatch.context() as broken, pytest.raises(StateUnavailable):
        broken.setattr(desk.state, "fail", away)
        desk.fail(SourceNotMedia("no moov"))

    stored = ErrorInfo.model_validate_json(desk.store.objects[keys.failed(*split_subtask_id(desk.sid))])
    assert stored.message == "no moov"
    desk.fail(SourceNotMedia("no moov"))
    assert desk.state.at(desk.sid).state is SubtaskState.FAILED


def test_a_transient_failure_is_tried_again_after_a_while() -> None:
    desk = Desk()

    desk.fail(SourceUnavailable())

    found = desk.state.at(desk.sid)
    assert (found.state, found.retry_in) == (SubtaskState.QUEUED, 5.0)
    assert keys.failed(*split_subtask_id(desk.sid)) not in desk.store.objects
    assert desk.kicks == 1


def test_a_transient_failure_is_final_when_the_tries_are_used_up() -> None:
    desk = Desk()
    desk.state.at(desk.sid).attempts = 8

    desk.fail(SourceUnavailable())

    assert desk.state.at(desk.sid).state is SubtaskState.FAILED
    assert keys.failed(*split_subtask_id(desk.sid)) in desk.store.objects


def test_i3_a_failure_of_an_attempt_that_lost_its_lease_is_ignored() -> None:
    desk = Desk()

    desk.fail(SourceNotMedia(), fence=desk.fence - 1)
    desk.fail(SourceUnavailable(), fence=desk.fence - 1)

    assert desk.state.at(desk.sid).state is SubtaskState.RUNNING
    # A rebuild would believe it.
    assert keys.failed(*split_subtask_id(desk.sid)) not in desk.store.objects


@pytest.mark.parametrize("error", [SourceUnavailable(), SourceNotMedia()], ids=["transient", "permanent"])
def test_i3_a_failure_under_a_fence_that_another_attempt_was_given_too_is_ignored(error: FramefleetError) -> None:
    desk = Desk()
    desk.state.at(desk.sid).nonce = "of the claim after Redis had forgotten the first"

    desk.fail(error)

    assert desk.state.at(desk.sid).state is SubtaskState.RUNNING
    assert keys.failed(*split_subtask_id(desk.sid)) not in desk.store.objects


def test_with_the_store_away_the_report_comes_again() -> None:
    desk = Desk()
    desk.store.away = True

    with pytest.raises(StoreUnavailable):
        desk.aggregator.apply_all([Done(sid=desk.sid)])


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (ProbeOutput(media=factories.media(audio=False)), {"kind": "probe", "video": "h264"}),
        (ProbeOutput(media=factories.media(video=False)), {"kind": "probe", "audio": "aac"}),
        (ProbeOutput(media=factories.media(), reused=True), {"kind": "probe", "reused": True}),
        (TracksOutput(tracks=()), {"kind": "tracks", "bytes": 0}),
        (
            PublishedOutput(files=(PublishedFile(uri="s3://out/a", bytes=7, sha256="x"),), warnings=("w",)),
            {"kind": "published", "files": 1, "bytes": 7, "uri": "s3://out/a", "warnings": ["w"]},
        ),
    ],
)
def test_a_result_is_summed_up_in_a_few_words(output: Output, expected: dict[str, object]) -> None:
    said = json.loads(summary(done_record("t.1.1", output)).output)

    assert said | expected == said


def test_a_success_that_was_recorded_before_the_verdict_counts() -> None:
    desk = Desk()
    desk.record()

    assert not desk.aggregator.give_up(desk.sid, None, SourceNotMedia().info())

    assert desk.state.at(desk.sid).state is SubtaskState.SUCCEEDED
