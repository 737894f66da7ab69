"""Lists of tasks in Tencent's dialects: pages, the tokens by which they go on, and how much one call and one key may read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice

from framefleet.domain.records import TaskRecord
from framefleet.ports import Place
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine, place_of
from framefleet_scheduler.clouds.tencent.words import Words

MOST_PAGE = 100
MOST_LOOKED_AT = 10_000
"""Tasks that one call looks at. Its token goes on behind them."""
BLOCK = 25
"""Tasks. The first so many of a call are free; each further block counts for the key, at the rate of `Engine.reads`."""
PLACE = r"[0-9]{1,15}\.[0-9A-Za-z]{1,64}"
"""How a token says a place."""


class Reading:
    """The records that one call reads of a listing. Goes through them once. Raises Refusal when the key has read too many."""

    def __init__(
        self, engine: Engine, call: Call, records: Iterable[TaskRecord], cost: Callable[[TaskRecord], int] | None = None
    ) -> None:
        """`records`: up to `MOST_LOOKED_AT` and one more. `cost`: of one, as so many others; 1 without."""
        self._engine = engine
        self._call = call
        self._records = records
        self._cost = cost
        self.rest: Place | None = None
        """Known when the records have ended: behind which of them more follow, unless these were all."""

    def __iter__(self) -> Iterator[TaskRecord]:
        """In their order."""
        spent, paid = 0, BLOCK
        last: TaskRecord | None = None
        for record in self._records:
            if spent >= MOST_LOOKED_AT and last is not None:
                self.rest = place_of(last)
                return
            spent += 1 if self._cost is None else self._cost(record)
            while paid < spent:
                self._pay()
                paid += BLOCK
            yield record
            last = record

    def _pay(self) -> None:
        wait = self._engine.reads.wait(self._call.caller.id)
        if wait:
            message = "lists of this key have looked at more tasks than they may per second; ask for a narrower one"
            raise Refusal("RequestLimitExceeded", message, retry_after=wait)


def size(asked: int | None, words: Words) -> int:
    """`Limit`. Raises Refusal."""
    limit = 10 if asked is None else asked
    if not 1 <= limit <= MOST_PAGE:
        raise words.wrong("Limit", f"Limit is 1 to {MOST_PAGE}")
    return limit


def page(reading: Reading, fitting: Iterable[TaskRecord], limit: int) -> tuple[list[TaskRecord], str]:
    """The first of those that fit, which come from a reading, and the token that goes on; it is empty at the end."""
    found = list(islice(fitting, limit + 1))
    if len(found) > limit:
        return found[:limit], token(place_of(found[limit - 1]))
    return found, token(reading.rest)


def token(at: Place | None) -> str:
    """`ScrollToken` of what follows a place; nothing when nothing does."""
    return "" if at is None else f"{at.created_ms}.{at.id}"


def place(found: str | None, words: Words) -> Place | None:
    """Where a `ScrollToken` goes on. Raises Refusal."""
    if not found:
        return None
    if re.fullmatch(PLACE, found) is None:
        raise words.wrong("ScrollToken", "ScrollToken is none of ours")
    ms, _, ours = found.partition(".")
    return Place(int(ms), ours)


def moment(text: str | None, name: str, words: Words) -> datetime | None:
    """A time of a filter. Raises Refusal."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise words.wrong(name, f"{name}: {text[:40]!r} is no time of ISO 8601") from None
    if at.tzinfo is None or not 1970 < at.year < 9999:
        raise words.wrong(name, f"{name}: {text[:40]!r} has no zone, or is far away")
    return at
