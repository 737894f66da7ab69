"""How many requests a key may send. Pure, but for the clock it is given."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from framefleet.domain.access import REQUESTS_PER_SECOND

BURST_SECONDS = 2.0
"""What may come at once, in seconds of what may come all the time."""


class Rates:
    """A bucket of tokens for each caller: `burst` at once, then `per_second`. Of this process only."""

    def __init__(
        self,
        per_second: float = REQUESTS_PER_SECOND,
        burst: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Without a `burst` it is what comes in BURST_SECONDS."""
        self._per_second = per_second
        self._burst = per_second * BURST_SECONDS if burst is None else burst
        self._now = now
        self._lock = threading.Lock()
        self._full_at: dict[str, float] = {}
        """When the bucket of a caller will be full again."""

    def wait(self, caller: str, per_second: float | None = None, *, take: bool = True) -> float:
        """0.0 when the request may pass, else the seconds until one may. `per_second`: a rate of the caller's own.

        Without `take` nothing is counted.
        """
        rate, burst = self._per_second, self._burst
        if per_second is not None:
            rate, burst = per_second, per_second * BURST_SECONDS
        now = self._now()
        with self._lock:
            full_at = max(now, self._full_at.get(caller, now))
            lacking = (full_at - now) * rate + 1 - burst
            if lacking > _ROUNDING:
                return lacking / rate
            if not take:
                return 0.0
            self._full_at[caller] = full_at + 1 / rate
            if len(self._full_at) > _MOST_CALLERS:
                self._full_at = {who: at for who, at in self._full_at.items() if at > now}
            return 0.0


_MOST_CALLERS = 10_000
_ROUNDING = 1e-6
