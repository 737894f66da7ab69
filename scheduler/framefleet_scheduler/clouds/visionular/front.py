"""Visionular's operations over HTTP paths: who asks (Basic), which operation, and their envelope.

The numbers of `code` other than 0 are not public at the vendor; ours are in docs/howto/visionular.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import structlog
from starlette.requests import Request

from framefleet.domain.access import AccessKey
from framefleet.domain.errors import (
    Forbidden,
    FramefleetError,
    ServiceError,
    SourceError,
    TaskNotFound,
    Unauthenticated,
)
from framefleet_scheduler.api.guard import Caller, credentials
from framefleet_scheduler.api.origin import check_origin
from framefleet_scheduler.clouds.call import AWAY, Call, Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.gate import PER_SECOND, Gate, Refused, Why
from framefleet_scheduler.clouds.visionular import operations
from framefleet_scheduler.clouds.visionular.operations import AUTH_FAIL, BAD_PARAM, EMPTY_RESULT, INTERNAL
from framefleet_scheduler.clouds.visionular.templates import their_field
from framefleet_scheduler.clouds.wire import Answer, RawRequest, Unreadable, query_pairs

log = structlog.get_logger()

PREFIX = "/vodencoding/v1/"
LIMITED = 42900
UNAVAILABLE = 50300
_MOST_BODY_BYTES = 1 << 20
_RATES = {"list_task": 10.0}
"""Calls per second of a key, where they are fewer: it counts through the tasks."""

_Operation = Callable[[Engine, Call], dict[str, Any]]
OPERATIONS: Mapping[tuple[str, str], _Operation] = {
    ("POST", "create_task"): operations.create_task,
    ("GET", "query_task"): operations.query_task,
    ("GET", "list_task"): operations.list_task,
    ("GET", "query_template"): operations.query_template,
    ("GET", "list_template"): operations.list_template,
    ("POST", "add_template"): operations.add_template,
    ("PUT", "update_template"): operations.update_template,
    ("DELETE", "del_template"): operations.del_template,
    ("POST", "add_storage"): operations.add_storage,
    ("GET", "list_storage"): operations.list_storage,
    ("DELETE", "del_storage"): operations.del_storage,
}


class Visionular:
    """Answers what comes below PREFIX."""

    name = "visionular"

    def __init__(self, engine: Engine, gate: Gate) -> None:
        self._engine = engine
        self._gate = gate

    def handle(self, request: RawRequest, about: Request) -> Answer:
        """One request. Statuses are those that the vendor's Go SDK tells errors by: 400, 401, 404 and others."""
        request_id = uuid4().hex
        structlog.contextvars.bind_contextvars(cloud_request_id=request_id)
        told = about.state.call = {"cloud_request_id": request_id, "door": self.name}  # for the log of requests

        def failure(refusal: Refusal) -> Answer:
            told["code"] = refusal.code
            headers = {} if refusal.retry_after is None else {"Retry-After": str(int(refusal.retry_after) + 1)}
            return Answer(refusal.status, _envelope(int(refusal.code), refusal.message, {}, request_id), headers)

        try:
            return Answer(200, _envelope(0, "success", self._answered(request, about, request_id), request_id))
        except Refusal as refusal:
            log.info("cloud.refused", door=self.name, code=refusal.code, message=refusal.message)
            return failure(refusal)
        except ServiceError as error:
            log.warning("cloud.unavailable", door=self.name, code=error.code, message=error.message)
            return failure(Refusal(str(UNAVAILABLE), AWAY, status=503, retry_after=1))
        except FramefleetError as error:
            return failure(refused(error))
        except Exception:  # the shell of the door: a defect is answered in the dialect's words
            log.exception("cloud.broken", door=self.name)
            return failure(Refusal(str(INTERNAL), "the request broke the server", status=500))

    def cut(self, message: str) -> Answer:
        """To a request whose body is too large, or did not come."""
        return Answer(413, _envelope(BAD_PARAM, message, {}, uuid4().hex))

    def _answered(self, request: RawRequest, about: Request, request_id: str) -> dict[str, Any]:
        caller, key = self._caller(request)
        structlog.contextvars.bind_contextvars(caller=caller.id)
        about.state.caller = about.state.call["caller"] = caller.id  # the former for the audit log
        action = request.path.removeprefix(PREFIX)
        operation = OPERATIONS.get((request.method, action))
        if operation is None:
            raise Refusal(str(EMPTY_RESULT), f"there is no {request.method} {action[:80]}", status=404)
        about.state.call["action"] = action
        call = Call(
            caller=caller,
            action=action,
            parameters=_parameters(request),
            request_id=request_id,
            at=self._engine.desk.clock.now(),
            base=f"{about.url.scheme}://{about.headers.get('host', '')}",
            note=operations.noting(about),
        )
        try:
            self._gate.may(
                key,
                caller,
                f"{self.name}:{action}",
                (f"{self.name} {action} {caller.id}", _RATES.get(action, PER_SECOND)),
            )
        except Refused as shut:
            raise _shut(shut) from None
        return operation(self._engine, call)

    def _caller(self, request: RawRequest) -> tuple[Caller, AccessKey]:
        try:
            check_origin(
                dict(request.headers)
            )  # browsers remember Basic credentials, and send them for other pages, too
            return self._gate.basic(request, *credentials(request.header("authorization")))
        except (Forbidden, Unauthenticated) as error:
            raise Refusal(str(AUTH_FAIL), error.message, status=401) from None
        except Refused as shut:
            raise _shut(shut) from None


def refused(error: FramefleetError) -> Refusal:
    """An error of ours as their code and status."""
    if isinstance(error, TaskNotFound):
        return Refusal(str(EMPTY_RESULT), error.message, status=404)
    if isinstance(error, Forbidden):
        return Refusal(str(AUTH_FAIL), error.message, status=401)
    if error.status < 500 or isinstance(error, SourceError):
        field = their_field(error.field) if error.field else None
        return Refusal(str(BAD_PARAM), f"{field}: {error.message}" if field else error.message)
    return Refusal(str(INTERNAL), error.message, status=500)


def _shut(shut: Refused) -> Refusal:
    if shut.why in {Why.RATE, Why.GUESSES}:
        return Refusal(str(LIMITED), shut.message, status=429, retry_after=shut.retry_after)
    return Refusal(str(AUTH_FAIL), shut.message, status=401)


def _parameters(request: RawRequest) -> dict[str, Any]:
    """Of the query, and of a JSON body."""
    try:
        found: dict[str, Any] = dict(query_pairs(request.query))
    except Unreadable as error:
        raise Refusal(str(BAD_PARAM), f"the query cannot be read: {error}") from None
    if len(request.body) > _MOST_BODY_BYTES:
        raise Refusal(str(BAD_PARAM), f"a body may have {_MOST_BODY_BYTES} bytes", status=413)
    if request.body:
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            raise Refusal(str(BAD_PARAM), "the body is not JSON") from None
        if not isinstance(body, dict):
            raise Refusal(str(BAD_PARAM), "the body is no JSON object")
        found |= body
    return found


def _envelope(code: int, message: str, data: dict[str, Any], request_id: str) -> dict[str, Any]:
    return {"code": code, "msg": message, "data": data, "request_id": request_id}
