"""ASGI middleware: finds the requests of clouds' SDKs on the API's port, before a framework has read anything of them.

Dispatch follows from who signed how, since nearly all of these requests are `POST /`: Alibaba's and Tencent's by the scheme of the
signature and the version, Visionular's by its path. Everything else goes on to the API and the console.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from framefleet.domain.errors import Forbidden, FramefleetError, ServiceError
from framefleet_scheduler.api.audit import note
from framefleet_scheduler.api.origin import check_origin
from framefleet_scheduler.clouds.call import AWAY, Call, Front, Refusal
from framefleet_scheduler.clouds.family import Family
from framefleet_scheduler.clouds.gate import Gate, Refused
from framefleet_scheduler.clouds.signatures import Scheme, recognize
from framefleet_scheduler.clouds.wire import Answer, RawRequest, is_form

log = structlog.get_logger()

SMALL_BYTES = 64 << 10
"""Of bodies that wait for no other."""
MOST_LARGE = 16
"""Larger bodies at once, in one process, until they are answered: they are in memory before anybody knows who sends them. The
next ones wait, for as long as a body may take to come."""
_CLOUDS_HEADERS = ("x-acs-action", "x-acs-version", "x-tc-action", "x-tc-version")
_ALIBABA = frozenset({Scheme.ACS3, Scheme.RPC1})

Handler = Callable[[RawRequest, Request], Answer]


class ByPath(Protocol):
    """A dialect that is told by its path."""

    def handle(self, request: RawRequest, about: Request) -> Answer:
        """Answer one request. Raises nothing."""

    def cut(self, message: str) -> Answer:
        """To a request whose body is too large, or did not come."""


@dataclass(frozen=True, slots=True)
class Doors:
    """What is behind the door."""

    gate: Gate
    alibaba: Family
    tencent: Family
    by_path: Mapping[str, ByPath]
    """By how the path begins, e.g. `/vodencoding/v1/`."""


class Door:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, doors: Doors) -> None:
        self._app = app
        self._doors = doors
        self._large = asyncio.Semaphore(MOST_LARGE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        by_path = next((one for prefix, one in self._doors.by_path.items() if path.startswith(prefix)), None)
        if by_path is None and (path not in {"", "/"} or not _may_be_ours(_raw(scope, b""))):
            await self._app(scope, receive, send)
            return
        async with AsyncExitStack() as places:
            body, cut = await self._body(receive, places)
            answer = await self._answer(scope, _raw(scope, body), cut, by_path)
        if answer is None:
            await self._app(scope, _again(body, receive), send)
        else:
            await _send(answer, send)

    async def _answer(
        self, scope: Scope, request: RawRequest, cut: str | None, by_path: ByPath | None
    ) -> Answer | None:
        """None: it is no cloud's."""
        handler = self._handler(request) if by_path is None else by_path.handle
        if cut is not None and by_path is not None:
            return by_path.cut(cut)
        if cut is not None and (handler is not None or is_form(request)):
            family = self._doors.alibaba if _is_alibabas(request) else self._doors.tencent
            return family.failure(family.new_request_id(), family.too_large(cut))
        if handler is None:
            return None
        return await run_in_threadpool(handler, request, Request(scope))

    async def _body(self, receive: Receive, places: AsyncExitStack) -> tuple[bytes, str | None]:
        """The body, and why it is not whole. A large one gets a place."""
        parts, size, is_large = [], 0, False
        try:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return b"", "the line broke before the body was there"
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if not message.get("more_body", False):
                    return b"".join(parts), None
                if size > SMALL_BYTES and not is_large:
                    await places.enter_async_context(self._large)
                    is_large = True
        except HTTPException as error:  # of the limits around every request
            return b"".join(parts), str(error.detail)

    def _handler(self, request: RawRequest) -> Handler | None:
        scheme = recognize(request)
        if scheme is not None:
            family = self._doors.alibaba if scheme in _ALIBABA else self._doors.tencent
            return lambda raw, about: self._signed(family, scheme, raw, about)
        if request.header("x-acs-action") or request.header("x-acs-version"):
            return lambda raw, about: self._signed(self._doors.alibaba, Scheme.ACS3, raw, about)
        if request.header("x-tc-action") or request.header("x-tc-version"):
            return lambda raw, about: self._signed(self._doors.tencent, Scheme.TC3, raw, about)
        return None

    def _signed(self, family: Family, scheme: Scheme, request: RawRequest, about: Request) -> Answer:
        request_id = family.new_request_id()
        structlog.contextvars.bind_contextvars(cloud_request_id=request_id)
        told = about.state.call = {"cloud_request_id": request_id}  # for the log of requests

        def failure(refusal: Refusal) -> Answer:
            told["code"] = refusal.code
            return family.failure(request_id, refusal)

        try:
            caller, claim, key = self._doors.gate.signed(request, scheme, request_id)
            structlog.contextvars.bind_contextvars(caller=caller.id)
            about.state.caller = told["caller"] = caller.id  # the former for the audit log
            check_origin(dict(request.headers))
            front = family.fronts.get(claim.version)
            if front is None:
                raise family.unknown_version(claim.version)
            if not front.knows(claim.action):
                raise family.unknown_action(claim.action)
            told |= {"door": front.name, "action": claim.action}
            structlog.contextvars.bind_contextvars(door=front.name, action=claim.action)
            try:
                parameters = family.parameters(request, claim)
            except (ValueError, RecursionError) as error:
                raise family.malformed(f"the parameters cannot be read: {error}") from None
            call = Call(
                caller=caller,
                action=claim.action,
                parameters=parameters,
                request_id=request_id,
                at=self._doors.gate.desk.clock.now(),
                base=_base(about),
                note=lambda what, which: note(about, what, which),
            )
            self._doors.gate.may(key, caller, f"{front.name}:{call.action}", front.meter(call))
            return family.success(request_id, answered(front, call))
        except Refused as refused:
            log.info("cloud.shut", why=refused.why, message=refused.message)
            return failure(family.shut(refused))
        except Refusal as refusal:
            log.info("cloud.refused", code=refusal.code, message=refusal.message)
            return failure(refusal)
        except Forbidden as error:
            return failure(family.malformed(error.message))
        except ServiceError as error:
            log.warning("cloud.unavailable", code=error.code, message=error.message)
            return failure(family.unavailable(AWAY))
        except Exception:  # the shell of the door: a dialect's defect is answered in its words
            log.exception("cloud.broken")
            return failure(family.broken())


