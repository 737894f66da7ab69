"""When a slot stops taking work by itself, and when it begins again."""

from __future__ import annotations

import threading

import pytest

from framefleet.domain.errors import (
    DiskFull,
    EncoderBusy,
    EncoderUnavailable,
    FfmpegFailed,
    FfmpegKilled,
    FontMissing,
    FramefleetError,
    HostError,
    SourceNotMedia,
    SourceUnavailable,
    StoreUnavailable,
)
from framefleet_workers.health import FAST_SECONDS, Ailment, Health
from framefleet_workers.sick_leave import SickLeave


def of(task: int, n: int = 1) -> str:
    return f"task-{task}.1.{n}"


@pytest.mark.parametrize("error", [EncoderUnavailable("Cannot load libcuda.so.1"), EncoderBusy("x"), DiskFull("x")])
def test_what_speaks_for_itself_is_enough_once(error: FramefleetError) -> None:
    assert Health().failed(of(1), error, 0.3) == Ailment(error.code, error.message)


@pytest.mark.parametrize(
    "error",
    [SourceNotMedia("x"), FfmpegFailed("x"), FontMissing("x"), SourceUnavailable("x"), StoreUnavailable("x")],
    ids=lambda e: e.code,
)
def test_what_the_work_or_a_service_is_to_blame_for_never_makes_a_slot_sick(error: FramefleetError) -> None:
    health = Health()
    assert [health.failed(of(task), error, 0.1) for task in range(20)] == [None] * 20


def test_three_quick_failures_in_a_row_do() -> None:
    health = Health()
    assert health.failed(of(1), HostError("I/O error"), 0.1) is None
    assert health.failed(of(2), FfmpegKilled("killed"), 0.1) is None
    ailment = health.failed(of(3), HostError("I/O error"), 0.1)
    assert ailment is not None
    assert ailment.code == "host_error"
    assert "3 subtasks in a row" in ailment.message
    assert "I/O error" in ailment.message


def test_one_bad_task_is_not_a_bad_slot() -> None:
    health = Health()
    assert [health.failed(of(1, n), FfmpegKilled("killed"), 0.1) for n in range(10)] == [None] * 10
    assert health.failed(of(2), FfmpegKilled("killed"), 0.1) is not None


def test_the_same_subtask_counts_once() -> None:
    health = Health()
    assert health.failed(of(1), HostError("x"), 0.1) is None
    assert [health.failed(of(2), HostError("x"), 0.1) for _ in range(9)] == [None] * 9


@pytest.mark.parametrize("slow", [False, True])
def test_a_success_or_a_slow_failure_between_begins_the_count_again(slow: bool) -> None:
    health = Health()
    health.failed(of(1), HostError("x"), 0.1)
    health.failed(of(2), HostError("x"), 0.1)
    if slow:
        health.failed(of(9), HostError("x"), FAST_SECONDS + 1)
    else:
        health.succeeded()
    assert health.failed(of(3), HostError("x"), 0.1) is None


class Pauses(threading.Event):
    """Notes how long it was waited for, and waits no time at all."""

    def __init__(self, most: int = 100) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._most = most

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        return len(self.seconds) > self._most


def test_a_sick_slot_waits_longer_and_longer_until_its_host_is_well() -> None:
    said: list[str | None] = ["no driver", "no driver", None]
    stop = Pauses()
    assert SickLeave(lambda: said.pop(0)).spend(Ailment("encoder_unavailable", "x"), stop)
    assert stop.seconds == [5, 10, 20]


def test_a_relapse_does_not_begin_with_the_shortest_pause_again() -> None:
    leave = SickLeave(lambda: None)
    first, second = Pauses(), Pauses()
    leave.spend(Ailment("encoder_busy", "x"), first)
    leave.spend(Ailment("encoder_busy", "x"), second)
    assert (first.seconds, second.seconds) == ([5], [10])


def test_the_pause_has_an_end_and_so_has_the_leave_when_the_slot_is_told_to_stop() -> None:
    stop = Pauses(most=12)
    assert not SickLeave(lambda: "no driver").spend(Ailment("encoder_unavailable", "x"), stop)
    assert max(stop.seconds) == 600
