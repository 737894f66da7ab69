"""Answers that are good for some seconds, so that a store is not asked the same for every request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from framefleet.domain.errors import ServiceError

_K = TypeVar("_K", bound=Hashable)
_A = TypeVar("_A")


class Recent(Generic[_K, _A]):
    """What was answered to each question of late. Safe to share between threads.

    At most `most` answers are kept, since questions come from requests: one more, and all are forgotten.
    """

    def __init__(
        self, seconds: float, most: int, monotonic: Callable[[], float] = time.monotonic, *, ahead: float = 0.0
    ) -> None:
        """Answers are good for `seconds`; in the last `ahead` of them one of those who ask looks, and the others have what is
        good still: else all would look in the moment it runs out.
        """
        self._seconds = seconds
        self._most = most
        self._monotonic = monotonic
        self._ahead = ahead
        self._lock = threading.Lock()
        self._known: dict[_K, tuple[float, _A]] = {}
        self._looking: set[_K] = set()
        """Somebody looks ahead of time."""
        self._forgotten = 0

    def ask(
        self, question: _K, look: Callable[[], _A], *, anew: bool = False, or_stale: tuple[type[Exception], ...] = ()
    ) -> _A:
        """The answer that is good still, else the one that `look` gives; `anew` looks in any case.

        Where `look` raises one of `or_stale`, the last answer is given instead, however old, if there is one. Where it looked
        ahead of time and a service was away, the answer that is good still is given, and the next to ask looks again. Nothing
        is remembered of a look that raised, nor of one that began before `forget`.
        """
        with self._lock:
            now, known, forgotten = self._monotonic(), self._known.get(question), self._forgotten
            ahead = known is not None and now < known[0] and not anew
            if known is not None and ahead:
                if now + self._ahead < known[0] or question in self._looking:
                    return known[1]
                self._looking.add(question)
        covered: tuple[type[Exception], ...] = (ServiceError, *or_stale)
        try:
            answer = look()
        except covered as error:
            with self._lock:
                latest = self._known.get(question)
                if ahead and latest is not None and self._monotonic() < latest[0]:
                    return latest[1]
            if known is None or not isinstance(error, or_stale):
                raise
            return known[1]
        finally:
            if ahead:
                with self._lock:
                    self._looking.discard(question)
        with self._lock:
            latest = self._known.get(question)
            # One that began later knows better.
            if forgotten == self._forgotten and (latest is None or latest[0] <= now + self._seconds):
                if len(self._known) >= self._most:
                    self._known.clear()
                self._known[question] = (now + self._seconds, answer)
        return answer

    def is_at_hand(self, question: _K) -> bool:
        """Whether the next to ask most likely need not look."""
        with self._lock:
            known, now = self._known.get(question), self._monotonic()
            if known is None or now >= known[0]:
                return False
            return now + self._ahead < known[0] or question in self._looking

    def has(self, question: _K) -> bool:
        """Whether there was an answer, even if it is good no more."""
        with self._lock:
            return question in self._known

    def forget(self, question: _K) -> None:
        """Look when this is asked next."""
        with self._lock:
            self._known.pop(question, None)
            self._forgotten += 1
