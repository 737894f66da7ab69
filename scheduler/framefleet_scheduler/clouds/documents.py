"""What a dialect keeps beside its tasks: projects, templates, pipelines, callbacks. One object each in the work bucket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from framefleet.domain import keys
from framefleet.domain.errors import FramefleetError
from framefleet.ports import ObjectStore
from framefleet.recent import Recent

MOST_NAMES = 10_000
"""Of one kind and tenant that are looked at."""
_REMEMBERED_SECONDS = 2.0
_MOST_REMEMBERED = 4_096
_MOST_REMEMBERED_BYTES = 16 << 10
"""Of one document: larger ones are read each time, since tenants say how large theirs are."""


class Documents:
    """Reads and writes them. Safe to share between threads. Raises StoreUnavailable.

    Of two changes at once the later one counts, whole. What was read is good for two seconds, so that calls at a high rate do not
    ask the store each time.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._recent = Recent[str, bytes | None](_REMEMBERED_SECONDS, _MOST_REMEMBERED)

    def get(self, door: str, tenant: str, kind: str, name: str) -> dict[str, Any] | None:
        """One document; None when there is none."""
        key = _key(door, tenant, kind, name)
        found = self._recent.ask(key, lambda: self._store.get(key))
        if found is not None and len(found) > _MOST_REMEMBERED_BYTES:
            self._recent.forget(key)
        return None if found is None else _decoded(key, found)

    def create(self, door: str, tenant: str, kind: str, name: str, document: dict[str, Any]) -> bool:
        """Keep a new one; False when there is one of this name."""
        key = _key(door, tenant, kind, name)
        made = self._store.create(key, _bytes(document))
        self._recent.forget(key)
        return made

    def put(self, door: str, tenant: str, kind: str, name: str, document: dict[str, Any]) -> None:
        """Keep one, in place of what there was."""
        key = _key(door, tenant, kind, name)
        self._store.put(key, _bytes(document))
        self._recent.forget(key)

    def delete(self, door: str, tenant: str, kind: str, name: str) -> None:
        """Forget one."""
        key = _key(door, tenant, kind, name)
        self._store.delete([key])
        self._recent.forget(key)

    def key(self, door: str, tenant: str, kind: str, name: str) -> str:
        """Where a document lies in the work bucket, for who writes it otherwise (`notify.Said.key`)."""
        return _key(door, tenant, kind, name)

    def names(self, door: str, tenant: str, kind: str, most: int = MOST_NAMES) -> list[str]:
        """All there are, in order; at most `most`."""
        prefix = _prefix(door, tenant, kind)
        found: list[str] = []
        for info in self._store.list(prefix):
            if len(found) >= most:
                break
            found.append(unquote(info.key.removeprefix(prefix).removesuffix(".json")))
        return sorted(found)


def _decoded(key: str, body: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(body)
    except ValueError:
        raise FramefleetError(f"the object {key} in the work bucket is no JSON") from None
    return found


class Sessions:
    """Names that a caller may use once in some days (Tencent's SessionId). Safe to share between threads.

    They lie by day, so that old days can go as a whole; who uses the first name of a day removes those that are over.
    """

    def __init__(self, store: ObjectStore, now: Callable[[], datetime], days: int = 3) -> None:
        self._store = store
        self._now = now
        self._days = days
        self._cleaned = ""

    def holder(self, door: str, tenant: str, name: str) -> str | None:
        """What it was used for within the days before now; None when it is free."""
        today = self._now().astimezone(UTC)
        for back in range(self._days + 1):
            body = self._store.get(_session(door, today - timedelta(days=back), tenant, name))
            if body is not None:
                kept = json.loads(body)
                if today - datetime.fromisoformat(kept["at"]) <= timedelta(days=self._days):
                    return str(kept["for"])
        return None

    def take(self, door: str, tenant: str, name: str, what: str) -> str | None:
        """Use it for `what` (an id); None when that is done, else what it is used for already."""
        held = self.holder(door, tenant, name)
        if held is not None:
            return held
        today = self._now().astimezone(UTC)
        self._clean(door, today)
        key = _session(door, today, tenant, name)
        if self._store.create(key, _bytes({"for": what, "at": today.isoformat()})):
            return None
        found = self.holder(door, tenant, name)
        return None if found == what else found

    def free(self, door: str, tenant: str, name: str) -> None:
        """It was taken for something that did not come about."""
        today = self._now().astimezone(UTC)
        self._store.delete([_session(door, today - timedelta(days=back), tenant, name) for back in range(2)])

    def _clean(self, door: str, today: datetime) -> None:
        day = f"{today:%Y-%m-%d}"
        if self._cleaned == day:
            return
        oldest = _sessions(door, today - timedelta(days=self._days))
        gone: list[str] = []
        for info in self._store.list(f"{keys.CLOUDS}{door}/sessions/"):
            if info.key >= oldest or len(gone) >= MOST_NAMES:
                break
            gone.append(info.key)
        if gone:
            self._store.delete(gone)
        if len(gone) < MOST_NAMES:
            self._cleaned = day


def _sessions(door: str, day: datetime) -> str:
    return f"{keys.CLOUDS}{door}/sessions/{day:%Y-%m-%d}/"


def _session(door: str, day: datetime, tenant: str, name: str) -> str:
    # A caller's words are no part of a key as they are: `..` is no name in any store, and long ones are too long for a file.
    return f"{_sessions(door, day)}{quote(tenant, safe='')}/{hashlib.sha256(name.encode()).hexdigest()}"


def _prefix(door: str, tenant: str, kind: str) -> str:
    return f"{keys.CLOUDS}{door}/{kind}/{quote(tenant, safe='')}/"


def _key(door: str, tenant: str, kind: str, name: str) -> str:
    return f"{_prefix(door, tenant, kind)}{quote(name, safe='')}.json"


def _bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
