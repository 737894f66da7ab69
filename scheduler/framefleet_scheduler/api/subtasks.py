"""`/v1/tasks/{id}/subtasks/{n}` and `/v1/tasks/{id}/runs`: one unit of work in full, and what went before."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from framefleet.domain.errors import SubtaskNotFound
from framefleet.domain.records import SubtaskRecord, TaskRecord
from framefleet.domain.spec_summary import spec_summary
from framefleet.domain.subtask import subtask_id
from framefleet.domain.task import is_dry
from framefleet_scheduler import past
from framefleet_scheduler.api.described import TaskId, refusals
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.guard import Asking, AtDesk, Caller
from framefleet_scheduler.api.tasks import known

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])

Run = Annotated[int | None, Query(ge=1, le=1_000_000, description="Which run of the task; without it, the latest.")]
Number = Annotated[int, Path(ge=1, le=10_000_000, description="A subtask's number in its task.")]


class SubtaskView(SubtaskRecord):
    """A subtask with what it was planned to do, and what became of each attempt."""

    task_id: str
    run: int
    needs: tuple[int, ...] = ()
    """Subtasks that must have succeeded before it may begin."""
    needed_by: tuple[int, ...] = ()
    """Subtasks that wait for it."""
    about: dict[str, Any] = {}
    """What it does, in a few fields that depend on its kind."""


class Runs(BaseModel):
    """The runs of a task, the latest first, without their subtasks."""

    runs: list[TaskRecord]


def looked_up(desk: Desk, caller: Caller, task_id: str, n: int, wanted: int | None = None) -> tuple[int, SubtaskRecord]:
    """A subtask of a run, or of the latest, with the run's number.

    Raises TaskNotFound, also when the caller may not see it, and SubtaskNotFound.
    """
    status = None if is_dry(task_id) else desk.tasks.status(task_id)
    task = desk.tasks.task(task_id) if status is not None and not status.state.final else None
    if wanted is not None and (status is None or status.run != wanted or task is None):
        return _of_run(desk, known(desk, caller, task_id), n, wanted)
    if status is not None and task is not None:  # not its whole record: a long film has thousands of subtasks
        caller.must_see(task.pipeline, task_id)
        run, found = status.run, desk.tasks.subtask(subtask_id(task_id, status.run, n))
    else:
        record = known(desk, caller, task_id)
        run, found = record.run, next((s for s in record.subtasks if s.n == n), None)
    if found is None:
        raise SubtaskNotFound(f"the task has no subtask {n}")
    return run, found


def _of_run(desk: Desk, latest: TaskRecord, n: int, wanted: int) -> tuple[int, SubtaskRecord]:
    record = latest if latest.run == wanted else past.ended_run(desk.store, latest.id, wanted)
    found = None if record is None else next((s for s in record.subtasks if s.n == n), None)
    if found is None:
        what = "run" if record is None else f"subtask {n} in run"
        raise SubtaskNotFound(f"the task has no {what} {wanted}", field="run" if record is None else None)
    return wanted, found


@router.get(
    "/{task_id}/subtasks/{n}", response_model=SubtaskView, summary="One subtask in full", responses=refusals(404)
)
def show(task_id: TaskId, n: Number, desk: AtDesk, caller: Asking, run: Run = None) -> Any:
    """State, attempts with their workers and outcomes, what it needs, what needs it, and what it does."""
    number, record = looked_up(desk, caller, task_id, n, run)
    plan = past.planned(desk.store, task_id, number, n)
    fields = record.model_dump()
    if plan is not None:
        fields |= {"needs": plan.subtask.needs, "needed_by": plan.needed_by, "about": spec_summary(plan.subtask.spec)}
    return JSONResponse(SubtaskView(task_id=task_id, run=number, **fields).model_dump(mode="json"))


@router.get(
    "/{task_id}/subtasks/{n}/log",
    response_class=PlainTextResponse,
    summary="What an attempt ran",
    responses=refusals(404),
)
def log(
    task_id: TaskId,
    n: Number,
    desk: AtDesk,
    caller: Asking,
    attempt: Annotated[
        int | None, Query(ge=1, le=1_000_000, description="Its number; without it, the latest that left a log.")
    ] = None,
    run: Run = None,
) -> PlainTextResponse:
    """Its commands, their exit codes and last lines, up to 64 KiB; of one that runs, how far it is.

    Kept for as long as the task is listed. An attempt whose worker died leaves none, nor does one that ran no program.
    """
    number, record = looked_up(desk, caller, task_id, n, run)
    return PlainTextResponse(past.log_text(desk.store, task_id, number, record, attempt))


@router.get("/{task_id}/runs", response_model=Runs, summary="The runs of a task", responses=refusals(404))
def runs(task_id: TaskId, desk: AtDesk, caller: Asking) -> Any:
    """A restart begins another run of the same task. The latest as it is now, and how those before it ended."""
    record = known(desk, caller, task_id)
    found = [record, *past.earlier_runs(desk.store, task_id, record.run)]
    return JSONResponse({"runs": [one.model_dump(mode="json", exclude={"subtasks"}) for one in found]})
