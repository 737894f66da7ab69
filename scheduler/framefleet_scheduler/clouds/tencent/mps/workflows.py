"""Workflows: what is to be done with the files of a folder, kept under a number. Nothing here watches buckets: ProcessMedia with
the number as ScheduleId does it with one file.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from framefleet.domain.access import Role
from framefleet.seal import SealBroken
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.fields import Ignored, Refused, Wire, Works
from framefleet_scheduler.clouds.tencent.mps import asking
from framefleet_scheduler.clouds.tencent.mps.asking import DOOR
from framefleet_scheduler.clouds.tencent.mps.paths import folder
from framefleet_scheduler.clouds.tencent.mps.places import Bucket, Output, Place, address, storage
from framefleet_scheduler.clouds.tencent.mps.plan import Asked, plan
from framefleet_scheduler.clouds.tencent.mps.requests import Anything, Elements, Notify
from framefleet_scheduler.clouds.tencent.mps.words import MPS
from framefleet_scheduler.clouds.tencent.results import time
from framefleet_scheduler.clouds.tencent.words import read, unsupported

MOST = 100
"""Of a tenant."""
MOST_PAGE = 100
_KIND = "workflows"
_AI = "there is no AI here"
_NUMBERS_FROM = 10_000
_ANY_TRACKS = 100
_ANY_LENGTH = 3600.0
"""Seconds: stands for the length of files that are not there yet."""


class CosTrigger(Wire):
    """Files of a bucket."""

    Bucket: Annotated[str, Works("outputs go there unless OutputStorage says otherwise")]
    Region: Annotated[str | None, Ignored("there are no regions; it comes back as it was")] = None
    Dir: Annotated[str | None, Ignored("nothing watches it; it comes back as it was")] = None
    Formats: Annotated[list[str] | None, Ignored("nothing watches it; they come back as they were")] = None


class Rule(Wire):
    """What would start a workflow with the vendor."""

    Type: Annotated[str, Works("`CosFileUpload`")]
    CosFileUploadTrigger: Annotated[CosTrigger | None, Works()] = None
    AwsS3FileUploadTrigger: Annotated[Anything | None, Refused("the vendor's workflows have none either")] = None


class Workflow(Wire):
    """CreateWorkflow's parameters."""

    WorkflowName: Annotated[str, Field(min_length=1, max_length=128), Works("unique; up to 128 characters")]
    Trigger: Annotated[Rule, Works("kept and shown; it starts nothing")]
    OutputStorage: Annotated[Output | None, Works("the trigger's bucket if it is left out")] = None
    OutputDir: Annotated[str | None, Works("the file's folder if it is left out")] = None
    MediaProcessTask: Annotated[Elements | None, Works("as of ProcessMedia; checked when it is kept")] = None
    AiContentReviewTask: Annotated[Anything | None, Refused(_AI)] = None
    AiAnalysisTask: Annotated[Anything | None, Refused(_AI)] = None
    AiRecognitionTask: Annotated[Anything | None, Refused(_AI)] = None
    TaskNotifyConfig: Annotated[Notify | None, Works("NotifyUrl and NotifyKey are kept sealed")] = None
    TaskPriority: Annotated[int | None, Works("-10 to 10")] = None


class ResetWorkflow(Workflow):
    """The operation's parameters."""

    WorkflowId: Annotated[int, Works()]


class WorkflowId(Wire):
    """Which."""

    WorkflowId: Annotated[int, Works()]


class EnableWorkflow(Wire):
    """The operation's parameters."""

    WorkflowId: Annotated[
        int, Works("the operation is refused: nothing here watches buckets; run it with ProcessMedia and ScheduleId")
    ]


