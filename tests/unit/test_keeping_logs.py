"""What an attempt ran is kept for people, and costs no attempt anything but its time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from framefleet.domain import keys
from framefleet.domain.errors import FfmpegFailed, FramefleetError, StoreUnavailable
from framefleet.domain.records import ProbeOutput
from framefleet.messages import Done, Failed
from framefleet_scheduler.clean import Cleaner
from framefleet_workers import execute
from framefleet_workers.process import Interrupted, Result
from framefleet_workers.work import Work
from tests import factories
from tests.fakes import FakeClock, FakePublisher, MemoryStore
from tests.unit.test_execute import Granted, executor

ENDED = Result(0, ("a word",), 1.0, 2.0)


class Bench:
    """One attempt, whose work is given."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.store, self.publisher, self.folder, self.patch = MemoryStore(), FakePublisher(), folder, patch
        self.task = factories.task()
        self.store.put(keys.task(self.task.id), self.task.model_dump_json().encode())

    def run(self, error: BaseException | None = None, *, runs: bool = True) -> None:
        def work(work: Work, _spec: object) -> ProbeOutput:
            if runs:
                work.log.ended(["ffmpeg", "-i", "x", f"{work.folder}/y.mp4"], ENDED)
            if error is not None:
                raise error
            return ProbeOutput(media=factories.media())

        self.patch.setattr(execute, "handle", work)
        executor(self.folder, Granted(), self.store, self.publisher).run(f"{self.task.id}.1.1")

    @property
    def logs(self) -> list[str]:
        found = [key for key in self.store.objects if "/log/" in key]
        return [self.store.objects[key].decode() for key in found]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def test_an_attempt_that_is_done_keeps_its_log(bench: Bench) -> None:
    bench.run()

    (text,) = bench.logs
    assert "subtask 1 of task" in text
    assert "attempt 1 (fence 1)" in text
    assert "worker host:1:1" in text
    assert "$ ffmpeg -i x y.mp4\nexit 0" in text
    assert text.rstrip().endswith("done")
    (key,) = (key for key in bench.store.objects if "/log/" in key)
    assert keys.log_fence(key) == 1


def test_one_that_failed_says_how(bench: Bench) -> None:
    bench.run(FfmpegFailed("it broke"))

    (text,) = bench.logs
    assert text.rstrip().endswith("failed: it broke [ffmpeg_failed]")
    assert isinstance(bench.publisher.reports[0], Failed)


def test_one_that_was_canceled_says_so(bench: Bench) -> None:
    bench.run(Interrupted("cancel"))

    assert bench.logs[0].rstrip().endswith("ended: cancel")


def test_who_shuts_down_has_no_time_for_it(bench: Bench) -> None:
    bench.run(Interrupted("shutdown"))

    assert bench.logs == []


def test_one_that_ran_no_program_and_is_done_keeps_none_but_a_failure_is_told(bench: Bench) -> None:
    bench.run(runs=False)
    assert bench.logs == []

    bench.store.delete([keys.done(bench.task.id, 1, 1)])
    bench.run(FramefleetError("a defect"), runs=False)
    assert len(bench.logs) == 1


def test_a_log_that_cannot_be_kept_fails_no_attempt(bench: Bench) -> None:
    put = bench.store.put

    def refuse(key: str, data: bytes) -> None:
        if "/log/" in key:
            raise StoreUnavailable
        put(key, data)

    bench.store.put = refuse  # type: ignore[method-assign]
    bench.run()

    assert isinstance(bench.publisher.reports[0], Done)


def test_logs_stay_for_as_long_as_the_task_is_listed() -> None:
    clock = FakeClock()
    store = MemoryStore(clock)
    log = keys.log("t1", 1, 2, 1_000_001, "n")
    for key in (keys.task("t1"), log, keys.attempt_prefix("t1", 1, 2, 1_000_001, "n") + "v1.mp4", keys.end("t1", 1)):
        store.put(key, b"")
    cleaner = Cleaner(store, clock, keep_logs=timedelta(days=2))

    cleaner.clean("t1", 1)
    assert log in store.objects
    assert len(store.objects) == 3, "what the attempt made is gone"
    clock.pass_(47 * 3600)
    cleaner.everything()
    assert log in store.objects
    clock.pass_(2 * 3600)
    cleaner.everything()
    assert set(store.objects) == {keys.task("t1"), keys.end("t1", 1)}
