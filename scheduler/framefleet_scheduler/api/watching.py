"""The feed of events handed to everybody who watches: one reader in each process, while there is somebody."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

import structlog

from framefleet.domain.errors import ServiceError
from framefleet.ports import Feed, Shown
from framefleet_scheduler.api.streams import Stream

log = structlog.get_logger()

_AT_ONCE = 200
_WAIT_SECONDS = 1.0
_PAUSE_SECONDS = 0.5
MOST_UNREAD = 2000
"""Events that wait for one who reads slowly."""


class Watcher:
    """Somebody who watches: events wait here until the stream has sent them."""

    def __init__(self, stream: Stream, most: int = MOST_UNREAD) -> None:
        self._stream = stream
        self._most = most
        self._events: deque[Shown] = deque()
        self.lost = False
        """Something is missing from here on: the stream is to end, and whoever wants comes again."""

    def give(self, events: Sequence[Shown]) -> None:
        """Put events down and wake the stream."""
        if len(self._events) + len(events) > self._most:
            self.lost = True
        else:
            self._events.extend(events)
        self._stream.wake()

    def lose(self) -> None:
        """Nobody knows what came meanwhile."""
        self.lost = True
        self._stream.wake()

    def take(self) -> list[Shown]:
        """What has come since the last time."""
        return [self._events.popleft() for _ in range(len(self._events))]


class Watching:
    """Reads the feed for all watchers. Safe to share between threads."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._lock = threading.Lock()
        self._watchers: set[Watcher] = set()
        self._reading = False

    def begin(self, watcher: Watcher) -> str:
        """Give the watcher what comes, until `end`; says where the feed is now. Raises StateUnavailable.

        To be followed by a look at what is behind that place: it may have come before the watcher was known.
        """
        place = self._feed.newest()
        with self._lock:
            self._watchers.add(watcher)
            begins = not self._reading
            self._reading = True
        if begins:
            threading.Thread(target=self._read, args=(place,), name="watching", daemon=True).start()
        return place

    def end(self, watcher: Watcher) -> None:
        """Nothing more for this one."""
        with self._lock:
            self._watchers.discard(watcher)

    def before(self, place: str) -> list[Shown]:
        """All that the feed has behind a place. Raises StateUnavailable."""
        found: list[Shown] = []
        while part := self._feed.after(place, _AT_ONCE):
            found += part
            place = part[-1].place
        return found

    def remembers(self, place: str) -> bool:
        """As the feed's. Raises StateUnavailable."""
        return self._feed.remembers(place)

    def _read(self, place: str) -> None:
        try:
            self._read_on(place)
        except Exception:  # a defect: whoever watches comes again, and then another reader begins
            log.exception("feed.broken")
            with self._lock:
                self._reading = False
            self._lose_all()

    def _read_on(self, place: str) -> None:
        pause = threading.Event()
        while self._watched():
            try:
                events = self._feed.after(place, _AT_ONCE, _WAIT_SECONDS)
            except ServiceError:
                pause.wait(_PAUSE_SECONDS)
                place = self._checked(place)
                continue
            if events:
                place = events[-1].place
                for watcher in self._all():
                    watcher.give(events)

    def _watched(self) -> bool:
        """Whether anybody watches; if not, the reader ends, and the next watcher begins another."""
        with self._lock:
            self._reading = bool(self._watchers)
            return self._reading

    def _all(self) -> list[Watcher]:
        with self._lock:
            return list(self._watchers)

    def _checked(self, place: str) -> str:
        """The same place; where Redis was lost the newest one, and everybody is told that something may be missing."""
        try:
            if self._feed.remembers(place):
                return place
            place = self._feed.newest()
        except ServiceError:
            return place
        self._lose_all()
        return place

    def _lose_all(self) -> None:
        for watcher in self._all():
            watcher.lose()
