"""One order, where a service is away."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from framefleet.adapters.storages import Storages
from framefleet.domain import keys
from framefleet.domain.records import DoneRecord, ProbeOutput, TracksOutput
from framefleet.domain.subtask import ProbeSpec, Spec
from framefleet.domain.summary import summary
from framefleet.messages import Done, Report
from framefleet.ports import Claim, Progress, Refused, WorkerInfo
from framefleet_workers import execute
from framefleet_workers.execute import RELEASE_DELAY_SECONDS, Executor, SlotSettings
from framefleet_workers.lease import Lease
from framefleet_workers.process import Interrupted
from framefleet_workers.work import Limits, Tools, Work
from tests import factories
from tests.fakes import FakePublisher, MemoryStore

SID = "task.1.1"


class Granted:
    """Claims that are granted, and remember what was given back."""

    def __init__(self) -> None:
        self.released: list[tuple[str, int, str, float]] = []

    def claim(self, sid: str, nonce: str, worker: str, lease_seconds: float) -> Claim | Refused:
        return Claim(sid, 1, nonce, 1, ProbeSpec(source=0).model_dump_json(), 5)

    def beat(self, sid: str, fence: int, nonce: str, lease_seconds: float, progress: Progress | None) -> str:
        return "ok"

    def release(self, sid: str, fence: int, nonce: str, delay_seconds: float) -> bool:
        self.released.append((sid, fence, nonce, delay_seconds))
        return True

    def register(self, worker: WorkerInfo, seconds: float) -> bool:
        return False

    def died(self, worker: str, how: str) -> bool:
        return False

    def hear(self, worker: str, heard: Callable[[str], None], stop: threading.Event) -> None:
        """Nothing is said."""


def executor(folder: Path, claims: Granted, store: MemoryStore, publisher: FakePublisher) -> Executor:
    settings = SlotSettings("host:1:1", "cpu", folder / "scratch", Limits(1, 1, 1))
    return Executor(settings, claims, store, Storages(None, {}, []), publisher, Tools("ffmpeg", ("ffprobe",), "5"))


def test_I2_a_store_that_is_away_right_after_the_claim_gives_the_work_back(tmp_path: Path) -> None:
    claims, publisher, store = Granted(), FakePublisher(), MemoryStore()
    store.away = True

    executor(tmp_path, claims, store, publisher).run(SID)

    assert [(SID, 1, RELEASE_DELAY_SECONDS)] == [(sid, fence, delay) for sid, fence, _, delay in claims.released]
    assert [] == publisher.reports


def test_I2_an_order_of_a_newer_scheduler_is_given_back_and_kills_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims, publisher = Granted(), FakePublisher()
    newer = json.dumps({**json.loads(ProbeSpec(source=0).model_dump_json()), "a_new_field": 1})
    monkeypatch.setattr(claims, "claim", lambda sid, nonce, *_: Claim(sid, 1, nonce, 1, newer, 5))

    executor(tmp_path, claims, MemoryStore(), publisher).run(SID)

    assert [(SID, 1, RELEASE_DELAY_SECONDS)] == [(sid, fence, delay) for sid, fence, _, delay in claims.released]
    assert [] == publisher.reports


def test_I2_a_task_of_a_newer_scheduler_is_given_back_and_does_not_fail(tmp_path: Path) -> None:
    claims, publisher, store = Granted(), FakePublisher(), MemoryStore()
    task = factories.task()
    newer = {**json.loads(task.model_dump_json()), "a_new_field": 1}
    store.put(keys.task(task.id), json.dumps(newer).encode())
    sid = f"{task.id}.1.1"

    executor(tmp_path, claims, store, publisher).run(sid)

    assert [(sid, 1, RELEASE_DELAY_SECONDS)] == [(sid, fence, delay) for sid, fence, _, delay in claims.released]
    assert [] == publisher.reports


def test_I3_what_is_done_already_is_only_reported(tmp_path: Path) -> None:
    claims, publisher, store = Granted(), FakePublisher(), MemoryStore()
    store.put(keys.done("task", 1, 1), b"{}")

    executor(tmp_path, claims, store, publisher).run(SID)

    assert [Done(sid=SID)] == publisher.reports
    assert [] == claims.released
    assert [] == list((tmp_path / "scratch").glob("*"))


@pytest.mark.parametrize("first", [True, False])
def test_I3_only_who_created_the_record_says_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    claims, publisher, store = Granted(), FakePublisher(), MemoryStore()
    task = factories.task()
    sid = f"{task.id}.1.1"
    store.put(keys.task(task.id), task.model_dump_json().encode())

    def work(*_: object) -> ProbeOutput:
        if not first:  # another attempt, while ours goes on
            store.put(keys.done(task.id, 1, 1), b"another's")
        return ProbeOutput(media=factories.media())

    monkeypatch.setattr(execute, "handle", work)

    executor(tmp_path, claims, store, publisher).run(sid)

    [report] = publisher.reports
    assert isinstance(report, Done)
    if first:
        recorded = DoneRecord.model_validate_json(store.objects[keys.done(task.id, 1, 1)])
        assert report.model_dump() == Done(sid=sid, summary=summary(recorded)).model_dump()
    else:
        assert report.model_dump() == Done(sid=sid).model_dump()
        assert store.objects[keys.done(task.id, 1, 1)] == b"another's"


def test_I3_the_record_of_who_was_first_stands_and_only_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims, publisher, store = Granted(), FakePublisher(), with_task()
    key = keys.done("task", 1, 1)

    def outrun(work: Work, spec: Spec) -> TracksOutput:
        store.put(key, b"theirs")
        return TracksOutput(tracks=())

    monkeypatch.setattr(execute, "handle", outrun)
    executor(tmp_path, claims, store, publisher).run(SID)

    assert store.objects[key] == b"theirs"
    assert [report.model_dump() for report in publisher.reports] == [Done(sid=SID).model_dump()]


def test_I2_a_success_is_recorded_before_it_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = with_task()
    seen: list[bool] = []

    class Witness(FakePublisher):
        def report(self, report: Report) -> None:
            seen.append(keys.done("task", 1, 1) in store.objects)

    monkeypatch.setattr(execute, "handle", lambda work, spec: TracksOutput(tracks=()))
    executor(tmp_path, Granted(), store, Witness()).run(SID)

    assert seen == [True]


def test_I3_nothing_is_done_under_a_claim_that_was_refused(tmp_path: Path) -> None:
    class Leased(Granted):
        def claim(self, sid: str, nonce: str, worker: str, lease_seconds: float) -> Claim | Refused:
            return Refused("leased")

    publisher, store = FakePublisher(), MemoryStore()
    executor(tmp_path, Leased(), store, publisher).run(SID)

    assert (store.objects, publisher.reports) == ({}, [])


def test_I2_what_is_stopped_is_given_back_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claims, publisher = Granted(), FakePublisher()
    slot = executor(tmp_path, claims, with_task(), publisher)

    def stopped(work: Work, spec: Spec) -> TracksOutput:
        slot.shutdown()
        work.lease.interrupt.check()
        return TracksOutput(tracks=())

    monkeypatch.setattr(execute, "handle", stopped)
    slot.run(SID)

    assert [(sid, delay) for sid, _, _, delay in claims.released] == [(SID, 0.0)]
    assert publisher.reports == []


def test_I3_who_lost_its_claim_learns_it_at_the_last_look() -> None:
    class Lost(Granted):
        def beat(self, sid: str, fence: int, nonce: str, lease_seconds: float, progress: Progress | None) -> str:
            return "lost"

    with pytest.raises(Interrupted, match="lost"):
        Lease(Lost(), Claim(SID, 1, "n", 1, "{}", 5), 20.0, 6.0).confirm()


def with_task() -> MemoryStore:
    store = MemoryStore()
    store.put(keys.task("task"), factories.task().model_dump_json().encode())
    return store
