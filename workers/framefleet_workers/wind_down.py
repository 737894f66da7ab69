"""How the work of a slot ends when the slot is told to stop: what can finish within the grace period finishes, the rest is
given back at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog

log = structlog.get_logger()

LOOK_SECONDS = 0.2
LEAST_FRACTION = 0.05
"""Progress below this says nothing about the rest."""
CAUTION = 1.25
"""An estimate may be wrong by so much,"""
AFTERWARDS_SECONDS = 1.0
"""and what was made still has to be verified and uploaded."""


class Work(Protocol):
    """What is asked of whoever does the work."""

    @property
    def busy_with(self) -> str | None:
        """The subtask it works on."""

    def seconds_left(self) -> float | None:
        """How long the running attempt will still take; None when nobody knows."""

    def shutdown(self) -> None:
        """Give back what runs."""


def seconds_left(fraction: float, elapsed: float) -> float | None:
    """How long an attempt will still take that got as far as `fraction` in `elapsed` seconds; None when unknown."""
    return elapsed * (1.0 - fraction) / fraction if fraction >= LEAST_FRACTION else None


class WindDown:
    """One end of one slot."""

    def __init__(self, grace_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`grace_seconds`: how long work may go on when its end is in sight."""
        self._grace = grace_seconds
        self._clock = clock
        self.signaled = threading.Event()
        """The process was told to end."""
        self.hurry = threading.Event()
        """It was told twice: everything is given back."""
        self.over = threading.Event()
        """Nothing is waited for any more: what still ran was told to give itself back."""

    def spend(self, work: Work) -> None:
        """Return when the work has ended or was given back: it is watched, an estimate may change."""
        deadline = self._clock() + self._grace
        if work.busy_with is not None:
            left = work.seconds_left()
            log.info("work.winding_down", sid=work.busy_with, seconds_left=None if left is None else round(left, 1))
        try:
            while work.busy_with is not None and not self.hurry.is_set():
                left = work.seconds_left()
                if left is None or self._clock() + left * CAUTION + AFTERWARDS_SECONDS > deadline:
                    break
                self.hurry.wait(LOOK_SECONDS)
        finally:
            work.shutdown()
            self.over.set()
