"""The cache of finished work: how much there is, and what has to go.

An entry is one object, and beside it another one where a run has taken it over; the later of their times is its last use.
Notes on how films were cut are entries, too, of no bytes.
No run needs an entry once it has copied it, so any entry may go at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import structlog

from framefleet import metrics
from framefleet.domain import keys
from framefleet.ports import Clock, ObjectStore

log = structlog.get_logger()

PASS_SECONDS = 60.0
"""Between two looks at the whole cache,"""
SHARE = 50
"""and so many times as long as the last one took, where that is more."""
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One piece of finished work."""

    prefix: str
    """Its objects are below it."""
    keys: tuple[str, ...]
    bytes: int
    used: datetime
    """When it was last made or taken over."""

    @property
    def pipeline(self) -> str:
        """Whose it is."""
        return self.prefix.split("/")[1]

    @property
    def is_work(self) -> bool:
        """False for a note on how a film was cut."""
        return not self.prefix.split("/")[2].startswith("grid-")


def entries(store: ObjectStore, pipeline: str | None = None) -> Iterator[Entry]:
    """Everything in the cache, or what belongs to one pipeline. Raises StoreUnavailable.

    One listing, about 13 000 objects per second.
    """
    below = keys.CACHE if pipeline is None else f"{keys.CACHE}{pipeline}/"
    for prefix, group in groupby(store.list(below), key=lambda info: info.key.rpartition("/")[0]):
        objects = list(group)
        yield Entry(
            prefix=prefix,
            keys=tuple(info.key for info in objects),
            bytes=sum(info.bytes for info in objects),
            used=max(info.modified for info in objects),
        )


def too_old_or_too_much(found: Iterable[Entry], oldest: datetime, most: int) -> list[Entry]:
    """What has to go: all that was last used before `oldest`, then what was used longest ago, until `most` bytes are left."""
    kept = most
    gone = []
    for entry in sorted(found, key=lambda e: (e.used, e.prefix), reverse=True):
        if entry.bytes > most:  # alone too much: nothing else has to make room for it
            gone.append(entry)
            continue
        kept -= entry.bytes
        if kept < 0 or entry.used < oldest:
            gone.append(entry)
    return gone


def clear(store: ObjectStore, found: Iterable[Entry]) -> tuple[int, int]:
    """Remove entries; says how many, and their bytes. Raises StoreUnavailable."""
    number = size = 0
    batch: list[str] = []
    for entry in found:
        number, size = number + entry.is_work, size + entry.bytes
        batch += entry.keys
        if len(batch) >= _BATCH:
            store.delete(batch)
            batch = []
    store.delete(batch)
    return number, size


def discard_canceled(store: ObjectStore, pipeline: str, run: str, objects: Iterable[str]) -> int:
    """Remove what a canceled run (`task/number`) put into the cache and no other has used, as the marks among its objects
    say; how many. Raises StoreUnavailable.
    """
    gone = []
    for key in objects:
        head, _, digest = key.rpartition("/")
        if head.endswith("/cached"):
            use = keys.cache_use(pipeline, digest)
            if store.get(use) in {None, run.encode()}:
                gone += [keys.cached(pipeline, digest), use]
    if gone:
        store.delete(gone)
    return len(gone) // 2


class CacheKeeper:
    """Keeps the cache within its age and size. One thread at a time; two schedulers at once do no harm."""

    def __init__(self, store: ObjectStore, clock: Clock, *, days: float, most_bytes: int) -> None:
        """`days` since its last use an entry is kept, `most_bytes` all together; either 0: nothing is."""
        self._store = store
        self._clock = clock
        self._age = timedelta(days=days if most_bytes else 0)
        self._most = most_bytes if days else 0
        self._next = clock.monotonic()

    def step(self) -> bool:
        """Look at the whole cache if it is time to; says whether it was. Raises StoreUnavailable."""
        started = self._clock.monotonic()
        if started < self._next:
            return False
        number, size = self.trim()
        ended = self._clock.monotonic()
        self._next = ended + max(PASS_SECONDS, SHARE * (ended - started))
        if number:
            log.info("cache.trimmed", entries=number, bytes=size)
        return True

    def trim(self) -> tuple[int, int]:
        """Remove what is too old or too much; how many entries, and their bytes. Raises StoreUnavailable."""
        found = list(entries(self._store))
        gone = too_old_or_too_much(found, self._clock.now() - self._age, self._most)
        number, size = clear(self._store, gone)
        metrics.cache_moved(action="removed", size=size)
        return number, size
