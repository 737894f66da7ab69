"""Notices that Redis' clock was set, and moves all that is to happen at a time with it.

Leases, delays and orders are entered with the time of Redis' host, so that no other clock matters. If that one is set back by
an hour, or Redis is replaced by one on a host with another time, a dead worker's lease would run for an hour more and orders
would wait as long; if it is set forward, all leases would run out at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from framefleet.ports import Clock, Epochs

log = structlog.get_logger()

SLACK_SECONDS = 2.0
"""Between two looks clocks may differ by so much, and by as long as the answers took, without having been set."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What Redis' clock said, and ours."""

    time: float
    """Seconds since 1970."""
    steps: int
    at: float
    """Monotonic, in the middle of the asking,"""
    took: float
    """which took so many seconds."""


class ClockWatch:
    """Compares Redis' clock with this process' monotonic one. Any number of schedulers may do so."""

    def __init__(self, epochs: Epochs, clock: Clock) -> None:
        self._epochs = epochs
        self._clock = clock
        self._last: _Look | None = None

    def step(self) -> bool:
        """Look, and mend; says whether it did. Raises StateUnavailable."""
        asked = self._clock.monotonic()
        time, steps = self._epochs.time()
        answered = self._clock.monotonic()
        now = _Look(time, steps, (asked + answered) / 2, answered - asked)
        last, self._last = self._last, now
        if last is None or last.steps != steps:  # in the second case another scheduler has just mended it
            return False
        by = (now.time - last.time) - (now.at - last.at)
        if abs(by) <= SLACK_SECONDS + now.took + last.took:
            return False
        self._last = None  # begin anew, whoever of us mends it
        if not self._epochs.clock_set(by, steps):
            return False
        log.warning("redis.clock_set", by_s=round(by, 1))
        return True
