"""Projects of IMM: names under which tasks are kept and listed, and whose calls are counted."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from framefleet.domain.access import Role
from framefleet_scheduler.clouds.alibaba.imm.answers import time_text
from framefleet_scheduler.clouds.alibaba.imm.reading import read
from framefleet_scheduler.clouds.alibaba.imm.refusals import limit_exceeded, not_found
from framefleet_scheduler.clouds.alibaba.imm.wire import ImmWire, ProjectName
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.fields import Ignored, Truth, Works

DOOR = "imm"
KIND = "projects"
DEFAULT = "default"
"""Of every tenant, without being made."""
MOST_PROJECTS = 1_000
QUERIES_PER_SECOND = 100
USUAL_ROLE = "AliyunIMMDefaultRole"
_NO_DATASETS = Ignored("kept and told; there are no datasets here")
_Limit = Annotated[int | None, _NO_DATASETS, Field(ge=0, le=10**18)]


class Tag(ImmWire):
    """A tag of a project."""

    key: Annotated[str, Works(), Field(max_length=128)]
    value: Annotated[str, Works(), Field(max_length=256)] = ""


class CreateProject(ImmWire):
    """A new one."""

    project_name: ProjectName
    description: Annotated[str | None, Works(), Field(max_length=256)] = None
    service_role: Annotated[
        str | None, Ignored("kept and told; storages have the credentials here"), Field(max_length=256)
    ] = None
    template_id: Annotated[str | None, Ignored("kept and told; there are no workflows here"), Field(max_length=256)] = (
        None
    )
    project_max_dataset_count: _Limit = None
    dataset_max_bind_count: _Limit = None
    dataset_max_file_count: _Limit = None
    dataset_max_entity_count: _Limit = None
    dataset_max_relation_count: _Limit = None
    dataset_max_total_file_size: _Limit = None
    tag: Annotated[tuple[Tag, ...], Works(), Field(max_length=20)] = ()


class UpdateProject(CreateProject):
    """Changes of what is given."""


class GetProject(ImmWire):
    """One."""

    project_name: ProjectName
    with_statistics: Annotated[Truth, Ignored("projects hold no files here: the numbers are 0")] = False


class DeleteProject(ImmWire):
    """Away with it; its tasks go on, and are there again when it is made again."""

    project_name: ProjectName


class ListProjects(ImmWire):
    """All of the key's pipeline, by name."""

    prefix: Annotated[str, Works(), Field(max_length=128)] = ""
    max_results: Annotated[int, Works("0 to 200; 0: 100"), Field(ge=0, le=200)] = 100
    next_token: Annotated[str, Works(), Field(max_length=128)] = ""
    tag: Annotated[tuple[Tag, ...], Works(), Field(max_length=20)] = ()


_LIMITS = {
    "DatasetMaxBindCount": 10,
    "DatasetMaxEntityCount": 10_000_000_000,
    "DatasetMaxFileCount": 100_000_000,
    "DatasetMaxRelationCount": 100_000_000_000,
    "DatasetMaxTotalFileSize": 90_000_000_000_000_000,
    "ProjectMaxDatasetCount": 1_000_000_000,
}


def must_exist(engine: Engine, call: Call, name: str) -> dict[str, Any]:
    """What is kept of a project; `default` is made when it is first asked for. Raises Refusal."""
    found = engine.documents.get(DOOR, call.tenant, KIND, name)
    if found is None and name == DEFAULT:
        found = _document(call, CreateProject.model_validate({"ProjectName": DEFAULT}))
        engine.documents.create(DOOR, call.tenant, KIND, name, found)
    if found is None:
        raise not_found(f"The specified resource project is not found: {name}")
    return found


def create(engine: Engine, call: Call) -> dict[str, Any]:
    """CreateProject."""
    call.caller.need(Role.PRODUCER)
    asked = read(call.parameters, CreateProject)
    if len(engine.documents.names(DOOR, call.tenant, KIND, MOST_PROJECTS)) >= MOST_PROJECTS:
        raise limit_exceeded(f"there are {MOST_PROJECTS} projects, as many as may be")
    document = _document(call, asked)
    if not engine.documents.create(DOOR, call.tenant, KIND, asked.project_name, document):
        raise Refusal("ResourceAlreadyExists", f"The specified resource project already exists: {asked.project_name}")
    call.note("imm.project.create", asked.project_name)
    return {"Project": _told(asked.project_name, document)}


def get(engine: Engine, call: Call) -> dict[str, Any]:
    """GetProject."""
    asked = read(call.parameters, GetProject)
    return {"Project": _told(asked.project_name, must_exist(engine, call, asked.project_name))}


def update(engine: Engine, call: Call) -> dict[str, Any]:
    """UpdateProject."""
    call.caller.need(Role.PRODUCER)
    asked = read(call.parameters, UpdateProject)
    document = must_exist(engine, call, asked.project_name)
    given = asked.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"project_name"})
    if not asked.tag:
        given.pop("Tag", None)  # SDKs send an empty list for what a program does not say
    document = {**document, **given, "UpdateTime": time_text(call.at)}
    engine.documents.put(DOOR, call.tenant, KIND, asked.project_name, document)
    call.note("imm.project.update", asked.project_name)
    return {"Project": _told(asked.project_name, document)}


def delete(engine: Engine, call: Call) -> dict[str, Any]:
    """DeleteProject."""
    call.caller.need(Role.PRODUCER)
    asked = read(call.parameters, DeleteProject)
    must_exist(engine, call, asked.project_name)
    engine.documents.delete(DOOR, call.tenant, KIND, asked.project_name)
    call.note("imm.project.delete", asked.project_name)
    return {}


def listed(engine: Engine, call: Call) -> dict[str, Any]:
    """ListProjects."""
    asked = read(call.parameters, ListProjects)
    must_exist(engine, call, DEFAULT)
    most = asked.max_results or 100
    names = [
        name
        for name in engine.documents.names(DOOR, call.tenant, KIND, MOST_PROJECTS + 1)
        if name.startswith(asked.prefix) and name >= asked.next_token
    ]
    page: list[dict[str, Any]] = []
    following = ""
    for name in names:
        if len(page) == most:
            following = name
            break
        document = engine.documents.get(DOOR, call.tenant, KIND, name)
        if document is not None and _has(document, asked.tag):
            page.append(_told(name, document))
    return {"Projects": page, "NextToken": following}


def _has(document: dict[str, Any], wanted: tuple[Tag, ...]) -> bool:
    own = {tag["Key"]: tag.get("Value", "") for tag in document.get("Tag", ())}
    return all(own.get(tag.key) == tag.value for tag in wanted)


def _document(call: Call, asked: CreateProject) -> dict[str, Any]:
    given = asked.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"project_name"})
    at = time_text(call.at)
    return {**given, "CreateTime": at, "UpdateTime": at}


def _told(name: str, document: dict[str, Any]) -> dict[str, Any]:
    return {
        "ProjectName": name,
        "CreateTime": document["CreateTime"],
        "UpdateTime": document["UpdateTime"],
        "Description": document.get("Description") or "",
        "ServiceRole": document.get("ServiceRole") or USUAL_ROLE,
        "TemplateId": document.get("TemplateId") or "",
        "ProjectQueriesPerSecond": QUERIES_PER_SECOND,
        "EngineConcurrency": 100,
        "DatasetCount": 0,
        "FileCount": 0,
        "TotalFileSize": 0,
        "Tags": [{"TagKey": tag["Key"], "TagValue": tag.get("Value", "")} for tag in document.get("Tag", ())],
        **{limit: document.get(limit) or usual for limit, usual in _LIMITS.items()},
    }
