"""`/v1/tasks/{id}/sources/{i}`: what a task was made from, for players, to those who may see the task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request
from fastapi.responses import Response, StreamingResponse

from framefleet.adapters.storages import content_type
from framefleet.domain import keys
from framefleet.domain.address import source_address
from framefleet.domain.errors import OutputNotFound, SourceError
from framefleet.domain.task import Task
from framefleet_scheduler.api.described import TaskId, refusals
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.files import FILE, sent
from framefleet_scheduler.api.guard import Asking, AtDesk
from framefleet_scheduler.api.tasks import known

router = APIRouter(prefix="/v1/tasks", tags=["outputs"])

SourceNumber = Annotated[int, Path(ge=0, le=10, description="Which source, from 0.")]


@router.head("/{task_id}/sources/{i}", include_in_schema=False)
@router.get(
    "/{task_id}/sources/{i}",
    summary="A source of a task",
    response_class=StreamingResponse,
    responses={**refusals(404, 416), **FILE},
)
def serve(
    task_id: TaskId,
    i: SourceNumber,
    request: Request,
    desk: AtDesk,
    caller: Asking,
    range: Annotated[str | None, Header(alias="Range")] = None,  # noqa: A002 - the header's name
) -> Response:
    """With ranges. Only of what lies in storages and folders: what is on the web is asked for there."""
    known(desk, caller, task_id)
    task = asked(desk, task_id)
    if task is None or i >= len(task.request.sources):
        raise OutputNotFound(f"the task {task_id} has no source {i}")
    address = source_address(task.request.sources[i].uri, f"sources[{i}].uri")
    if address.scheme in {"http", "https"}:
        raise OutputNotFound("the source is on the web", hint="Ask there for it.")
    try:
        place = desk.locate(address)
    except SourceError as error:
        raise OutputNotFound(error.message, hint=error.hint_text) from None
    found = place.store.stat(place.key)
    if found is None:
        raise OutputNotFound("the source is not there any more")

    def read(offset: int, length: int) -> Iterator[bytes]:
        blocks = place.store.read(place.key, offset, length)
        if blocks is None:
            raise OutputNotFound("the source is not there any more")
        return blocks

    headers = {"Cache-Control": "private, no-cache"}
    return sent(
        request, desk.downloads, caller.id, read, size=found.bytes, kind=content_type(place.key), headers=headers
    )


def asked(desk: Desk, task_id: str) -> Task | None:
    """The task as it was accepted, also when Redis has forgotten it. Raises ServiceError."""
    live = desk.tasks.task(task_id)
    if live is not None:
        return live
    body = desk.store.get(keys.task(task_id))
    return None if body is None else Task.model_validate_json(body)
