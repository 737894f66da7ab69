"""`/v1/audit`: who changed what; and the middleware that notes it, for every request that changed something.

What was changed a handler says with `note`, and that is written whatever becomes of the request. Where none is said, a request
below `/v1/` that succeeded counts as a change when its method is none of the safe ones, and is called after its route. The
console's forms say everything themselves, by the names that the API's routes have.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from framefleet.audit import NAME, AuditLog, Entry, is_place
from framefleet.domain.access import Role
from framefleet.domain.errors import InvalidRequest
from framefleet_scheduler.api.described import Moment, aware, refusals
from framefleet_scheduler.api.guard import Asking
from framefleet_scheduler.api.origin import SAFE

router = APIRouter(prefix="/v1/audit", tags=["audit"])

_MOST_LISTED = 200
_VERBS = {"POST": "create", "PUT": "change", "PATCH": "change", "DELETE": "delete"}
_SINGULAR = {"deliveries": "delivery"}
_NOT_CHANGES = re.compile(
    r"/v1/(probe|plan|uploads)(/.*)?|/v1/webhooks/test|/v1/(storages|templates)/\{name\}/check|/v1/tasks"
)
"""Routes that change nothing anybody would look for (dry runs, sources on their way), or say themselves whether they do."""


class Changes(BaseModel):
    """Some changes, the newest first."""

    entries: list[Entry]
    next: str | None = None
    """The cursor of the next page; null when this is the last."""


@router.get("", summary="Who changed what", responses=refusals())
def listing(
    request: Request,
    caller: Asking,
    since: Annotated[Moment | None, Query(description="Made then or later, RFC 3339.")] = None,
    until: Annotated[Moment | None, Query(description="Made then or earlier.")] = None,
    cursor: Annotated[
        str | None, Query(max_length=200, pattern=f"^{NAME.pattern}$", description="`next` of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST_LISTED)] = 50,
) -> Changes:
    """The newest first. Kept for FRAMEFLEET_AUDIT_DAYS. What came over RabbitMQ is not here: its tasks say `by: amqp`."""
    caller.need_all(Role.ADMIN)
    if cursor is not None and not is_place(cursor):
        raise InvalidRequest("that is no cursor of a listing", field="cursor", hint="Take `next` of the page before.")
    audit: AuditLog = request.app.state.audit
    found = audit.entries(since=aware(since, "since"), until=aware(until, "until"), after=cursor, limit=limit)
    return Changes(entries=found.entries, next=found.next)


def note(request: Request, what: str, which: str = "") -> None:
    """Say of a request that it has made this change; may be said several times. It is written also when the rest fails."""
    noted: list[tuple[str, str]] = request.scope["state"].setdefault("noted", [])
    noted.append((what, which))


class Audited:
    """ASGI middleware: writes an entry before the answer goes out."""

    def __init__(self, app: ASGIApp, audit: AuditLog) -> None:
        self._app = app
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] in SAFE:
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                changes = _changes(scope, Headers(raw=message["headers"])) if message["status"] < 400 else []
                await self._write_all(scope, _noted(scope) or changes)
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:  # what an error kept from an answer of ours
            await self._write_all(scope, _noted(scope))

    async def _write_all(self, scope: Scope, changes: list[tuple[str, str]]) -> None:
        for what, which in changes:
            await run_in_threadpool(self._write, scope, what, which)

    def _write(self, scope: Scope, what: str, which: str) -> None:
        state, client = scope.get("state", {}), scope.get("client")
        self._audit.write(
            state.get("caller", "local"),
            what,
            which,
            where=client[0] if client else "",
            request_id=state.get("request_id"),
        )


def _noted(scope: Scope) -> list[tuple[str, str]]:
    """(what, which) that the handler has said, once."""
    noted: list[tuple[str, str]] = scope.get("state", {}).pop("noted", [])
    return noted


def _changes(scope: Scope, headers: Headers) -> list[tuple[str, str]]:
    """(what, which) of a request that succeeded, by its route."""
    route: str = getattr(scope.get("route"), "path", "")
    if not route.startswith("/v1/") or _NOT_CHANGES.fullmatch(route):
        return []
    given: dict[str, Any] = scope.get("path_params", {})
    which = "/".join(str(value) for value in given.values()) or headers.get("location", "").rpartition("/")[2]
    return [(_called(scope["method"], route), which)]


def _called(method: str, route: str) -> str:
    """`POST /v1/tasks/{task_id}/cancel` is `task.cancel`, `DELETE /v1/keys/{key_id}` is `key.revoke`."""
    parts = [part for part in route.removeprefix("/v1").split("/") if part]
    words = [part for part in parts if not part.startswith("{")]
    kind = _SINGULAR.get(words[0], words[0].removesuffix("s"))
    verb = ".".join(words[1:]) or _VERBS.get(method, method.lower())
    if (kind, verb) == ("key", "delete"):
        verb = "revoke"
    if (kind, verb) == ("task", "change"):
        verb = "priority"
    return f"{kind}.{verb}"
