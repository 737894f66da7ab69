"""`/audit`: who changed what, when and from where."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from framefleet.audit import AuditLog, Entry, is_place
from framefleet.domain.access import Role
from framefleet_scheduler.console.page import Visit

router = APIRouter()

_PAGE = 50
_PLACES = {"task": "/tasks/", "template": "/templates/", "delivery": "/deliveries/"}
"""Where the page of what was changed is, by the first word of the change."""
_ONE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class Row(NamedTuple):
    """A change as it is shown."""

    entry: Entry
    name: str
    """Of the key that made it; empty where it has none, or no key was asked for."""
    link: str | None
    """The page of what was changed."""


@router.get("/audit")
def page(request: Request, visitor: Visit) -> Response:
    """The newest first; those of one day, UTC, with `day`."""
    visitor.caller.need_all(Role.ADMIN)
    day, cursor = _day(request.query_params.get("day", "")), request.query_params.get("cursor", "")
    audit: AuditLog = request.app.state.audit
    since = None if day is None else datetime.combine(day, time(), UTC)
    until = None if since is None else since + timedelta(days=1) - timedelta(milliseconds=1)
    found = audit.entries(since=since, until=until, after=cursor if is_place(cursor) else None, limit=_PAGE)
    names = {key.id: key.name for key in visitor.desk.access.all()}
    shown: dict[str, Any] = {
        "rows": [Row(entry, names.get(entry.who, ""), _link(entry)) for entry in found.entries],
        "next": found.next,
        "day": "" if day is None else str(day),
        "later": is_place(cursor),
    }
    return visitor.show("audit.html", **shown)


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year < 9000 else None


def _link(entry: Entry) -> str | None:
    place = _PLACES.get(entry.what.partition(".")[0])
    gone = entry.what.endswith(".delete")
    return f"{place}{quote(entry.which, safe='')}" if place and not gone and _ONE_NAME.fullmatch(entry.which) else None
