"""The relay: ready subtasks into the outbox, the outbox to the broker. Decides nothing about tasks.

Whatever was published but not marked so is published again: workers drop what they cannot claim.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from framefleet import metrics
from framefleet.domain.errors import BrokerUnavailable, ServiceError
from framefleet.domain.subtask import Tag
from framefleet.ports import Clock, Event, Outbox, Publisher, TaskStore

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
    """Publishes orders that are due. One thread at a time; several dispatchers may share an outbox."""

    def __init__(self, outbox: Outbox, tasks: TaskStore, publisher: Publisher, clock: Clock) -> None:
        self._outbox = outbox
        self._tasks = tasks
        self._publisher = publisher
        self._clock = clock
        self._patience = _Patience(clock, "orders")
        self._slots: Counter[str] = Counter()
        self._slots_until = float("-inf")

    def step(self) -> bool:
        """Release and publish one batch; says whether there was anything.

        The broker being away is survived: everything stays in the outbox, and nothing is tried for a growing while.
        Raises StateUnavailable.
        """
        return self._patience.step(self._orders)

    def _orders(self) -> int:
        slots = self._live_slots()
        for tag in Tag:
            self._outbox.release_window(tag, window(slots[tag]))
        due = self._outbox.due(_BATCH)
        self._publisher.batch([entry.order for entry in due])
        self._outbox.published(*due)
        return len(due)

    def _live_slots(self) -> Counter[str]:
        now = self._clock.monotonic()
        if now >= self._slots_until:
            self._slots = Counter(worker.tag for worker in self._tasks.workers() if worker.works)
            self._slots_until = now + _WORKERS_SECONDS
        return self._slots


class EventRelay:
    """Publishes events, the oldest first. As `Dispatcher`, but by itself: no order waits until the broker has written
    events to its disk.
    """

    def __init__(self, outbox: Outbox, tasks: TaskStore, publisher: Publisher, clock: Clock) -> None:
        """`publisher` is not the dispatcher's."""
        self._outbox = outbox
        self._tasks = tasks
        self._publisher = publisher
        self._patience = _Patience(clock, "events")

    def step(self) -> bool:
        """As `Dispatcher.step`."""
        return self._patience.step(self._events)

    def _events(self) -> int:
        events = self._outbox.events(_BATCH)
        self._publisher.batch(events)
        self._outbox.sent(events)
        metrics.notified(kind="event", outcome="sent", number=len(events))
        self._note_waits(events)
        return len(events)

    def _note_waits(self, events: Sequence[Event]) -> None:
        """How long tasks that have just begun had waited: told now and not when they end, hours later."""
        for event in events:
            if not event.key.startswith("task.running."):
                continue
            told = json.loads(event.body)
            if told["run"] > 1 and not self._is_new(told["id"]):
                continue
            begun, accepted = (datetime.fromisoformat(told[name]) for name in ("started_at", "created_at"))
            # The two are of different clocks.
            seconds = max((begun - accepted).total_seconds(), 0.0)
            metrics.task_begun(pipeline=told["pipeline"], wait_seconds=seconds)

    def _is_new(self, task_id: str) -> bool:
        """Whether a later run was asked for by somebody: one that goes on on CPUs has begun long ago."""
        try:
            task = self._tasks.task(task_id)
        except ServiceError as error:
            log.debug("waits.unknown", task_id=task_id, code=error.code)
            return False
        return task is not None and task.moved is None


class _Patience:
    """Does nothing for a growing while after the broker was found away."""

    def __init__(self, clock: Clock, what: str) -> None:
        """`what` is published, in the log."""
        self._clock = clock
        self._what = what
        self._pause = 0.0
        self._paused_until = float("-inf")

    def step(self, publish: Callable[[], int]) -> bool:
        """Publish, unless it is too early; says whether there was anything."""
        if self._clock.monotonic() < self._paused_until:
            return False
        try:
            number = publish()
        except BrokerUnavailable as error:
            self._back_off(error)
            return False
        if number and self._pause:
            log.info("broker.returned", publishing=self._what)
            self._pause = 0.0
        return number > 0

    def _back_off(self, error: BrokerUnavailable) -> None:
        if not self._pause:
            log.warning("broker.lost", publishing=self._what, code=error.code, message=error.message)
        self._pause = min(max(2 * self._pause, _SHORTEST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
        self._paused_until = self._clock.monotonic() + self._pause
