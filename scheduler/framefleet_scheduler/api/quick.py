"""Looking at a task that has ended without the price of another thread, for as long as Redis answers at once.

Such a look is a third of a millisecond of waiting, less than handing it to a thread and back costs beside an encode. A Redis that is
slow must not stop the event loop, so it is asked over a connection that gives up soon, and after that not for a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from framefleet.domain.errors import StateUnavailable
from framefleet.domain.records import TaskRecord
from framefleet.ports import EndedTasks

PATIENCE_SECONDS = 0.05
"""For an answer of Redis, on the event loop."""
_REST_SECONDS = 0.5
"""A Redis that hangs takes a tenth of the event loop's time, no more."""


class QuickLook:
    """For the event loop only: one question at a time."""

    def __init__(self, tasks: EndedTasks, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`tasks` gives up after PATIENCE_SECONDS."""
        self._tasks = tasks
        self._monotonic = monotonic
        self._rests_until = 0.0

    def ended(self, task_id: str) -> TaskRecord | None:
        """The record of a task that has ended; None when it has not, or that could not be seen quickly."""
        now = self._monotonic()
        if now < self._rests_until:
            return None
        try:
            return self._tasks.ended(task_id)
        except StateUnavailable:
            self._rests_until = self._monotonic() + _REST_SECONDS
            return None
