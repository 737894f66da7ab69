"""ProcessMedia: a request becomes a task."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import uuid4

from framefleet.domain.access import Role
from framefleet.domain.errors import FramefleetError, ServiceError
from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.clouds.engine import Engine, Wanted
from framefleet_scheduler.clouds.tencent.mps import places, workflows
from framefleet_scheduler.clouds.tencent.mps.asking import DOOR, ground, notification, priority, shown
from framefleet_scheduler.clouds.tencent.mps.paths import folder
from framefleet_scheduler.clouds.tencent.mps.places import Bucket, CosOutput, Output, Place
from framefleet_scheduler.clouds.tencent.mps.plan import Asked, Plan, plan
from framefleet_scheduler.clouds.tencent.mps.refusals import refusal
from framefleet_scheduler.clouds.tencent.mps.requests import Elements, ProcessMedia
from framefleet_scheduler.clouds.tencent.mps.words import MPS
from framefleet_scheduler.clouds.tencent.words import read

APP_ID = "1250000000"
"""Stands for the number of an account, which ids begin with."""
MOST_CONTEXT = 1000
"""Characters of SessionContext."""
MOST_SESSION = 50
"""Characters of SessionId."""


def process_media(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(MPS, ProcessMedia, call.parameters)
    call.caller.need(Role.PRODUCER)
    return {"TaskId": processed(engine, call, _of_workflow(engine, call, asked))}


def processed(engine: Engine, call: Call, asked: ProcessMedia) -> str:
    """Make the task; its id. Raises Refusal."""
    _check(asked)
    source = places.source(asked.InputInfo, engine.is_storage)
    own = None if source.kind == "URL" else Bucket(source.kind, source.bucket, source.region)
    wish = Asked(
        source=source,
        elements=asked.MediaProcessTask or Elements(),
        storage=places.storage(asked.OutputStorage, own, engine.is_storage, "OutputStorage"),
        folder=folder(asked.OutputDir, source),
    )
    made = plan(wish, ground(engine, call))
    wanted = _wanted(asked, source, made)
    session = asked.SessionId or ""
    if session and engine.sessions.take(DOOR, call.tenant, session, wanted.id) is not None:
        raise MPS.wrong("SessionId", "this SessionId was used within the last 3 days")
    try:
        engine.submit(DOOR, call, wanted)
    except ServiceError:
        # It may be there all the same: then a call that comes again must not make it twice.
        with suppress(ServiceError):
            if session and engine.find(DOOR, call, wanted.id) is None:
                engine.sessions.free(DOOR, call.tenant, session)
        raise
    except FramefleetError as error:
        if session:
            engine.sessions.free(DOOR, call.tenant, session)
        raise refusal(error, made) from error
    return wanted.id


def _check(asked: ProcessMedia) -> None:
    """What does not depend on the source. Raises Refusal."""
    if asked.TasksPriority is not None and not -10 <= asked.TasksPriority <= 10:
        raise MPS.wrong("TasksPriority", "TasksPriority is -10 to 10")
    if len(asked.SessionId or "") > MOST_SESSION:
        raise MPS.wrong("SessionIdTooLong", f"SessionId is up to {MOST_SESSION} characters long")
    if len(asked.SessionContext or "") > MOST_CONTEXT:
        raise MPS.wrong("SessionContextTooLong", f"SessionContext is up to {MOST_CONTEXT} characters long")
    if asked.TaskType not in {None, "", "Online", "Offline"}:
        raise MPS.wrong("TaskType", "TaskType is Online or Offline")
    if asked.SkipMateData not in {None, 0, 1}:
        raise MPS.wrong("SkipMateData", "SkipMateData is 0 or 1")


def _of_workflow(engine: Engine, call: Call, asked: ProcessMedia) -> ProcessMedia:
    """With what a workflow keeps, where one is named; what the request says itself counts first. Raises Refusal."""
    if not asked.ScheduleId:
        return asked
    if asked.MediaProcessTask is not None:
        raise MPS.wrong("ScheduleId", "give ScheduleId or MediaProcessTask, not both")
    kept = workflows.kept(engine, call, asked.ScheduleId)
    trigger = kept.Trigger.CosFileUploadTrigger
    bucket = None if trigger is None else CosOutput(Bucket=trigger.Bucket, Region=trigger.Region)
    taken = {
        "MediaProcessTask": kept.MediaProcessTask,
        "OutputStorage": asked.OutputStorage or kept.OutputStorage or Output(Type="COS", CosOutputStorage=bucket),
        "OutputDir": asked.OutputDir or kept.OutputDir,
        "TaskNotifyConfig": asked.TaskNotifyConfig or kept.TaskNotifyConfig,
        "TasksPriority": kept.TaskPriority if asked.TasksPriority is None else asked.TasksPriority,
    }
    return asked.model_copy(update=taken)


def _wanted(asked: ProcessMedia, source: Place, made: Plan) -> Wanted:
    lowest = asked.TaskType == "Offline"
    request: dict[str, Any] = {
        "name": source.path.rsplit("/", 1)[-1][:200],
        "sources": list(made.sources),
        "align": {"index": made.main},
        "targets": made.targets,
        "priority": 0 if lowest else priority(asked.TasksPriority),
        **notification(asked.TaskNotifyConfig),
    }
    mode = "" if asked.TaskNotifyConfig is None else asked.TaskNotifyConfig.NotifyMode or "Finish"
    notes = {
        "elements": [one.kept() for one in made.elements],
        "main": made.main,
        "skip": asked.SkipMateData == 1,
        "mode": mode,
    }
    return Wanted(
        id=f"{APP_ID}-WorkflowTask-{uuid4().hex}", request=request, form=DOOR, asked=shown(asked), notes=notes
    )
