"""A call's parameters as a model, and what every listing of ICE has: pages, times, order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from framefleet.domain.errors import InvalidRequest
from framefleet.domain.states import TaskState
from framefleet_scheduler.clouds.alibaba.ice import words
from framefleet_scheduler.clouds.alibaba.parameters import BadParameter, read
from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.clouds.engine import Engine, Known, place_of
from framefleet_scheduler.clouds.fields import Wire

W = TypeVar("W", bound=Wire)

DOOR = "ice"
KEPT = timedelta(days=7)
"""For how long a job can be asked for."""
PAGE = 20
MOST_PAGE = 100
MOST_LOOKED_AT = 1_000
"""Jobs in one call of a listing; the next page goes on from there."""
_JOB_ID = re.compile(r"[0-9a-f]{32}")


def taken(call: Call, model: type[W]) -> W:
    """The parameters. Raises Refusal."""
    try:
        asked = read(call.parameters, model)
    except BadParameter as error:
        if error.missing:
            raise words.missing(error.path) from None
        raise words.unfit(error.path, str(error).removeprefix(f"{error.path}: ")) from None
    words.check_supported(asked)
    return asked


def named(path: str, text: str | None, most: int) -> str:
    """A text that has to be there, of so many characters. Raises Refusal."""
    if text is None:
        raise words.missing(path)
    if len(text) > most:
        raise words.beyond(path, f"it may have {most} characters")
    return text


def found(engine: Engine, call: Call, job_id: str | None, scope: str, path: str = "JobId") -> Known:
    """A job of the caller's. Raises Refusal."""
    if job_id is None:
        raise words.missing(path)
    known = engine.find(DOOR, call, job_id) if _JOB_ID.fullmatch(job_id) else None
    if known is None or known.origin.scope != scope or call.at - known.origin.created_at > KEPT:
        raise words.unknown(f"the job {job_id}")
    return known


@dataclass(frozen=True, slots=True)
class Asked:
    """What a listing of jobs asks for; names of the parameters are the same in all of them."""

    job_id: str | None
    status: str | None
    start: str | None
    end: str | None
    order: str | None
    size: int | None
    token: str | None


def page(
    engine: Engine, call: Call, scope: str, asked: Asked, states: Mapping[str, frozenset[TaskState]]
) -> tuple[list[Known], str | None]:
    """Jobs of a scope, and the token of the next page. `states`: words of the filter in lower case. Raises Refusal."""
    size = PAGE if asked.size is None else asked.size
    words.check_within("PageSize", size, 1, MOST_PAGE)
    wanted = None
    if asked.status is not None:
        wanted = states.get(asked.status.lower())
        if wanted is None:
            raise words.unfit("Status", f"it is none of {', '.join(states)}")
    if asked.job_id is not None:
        return _one(engine, call, scope, asked.job_id, wanted), None
    since = max(_time(asked.start, "StartOfCreateTime") or call.at - KEPT, call.at - KEPT)
    until = _time(asked.end, "EndOfCreateTime")
    if asked.order not in {None, "CreateTimeDesc", "CreateTimeAsc"}:
        raise words.unfit("OrderBy", "it is none of CreateTimeDesc and CreateTimeAsc")
    try:
        after = engine.desk.cursors.place(asked.token)
    except InvalidRequest:
        raise words.unfit("NextPageToken", "it is none of this listing") from None
    one_state = next(iter(wanted)) if wanted is not None and len(wanted) == 1 else None
    is_oldest = asked.order == "CreateTimeAsc"
    records = engine.listed(
        DOOR,
        call,
        scope,
        state=one_state,
        since=since,
        until=until,
        after=after,
        most=MOST_LOOKED_AT,
        oldest_first=is_oldest,
    )
    shown: list[Known] = []
    looked, last = 0, after
    for record in records:
        if len(shown) == size:
            break
        looked, last = looked + 1, place_of(record)
        origin = engine.origin(record.id) if wanted is None or record.state in wanted else None
        if origin is not None:
            shown.append(Known(origin, record))
    else:
        last = last if looked >= MOST_LOOKED_AT else None
    return shown, engine.desk.cursors.cursor(last)


def _one(engine: Engine, call: Call, scope: str, job_id: str, wanted: frozenset[TaskState] | None) -> list[Known]:
    known = engine.find(DOOR, call, job_id) if _JOB_ID.fullmatch(job_id) else None
    if known is None or known.origin.scope != scope or call.at - known.origin.created_at > KEPT:
        return []
    return [known] if wanted is None or known.record.state in wanted else []


def _time(text: str | None, path: str) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise words.unfit(path, "it has to be a time such as 2026-01-02T03:04:05Z") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
