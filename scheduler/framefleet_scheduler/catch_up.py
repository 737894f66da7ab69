"""A Redis that comes back without its last second: what was accepted, canceled or planned then is entered again.

The append-only file is synced once a second, and a replica that takes over may be behind. The epoch is there, so nothing is
rebuilt; but a task that a user was told "accepted" may be unknown to Redis. The store has it.
"""

from __future__ import annotations

from collections.abc import Callable

from framefleet.ports import Clock, Epochs
from framefleet_scheduler.rebuild import Rebuilder

EVERY_SECONDS = 3600.0
"""Without any sign that something was forgotten,"""
SHARE = 50
"""and so many times as long as it last took, where that is more."""


class CatchUp:
    """Enters forgotten tasks when Redis is another process than before, at the start, and every hour. One thread at a time;
    two schedulers at once do no harm.
    """

    def __init__(self, rebuilder: Rebuilder, epochs: Epochs, clock: Clock, kick: Callable[[], None]) -> None:
        """`kick` is called afterwards: there may be orders to publish."""
        self._rebuilder = rebuilder
        self._epochs = epochs
        self._clock = clock
        self._kick = kick
        self._seen: str | None = None
        self._next = clock.monotonic()

    def step(self) -> bool:
        """Look whether anything may have been forgotten, and mend it; says whether it did. Raises ServiceError."""
        server = self._epochs.server()
        started = self._clock.monotonic()
        if self._epochs.current() is None:
            # Everything is forgotten, and rebuilt by the leader.
            self._seen, self._next = server, started + EVERY_SECONDS
            return False
        if server == self._seen and started < self._next:
            return False
        self._rebuilder.catch_up()
        self._seen = server
        self._next = started + max(EVERY_SECONDS, SHARE * (self._clock.monotonic() - started))
        self._kick()
        return True
