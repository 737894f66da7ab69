"""The broker of embedded mode: the same queues and priorities, inside one process."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from framefleet.messages import Order, Report
from framefleet.ports import Event

_T = TypeVar("_T")


class InProcessBroker:
    """Implements `Publisher`, and hands out what was published. Safe for threads.

    What is waiting here is lost with the process, as in any broker; the outbox and the sweep cover that.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._orders: dict[str, list[tuple[int, int, Order]]] = {}
        self._arrival = itertools.count()
        self._reports: deque[Report] = deque()
        self._listeners: list[Callable[[Event], None]] = []
        self._closed = False

    def close(self) -> None:
        """Hand out nothing more: whoever waits gets None at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def order(self, order: Order) -> None:
        """Queue an order: higher priorities first, then in order of arrival."""
        with self._changed:
            heapq.heappush(self._orders.setdefault(order.tag, []), (-order.priority, next(self._arrival), order))
            self._changed.notify_all()

    def report(self, report: Report) -> None:
        """Queue a report."""
        with self._changed:
            self._reports.append(report)
            self._changed.notify_all()

    def event(self, event: Event) -> None:
        """Hand an event to every listener, now."""
        for listener in list(self._listeners):
            listener(event)

    def batch(self, messages: Sequence[Order | Event]) -> None:
        """Orders are queued, events handed out."""
        for message in messages:
            if isinstance(message, Order):
                self.order(message)
            else:
                self.event(message)

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` with every event from now on."""
        self._listeners.append(listener)

    def take_order(self, tag: str, timeout: float) -> Order | None:
        """The most urgent order of a tag; None after `timeout` seconds without one."""

        def take() -> Order | None:
            waiting = self._orders.get(tag)
            return heapq.heappop(waiting)[2] if waiting else None

        return self._wait(take, timeout)

    def take_report(self, timeout: float) -> Report | None:
        """The oldest report; None after `timeout` seconds without one."""

        def take() -> Report | None:
            return self._reports.popleft() if self._reports else None

        return self._wait(take, timeout)

    def _wait(self, take: Callable[[], _T], timeout: float) -> _T | None:
        """What `take` gives, as soon as that is not None; None after `timeout` seconds, or when closed."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not self._closed:
                taken = take()
                left = deadline - time.monotonic()
                if taken is not None or left <= 0:
                    return taken
                self._changed.wait(left)
            return None
