"""Templates of the kind Procedure: a MediaProcessTask under a name."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from framefleet.domain.access import Role
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.fields import Refused, Wire, Works
from framefleet_scheduler.clouds.tencent.results import time
from framefleet_scheduler.clouds.tencent.vod.library import DOOR, Library
from framefleet_scheduler.clouds.tencent.vod.plan import plan
from framefleet_scheduler.clouds.tencent.vod.requests import App, MediaProcess, Sorting
from framefleet_scheduler.clouds.tencent.vod.templates import shelf
from framefleet_scheduler.clouds.tencent.vod.words import VOD
from framefleet_scheduler.clouds.tencent.words import read

MOST = 100
MOST_PAGE = 100
_AI = "there is no AI here"
_Block = Annotated[dict[str, Any] | None, Refused(_AI)]
_Blocks = Annotated[list[dict[str, Any]] | None, Refused(_AI)]


class CreateProcedureTemplate(Wire):
    """New."""

    Name: Annotated[str | None, Field(max_length=20), Works("up to 20 characters")] = None
    SubAppId: App = None
    Comment: Annotated[str | None, Field(max_length=256), Works("up to 256 characters")] = None
    MediaProcessTask: Annotated[MediaProcess | None, Works()] = None
    AiContentReviewTask: _Block = None
    AiAnalysisTask: _Block = None
    AiRecognitionTaskSet: _Blocks = None
    AiRecognitionTask: _Block = None
    ReviewAudioVideoTask: _Block = None
    ImportMediaKnowledgeTaskSet: _Blocks = None


class ResetProcedureTemplate(CreateProcedureTemplate):
    """Written anew."""


class DeleteProcedureTemplate(Wire):
    """Which."""

    Name: Annotated[str | None, Works()] = None
    SubAppId: App = None


class DescribeProcedureTemplates(Wire):
    """Which are shown."""

    SubAppId: App = None
    Names: Annotated[list[str] | None, Works("up to 100")] = None
    Type: Annotated[str | None, Works("`Custom`; there are no presets")] = None
    Offset: Annotated[int | None, Works()] = None
    Limit: Annotated[int | None, Works("10, up to 100")] = None
    SortBy: Annotated[list[Sorting] | None, Works("by `CreateTime`")] = None


def find(library: Library, name: str | None) -> MediaProcess:
    """What a procedure says. Raises Refusal."""
    if not name:
        raise Refusal("MissingParameter", "ProcedureName is missing")
    found = library.engine.documents.get(DOOR, library.call.tenant, _kind(library.app), name[:100])
    if found is None:
        raise VOD.wrong("ProcedureName", f"there is no procedure {name[:40]!r}")
    return MediaProcess.model_validate(found["task"])


def create(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, CreateProcedureTemplate, call.parameters)
    document = _document(engine, call, asked)
    app = asked.SubAppId or 0
    if len(engine.documents.names(DOOR, call.tenant, _kind(app), MOST)) >= MOST:
        raise Refusal("LimitExceeded.TooMuchTemplate", f"there may be {MOST} procedures")
    if not engine.documents.create(DOOR, call.tenant, _kind(app), asked.Name or "", document):
        raise Refusal("InvalidParameter.ExistedProcedureName", f"there is a procedure {asked.Name!r} already")
    call.note("template.create", f"vod procedure {asked.Name}")
    return {}


def reset(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, ResetProcedureTemplate, call.parameters)
    document = _document(engine, call, asked)
    kept = _kept(engine, call, asked.SubAppId, asked.Name)
    document["created"] = kept["created"]
    engine.documents.put(DOOR, call.tenant, _kind(asked.SubAppId or 0), asked.Name or "", document)
    call.note("template.update", f"vod procedure {asked.Name}")
    return {}


def delete(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, DeleteProcedureTemplate, call.parameters)
    call.caller.need(Role.PRODUCER)
    _kept(engine, call, asked.SubAppId, asked.Name)
    engine.documents.delete(DOOR, call.tenant, _kind(asked.SubAppId or 0), asked.Name or "")
    call.note("template.delete", f"vod procedure {asked.Name}")
    return {}


def describe(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, DescribeProcedureTemplates, call.parameters)
    call.caller.need(Role.VIEWER)
    first, limit = asked.Offset or 0, 10 if asked.Limit is None else asked.Limit
    if first < 0 or not 0 <= limit <= MOST_PAGE:
        raise VOD.wrong("Limit", f"Offset is 0 or more, Limit up to {MOST_PAGE}")
    if len(asked.Names or ()) > MOST_PAGE:
        raise VOD.wrong("Names", f"Names are up to {MOST_PAGE}")
    if asked.Type not in {None, "", "Preset", "Custom"}:
        raise VOD.wrong("Type", "Type is Preset or Custom")
    found = []
    for name in (
        [] if asked.Type == "Preset" else engine.documents.names(DOOR, call.tenant, _kind(asked.SubAppId or 0), MOST)
    ):
        document = engine.documents.get(DOOR, call.tenant, _kind(asked.SubAppId or 0), name)
        if document is not None and (not asked.Names or name in asked.Names):
            found.append(_shown(name, document))
    order = (asked.SortBy[0].Order or "desc") if asked.SortBy else ""
    if order:
        found.sort(key=lambda one: str(one["CreateTime"]), reverse=order.lower() == "desc")
    return {"TotalCount": len(found), "ProcedureTemplateSet": found[first : first + limit]}


def _document(engine: Engine, call: Call, asked: CreateProcedureTemplate) -> dict[str, Any]:
    """What is kept; what could not be made is refused now. Raises Refusal."""
    call.caller.need(Role.PRODUCER)
    if not asked.Name:
        raise Refusal("MissingParameter", "Name is missing")
    if any(ord(c) < 32 for c in asked.Name):
        raise VOD.wrong("Name", "Name has control characters")
    task = asked.MediaProcessTask or MediaProcess()
    plan(task, shelf(engine, call, asked.SubAppId).find, lambda: 60.0, lambda folder, name: f"s3://x/{folder}/{name}")
    now = time(call.at)
    kept = task.model_dump(exclude_none=True)
    return {"task": kept, "comment": asked.Comment or "", "created": now, "updated": now}


def _kept(engine: Engine, call: Call, app: int | None, name: str | None) -> dict[str, Any]:
    if not name:
        raise Refusal("MissingParameter", "Name is missing")
    found = engine.documents.get(DOOR, call.tenant, _kind(app or 0), name[:100])
    if found is None:
        raise Refusal("InvalidParameter.ProcedureNameNotExist", f"there is no procedure {name[:40]!r}")
    return found


def _shown(name: str, document: dict[str, Any]) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "Custom",
        "Comment": document["comment"],
        "MediaProcessTask": document["task"],
        "AiContentReviewTask": None,
        "AiAnalysisTask": None,
        "AiRecognitionTaskSet": [],
        "AiRecognitionTask": None,
        "MiniProgramPublishTask": None,
        "ReviewAudioVideoTask": None,
        "CreateTime": document["created"],
        "UpdateTime": document["updated"],
    }


def _kind(app: int) -> str:
    return f"procedures-{app}"
