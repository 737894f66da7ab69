"""The grids of earlier plans, kept in the cache as empty objects whose keys say it all: nothing has to be read, changed or
decided between two schedulers.
"""

from __future__ import annotations

from collections.abc import Mapping

from framefleet.domain import keys
from framefleet.ports import ObjectStore


class StoredGrids:
    """Grids of one pipeline. One plan at a time."""

    def __init__(self, store: ObjectStore, pipeline: str) -> None:
        self._store = store
        self._pipeline = pipeline
        self._chosen: list[str] = []

    def made(self, film: str) -> Mapping[int, frozenset[str]]:
        """Segments in a chunk -> digests of the renditions planned with such chunks. Raises StoreUnavailable."""
        found: dict[int, frozenset[str]] = {}
        for info in self._store.list(keys.grids(self._pipeline, film)):
            length, _, rendition = info.key.rpartition("/")[2].partition("-")
            if length.isdecimal():
                found[int(length)] = found.get(int(length), frozenset()) | {rendition}
        return found

    def choose(self, film: str, per_chunk: int, renditions: frozenset[str]) -> None:
        """Note the choice; `keep` writes it."""
        self._chosen += [f"{keys.grids(self._pipeline, film)}{per_chunk}-{name}" for name in sorted(renditions)]

    def keep(self) -> None:
        """Write what was chosen, once the plan stands. Raises StoreUnavailable."""
        for key in self._chosen:
            self._store.put(key, b"")
        self._chosen = []
