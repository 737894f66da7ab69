"""`/v1/pipelines`: shares of the workers, limits, pauses."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from framefleet.domain.access import Role
from framefleet.domain.pipeline import DEFAULT, EVERYTHING, LEAST_WEIGHT, MOST_WEIGHT, Pipeline
from framefleet.ports import PipelineStatus
from framefleet_scheduler.api.described import NUMBER, PipelineName, refusals
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.guard import Asking, AtDesk, Caller, KeyFirst

router = APIRouter(prefix="/v1/pipelines", tags=["pipelines"], route_class=KeyFirst)


class PipelineShown(BaseModel):
    """A pipeline's settings, and what there is of it."""

    name: str
    weight: float
    max_tasks: int | None
    max_subtasks: int | None
    default_priority: int | None
    """Of tasks that name none."""
    paused: bool
    waiting: int = 0
    """Subtasks that could run and have not been released."""
    out: int = 0
    """Subtasks that run, or are released and not claimed."""
    tasks_queued: int = 0
    tasks_running: int = 0


class Pipelines(BaseModel):
    """All that are set or have had tasks."""

    paused: bool
    """Everything is."""
    pipelines: list[PipelineShown]


class PipelineChange(BaseModel, extra="forbid"):
    """What is not given stays; null takes a limit away."""

    weight: Annotated[float, Field(ge=LEAST_WEIGHT, le=MOST_WEIGHT), NUMBER] | None = None
    max_tasks: Annotated[int, Field(ge=1), NUMBER] | None = None
    max_subtasks: Annotated[int, Field(ge=1), NUMBER] | None = None
    default_priority: Annotated[int, Field(ge=0, le=9), NUMBER] | None = None


class Paused(BaseModel):
    """What was asked for."""

    paused: bool


@router.get("", summary="All pipelines", responses=refusals())
def listing(desk: AtDesk, caller: Asking) -> Pipelines:
    """Those the key is for."""
    found = {status.pipeline.name: status for status in desk.tasks.pipelines()}
    everything = found.pop(EVERYTHING, None)
    found.setdefault(DEFAULT, PipelineStatus(Pipeline(name=DEFAULT), 0, 0, 0, 0))
    return Pipelines(
        paused=everything is not None and everything.pipeline.paused,
        pipelines=[_shown(found[name]) for name in sorted(found) if caller.sees(name)],
    )


@router.post("/pause", summary="Begin nothing more of any pipeline", responses=refusals())
def pause_all(desk: AtDesk, caller: Asking) -> Paused:
    """What runs goes on."""
    return _pause(desk, caller, EVERYTHING, paused=True)


@router.post("/resume", summary="End the pause of everything", responses=refusals())
def resume_all(desk: AtDesk, caller: Asking) -> Paused:
    """Pipelines that are paused by name stay so."""
    return _pause(desk, caller, EVERYTHING, paused=False)


@router.patch("/{name}", summary="Change a pipeline's weight and limits", responses=refusals())
def change(name: PipelineName, what: PipelineChange, desk: AtDesk, caller: Asking) -> PipelineShown:
    """For what is released from now on."""
    caller.need_all(Role.ADMIN)
    values: dict[str, Any] = what.model_dump(exclude_unset=True)
    if values.get("weight", 1) is None:
        values["weight"] = 1.0
    made = desk.pipelines.change(name, **values)
    desk.tasks.configure(made)
    known = {status.pipeline.name: status for status in desk.tasks.pipelines()}
    return _shown(known.get(name, PipelineStatus(made, 0, 0, 0, 0)))


@router.post("/{name}/pause", summary="Begin nothing more of a pipeline", responses=refusals())
def pause(name: PipelineName, desk: AtDesk, caller: Asking) -> Paused:
    """What runs goes on."""
    return _pause(desk, caller, name, paused=True)


@router.post("/{name}/resume", summary="End a pipeline's pause", responses=refusals())
def resume(name: PipelineName, desk: AtDesk, caller: Asking) -> Paused:
    """Its work goes on in its old order."""
    return _pause(desk, caller, name, paused=False)


def _pause(desk: Desk, caller: Caller, name: str, *, paused: bool) -> Paused:
    caller.need_all(Role.ADMIN)
    desk.tasks.configure(desk.pipelines.change(name, paused=paused))
    return Paused(paused=paused)


def _shown(status: PipelineStatus) -> PipelineShown:
    pipeline = status.pipeline
    return PipelineShown(
        name=pipeline.name,
        weight=pipeline.weight,
        max_tasks=pipeline.max_tasks,
        max_subtasks=pipeline.max_subtasks,
        default_priority=pipeline.default_priority,
        paused=pipeline.paused,
        waiting=status.waiting,
        out=status.out,
        tasks_queued=status.tasks_queued,
        tasks_running=status.tasks_running,
    )
