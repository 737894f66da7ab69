"""Parameters as IMM's requests, and errors of ours in IMM's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from framefleet.domain.errors import (
    ClientTokenConflict,
    DryRunTimeout,
    Forbidden,
    FramefleetError,
    NoWorker,
    Overloaded,
    RequestTooLarge,
    TaskNotFound,
    TooManyRequests,
    TooManySources,
    UploadNotFound,
)
from framefleet_scheduler.clouds.alibaba.imm import answers
from framefleet_scheduler.clouds.alibaba.imm.refusals import invalid, limit_exceeded, missing, not_found, unsupported
from framefleet_scheduler.clouds.alibaba.imm.wire import ImmWire
from framefleet_scheduler.clouds.alibaba.parameters import BadParameter
from framefleet_scheduler.clouds.alibaba.parameters import read as _read
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.fields import first_refused

W = TypeVar("W", bound=ImmWire)
RETRY_SECONDS = 5.0


def read(parameters: Mapping[str, Any], model: type[W]) -> W:
    """The request; raises Refusal for what it cannot be and for what we cannot do."""
    try:
        asked = _read(parameters, model)
    except BadParameter as error:
        if error.missing:
            raise missing(error.path) from None
        if error.json:
            raise Refusal(f"InvalidJSON.{error.path}", str(error)) from None
        raise Refusal("InvalidArgument", str(error)) from None
    refused = first_refused(asked)
    if refused is not None:
        raise unsupported(*refused)
    return asked


def refused(error: FramefleetError, places: Sequence[str] = ()) -> Refusal:
    """An error of ours; `places`: of our targets in the vendor's request."""
    message = answers.message(error.info(), places)
    match error:
        case Forbidden():
            return Refusal("Forbidden.RAM", message, status=403)
        case TooManyRequests():
            return Refusal("Throttling.User", message, status=429, retry_after=error.retry_after)
        case Overloaded() | DryRunTimeout() | NoWorker():
            return Refusal("ServiceUnavailable", message, status=503, retry_after=RETRY_SECONDS)
        case TooManySources() | RequestTooLarge():
            return limit_exceeded(message)
        case TaskNotFound() | UploadNotFound():
            return not_found(message)
        case ClientTokenConflict():
            return Refusal("ResourceAlreadyExists", message)
    code = answers.code(error.info())
    if code == answers.OURS and error.status < 500:
        return invalid("", message)
    return Refusal(code, message, status=500 if code == answers.OURS else 400)
