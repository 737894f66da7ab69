"""Dramatiq's worker in this very process: one queue, one thread, one message at a time."""

from __future__ import annotations

import signal
import threading
from typing import Any

from dramatiq import Worker

STOP_MILLISECONDS = 15_000


def run_slot(broker: Any, queue: str, stop: threading.Event) -> None:
    """Work until SIGTERM or SIGINT, which set `stop`; then take nothing new and wait for what runs to be given back."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    worker = Worker(broker, queues={queue}, worker_threads=1, worker_timeout=100)
    # Dramatiq reads this from the environment when it is imported, which is too early to rely on.
    worker.queue_prefetch = 1
    worker.start()
    try:
        stop.wait()
    finally:
        worker.stop(timeout=STOP_MILLISECONDS)
        broker.close()
