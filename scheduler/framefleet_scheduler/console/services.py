"""Whether the services behind the scheduler are there, for pages: asked for all who look, and not more often than is kind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from framefleet.domain.errors import FramefleetError
from framefleet_scheduler.dependencies import Probe

FRESH_SECONDS = 4.0
"""How long an answer is good."""
_NAMES = {"redis": "Redis", "store": "Object store", "broker": "RabbitMQ"}


class Service(NamedTuple):
    """One that is needed, as it was when it was last asked."""

    name: str
    error: FramefleetError | None
    """Why it is not there."""


class Services:
    """Asks the probes. Safe to share between threads."""

    def __init__(self, probes: Mapping[str, Probe], now: Callable[[], float] = time.monotonic) -> None:
        self._probes = probes
        self._now = now
        self._lock = threading.Lock()
        self._asked = -FRESH_SECONDS
        self._found: list[Service] = []

    def look(self) -> list[Service]:
        """All of them, some seconds old at most; while one is slow to answer others get what was found before."""
        if not self._lock.acquire(blocking=not self._found):
            return self._found
        try:
            if not self._found or self._now() - self._asked >= FRESH_SECONDS:
                self._found = [self._ask(name, probe) for name, probe in self._probes.items()]
                self._asked = self._now()
            return self._found
        finally:
            self._lock.release()

    def _ask(self, name: str, probe: Probe) -> Service:
        try:
            probe()
        except FramefleetError as error:
            return Service(_NAMES.get(name, name), error)
        return Service(_NAMES.get(name, name), None)
