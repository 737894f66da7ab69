"""What the HTTP client raises beside `Rejected`, and how an error's answer becomes an exception."""

from __future__ import annotations

import json
from email.message import Message
from typing import Any

from framefleet.domain.errors import FramefleetError, ServiceError
from framefleet.producer import Rejected


class ServerUnavailable(ServiceError):
    """The server does not answer, or cannot serve now."""

    code = "server_unavailable"
    status = 503
    hint = "Look whether the address is right and the server runs, and try again."


class UnexpectedAnswer(FramefleetError):
    """What answers at the address is no Framefleet server, or of a version this client does not know."""

    code = "unexpected_answer"
    status = 502
    hint = "Look whether the address is right."


class DownloadCorrupt(FramefleetError):
    """A file that was downloaded is not the one the task has published."""

    code = "download_corrupt"
    status = 502
    hint = "Download it again; when that does not help, verify the object in the store."


def failure(status: int, headers: Message, body: bytes) -> FramefleetError:
    """The exception for an answer that is no success."""
    error = _error(body)
    if error is None:
        if status >= 500 or status == 429:  # a proxy says so while the server is away
            return _timed(ServerUnavailable(f"the server answers with status {status}"), headers)
        return UnexpectedAnswer(f"the server answers with status {status}")
    code, message = str(error.get("code")), str(error.get("message"))
    request_id = str(error["request_id"]) if error.get("request_id") else None
    if status < 500:
        return _timed(_with_status(Rejected(code, message, _text(error, "field"), _text(error, "hint"),
                                            request_id=request_id), status), headers)  # fmt: skip
    hint = " ".join(filter(None, [_text(error, "hint"), request_id and f"The request's id is {request_id}."]))
    failed = ServerUnavailable(message, hint=hint) if status == 503 else FramefleetError(message, hint=hint)
    failed.code = code  # type: ignore[misc]  # the server's, whatever its class was there
    return _timed(failed, headers)


def _with_status(error: Rejected, status: int) -> Rejected:
    error.status = status  # type: ignore[misc]  # likewise
    return error


def _timed(error: FramefleetError, headers: Message) -> FramefleetError:
    after = headers.get("Retry-After", "")
    if after.isdigit():
        error.retry_after = int(after)
    return error


def _error(body: bytes) -> dict[str, Any] | None:
    """What the server says, where it is one of ours."""
    try:
        error = json.loads(body)["error"]
        return error if isinstance(error["code"], str) and isinstance(error["message"], str) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _text(error: dict[str, Any], name: str) -> str | None:
    value = error.get(name)
    return value if isinstance(value, str) else None
