"""`/login`, `/logout`: a key is shown once, and a cookie stands for it for some hours."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from framefleet.domain.errors import Unauthenticated
from framefleet_scheduler.api.guard import AtDesk, for_this_api, shown_key
from framefleet_scheduler.api.origin import check_origin
from framefleet_scheduler.api.sessions import COOKIE, SESSION_SECONDS
from framefleet_scheduler.console.page import HEADERS, Submitted, form_of, own_path, render, sessions_of, to

router = APIRouter()

_MOST_ID = 16


@router.get("/login")
def ask(desk: AtDesk, next: str = "/") -> Response:  # noqa: A002 - the query's name
    """The form."""
    if not desk.asks_for_keys:
        return to("/")
    return _form(next=own_path(next))


@router.post("/login")
async def begin(request: Request, desk: AtDesk) -> Response:
    """A session, or the form again with what is wrong."""
    check_origin(request.headers)
    fields = await form_of(request)
    return await run_in_threadpool(_begin, request, desk, {name: values[0].strip() for name, values in fields.items()})


@router.post("/logout")
def end(_: Submitted) -> Response:
    """The cookie is gone."""
    answer = to("/login")
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer


def _begin(request: Request, desk: AtDesk, fields: dict[str, str]) -> Response:
    key_id, secret = fields.get("id", ""), fields.get("secret", "")
    if ":" in key_id and not secret:
        key_id, _, secret = key_id.partition(":")
    where = own_path(fields.get("next", "/"))
    try:
        key = for_this_api(shown_key(request, desk, key_id, secret))
    except Unauthenticated:
        return _form(next=where, wrong=True, key_id=key_id[:_MOST_ID])
    answer = to(where)
    answer.set_cookie(
        COOKIE,
        sessions_of(request).begin(key),
        max_age=SESSION_SECONDS,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


def _form(*, next: str, wrong: bool = False, key_id: str = "") -> HTMLResponse:  # noqa: A002 - the query's name
    nobody: dict[str, Any] = {"here": "/login", "visitor": None, "nav": [], "csrf": "", "keyed": True}
    text = render("login.html", **nobody, next=next, wrong=wrong, key_id=key_id)
    return HTMLResponse(text, 401 if wrong else 200, headers=HEADERS)
