"""Settings that people change, as rows of numbered versions in the object store.

A change is a new version, created only if absent: of two changes at once the second is made on top of the first, and a
change that was confirmed is never undone by one that began before it. A version never changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Generic, TypeVar

from pydantic import ValidationError

from framefleet.domain.errors import FramefleetError, InvalidRequest, StoreUnavailable
from framefleet.domain.versioned import LAST_VERSION, Versioned
from framefleet.ports import ObjectStore

_TRIES = 50
_KEY = re.compile(r"([^/]+)/([0-9]{6})\.json")

_V = TypeVar("_V", bound=Versioned)


class Versions(Generic[_V]):
    """All things of a kind, below one prefix of the store. Safe to share between threads.

    Raises StoreUnavailable when the store is away.
    """

    def __init__(self, store: ObjectStore, prefix: str, model: type[_V], what: str) -> None:
        """`what` one of them is called in messages, e.g. `the pipeline`."""
        self._store = store
        self._prefix = prefix
        self._model = model
        self._what = what
        self._read: dict[str, _V] = {}

    def latest(self, name: str) -> _V | None:
        """One thing as it is now; None when there never was one."""
        numbers = [_split(info.key, self._prefix)[1] for info in self._store.list(f"{self._prefix}{name}/")]
        number = max(numbers, default=0)
        return self._stored(name, number) if number else None

    def all(self) -> list[_V]:
        """Everything as it is now, by name."""
        latest: dict[str, int] = {}
        for info in self._store.list(self._prefix):
            name, number = _split(info.key, self._prefix)
            if number:
                latest[name] = max(latest.get(name, 0), number)
        return [self._stored(name, number) for name, number in sorted(latest.items())]

    def change(self, name: str, make: Callable[[_V | None, int], _V]) -> _V:
        """Make the next version from the latest one (None: there is none) and its number; durable when this returns.

        What `make` returns has a nonce of its own. Raises what it raises.
        """
        for _ in range(_TRIES):
            latest = self.latest(name)
            number = 1 if latest is None else latest.version + 1
            if number > LAST_VERSION:
                raise InvalidRequest(f"{self._what} {name} has had {LAST_VERSION} versions")
            made = make(latest, number)
            # A False may be the lost answer to our own creation; the nonce tells.
            if self._store.create(self._key(name, number), made.model_dump_json().encode()) or (
                self._stored(name, number) == made
            ):
                return made
        raise StoreUnavailable(f"too many others are changing {self._what} {name}")

    def _stored(self, name: str, number: int) -> _V:
        known = self._read.get(name)
        if known is not None and known.version == number:
            return known
        body = self._store.get(self._key(name, number))
        if body is None:
            raise StoreUnavailable(f"version {number} of {self._what} {name} exists but cannot be read")
        try:
            found = self._model.model_validate_json(body)
        except ValidationError:
            raise FramefleetError(
                f"version {number} of {self._what} {name} was stored by a version of Framefleet this one cannot read"
            ) from None
        self._read[name] = found
        return found

    def _key(self, name: str, number: int) -> str:
        return f"{self._prefix}{name}/{number:06d}.json"


def _split(key: str, prefix: str) -> tuple[str, int]:
    match = _KEY.fullmatch(key.removeprefix(prefix))
    return (match[1], int(match[2])) if match else ("", 0)
