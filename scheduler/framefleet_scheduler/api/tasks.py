"""`/v1/tasks`: create, list, look, cancel, restart, another priority, what it waits for."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from framefleet.domain.access import Role
from framefleet.domain.errors import TaskNotFound
from framefleet.domain.prospects import told
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.task import MAX_REQUEST_BYTES, Task, is_dry, parse_request
from framefleet.domain.waiting import Explanation
from framefleet.ports import TaskQuery
from framefleet_scheduler.api.audit import note
from framefleet_scheduler.api.body import body_of
from framefleet_scheduler.api.described import NAME, NUMBER, Moment, TaskId, aware, refusals
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.guard import Asking, AtDesk, Caller, KeyFirst
from framefleet_scheduler.api.uploads import must_be_theirs
from framefleet_scheduler.clouds.origin import refuse_ours

router = APIRouter(prefix="/v1/tasks", tags=["tasks"], route_class=KeyFirst)

_MOST_LISTED = 200


class Page(BaseModel):
    """Some tasks, the newest first, without their subtasks."""

    tasks: list[TaskRecord]
    next: str | None = None
    """The cursor of the next page; null when this is the last."""


class RestartRequest(BaseModel, extra="forbid", strict=True):
    """How to restart."""

    failed_only: bool = False
    """Only the targets that did not succeed; the others keep their files."""


class Change(BaseModel, extra="forbid"):
    """What can be changed of a task."""

    priority: Annotated[int, Field(ge=0, le=9), NUMBER]
    """9 is first."""


class Waiting(BaseModel):
    """What a task waits for."""

    explanation: Explanation
    sentences: list[str]


def known(desk: Desk, caller: Caller, task_id: str) -> TaskRecord:
    """The task. Raises TaskNotFound, also when the caller may not see it, and for a dry run."""
    record = None if is_dry(task_id) else desk.tasks.record(task_id)
    if record is None:
        raise TaskNotFound(f"there is no task {task_id}")
    caller.must_see(record.pipeline, task_id)
    return desk.early.shown(record)


@router.post(
    "",
    status_code=202,
    response_model=TaskRecord,
    summary="Create a task",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TaskRequest"}}},
        }
    },
    responses=refusals(404, 408, 409, 413, 422),
)
async def create(
    request: Request,
    desk: AtDesk,
    caller: Asking,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=64)] = None,
) -> Any:
    """The request as docs/howto/submit.md describes it. The same `client_token` (or `Idempotency-Key`) with the same body
    gives the same task again.
    """
    caller.need(Role.PRODUCER)
    body = await body_of(request, MAX_REQUEST_BYTES)
    return await run_in_threadpool(_create, request, desk, caller, body, idempotency_key)


def accepted(request: Request, desk: Desk, caller: Caller, body: bytes | str, token: str | None = None) -> Task:
    """A task of the caller's; a new one is noted. Raises what refuses it: Forbidden, UploadNotFound, what the acceptor raises."""
    asked = parse_request(body)
    caller.need_pipeline(asked.pipeline)
    refuse_ours(asked.tags, asked.client_token or token or "")
    must_be_theirs(desk, caller, asked.model_dump_json())
    return desk.acceptor.accept(
        asked,
        client_token=token,
        by=caller.id,
        traceparent=request.headers.get("traceparent"),
        made=lambda task: note(request, "task.create", task.id),
    )


def _create(request: Request, desk: Desk, caller: Caller, body: bytes, token: str | None) -> Response:
    task = accepted(request, desk, caller, body, token)
    record = known(desk, caller, task.id)
    return _shown(record, status=202, headers={"Location": f"/v1/tasks/{task.id}"})


@router.get("/{task_id}", response_model=TaskRecord, summary="A task as it is", responses=refusals(404))
async def show(task_id: TaskId, desk: AtDesk, caller: Asking) -> Any:
    """State, progress, targets with their files, subtasks."""
    ended = None if desk.quick is None or is_dry(task_id) else desk.quick.ended(task_id)
    if ended is None:
        return await run_in_threadpool(lambda: _shown(known(desk, caller, task_id)))
    caller.must_see(ended.pipeline, task_id)
    return _shown(ended)


