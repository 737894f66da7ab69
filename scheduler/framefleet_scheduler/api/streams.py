"""Streams of server-sent events that are open: so many at most, woken from any thread, ended with the server."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from framefleet.domain.errors import TooManyRequests

SILENCE_SECONDS = 15.0
"""After which a comment is sent: proxies cut what is silent for long."""
STILL_HERE = ": still here\n\n"
MOST = 512
"""Open in one process."""
MOST_OF_A_KEY = 32
_COME_AGAIN_SECONDS = 10


class Stream:
    """One that is open. Waits in its event loop, is woken from anywhere."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self.over = False
        """The server ends."""

    def wake(self) -> None:
        """End a wait."""
        with suppress(RuntimeError):  # its server has ended
            self._loop.call_soon_threadsafe(self._news.set)

    async def wait(self, seconds: float) -> None:
        """Until woken, for so long at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()


class Streams:
    """All that are open in this process. Safe to share between threads."""

    def __init__(self, most: int = MOST, most_of_a_key: int = MOST_OF_A_KEY) -> None:
        self._most = most
        self._most_of_a_key = most_of_a_key
        self._lock = threading.Lock()
        self._open: set[Stream] = set()
        self._callers: Counter[str] = Counter()
        self._closed = False

    def check(self, caller: str) -> None:
        """Raises TooManyRequests when the caller, or everybody together, has as many as may be."""
        if len(self._open) >= self._most or self._callers[caller] >= self._most_of_a_key:
            error = TooManyRequests("more streams of events are open than may be", hint="Close some of them.")
            error.retry_after = _COME_AGAIN_SECONDS
            raise error

    @contextmanager
    def opened(self, caller: str) -> Iterator[Stream]:
        """A stream of a caller (a key's id) while it lasts. To be entered in the event loop."""
        stream = Stream()
        with self._lock:
            stream.over = self._closed
            self._open.add(stream)
            self._callers[caller] += 1
        try:
            yield stream
        finally:
            with self._lock:
                self._open.discard(stream)
                self._callers[caller] -= 1
                self._callers += Counter()  # without those that have none

    def close(self) -> None:
        """End all, and what is opened later."""
        with self._lock:
            self._closed = True
            streams = list(self._open)
        for stream in streams:
            stream.over = True
            stream.wake()
