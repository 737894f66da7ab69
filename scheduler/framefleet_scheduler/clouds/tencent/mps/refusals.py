"""Errors of ours as MPS's codes. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from framefleet.domain.errors import FramefleetError, RequestError, SourceError
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.tencent.mps.plan import Plan

_CODES: Mapping[str, str] = {
    "invalid_source": "InvalidParameter.InputInfo",
    "source_not_found": "InvalidParameterValue.SrcFile",
    "too_many_sources": "InvalidParameterValue.InputInfo",
    "unknown_storage": "ResourceNotFound.CosBucketNotExist",
    "target_not_writable": "ResourceNotFound.CosBucketNotExist",
    "invalid_webhook": "InvalidParameterValue",
    "webhook_forbidden": "InvalidParameterValue",
    "unsupported_feature": "UnsupportedOperation",
    "unknown_template": "ResourceNotFound.TemplateNotExist",
    "request_too_large": "RequestSizeLimitExceeded",
    "task_not_found": "InvalidParameterValue.TaskId",
    "forbidden": "UnauthorizedOperation",
    "too_many_requests": "RequestLimitExceeded",
    "overloaded": "LimitExceeded.CreateTask",
    "dry_run_timeout": "FailedOperation.NetWorkError",
    "no_worker": "ResourceInsufficient",
    "client_token_conflict": "InvalidParameterValue.SessionId",
}
_TARGET = re.compile(r"targets\[(\d+)\]\.?")
_NOTIFY = "notification.webhook"


def refusal(error: FramefleetError, made: Plan | None = None) -> Refusal:
    """In the vendor's words; with a plan the message says which element it is about."""
    if error.code in _CODES:
        code = _CODES[error.code]
    elif isinstance(error, SourceError):
        code = "InvalidParameterValue.SrcFile"
    else:
        code = "InvalidParameterValue" if isinstance(error, RequestError) else "FailedOperation"
    place = _place(error.field or "", made)
    return Refusal(code, f"{place}: {error.message}" if place else error.message)


def _place(field: str, made: Plan | None) -> str:
    """The vendor's name of a field of our request."""
    if field.startswith("sources["):
        return "InputInfo"
    if field.startswith((_NOTIFY, "TaskNotifyConfig")):
        return "TaskNotifyConfig.NotifyUrl"
    found = _TARGET.match(field)
    if found is None or made is None:
        return ""
    number = int(found[1])
    for one in made.elements:
        if number < len(one.targets):
            return f"MediaProcessTask.{one.set}[{one.place}]"
        number -= len(one.targets)
    return ""
