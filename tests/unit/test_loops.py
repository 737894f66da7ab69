"""The threads that repeat a step."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from structlog.testing import capture_logs

from framefleet.domain.errors import StateUnavailable
from framefleet.messages import Done, Report
from framefleet_scheduler.loops import Loop, polling

PATIENCE = 10.0


def test_a_loop_goes_on_after_a_service_was_away() -> None:
    stop, again = threading.Event(), threading.Event()
    outcomes = iter([StateUnavailable(), ZeroDivisionError()])

    def step() -> bool:
        failure = next(outcomes, None)
        if failure is not None:
            raise failure
        again.set()
        return False

    loop = Loop("test", step, 3600, stop)
    loop.start()

    assert again.wait(PATIENCE)
    stop.set()
    loop.wake()
    assert loop.join(PATIENCE)


def test_a_loop_that_waits_is_woken_at_once() -> None:
    stop, wake = threading.Event(), threading.Event()
    turns = threading.Semaphore(0)

    def step() -> bool:
        turns.release()
        return False

    loop = Loop("test", step, 3600, stop, wake)
    loop.start()
    assert turns.acquire(timeout=PATIENCE)

    wake.set()

    assert turns.acquire(timeout=PATIENCE)
    stop.set()
    loop.wake()
    assert loop.join(PATIENCE)


def test_a_loop_with_more_to_do_does_not_wait() -> None:
    stop, finished = threading.Event(), threading.Event()
    left = [5]

    def step() -> bool:
        left[0] -= 1
        if not left[0]:
            finished.set()
            stop.set()
        return True

    Loop("test", step, 3600, stop).start()

    assert finished.wait(PATIENCE)


def test_i2_a_polled_message_whose_handler_failed_is_handed_over_again() -> None:
    stop = threading.Event()
    messages = iter([Done(sid="a.1.1"), Done(sid="a.1.2")])
    handled: list[str] = []
    failures = [StateUnavailable()]

    def handler(reports: Sequence[Report]) -> None:
        if failures:
            raise failures.pop()
        handled.extend(report.sid for report in reports)
        if len(handled) == 2:
            stop.set()

    polling(lambda _: next(messages, None))(handler, stop)

    assert handled == ["a.1.1", "a.1.2"]


def test_a_report_that_breaks_its_handler_is_dropped_and_the_next_one_handled() -> None:
    stop = threading.Event()
    messages = iter([Done(sid="a.1.1"), Done(sid="a.1.2")])

    def handler(reports: Sequence[Report]) -> None:
        if reports[0].sid == "a.1.1":
            raise ZeroDivisionError
        stop.set()

    with capture_logs() as logs:
        polling(lambda _: next(messages, None))(handler, stop)

    assert [entry["event"] for entry in logs] == ["report.broken"]


def test_between_two_steps_there_is_a_rest_in_which_changes_gather() -> None:
    stop = Hurried()
    steps = iter([True, True, False])

    def step() -> bool:
        more = next(steps)
        if not more:
            stop.set()
        return more

    loop = Loop("x", step, 3600, stop, rest=0.01)
    loop.start()

    assert loop.join(PATIENCE)
    assert stop.waited == [0.01, 0.01, 0.01]


class Hurried(threading.Event):
    """A stop that is never waited for, but remembers how long one would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0.0)
        return self.is_set()


def test_however_long_a_service_is_away_it_is_asked_every_second() -> None:
    stop = Hurried()
    failures = iter(range(40))

    def step() -> bool:
        if next(failures, None) is None:
            stop.set()
        raise StateUnavailable

    loop = Loop("x", step, 0.25, stop)
    loop.start()

    assert loop.join(60)
    assert len(stop.waited) == 41
    assert max(stop.waited) <= 1.0
