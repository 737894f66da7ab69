"""The threads that repeat a step."""

from __future__ import annotations

import threading

from framefleet.domain.errors import StateUnavailable
from framefleet.messages import Done
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

    def handler(message: Done) -> None:
        if failures:
            raise failures.pop()
        handled.append(message.sid)
        if len(handled) == 2:
            stop.set()

    polling(lambda _: next(messages, None))(handler, stop)

    assert handled == ["a.1.1", "a.1.2"]
