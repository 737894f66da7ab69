"""`/v1/tasks/{id}/outputs`: what a task has made, for players (ranges, relative names) and as a zip.

Only files that a task's record names are served, by names below the folder of their target's address.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

from framefleet.adapters.storages import content_type
from framefleet.domain.address import target_address
from framefleet.domain.errors import OutputNotFound
from framefleet.domain.records import PublishedFile, TargetRecord
from framefleet_scheduler.api.described import TaskId, refusals
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.files import FILE, SentFile, sent
from framefleet_scheduler.api.guard import Asking, AtDesk, Caller
from framefleet_scheduler.api.tasks import known
from framefleet_scheduler.api.zipped import zipped

router = APIRouter(prefix="/v1/tasks", tags=["outputs"])

TargetName = Annotated[str, Path(pattern="^[^/\\x00-\\x1f]{1,128}$", description="A target's name.")]
FileName = Annotated[str, Path(description="A file's path below the folder of its target's address.")]
_PICTURES = frozenset({"picture"})


class Output(BaseModel):
    """A file that was made."""

    name: str
    """Below the folder of the target's address."""
    uri: str
    bytes: int
    sha256: str
    kind: str
    """media, segment, init, manifest, picture, map."""


@router.get(
    "/{task_id}/outputs/{target}.zip",
    summary="The pictures of a target as a zip",
    response_class=StreamingResponse,
    responses={**refusals(404), 200: {"description": "A zip.", "content": {"application/zip": {}}}},
)
def as_zip(
    task_id: TaskId,
    target: TargetName,
    desk: AtDesk,
    caller: Asking,
    everything: Annotated[bool, Query(description="All files, not only pictures.")] = False,
) -> StreamingResponse:
    """Snapshots, covers, sprites. Not compressed: pictures are already."""
    made = _target(desk, caller, task_id, target)
    files = {n: f for n, f in files_of(made).items() if everything or f.kind in _PICTURES}
    if not files:
        raise OutputNotFound(f"the target {target} has no pictures")
    parts = ((name, _read(desk, file, 0, file.bytes)) for name, file in files.items())
    desk.downloads.check(caller.id)
    headers = {"Content-Disposition": _attachment(f"{target}.zip")}
    return SentFile(desk.downloads, caller.id, zipped(parts), media_type="application/zip", headers=headers)


@router.get("/{task_id}/outputs/{target}", summary="The files of a target", responses=refusals(404))
def listing(task_id: TaskId, target: TargetName, desk: AtDesk, caller: Asking) -> list[Output]:
    """In the order they were published."""
    made = _target(desk, caller, task_id, target)
    return [
        Output(name=name, uri=file.uri, bytes=file.bytes, sha256=file.sha256, kind=file.kind)
        for name, file in files_of(made).items()
    ]


@router.head("/{task_id}/outputs/{target}/{file:path}", include_in_schema=False)
@router.get(
    "/{task_id}/outputs/{target}/{file:path}",
    summary="A file of a target",
    response_class=StreamingResponse,
    responses={**refusals(404, 416), **FILE, 304: {"description": "Not changed."}},
)
def serve(
    task_id: TaskId,
    target: TargetName,
    file: FileName,
    request: Request,
    desk: AtDesk,
    caller: Asking,
    range: Annotated[str | None, Header(alias="Range")] = None,  # noqa: A002 - the header's name
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """With ranges, so that players can seek. The ETag is the file's SHA-256."""
    made = files_of(_target(desk, caller, task_id, target)).get(file)
    if made is None:
        raise OutputNotFound(f"the target {target} has no file {file[:200]}")
    headers = {"ETag": f'"{made.sha256}"', "Cache-Control": "private, max-age=60"}
    if if_none_match is not None and f'"{made.sha256}"' in if_none_match:
        return Response(status_code=304, headers=headers)
    return sent(
        request,
        desk.downloads,
        caller.id,
        partial(_read, desk, made),
        size=made.bytes,
        kind=content_type(file),
        headers=headers,
    )


def _target(desk: Desk, caller: Caller, task_id: str, name: str) -> TargetRecord:
    record = known(desk, caller, task_id)
    found = next((target for target in record.targets if target.name == name), None)
    if found is None:
        raise OutputNotFound(f"the task {task_id} has no target {name}")
    return found


def files_of(target: TargetRecord) -> dict[str, PublishedFile]:
    """By name below the folder of the target's address."""
    folder = target.uri[: target.uri.rfind("/") + 1]
    return {file.uri.removeprefix(folder): file for file in target.files if file.uri.startswith(folder)}


def _read(desk: Desk, file: PublishedFile, offset: int, length: int) -> Iterator[bytes]:
    place = desk.locate(target_address(file.uri, "uri"))
    found = place.store.read(place.key, offset, length)
    if found is None:
        raise OutputNotFound(f"{file.uri} is not there any more")
    return found


def _attachment(name: str) -> str:
    return f"attachment; filename*=UTF-8''{quote(PurePosixPath(name).name)}"
