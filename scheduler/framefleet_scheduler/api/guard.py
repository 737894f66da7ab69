"""Who asks, and whether they may."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute

from framefleet.domain.access import AccessKey, Role
from framefleet.domain.errors import Forbidden, TaskNotFound, TooManyRequests, Unauthenticated
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.origin import SAFE, check_host, check_origin
from framefleet_scheduler.api.rates import Rates
from framefleet_scheduler.api.sessions import COOKIE, Sessions


async def _desk(request: Request) -> Desk:  # not a thread's work
    desk: Desk = request.app.state.desk
    return desk


AtDesk = Annotated[Desk, Depends(_desk)]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, and what they may do."""

    id: str
    """A key's, or `local`."""
    role: Role
    pipelines: tuple[str, ...] | None
    """Those they may see and use; None: all."""
    rate: int | None = None
    """Requests per second; None: the server's."""

    def sees(self, pipeline: str) -> bool:
        """Whether tasks of a pipeline exist for them."""
        return self.pipelines is None or pipeline in self.pipelines

    def need(self, role: Role) -> None:
        """Raises Forbidden when their role is less."""
        if not self.role.covers(role):
            raise Forbidden(f"that needs the role {role}; the key's is {self.role}")

    def need_pipeline(self, pipeline: str) -> None:
        """Raises Forbidden when they may not use it."""
        if not self.sees(pipeline):
            raise Forbidden(f"the key is not for the pipeline {pipeline}", field="pipeline")

    def need_all(self, role: Role) -> None:
        """Raises Forbidden unless they have the role for the whole cluster."""
        self.need(role)
        if self.pipelines is not None:
            raise Forbidden("that is not of one pipeline, and the key is for some only")

    def must_see(self, pipeline: str, task_id: str) -> None:
        """Raises TaskNotFound: for who may not see a task there is none."""
        if not self.sees(pipeline):
            raise TaskNotFound(f"there is no task {task_id}")


EVERYBODY = Caller("local", Role.ADMIN, None)
_GUESSED = "more wrong keys than one address may try"


async def _caller(request: Request, desk: AtDesk) -> Caller:
    known: Caller | None = getattr(request.state, "asked", None)
    return known if known is not None else await _asked(request, desk)


async def _asked(request: Request, desk: Desk) -> Caller:
    token = request.headers.get("x-csrf-token", "")
    if _is_known(request, desk):
        return identify(request, desk, token)
    return await run_in_threadpool(identify, request, desk, token)


class KeyFirst(APIRoute):
    """For routes whose bodies the framework reads: it would do so before anybody is asked for a key, at the server's cost."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """One that asks first."""
        handle = super().get_route_handler()

        async def asked(request: Request) -> Response:
            request.state.asked = await _asked(request, request.app.state.desk)
            return await handle(request)

        return asked


def _is_known(request: Request, desk: Desk) -> bool:
    """Whether it takes no look into the store to say who asks: then another thread would cost more than it saves."""
    if not desk.asks_for_keys:
        return True
    try:
        key_id, _ = credentials(request.headers.get("authorization", ""))
    except Unauthenticated:
        return False
    return desk.access.remembers(key_id)


def identify(request: Request, desk: Desk, token: str) -> Caller:
    """Who asks. `token` is the one of the session's forms: what changes something needs it when it comes with a cookie.

    Raises Unauthenticated, Forbidden or TooManyRequests.
    """
    caller = recognized(request, desk, token)
    structlog.contextvars.bind_contextvars(caller=caller.id)
    request.state.caller = caller.id  # for the audit log
    _within(desk.rates, caller.id, f"more requests than the key {caller.id} may send", caller.rate)
    return caller


def recognized(request: Request, desk: Desk, token: str = "") -> Caller:
    """As `identify`, but what the key may send is not spent: for looking again at who asked. Raises as it does."""
    return _with_key(desk, request, token) if desk.asks_for_keys else _with_none(request, desk.hosts)


def _with_none(request: Request, hosts: tuple[str, ...]) -> Caller:
    check_host(request.headers, hosts)
    if request.method not in SAFE:
        check_origin(request.headers)
    return EVERYBODY


def _with_key(desk: Desk, request: Request, token: str) -> Caller:
    if request.method not in SAFE:
        check_origin(request.headers)  # a browser sends keys it remembers (Basic), as it sends cookies
    header, cookie = request.headers.get("authorization", ""), request.cookies.get(COOKIE, "")
    if cookie and not header:
        key = _with_cookie(request, cookie, token)
    else:
        key = for_this_api(shown_key(request, desk, *credentials(header)))
    return Caller(key.id, key.role, key.pipelines, key.rate)


def _with_cookie(request: Request, cookie: str, token: str) -> AccessKey:
    sessions: Sessions = request.app.state.sessions
    key = sessions.key(cookie)
    if key is None:
        raise Unauthenticated("the session is over", hint="Log in again.")
    if request.method not in SAFE and not sessions.fits(cookie, token):
        raise Forbidden("the request has no token of this session", hint="Load the page again.")
    return key


def shown_key(request: Request, desk: Desk, key_id: str, secret: str) -> AccessKey:
    """The key whose secret was shown. Raises Unauthenticated, or TooManyRequests to who guesses."""
    address = request.client.host if request.client is not None else ""
    if not desk.access.has_seen(key_id):  # the look costs a request of the store: who has guessed too often causes none
        _within(desk.guesses, address, _GUESSED, take=False)
    key = desk.access.check(key_id, secret)
    if key is None:
        _within(desk.guesses, address, _GUESSED)
        raise Unauthenticated("the key is unknown, revoked, or its secret is another")
    return key


def for_this_api(key: AccessKey) -> AccessKey:
    """The key. Raises Forbidden for one that is for operations of the clouds' dialects only."""
    if key.actions is not None:
        raise Forbidden(
            "the key is for operations of the clouds' dialects only",
            hint="Use it where their SDKs do, or a key without actions here.",
        )
    return key


def _within(rates: Rates, who: str, otherwise: str, per_second: int | None = None, *, take: bool = True) -> None:
    wait = rates.wait(who, per_second, take=take)
    if wait:
        error = TooManyRequests(otherwise)
        error.retry_after = math.ceil(wait)
        raise error


def credentials(header: str) -> tuple[str, str]:
    """(id, secret) of an Authorization header. Raises Unauthenticated."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode()
        except ValueError:
            raise Unauthenticated("the Basic credentials are not Base64 of ID:SECRET") from None
    elif scheme.lower() != "bearer":
        raise Unauthenticated("the request has no key")
    key_id, colon, secret = value.strip().partition(":")
    if not colon:
        raise Unauthenticated("the key is to be ID:SECRET")
    return key_id, secret


Asking = Annotated[Caller, Depends(_caller)]
