"""`/v1/probe` and `/v1/plan`: looking, without making anything. Workers do it, as a dry run; the caller waits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from framefleet.domain import keys
from framefleet.domain.access import Role
from framefleet.domain.errors import (
    DryRunTimeout,
    FramefleetError,
    InvalidRequest,
    NoWorker,
    ServiceError,
    StateUnavailable,
    told,
)
from framefleet.domain.outlook import plan_view
from framefleet.domain.pipeline import DEFAULT
from framefleet.domain.preview import MediaView, PlanView, media_view
from framefleet.domain.records import ProbeOutput, TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.subtask import Plan
from framefleet.domain.task import MAX_REQUEST_BYTES, DryRun, Task, parse_request
from framefleet.domain.waiting import say
from framefleet_scheduler import results
from framefleet_scheduler.api.body import body_of
from framefleet_scheduler.api.described import NAME, refusals
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.guard import Asking, AtDesk, Caller
from framefleet_scheduler.api.places import Places
from framefleet_scheduler.api.uploads import must_be_theirs
from framefleet_scheduler.dry import ANSWER_SECONDS
from framefleet_scheduler.plan import probe_subtasks

log = structlog.get_logger()
router = APIRouter(prefix="/v1", tags=["dry runs"])

MOST_AT_ONCE = 32
"""Callers who wait for a dry run in one process: each holds a connection for up to half a minute."""
_PLACES = Places("dry_runs", MOST_AT_ONCE, MOST_AT_ONCE, "too many callers wait for a probe or a plan", 2)
_FIRST_LOOK_SECONDS = 0.03
_LONGEST_LOOK_SECONDS = 0.25
_SOURCE = "sources[0]"
_NOTHING = {"name": "probe", "template": "remux-mp4", "uri": "file:///nowhere.mp4"}


class ProbeAnswer(MediaView):
    """What is in a source."""

    frame: str | None = None
    """With `?frame=true`: a JPEG of the film, up to 640 pixels wide, as a data URI; null when none can be taken."""


@router.post(
    "/probe",
    response_model=ProbeAnswer,
    summary="What is in a source",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Source"},
                    "example": {"uri": "s3://in/film.mov"},
                }
            },
        }
    },
    responses=refusals(404, 408, 409, 413, 422, 504),
)
async def probe(
    request: Request,
    desk: AtDesk,
    caller: Asking,
    pipeline: Annotated[str | None, Query(pattern=NAME, description="Whose it is; the first one of the key.")] = None,
    frame: Annotated[bool, Query(description="Take a small picture of it, too.")] = False,
) -> Any:
    """A source as tasks have them: `{"uri": "s3://in/film.mov"}`. Streams, duration, and the frames one by one."""
    caller.need(Role.PRODUCER)
    pipeline = pipeline or (caller.pipelines or (DEFAULT,))[0]
    source = _object(await body_of(request, MAX_REQUEST_BYTES))
    body = {"sources": [source], "targets": [_NOTHING], "pipeline": pipeline}
    async with _PLACES.one(request, caller.id):
        task = await run_in_threadpool(_entered, desk, caller, body, DryRun(what="probe", frame=frame))
        return await _answered(request, desk, task, _probed)


@router.post(
    "/plan",
    response_model=PlanView,
    summary="What a task would become",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TaskRequest"}}},
        }
    },
    responses=refusals(404, 408, 409, 413, 422, 504),
)
async def plan(request: Request, desk: AtDesk, caller: Asking) -> Any:
    """The request of a task, which is not created: its sources are probed, and it is planned.

    Refused as creating it would be. The subtasks it would have, the ladder of each target, and an estimate of what it costs.
    """
    caller.need(Role.PRODUCER)
    body = await body_of(request, MAX_REQUEST_BYTES)
    async with _PLACES.one(request, caller.id):
        task = await run_in_threadpool(_entered, desk, caller, body, DryRun(what="plan"))
        return await _answered(request, desk, task, _planned)


# --- the dry run ----------------------------------------------------------------------------


def _entered(desk: Desk, caller: Caller, body: bytes | dict[str, Any], dry: DryRun) -> Task:
    try:
        asked = parse_request(body)
        caller.need_pipeline(asked.pipeline)
        must_be_theirs(desk, caller, asked.model_dump_json())
        return desk.acceptor.look(body, dry, by=caller.id)
    except FramefleetError as error:
        raise _of_source(error) if dry.what == "probe" else error from None


async def _answered(
    request: Request, desk: Desk, task: Task, answer: Callable[[Desk, Task], dict[str, Any]]
) -> JSONResponse:
    """Wait for the end and tell what was found. What nobody waits for any more is canceled."""
    record: TaskRecord | None = None
    try:
        record = await _ended(request, desk, task.id)
    finally:
        if record is None:
            await run_in_threadpool(_give_up, desk, task.id)
    if record.state is not TaskState.SUCCEEDED:
        error = told(record.error) if record.error is not None else DryRunTimeout("it was canceled")
        raise _of_source(error) if task.dry is not None and task.dry.what == "probe" else error
    return JSONResponse(await run_in_threadpool(answer, desk, task))


async def _ended(request: Request, desk: Desk, task_id: str) -> TaskRecord:
    loop = asyncio.get_running_loop()
    started, pause = loop.time(), _FIRST_LOOK_SECONDS
    latest: TaskRecord | None = None
    if not await run_in_threadpool(_has_worker, desk):
        raise NoWorker
    while loop.time() - started < ANSWER_SECONDS:
        latest = await run_in_threadpool(_record, desk, task_id) or latest
        if latest is not None and latest.state.final:
            return latest
        if await request.is_disconnected():
            break
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_LOOK_SECONDS)
    raise DryRunTimeout(await run_in_threadpool(_why_not, desk, task_id, latest))


def _record(desk: Desk, task_id: str) -> TaskRecord | None:
    try:
        return desk.tasks.record(task_id)
    except StateUnavailable:  # being rebuilt, perhaps: a dry run survives that
        return None


def _has_worker(desk: Desk) -> bool:
    """Any slot that takes what probes need. An idle or a busy one: it may be free in a moment."""
    try:
        return any(worker.works and worker.tag == "cpu" for worker in desk.tasks.workers())
    except StateUnavailable:
        return True


def _why_not(desk: Desk, task_id: str, record: TaskRecord | None) -> str:
    said = f"it was not done within {ANSWER_SECONDS:.0f} s"
    error = next((s.error for s in record.subtasks if s.error is not None), None) if record is not None else None
    if error is not None:
        return f"{said}; the last attempt failed: {error.message} [{error.code}]"
    try:
        found = desk.tasks.explain(task_id)
    except StateUnavailable:
        found = None
    return f"{said}: {'; '.join(say(wait) for wait in found.waits)}" if found is not None and found.waits else said


def _give_up(desk: Desk, task_id: str) -> None:
    try:
        desk.tasks.cancel(task_id)
    except ServiceError as error:  # the sweep does it in its turn
        log.warning("api.unavailable", code=error.code, message=error.message)


# --- answers --------------------------------------------------------------------------------


def _probed(desk: Desk, task: Task) -> dict[str, Any]:
    record = results.done(desk.store, task.id, 1, 1)
    if record is None or not isinstance(record.output, ProbeOutput):
        raise DryRunTimeout("what was found is gone already")
    frame = record.output.frame
    picture = None if frame is None else f"data:image/jpeg;base64,{frame}"
    return ProbeAnswer(frame=picture, **dict(media_view(record.output.media))).model_dump(mode="json")


def _planned(desk: Desk, task: Task) -> dict[str, Any]:
    media = results.media(desk.store, task, 1)
    body = desk.store.get(keys.plan(task.id, 1))
    if media is None or body is None:
        raise DryRunTimeout("the plan is gone already")
    found = Plan.model_validate_json(body)
    whole = found.model_copy(update={"subtasks": (*probe_subtasks(task), *found.subtasks)})
    slots: dict[str, int] = {}
    for worker in desk.tasks.workers():
        if worker.works:
            slots[worker.tag] = slots.get(worker.tag, 0) + 1
    measured = {} if desk.measures is None else desk.measures.costs()
    return plan_view(task, media, whole, slots=slots, measured=measured).model_dump(mode="json")


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidRequest("the body is not a JSON object")
    return found


def _of_source(error: FramefleetError) -> FramefleetError:
    """The body is the source itself, so the field is named from there."""
    if error.field is not None and error.field.startswith(_SOURCE):
        error.field = error.field.removeprefix(_SOURCE).removeprefix(".") or None
    return error
