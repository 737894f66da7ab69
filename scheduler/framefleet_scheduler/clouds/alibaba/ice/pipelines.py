"""ICE's pipelines: each is one of ours, named `ice-ID`, and the tenant's own is the default one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from framefleet.domain.access import Role
from framefleet.domain.pipeline import LEAST_WEIGHT
from framefleet_scheduler.clouds.alibaba.ice import priorities, words
from framefleet_scheduler.clouds.alibaba.ice.answers import when
from framefleet_scheduler.clouds.alibaba.ice.kept import CreatePipeline, ListPipelines, PipelineNamed, UpdatePipeline
from framefleet_scheduler.clouds.alibaba.ice.reading import DOOR, named, taken
from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.clouds.engine import Engine

_KIND = "pipeline"
MOST_PIPELINES = 50
"""Of a tenant: each has a share of the workers."""
_SPEEDS = {"standard": "Standard", "boost": "Boost", "narrowbandhdv2": "NarrowBandHDV2"}
_MOST_NAME = 128


@dataclass(frozen=True, slots=True)
class Lane:
    """Where a job goes."""

    id: str
    """The vendor's."""
    pipeline: str | None
    """Ours; None: the tenant's."""
    priority: int
    """The vendor's, of outputs that say none."""


def lane(engine: Engine, call: Call, pipeline_id: str | None) -> Lane:
    """The pipeline that a job asks for. Raises Refusal."""
    if pipeline_id is None or pipeline_id == default_id(call):
        return Lane(default_id(call), None, priorities.DEFAULT)
    kept = _kept(engine, call, pipeline_id)
    return Lane(pipeline_id, _ours(pipeline_id), int(kept["Priority"]))


def default_id(call: Call) -> str:
    """The id of the pipeline that every tenant has."""
    return hashlib.sha256(f"ice pipeline of {call.tenant}".encode()).hexdigest()[:32]


def create(engine: Engine, call: Call) -> dict[str, Any]:
    """CreatePipeline."""
    call.caller.need(Role.PRODUCER)
    asked = taken(call, CreatePipeline)
    name, speed = named("Name", asked.Name, _MOST_NAME), _speed(asked.Speed)
    priorities.check("Priority", asked.Priority)
    now = when(call.at)
    kept: dict[str, Any] = {
        "Name": name,
        "Speed": speed,
        "Priority": asked.Priority or priorities.DEFAULT,
        "Status": "Active",
        "CreateTime": now,
        "ModifiedTime": now,
    }
    # Schedulers know every pipeline there ever was, so a tenant's are so many, and what was deleted is used again.
    for number in range(MOST_PIPELINES):
        pipeline_id = _id_of(call, number)
        kept["PipelineId"] = pipeline_id
        if engine.documents.create(DOOR, call.tenant, _KIND, pipeline_id, kept):
            break
    else:
        raise words.beyond("Name", f"there are {MOST_PIPELINES} pipelines already")
    _configure(engine, call, kept)
    call.note("pipeline.change", _ours(pipeline_id))
    return {"Pipeline": kept}


def get(engine: Engine, call: Call) -> dict[str, Any]:
    """GetPipeline."""
    call.caller.need(Role.VIEWER)
    asked = taken(call, PipelineNamed)
    if asked.PipelineId == default_id(call):
        return {"Pipeline": _default(engine, call)}
    return {"Pipeline": _kept(engine, call, named("PipelineId", asked.PipelineId, _MOST_NAME))}


def listed(engine: Engine, call: Call) -> dict[str, Any]:
    """ListPipelines."""
    call.caller.need(Role.VIEWER)
    asked = taken(call, ListPipelines)
    names = engine.documents.names(DOOR, call.tenant, _KIND, MOST_PIPELINES)
    kept = [engine.documents.get(DOOR, call.tenant, _KIND, name) for name in names]
    found = [
        _default(engine, call),
        *sorted((one for one in kept if one), key=lambda one: (one["CreateTime"], one["Name"])),
    ]
    wanted = _speed(asked.Speed) if asked.Speed else None
    return {"PipelineList": [one for one in found if wanted in {None, one["Speed"]}]}


