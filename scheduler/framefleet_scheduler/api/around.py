"""Around every request: an id, one line in the log, headers that browsers heed, and a refusal when too many are served."""

from __future__ import annotations

import json
import re
import secrets
import time
from urllib.parse import unquote

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from framefleet.domain.errors import Overloaded
from framefleet_scheduler.api.problems import RETRY_AFTER_SECONDS

log = structlog.get_logger()

MOST_AT_ONCE = 256
"""Requests under way in one process; streams of events and files are counted apart (`streams`, `files`)."""
_ALWAYS = frozenset({"/healthz", "/readyz"})
"""Neither counted nor refused: a server that is full lives."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/]+)(/.*)?")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Around:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, most_at_once: int = MOST_AT_ONCE) -> None:
        self._app = app
        self._most_at_once = most_at_once
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        _relative(scope)
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started, status = time.monotonic(), 0
        counted = 0 if scope["path"] in _ALWAYS else 1

        async def answer(message: Message) -> None:
            nonlocal status, counted
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                if scope["state"].get("apart") or headers.get("content-type", "").startswith("text/event-stream"):
                    self._under_way, counted = self._under_way - counted, 0
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = request_id
            await send(message)

        if counted and self._under_way >= self._most_at_once:
            await _overloaded(request_id, answer)
            return
        self._under_way += counted
        try:
            await self._app(scope, receive, answer)
        finally:
            self._under_way -= counted
            seconds = round(time.monotonic() - started, 4)
            more = scope["state"].get("call", {})  # what a cloud's door found: its paths and statuses say little
            log.info(
                "request.answered", method=scope["method"], path=scope["path"], status=status, seconds=seconds, **more
            )


def _relative(scope: Scope) -> None:
    """`GET http://host/path` is the same as `GET /path` with that host (RFC 9112, 3.2.2)."""
    match = _ABSOLUTE.fullmatch(scope["raw_path"])
    if match is not None:
        scope["raw_path"] = match[2] or b"/"
        scope["path"] = unquote(scope["raw_path"].decode("ascii"))
        others = [(name, value) for name, value in scope["headers"] if name != b"host"]
        scope["headers"] = [*others, (b"host", match[1])]


async def _overloaded(request_id: str, send: Send) -> None:
    error = {
        "code": Overloaded.code,
        "message": "the server has as many requests as it can serve",
        "field": None,
        "hint": Overloaded.hint,
        "request_id": request_id,
    }
    headers = [(b"content-type", b"application/json"), (b"retry-after", str(RETRY_AFTER_SECONDS).encode())]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": error}).encode()})
