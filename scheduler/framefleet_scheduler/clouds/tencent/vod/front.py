"""The operations of Tencent VOD (Video on Demand), API of 2018-07-17: which there are, and what answers each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from framefleet.domain.errors import FramefleetError
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.fields import Wire
from framefleet_scheduler.clouds.gate import PER_SECOND
from framefleet_scheduler.clouds.tencent.vod import (
    edit,
    events,
    media,
    procedures,
    process,
    requests,
    tasks,
    watermarks,
)
from framefleet_scheduler.clouds.tencent.vod.templates import FAMILIES
from framefleet_scheduler.clouds.tencent.words import UNSUPPORTED

_Operation = Callable[[Engine, Call], dict[str, Any]]
OPERATIONS: Mapping[str, tuple[type[Wire], _Operation]] = {
    "ProcessMedia": (requests.ProcessMedia, process.process_media),
    "ProcessMediaByUrl": (requests.ProcessMediaByUrl, process.by_url),
    "ProcessMediaByProcedure": (requests.ProcessMediaByProcedure, process.by_procedure),
    "DescribeTaskDetail": (requests.DescribeTaskDetail, tasks.describe_detail),
    "DescribeTasks": (requests.DescribeTasks, tasks.describe_tasks),
    "ManageTask": (requests.ManageTask, tasks.manage),
    "PullUpload": (edit.PullUpload, edit.pull_upload),
    "EditMedia": (edit.EditMedia, edit.edit_media),
    "DescribeMediaInfos": (media.DescribeMediaInfos, media.describe),
    "DeleteMedia": (media.DeleteMedia, media.delete),
    "ModifyEventConfig": (events.ModifyEventConfig, events.modify_config),
    "DescribeEventConfig": (events.DescribeEventConfig, events.describe_config),
    "PullEvents": (events.PullEvents, events.pull),
    "ConfirmEvents": (events.ConfirmEvents, events.confirm),
    "DescribeEventsState": (events.DescribeEventsState, events.describe_state),
    "CreateProcedureTemplate": (procedures.CreateProcedureTemplate, procedures.create),
    "ResetProcedureTemplate": (procedures.ResetProcedureTemplate, procedures.reset),
    "DeleteProcedureTemplate": (procedures.DeleteProcedureTemplate, procedures.delete),
    "DescribeProcedureTemplates": (procedures.DescribeProcedureTemplates, procedures.describe),
    "CreateWatermarkTemplate": (watermarks.CreateWatermarkTemplate, watermarks.create),
    "ModifyWatermarkTemplate": (watermarks.ModifyWatermarkTemplate, watermarks.modify),
    "DeleteWatermarkTemplate": (watermarks.DeleteWatermarkTemplate, watermarks.delete),
    "DescribeWatermarkTemplates": (watermarks.DescribeWatermarkTemplates, watermarks.describe),
    **{name: found for family in FAMILIES for name, found in family.operations().items()},
}
"""Name -> (what it takes, what answers it)."""

_SLOW = {"DescribeEventsState": 20.0}
"""Calls per second of those that may come less often."""

_REFUSED: Mapping[str, str] = {
    "forbidden": "UnauthorizedOperation",
    "invalid_source": "InvalidParameterValue.Url",
    "source_not_found": "ResourceNotFound.FileNotExist",
    "source_forbidden": "InvalidParameterValue.Url",
    "unknown_storage": "InvalidParameterValue.Url",
    "upload_not_found": "ResourceNotFound.FileNotExist",
    "upload_incomplete": "ResourceNotFound.FileNotExist",
    "unsupported_feature": UNSUPPORTED,
    "client_token_conflict": "FailedOperation.TaskDuplicate",
    "task_not_found": "InvalidParameterValue.TaskId",
    "task_final": "FailedOperation",
    "target_not_writable": "FailedOperation",
    "invalid_target": "InvalidParameterValue",
    "request_too_large": "InvalidParameter",
    "too_many_requests": "RequestLimitExceeded",
    "overloaded": "ResourceUnavailable",
    "dry_run_timeout": "ResourceUnavailable",
    "no_worker": "ResourceUnavailable",
    "seal_key_missing": UNSUPPORTED,
}
_FIELDS = {
    ".audio.bitrate": "InvalidParameterValue.AudioBitrate",
    ".audio.codec": "InvalidParameterValue.AudioCodec",
    ".audio.sample_rate": "InvalidParameterValue.AudioSampleRate",
    ".audio.channels": "InvalidParameterValue.AudioChannel",
    ".bitrate": "InvalidParameterValue.VideoBitrate",
    ".codec": "InvalidParameterValue.VideoCodec",
    ".width": "InvalidParameterValue.Width",
    ".long_edge": "InvalidParameterValue.Width",
    ".height": "InvalidParameterValue.Height",
    ".short_edge": "InvalidParameterValue.Height",
    ".frame_rate": "InvalidParameterValue.Fps",
    ".crf": "InvalidParameterValue.Vcrf",
}
"""End of our field -> their code."""


class Vod:
    """Implements `framefleet_scheduler.clouds.call.Front`."""

    name = "vod"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def knows(self, action: str) -> bool:
        """Whether it is offered."""
        return action in OPERATIONS

    def meter(self, call: Call) -> tuple[str, float]:
        """Each operation by key."""
        return f"{self.name} {call.action} {call.caller.id}", _SLOW.get(call.action, PER_SECOND)

    def answer(self, call: Call) -> dict[str, Any]:
        """What the operation answers."""
        return OPERATIONS[call.action][1](self._engine, call)

    def refused(self, error: FramefleetError) -> Refusal:
        """In their words."""
        return refused(error)


def refused(error: FramefleetError) -> Refusal:
    """An error of ours in VOD's words. Pure."""
    field = error.field or ""
    code = _REFUSED.get(error.code)
    if code is None:
        ends = (theirs for end, theirs in _FIELDS.items() if field.endswith(end))
        code = next(ends, "InvalidParameterValue" if error.status < 500 else "FailedOperation")
    hint = f" {error.hint}" if error.hint else ""
    return Refusal(code, f"{error.message}{hint}")