class DescribeWorkflows(Wire):
    """The operation's parameters."""

    WorkflowIds: Annotated[list[int] | None, Field(max_length=100), Works("up to 100")] = None
    Status: Annotated[str | None, Works("`Disabled`: all are; of `Enabled` there are none")] = None
    Offset: Annotated[int | None, Field(ge=0), Works()] = None
    Limit: Annotated[int | None, Field(ge=0, le=MOST_PAGE), Works("10 if it is left out, up to 100")] = None


def create(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(MPS, Workflow, call.parameters)
    call.caller.need(Role.PRODUCER)
    _check(engine, call, asked)
    names = engine.documents.names(DOOR, call.tenant, _KIND, MOST)
    if len(names) >= MOST:
        raise Refusal("LimitExceeded.TooMuchTemplate", f"there may be {MOST} workflows")
    _check_name(engine, call, names, asked.WorkflowName)
    now = time(call.at)
    while True:
        number = _NUMBERS_FROM + secrets.randbelow(90 * _NUMBERS_FROM)
        document = {**_document(engine, call, number, asked), "created": now, "updated": now}
        if engine.documents.create(DOOR, call.tenant, _KIND, str(number), document):
            call.note("workflow.create", f"mps {number}")
            return {"WorkflowId": number}


def reset(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation: everything anew."""
    asked = read(MPS, ResetWorkflow, call.parameters)
    call.caller.need(Role.PRODUCER)
    before = _read(engine, call, asked.WorkflowId)
    _check(engine, call, asked)
    names = engine.documents.names(DOOR, call.tenant, _KIND, MOST)
    _check_name(engine, call, [name for name in names if name != str(asked.WorkflowId)], asked.WorkflowName)
    document = _document(engine, call, asked.WorkflowId, asked)
    kept_ = {**document, "created": before["created"], "updated": time(call.at)}
    engine.documents.put(DOOR, call.tenant, _KIND, str(asked.WorkflowId), kept_)
    call.note("workflow.update", f"mps {asked.WorkflowId}")
    return {}


def enable(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation: refused, for it would promise what does not happen."""
    asked = read(MPS, WorkflowId, call.parameters)
    call.caller.need(Role.PRODUCER)
    _read(engine, call, asked.WorkflowId)
    raise unsupported(
        "triggers are not supported here: nothing watches buckets; run the workflow with ProcessMedia, "
        f"ScheduleId {asked.WorkflowId} and the file as InputInfo"
    )


def disable(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation: all workflows are disabled."""
    asked = read(MPS, WorkflowId, call.parameters)
    call.caller.need(Role.PRODUCER)
    _read(engine, call, asked.WorkflowId)
    return {}


def delete(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(MPS, WorkflowId, call.parameters)
    call.caller.need(Role.PRODUCER)
    _read(engine, call, asked.WorkflowId)
    engine.documents.delete(DOOR, call.tenant, _KIND, str(asked.WorkflowId))
    call.note("workflow.delete", f"mps {asked.WorkflowId}")
    return {}


def describe(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(MPS, DescribeWorkflows, call.parameters)
    call.caller.need(Role.VIEWER)
    if asked.Status not in {None, "", "Enabled", "Disabled"}:
        raise MPS.wrong("Status", "Status is Enabled or Disabled")
    wanted = {str(number) for number in asked.WorkflowIds or []}
    names = [] if asked.Status == "Enabled" else engine.documents.names(DOOR, call.tenant, _KIND, MOST)
    found = sorted((name for name in names if not wanted or name in wanted), key=int)
    first, many = asked.Offset or 0, 10 if asked.Limit is None else asked.Limit
    page = [(name, engine.documents.get(DOOR, call.tenant, _KIND, name)) for name in found[first : first + many]]
    shown = [_shown(int(name), document) for name, document in page if document is not None]
    return {"TotalCount": len(found), "WorkflowInfoSet": shown}


def kept(engine: Engine, call: Call, number: int) -> Workflow:
    """What a workflow asks for, its NotifyKey included. Raises Refusal."""
    document = _read(engine, call, number)
    asked = dict(document["asked"])
    seal = engine.desk.access.seal
    if document.get("sealed") and seal is not None:
        try:
            url, key = json.loads(seal.open(document["sealed"], _about(call, number)))
        except SealBroken:
            message = "who is told cannot be read: it was sealed with another key; reset the workflow"
            raise Refusal("FailedOperation", message) from None
        asked["TaskNotifyConfig"] = {**asked["TaskNotifyConfig"], "NotifyUrl": url, "NotifyKey": key}
    return Workflow.model_validate(asked)


def _check(engine: Engine, call: Call, asked: Workflow) -> None:
    """As if a file came. Raises Refusal."""
    trigger = asked.Trigger.CosFileUploadTrigger
    if asked.Trigger.Type != "CosFileUpload" or trigger is None:
        raise MPS.wrong("Type", "Trigger.Type is CosFileUpload, with its CosFileUploadTrigger")
    if asked.TaskPriority is not None and not -10 <= asked.TaskPriority <= 10:
        raise MPS.wrong("TaskPriority", "TaskPriority is -10 to 10")
    asking.notification(asked.TaskNotifyConfig)
    bucket = Bucket("COS", trigger.Bucket, trigger.Region or "")
    file = Place(address(bucket, "/file.mp4", engine.is_storage), "/file.mp4", trigger.Bucket, "COS")
    wish = Asked(
        source=file,
        elements=asked.MediaProcessTask or Elements(),
        storage=storage(asked.OutputStorage, bucket, engine.is_storage, "OutputStorage"),
        folder=folder(asked.OutputDir, file),
    )
    about = asking.ground(engine, call)
    plan(wish, replace(about, seconds=lambda uri: _ANY_LENGTH, texts=lambda uri: list(range(_ANY_TRACKS))))


def _check_name(engine: Engine, call: Call, others: list[str], name: str) -> None:
    for other in others:
        document = engine.documents.get(DOOR, call.tenant, _KIND, other)
        if document is not None and document["asked"]["WorkflowName"] == name:
            raise MPS.wrong("Name", f"another workflow is named {name[:40]!r}")


def _document(engine: Engine, call: Call, number: int, asked: Workflow) -> dict[str, Any]:
    shown = asking.shown(asked)
    shown.pop("WorkflowId", None)
    notify = asked.TaskNotifyConfig
    if notify is None or (not notify.NotifyKey and notify.NotifyUrl == shown["TaskNotifyConfig"].get("NotifyUrl")):
        return {"asked": shown}
    seal = engine.desk.access.seal
    if seal is None:
        raise unsupported("NotifyKey of a workflow is not supported here: the server has no seal key to keep it with")
    secret = json.dumps([notify.NotifyUrl, notify.NotifyKey or ""])
    return {"asked": shown, "sealed": seal.seal(secret, _about(call, number))}


def _read(engine: Engine, call: Call, number: int) -> dict[str, Any]:
    found = engine.documents.get(DOOR, call.tenant, _KIND, str(number)) if 0 < number < 10**9 else None
    if found is None:
        raise Refusal("ResourceNotFound", f"there is no workflow {number}")
    return found


def _shown(number: int, document: dict[str, Any]) -> dict[str, Any]:
    asked = document["asked"]
    names = ("WorkflowName", "Trigger", "OutputStorage", "MediaProcessTask", "TaskNotifyConfig")
    return {
        "WorkflowId": number,
        "Status": "Disabled",
        **{name: asked.get(name) for name in names},
        "AiContentReviewTask": None,
        "AiAnalysisTask": None,
        "AiRecognitionTask": None,
        "TaskPriority": asked.get("TaskPriority", 0),
        "OutputDir": asked.get("OutputDir", ""),
        "CreateTime": document["created"],
        "UpdateTime": document["updated"],
    }


def _about(call: Call, number: int) -> str:
    return f"mps workflow {call.tenant}/{number}"
