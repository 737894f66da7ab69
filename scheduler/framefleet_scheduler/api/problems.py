"""Errors as answers: `{"error": {"code", "message", "field", "hint", "request_id"}}` with the fitting status, always."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match

from framefleet.domain.errors import (
    FramefleetError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RequestTimeout,
    RequestTooLarge,
    ServiceError,
    UnknownStorage,
    UnknownTemplate,
)
from framefleet_scheduler.api.sessions import COOKIE

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 2
"""After which a service that is away may be back: they are asked every second."""
_KINDS: dict[int, type[FramefleetError]] = {
    kind.status: kind for kind in (NotFound, MethodNotAllowed, RequestTimeout, RequestTooLarge)
}
"""For what the framework refuses."""


class Problem(BaseModel):
    """What went wrong."""

    code: str
    """Stable; listed in docs/errors.md."""
    message: str
    field: str | None = None
    """Path into the request."""
    hint: str | None = None
    request_id: str
    """Also in the header X-Request-Id, and in the server's log."""


class ProblemBody(BaseModel):
    """Every answer that is no success."""

    error: Problem


def answer(
    request: Request,
    status: int,
    code: str,
    message: str,
    *,
    field: str | None = None,
    hint: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error's answer: JSON, or a page where a browser asks for one."""
    problem = Problem(code=code, message=message, field=field, hint=hint, request_id=request.state.request_id)
    if _is_page(request):
        page: Response = request.app.state.error_page(request, status, problem, dict(headers or {}))
        return page
    return JSONResponse({"error": problem.model_dump()}, status, headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Answer everything that handlers and the framework raise."""

    @app.exception_handler(FramefleetError)
    async def _refused(request: Request, error: FramefleetError) -> Response:
        headers = {}
        status = error.status
        if isinstance(error, ServiceError):
            status = int(HTTPStatus.SERVICE_UNAVAILABLE)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
            log.warning("api.unavailable", code=error.code, message=error.message)
        if (
            isinstance(error, UnknownTemplate)
            and request.url.path.startswith("/v1/templates/")
            and error.field != "base"
        ) or (isinstance(error, UnknownStorage) and request.url.path.startswith("/v1/storages/")):
            status = int(HTTPStatus.NOT_FOUND)  # it is what was asked for, not what a body names
        if status == HTTPStatus.UNAUTHORIZED and not _of_a_page(request):
            headers["WWW-Authenticate"] = 'Basic realm="framefleet"'
        if error.retry_after is not None:
            headers["Retry-After"] = str(error.retry_after)
        return answer(
            request, status, error.code, error.message, field=error.field, hint=error.hint_text, headers=headers
        )

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        is_json = first["type"] != "json_invalid"  # else the place is a number of characters
        field = (".".join(str(part) for part in first["loc"][1:]) or None) if is_json else None
        refused = InvalidRequest(str(first["msg"]), field=field, hint="See /openapi.json for what it may be.")
        said = partial(answer, request, 400, refused.code, refused.message, field=field, hint=refused.hint_text)
        # The frame of a page asks who looks, perhaps the store.
        return await run_in_threadpool(said) if _is_page(request) else said()

    @app.exception_handler(HTTPException)
    async def _unknown(request: Request, error: HTTPException) -> Response:
        kind = _KINDS.get(error.status_code, InvalidRequest)
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = _allowed(request)
        said = partial(
            answer, request, error.status_code, kind.code, str(error.detail), hint=kind.hint, headers=headers
        )
        return await run_in_threadpool(said) if _is_page(request) else said()

    @app.exception_handler(Exception)
    async def _broken(request: Request, error: Exception) -> Response:
        # Starlette logs it, too; this line has the id that the caller was told.
        log.error("api.broken", path=request.url.path, error=type(error).__name__, exc_info=error)
        return answer(request, 500, FramefleetError.code, "the request broke the server", hint=FramefleetError.hint)


def _is_page(request: Request) -> bool:
    """Whether a browser asks for a page."""
    return not request.url.path.startswith("/v1/") and "text/html" in request.headers.get("accept", "")


def _of_a_page(request: Request) -> bool:
    """Whether a browser asks, which would itself ask for a key, remember it, and send it with whatever any page sends."""
    return not request.url.path.startswith("/v1/") or COOKIE in request.cookies or "sec-fetch-site" in request.headers


def _allowed(request: Request) -> str:
    """The methods there are for a path: the router itself names only those of the first route that has it."""
    methods: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    return ", ".join(sorted(methods))