@router.post(
    "/{task_id}/cancel", status_code=202, response_model=TaskRecord, summary="End a task", responses=refusals(404, 409)
)
def cancel(task_id: TaskId, desk: AtDesk, caller: Asking) -> Any:
    """What runs for it is ended within seconds."""
    caller.need(Role.PRODUCER)
    known(desk, caller, task_id)
    desk.control.cancel(task_id)
    return _shown(known(desk, caller, task_id), status=202)


@router.post(
    "/{task_id}/restart",
    status_code=202,
    response_model=TaskRecord,
    summary="Run an ended task again",
    responses=refusals(404, 409),
)
def restart(task_id: TaskId, desk: AtDesk, caller: Asking, how: RestartRequest | None = None) -> Any:
    """Under the same id, as its next run."""
    caller.need(Role.PRODUCER)
    known(desk, caller, task_id)
    desk.control.restart(task_id, failed_only=how is not None and how.failed_only)
    return _shown(known(desk, caller, task_id), status=202)


@router.patch(
    "/{task_id}", response_model=TaskRecord, summary="Give a task another priority", responses=refusals(404, 409)
)
def change(task_id: TaskId, what: Change, desk: AtDesk, caller: Asking) -> Any:
    """Also while it waits or runs."""
    caller.need(Role.PRODUCER)
    known(desk, caller, task_id)
    desk.control.reprioritize(task_id, what.priority)
    return _shown(known(desk, caller, task_id))


@router.get("/{task_id}/explain", summary="What a task waits for", responses=refusals(404))
def explain(task_id: TaskId, desk: AtDesk, caller: Asking) -> Waiting:
    """In the order of what holds it back."""
    known(desk, caller, task_id)
    found = desk.tasks.explain(task_id)
    if found is None:
        raise TaskNotFound(f"there is no task {task_id}")
    return Waiting(explanation=found, sentences=told(found))


class Filters(BaseModel, extra="forbid"):
    """Which tasks."""

    state: TaskState | None = None
    pipeline: Annotated[str | None, Field(pattern=NAME)] = None
    tag: Annotated[str | None, Field(pattern="^[^=]{1,128}=.{0,256}$", description="`name=value`")] = None
    id: Annotated[list[str] | None, Field(max_length=_MOST_LISTED, description="Only these; may be repeated.")] = None
    since: Annotated[Moment | None, Field(description="Created then or later, RFC 3339.")] = None
    until: Annotated[Moment | None, Field(description="Created then or earlier.")] = None
    cursor: Annotated[str | None, Field(max_length=200, pattern="^[A-Za-z0-9_-]+$")] = None
    limit: Annotated[int, Field(ge=1, le=_MOST_LISTED)] = 50


@router.get("", response_model=Page, summary="Tasks, the newest first", responses=refusals())
def listing(desk: AtDesk, caller: Asking, filters: Annotated[Filters, Query()]) -> Any:
    """Those of the pipelines the key is for, without their subtasks.

    `next` is the cursor of the next page, and stays right whatever is created meanwhile. A page may be short though there is
    a next one. `id` goes with no other filter.
    """
    if filters.id is not None:
        wanted = [one for one in dict.fromkeys(filters.id) if not is_dry(one)]
        records = [record for one in wanted if (record := desk.tasks.record(one)) is not None]
        return _page([record for record in records if caller.sees(record.pipeline)], None)
    name, _, value = (filters.tag or "").partition("=")
    query = TaskQuery(
        state=filters.state,
        pipeline=filters.pipeline,
        tag=(name, value) if filters.tag else None,
        since=aware(filters.since, "since"),
        until=aware(filters.until, "until"),
        after=desk.cursors.place(filters.cursor),
        limit=filters.limit,
    )
    found = desk.tasks.query(query)
    return _page([record for record in found.tasks if caller.sees(record.pipeline)], desk.cursors.cursor(found.next))


def _page(records: list[TaskRecord], next_page: str | None) -> JSONResponse:
    shown = [record.model_dump(mode="json", exclude={"subtasks"}) for record in records]
    return JSONResponse({"tasks": shown, "next": next_page})


def _shown(record: TaskRecord, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(record.model_dump_json(), status, headers=headers, media_type="application/json")
