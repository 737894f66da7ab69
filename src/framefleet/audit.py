"""Who changed what, when and from where: one small object for each change in the work bucket, by day.

An entry is written after its change, and one that cannot be written does not undo it: it is in the log then, loudly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import NamedTuple
from uuid import uuid4

import structlog
from pydantic import ValidationError

from framefleet.domain import keys
from framefleet.domain.task import utc_now
from framefleet.domain.value import Value
from framefleet.ports import ObjectStore

log = structlog.get_logger()

NAME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})/[0-9]{9}-[0-9a-f]{12}")
"""Of an entry, by day."""
_TEXT_CHARACTERS = 400
_AT_ONCE = 500
_HELD = 1000
"""Names: a page of an S3 server's listing."""
_PARTS = (24, 60, 60)
"""Hours of a day, minutes, seconds."""


class Entry(Value):
    """One change."""

    at: datetime
    who: str
    """The id of an access key; `local`: somebody on the machine, where no keys are asked for; `cli`: a command there."""
    what: str
    """`task.create`, `task.cancel`, `pipeline.change`, ..."""
    which: str = ""
    """The id or name of what was changed."""
    where: str = ""
    """The address the request came from; of a command the host, and who ran it."""
    request_id: str | None = None
    """What the server's log calls the request."""


class Entries(NamedTuple):
    """A part of the list."""

    entries: list[Entry]
    next: str | None
    """Where the next part begins; None at the end."""


class AuditLog:
    """Writes and reads entries. Safe to share between threads."""

    def __init__(self, store: ObjectStore, *, days: float = 90.0, now: Callable[[], datetime] = utc_now) -> None:
        """`days`: how long entries are kept."""
        self._store = store
        self._days = days
        self._now = now

    def write(self, who: str, what: str, which: str = "", *, where: str = "", request_id: str | None = None) -> bool:
        """Note a change that was made; False (and an error in the log) when that failed."""
        now = self._now().astimezone(UTC)
        entry = Entry(
            at=now,
            who=who,
            what=what,
            which=which[:_TEXT_CHARACTERS],
            where=where[:_TEXT_CHARACTERS],
            request_id=request_id,
        )
        try:
            self._store.put(keys.audit(_name(now, uuid4().hex[:12])), entry.model_dump_json().encode())
        except Exception as error:  # noqa: BLE001 - whatever it is: the change was made, and its answer must go out
            log.error(
                "audit.lost", who=who, what=what, which=entry.which, where=entry.where, error=type(error).__name__
            )
            return False
        log.info("audit.written", who=who, what=what, which=entry.which)
        return True

    def entries(
        self, *, since: datetime | None = None, until: datetime | None = None, after: str | None = None, limit: int = 50
    ) -> Entries:
        """Changes from `since` to `until`, the newest first, those behind `after`. Raises ServiceError."""
        names = self._names(since, until, after)
        chosen = list(islice(names, limit + 1))
        found = [entry for name in chosen[:limit] if (entry := self._read(name)) is not None]
        return Entries(found, chosen[limit - 1] if len(chosen) > limit else None)

    def sweep(self) -> int:
        """Remove entries that are older than they are kept; how many. Raises ServiceError."""
        oldest = _name(self._now().astimezone(UTC) - timedelta(days=self._days), "")
        removed, old = 0, list[str]()
        for info in self._store.list(keys.AUDIT):  # in order of time: it ends at the first that stays
            if info.key.removeprefix(keys.AUDIT) >= oldest:
                break
            old.append(info.key)
            if len(old) == _AT_ONCE:
                self._store.delete(old)
                removed, old = removed + len(old), []
        if old:
            self._store.delete(old)
        return removed + len(old)

    def _names(self, since: datetime | None, until: datetime | None, after: str | None) -> Iterator[str]:
        """Names of entries, the newest first. One day of the bucket is listed after the other, as far as somebody reads."""
        now = self._now().astimezone(UTC)
        earliest = (
            max(since.astimezone(UTC), now - timedelta(days=self._days)) if since else now - timedelta(days=self._days)
        )
        latest = min(until.astimezone(UTC), now + timedelta(days=1)) if until else now + timedelta(days=1)
        first, last = _name(earliest, ""), _name(latest + timedelta(milliseconds=1), "")
        last = min(last, after) if after is not None else last
        day = min(latest.date(), date.fromisoformat(last[:10]))
        while day >= earliest.date():
            yield from self._below(f"{day.isoformat()}/", first, last, _PARTS)
            day -= timedelta(days=1)

    def _below(self, prefix: str, first: str, last: str, parts: tuple[int, ...]) -> Iterator[str]:
        """Names with a prefix, from `first` to before `last`, the newest first.

        Where there are very many, its hours are listed one after the other, then minutes, then seconds (`parts`): a store lists
        the oldest first, and no more is to be held than one page of it.
        """
        if prefix >= last or f"{prefix}~" < first:
            return
        listed = (
            info.key.removeprefix(keys.AUDIT).removesuffix(".json") for info in self._store.list(keys.AUDIT + prefix)
        )
        names = list(islice(listed, _HELD)) if parts else list(listed)
        if parts and len(names) == _HELD:
            for part in reversed(range(parts[0])):
                yield from self._below(f"{prefix}{part:02d}", first, last, parts[1:])
            return
        yield from (name for name in reversed(names) if first <= name < last and NAME.fullmatch(name))

    def _read(self, name: str) -> Entry | None:
        body = self._store.get(keys.audit(name))
        try:
            return None if body is None else Entry.model_validate_json(body)
        except ValidationError:
            log.warning("audit.unreadable", name=name)
            return None


def is_place(text: str) -> bool:
    """Whether `entries` can go on behind it."""
    match = NAME.fullmatch(text)
    try:
        return match is not None and bool(date.fromisoformat(match[1]))
    except ValueError:
        return False


def _name(moment: datetime, entry_id: str) -> str:
    return f"{moment.date().isoformat()}/{moment:%H%M%S}{moment.microsecond // 1000:03d}-{entry_id}"


class AuditKeeper:
    """Removes old entries, once a day."""

    def __init__(self, audit: AuditLog, monotonic: Callable[[], float], seconds: float = 86_400.0) -> None:
        self._audit, self._monotonic, self._seconds = audit, monotonic, seconds
        self._due = monotonic()

    def step(self) -> None:
        """Sweep when it is time. Raises ServiceError, and comes again then."""
        if self._monotonic() < self._due:
            return
        removed = self._audit.sweep()
        self._due = self._monotonic() + self._seconds
        if removed:
            log.info("audit.swept", entries=removed)
