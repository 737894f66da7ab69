"""What every stream of server-sent events does by the clock: it looks at its caller's key again, and is never silent for long."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from fastapi.concurrency import run_in_threadpool

from framefleet.access import AccessKeys
from framefleet.domain.errors import ServiceError
from framefleet_scheduler.api.guard import EVERYBODY, Caller
from framefleet_scheduler.api.streams import SILENCE_SECONDS

KEY_SECONDS = 5.0
"""Between two looks at the caller's key."""


class Pulse:
    """The times of one stream. To be used in its event loop."""

    def __init__(
        self, access: AccessKeys, caller: Caller, version: int | None, now: Callable[[], float] = time.monotonic
    ) -> None:
        """`version`: of the caller's key as the stream begins."""
        self._access = access
        self._caller = caller
        self._version = version
        self._now = now
        self._said = now()
        self._look_at = math.inf if caller is EVERYBODY else self._said + KEY_SECONDS

    @staticmethod
    async def of(access: AccessKeys, caller: Caller) -> Pulse:
        """That of a stream which begins. Raises ServiceError."""
        version = None if caller is EVERYBODY else await run_in_threadpool(access.version, caller.id)
        return Pulse(access, caller, version)

    async def is_over(self) -> bool:
        """Whether the key was revoked or rotated, as of the last look; looks when it is time to."""
        if self._now() < self._look_at:
            return False
        self._look_at = self._now() + KEY_SECONDS
        try:
            return await run_in_threadpool(self._access.version, self._caller.id) != self._version
        except ServiceError:
            return False

    def is_silent(self) -> bool:
        """Whether it is time for a comment."""
        return self._now() >= self._said + SILENCE_SECONDS

    def said(self) -> None:
        """Something was sent."""
        self._said = self._now()

    def left(self) -> float:
        """Seconds until there is something to do."""
        return max(0.0, min(self._said + SILENCE_SECONDS, self._look_at) - self._now())
