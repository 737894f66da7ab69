"""Dramatiq's worker in this very process: one queue, one thread, one message at a time. Knows nothing of the work."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType

import structlog
from dramatiq import Worker

from framefleet.domain.errors import HostError
from framefleet_workers.broker import FramefleetBroker
from framefleet_workers.wind_down import WindDown

log = structlog.get_logger()

RELEASE_SECONDS = 12.0
"""How long running work may take to give itself back, once told, before it is interrupted wherever it is."""
INTERRUPTED_SECONDS = 4.0
"""And how long after that before the slot ends without it. The supervisor's patience is longer than both and the grace."""
_LOOK_SECONDS = 0.2


def run_slot(
    broker: FramefleetBroker,
    queue: str,
    stop: threading.Event,
    handled: list[int] | None = None,
    wind_down: WindDown | None = None,
) -> bool:
    """Work on the orders of `queue` until SIGTERM, SIGINT or `stop`; returns when the slot has drained: whether by a signal.

    The first signal sets `stop`: nothing new is started, and running work that watches `stop` ends or gives itself back,
    which is waited for until `wind_down` is over (None: at once) and a little longer. `handled` are the signals of a
    caller that handles them itself. Signals are heeded in the main thread only. Raises HostError when one of Dramatiq's
    threads has died: the process would look alive and do nothing.
    """
    broker.declare_queue(queue)
    worker = Worker(broker, queues={queue}, worker_threads=1, worker_timeout=int(_LOOK_SECONDS * 1000))
    # Dramatiq reads it from the environment when it is imported, which nobody can be sure to precede. One: the rest of
    # the queue stays where others and more urgent orders can get at it.
    worker.queue_prefetch = 1
    with signals() if handled is None else nullcontext(handled) as received:
        worker.start()
        try:
            while not stop.wait(_LOOK_SECONDS) and not received:
                if not _is_alive(worker):
                    raise HostError("a thread of the slot died")
        finally:
            broker.drain.begin()
            if wind_down is not None and received:
                wind_down.signaled.set()
            stop.set()
            if wind_down is not None:
                _accompany(wind_down, broker, worker, received)
            if _is_alive(worker) and not broker.drain.wait_idle(RELEASE_SECONDS):
                log.warning("work.interrupted", seconds=RELEASE_SECONDS)
            # From here on Dramatiq raises Shutdown inside an actor that still runs.
            worker.stop(timeout=int(INTERRUPTED_SECONDS * 1000))
            broker.close()
        return bool(received)


def _accompany(wind_down: WindDown, broker: FramefleetBroker, worker: Worker, received: list[int]) -> None:
    """Wait until the work is over, or was told to give itself back; pass signals on meanwhile."""
    while _is_alive(worker) and not broker.drain.wait_idle(_LOOK_SECONDS) and not wind_down.over.is_set():
        if received:
            wind_down.signaled.set()
        if len(received) > 1:
            wind_down.hurry.set()


def _is_alive(worker: Worker) -> bool:
    return all(thread.is_alive() for thread in (*worker.workers, *worker.consumers.values()))


@contextmanager
def signals(stop: threading.Event | None = None) -> Iterator[list[int]]:
    """SIGTERM and SIGINT received; `stop` is set soon after the first. A third one is deadly.

    The handler takes no lock: `stop.set()` in it could wait for the very thread it interrupted.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def receive(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            signal.signal(number, signal.SIG_DFL)
        if stop is not None:
            threading.Thread(target=stop.set).start()

    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, receive) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