def answered(front: Front, call: Call) -> dict[str, Any]:
    """What a front answers. Raises Refusal, ServiceError."""
    try:
        return front.answer(call)
    except ServiceError:
        raise
    except FramefleetError as error:
        raise front.refused(error) from error


def _may_be_ours(request: RawRequest) -> bool:
    """Whether it is worth while to look at the body: browsers that ask for the console's first page send none of this."""
    if request.method == "POST" or any(request.header(name) for name in _CLOUDS_HEADERS):
        return True
    return recognize(request) is not None


def _is_alibabas(request: RawRequest) -> bool:
    """Whose a request is that cannot be read to its end: who signs in a form may have said nothing else yet."""
    scheme = recognize(request)
    return request.header("user-agent").startswith("AlibabaCloud") if scheme is None else scheme in _ALIBABA


def _raw(scope: Scope, body: bytes) -> RawRequest:
    client = scope.get("client")
    return RawRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]),
        body=body,
        client=client[0] if client else "",
    )


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, for who comes next."""
    told = False

    async def message() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return message


def _base(about: Request) -> str:
    return f"{about.url.scheme}://{about.headers.get('host', '')}"


async def _send(answer: Answer, send: Send) -> None:
    body = json.dumps(answer.body, separators=(",", ":")).encode()
    # Exactly this type: with a charset behind it Tencent's SDK sees no error at all.
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