def update(engine: Engine, call: Call) -> dict[str, Any]:
    """UpdatePipeline."""
    call.caller.need(Role.PRODUCER)
    asked = taken(call, UpdatePipeline)
    kept = _changeable(engine, call, asked.PipelineId)
    priorities.check("Priority", asked.Priority)
    if asked.Name is not None:
        kept["Name"] = named("Name", asked.Name, _MOST_NAME)
    if asked.Priority is not None:
        kept["Priority"] = asked.Priority
    if asked.Status is not None:
        if asked.Status not in {"Active", "Paused"}:
            raise words.unfit("Status", "it is none of Active and Paused")
        kept["Status"] = asked.Status
    kept["ModifiedTime"] = when(call.at)
    _configure(engine, call, kept)
    engine.documents.put(DOOR, call.tenant, _KIND, kept["PipelineId"], kept)
    call.note("pipeline.change", _ours(kept["PipelineId"]))
    return {"Success": True}


def delete(engine: Engine, call: Call) -> dict[str, Any]:
    """DeletePipeline."""
    call.caller.need(Role.PRODUCER)
    kept = _changeable(engine, call, taken(call, PipelineNamed).PipelineId)
    ours = _ours(kept["PipelineId"])
    status = next((one for one in engine.desk.tasks.pipelines() if one.pipeline.name == ours), None)
    if status is not None and status.tasks_queued + status.tasks_running > 0:
        raise words.unfit("PipelineId", "the pipeline has jobs that have not ended")
    engine.documents.delete(DOOR, call.tenant, _KIND, kept["PipelineId"])
    call.note("pipeline.change", ours)
    return {"Success": True}


def _id_of(call: Call, number: int) -> str:
    return hashlib.sha256(f"ice pipeline {number} of {call.tenant}".encode()).hexdigest()[:32]


def _ours(pipeline_id: str) -> str:
    return f"ice-{pipeline_id}"


def _kept(engine: Engine, call: Call, pipeline_id: str) -> dict[str, Any]:
    kept = engine.documents.get(DOOR, call.tenant, _KIND, pipeline_id) if len(pipeline_id) <= _MOST_NAME else None
    if kept is None:
        raise words.unknown(f"the pipeline {pipeline_id}")
    return kept


def _changeable(engine: Engine, call: Call, pipeline_id: str | None) -> dict[str, Any]:
    if pipeline_id == default_id(call):
        raise words.unsupported("PipelineId", "the default pipeline is the operator's")
    return _kept(engine, call, named("PipelineId", pipeline_id, _MOST_NAME))


def _configure(engine: Engine, call: Call, kept: Mapping[str, Any]) -> None:
    """Ours of a pipeline: with the limits of the tenant's own, of whose weight each further one gets less (1/2, 1/3, ...)."""
    own = engine.desk.pipelines.get(call.tenant)
    names = engine.documents.names(DOOR, call.tenant, _KIND, MOST_PIPELINES)
    made = engine.desk.pipelines.change(
        _ours(kept["PipelineId"]),
        weight=max(LEAST_WEIGHT, own.weight / max(1, len(names))),
        max_tasks=own.max_tasks,
        max_subtasks=own.max_subtasks,
        paused=kept["Status"] == "Paused",
        default_priority=priorities.ours(kept["Priority"]),
    )
    engine.desk.tasks.configure(made)


def _default(engine: Engine, call: Call) -> dict[str, Any]:
    ours = engine.desk.pipelines.get(call.tenant)
    return {
        "PipelineId": default_id(call),
        "Name": call.tenant,
        "Speed": "Standard",
        "Priority": priorities.DEFAULT,
        "Status": "Paused" if ours.paused else "Active",
        "CreateTime": when(ours.changed_at or call.at),
        "ModifiedTime": when(ours.changed_at or call.at),
    }


def _speed(text: str | None) -> str:
    if text is None:
        raise words.missing("Speed")
    found = _SPEEDS.get(text.lower())
    if found is None:
        raise words.unfit("Speed", "it is none of Standard, Boost and NarrowBandHDV2")
    return found
