"""How many callers may wait at once: each holds a thread of the server, so nobody may have all of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Crowd:
    """Places of one process. Safe to share between threads."""

    def __init__(self, most: int, each: int) -> None:
        """`most` places, of which one party has `each` at most."""
        self._most = most
        self._each = each
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    @contextmanager
    def place(self, whose: str) -> Iterator[bool]:
        """Whether there is a place for them; it is held within."""
        with self._lock:
            found = self._held.total() < self._most and self._held[whose] < self._each
            if found:
                self._held[whose] += 1
        try:
            yield found
        finally:
            if found:
                with self._lock:
                    self._held[whose] -= 1
                    self._held += Counter()  # without those that have none
