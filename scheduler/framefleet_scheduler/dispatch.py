"""The relay: ready subtasks into the outbox, the outbox to the broker. Decides nothing about tasks.

Whatever was published but not marked so is published again: workers drop what they cannot claim.
"""

from __future__ import annotations

from collections import Counter

import structlog

from framefleet import metrics
from framefleet.domain.errors import BrokerUnavailable
from framefleet.domain.subtask import Tag
from framefleet.ports import Clock, Outbox, Publisher, TaskStore

log = structlog.get_logger()

LEAST_WINDOW = 2
"""Orders that wait in RabbitMQ even when no worker lives: an autoscaler sees them there."""
_BATCH = 250
_WORKERS_SECONDS = 1.0
_SHORTEST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 1.0


def window(slots: int) -> int:
    """How many orders of a tag may be out and unclaimed: enough that no slot waits for the relay."""
    return max(2 * slots, LEAST_WINDOW)


class Dispatcher:
    """Publishes what is due. One thread at a time; several dispatchers may share an outbox."""

    def __init__(self, outbox: Outbox, tasks: TaskStore, publisher: Publisher, clock: Clock) -> None:
        self._outbox = outbox
        self._tasks = tasks
        self._publisher = publisher
        self._clock = clock
        self._slots: Counter[str] = Counter()
        self._slots_until = float("-inf")
        self._paused_until = float("-inf")
        self._pause = 0.0

    def step(self) -> bool:
        """Release and publish one batch of each; says whether there was anything.

        The broker being away is survived: everything stays in the outbox, and nothing is tried for a growing while.
        Raises StateUnavailable.
        """
        now = self._clock.monotonic()
        if now < self._paused_until:
            return False
        try:
            orders = self._orders()
            events = self._events()
        except BrokerUnavailable as error:
            self._back_off(error)
            return False
        if orders + events:
            self._returned()
        return orders + events > 0

    def _orders(self) -> int:
        slots = self._live_slots()
        for tag in Tag:
            self._outbox.release_window(tag, window(slots[tag]))
        due = self._outbox.due(_BATCH)
        self._publisher.batch([entry.order for entry in due])
        self._outbox.published(*due)
        return len(due)

    def _events(self) -> int:
        events = self._outbox.events(_BATCH)
        self._publisher.batch(events)
        self._outbox.sent(events)
        metrics.notified(kind="event", outcome="sent", number=len(events))
        return len(events)

    def _live_slots(self) -> Counter[str]:
        now = self._clock.monotonic()
        if now >= self._slots_until:
            self._slots = Counter(worker.tag for worker in self._tasks.workers() if worker.works)
            self._slots_until = now + _WORKERS_SECONDS
        return self._slots

    def _back_off(self, error: BrokerUnavailable) -> None:
        if not self._pause:
            log.warning("broker.lost", code=error.code, message=error.message)
        self._pause = min(max(2 * self._pause, _SHORTEST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
        self._paused_until = self._clock.monotonic() + self._pause

    def _returned(self) -> None:
        if self._pause:
            log.info("broker.returned")
            self._pause = 0.0
