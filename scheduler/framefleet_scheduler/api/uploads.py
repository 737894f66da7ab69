"""`/v1/uploads`: sources sent in parts, which may come in any order, be sent again, and go on after a broken line.

A part is on this machine's disk for as long as it comes, never whole in memory.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path as FilePath
from tempfile import NamedTemporaryFile
from typing import IO, Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from framefleet.domain.access import Role, check_id
from framefleet.domain.errors import (
    InvalidPart,
    RequestTimeout,
    UploadInUse,
    UploadNotFound,
)
from framefleet.domain.upload import Upload, uploads_in
from framefleet.uploads import URL_SECONDS
from framefleet_scheduler.api.described import refusals
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.guard import Asking, AtDesk, Caller, KeyFirst
from framefleet_scheduler.api.places import Places
from framefleet_scheduler.api.sessions import LOCAL
from framefleet_scheduler.upload_keeper import uploads_in_use

router = APIRouter(prefix="/v1/uploads", tags=["uploads"], route_class=KeyFirst)

MOST_PARTS_AT_ONCE = 16
"""Parts that come in at the same time, in one process: their bytes are on its disk."""
MOST_PARTS_OF_A_KEY = 4
_PLACES = Places("parts", MOST_PARTS_AT_ONCE, MOST_PARTS_OF_A_KEY, "too many parts come at the same time", 1)
_MOST_LISTED = 100
_PART_SECONDS = 60.0
_SLOWEST_BYTES = 16 * 1024
"""A second: slower senders are cut off."""
_BLOCK = 1 << 20

UploadId = Annotated[str, Path(pattern="^[a-z2-7]{26}$", description="An upload's id.")]
PartNumber = Annotated[int, Path(ge=1, le=10_000, description="Which part, from 1.")]


class NewUpload(BaseModel, extra="forbid"):
    """A file that is to come."""

    name: Annotated[str, Field(min_length=1, max_length=1000)]
    """Its name; what is not harmless in it is replaced."""
    bytes: Annotated[int, Field(ge=1, strict=True)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """Of the whole file; what came is held to it."""


class PartShown(BaseModel):
    """A part that is there."""

    n: int
    bytes: int


class UploadShown(BaseModel):
    """An upload as it is."""

    id: str
    uri: str
    """The address of the source, once the upload is complete."""
    name: str
    bytes: int
    state: Literal["open", "complete"]
    part_bytes: int
    """Of every part but the last."""
    part_count: int
    parts: list[PartShown]
    """Those that are there, while it is open."""
    created_at: datetime


class UploadListed(BaseModel):
    """An upload in a list."""

    id: str
    uri: str
    name: str
    bytes: int
    state: Literal["open", "complete"]
    created_at: datetime


class UploadList(BaseModel):
    """Some uploads of a key, the newest first."""

    uploads: list[UploadListed]
    next: str | None = None
    """The cursor of the next page; null when this is the last."""
    used_bytes: int
    """Of all uploads of the key, those that are not complete as large as they are to become."""
    quota_bytes: int | None
    """How many they may have; null: no limit."""


class PartAddress(BaseModel):
    """Where a part can be sent to, with PUT and nothing else than its bytes."""

    url: str
    expires_at: datetime


@router.post("", status_code=201, summary="Begin an upload", responses=refusals())
def begin(new: NewUpload, desk: AtDesk, caller: Asking, response: Response) -> UploadShown:
    """Cut the file into parts of `part_bytes`, send each, complete it, and use `uri` as a source.

    It belongs to the key that begins it. Unfinished uploads go after a day without a new part.
    """
    caller.need(Role.PRODUCER)
    upload = desk.uploads.begin(new.name, new.bytes, by=caller.id, sha256=new.sha256)
    response.headers["Location"] = f"/v1/uploads/{upload.id}"
    return _shown(upload, [], done=False)


@router.get("", summary="The uploads of a key", responses=refusals())
def listing(
    desk: AtDesk,
    caller: Asking,
    by: Annotated[str | None, Query(max_length=100, description="Another key's; for admins of all pipelines.")] = None,
    cursor: Annotated[
        str | None, Query(pattern="^[0-9]{13}-[a-z2-7]{26}$", description="`next` of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST_LISTED)] = 50,
) -> UploadList:
    """Your own, the newest first, complete or not, and how much they are together."""
    caller.need(Role.PRODUCER)
    if by is not None and by != caller.id:
        caller.need_all(Role.ADMIN)
        if by != LOCAL:
            check_id(by)
    entries = desk.uploads.of(by or caller.id)
    behind = [entry for entry in entries if cursor is None or entry.place < cursor]
    page = behind[:limit]
    return UploadList(
        uploads=[shown for entry in page if (shown := _listed(desk, entry.id)) is not None],
        next=page[-1].place if len(behind) > limit else None,
        used_bytes=sum(entry.bytes for entry in entries),
        quota_bytes=desk.uploads.quota_bytes,
    )


@router.get("/{upload_id}", summary="How far an upload is", responses=refusals(404))
def show(upload_id: UploadId, desk: AtDesk, caller: Asking) -> UploadShown:
    """Which parts are there: what is missing is to be sent."""
    upload = _theirs(desk, caller, upload_id)
    done = desk.uploads.is_done(upload.id)
    parts = [] if done else [PartShown(n=part.n, bytes=part.bytes) for part in desk.uploads.there(upload)]
    return _shown(upload, parts, done=done)


@router.put(
    "/{upload_id}/parts/{n}",
    summary="Send a part",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
    responses=refusals(404, 408, 409),
)
async def put_part(
    upload_id: UploadId,
    n: PartNumber,
    request: Request,
    desk: AtDesk,
    caller: Asking,
    content_length: Annotated[int | None, Header(include_in_schema=False)] = None,
) -> PartShown:
    """The body is its bytes. In any order, and again as often as one likes: the last one counts."""
    upload = await run_in_threadpool(_theirs, desk, caller, upload_id)
    size = upload.size(n)
    if content_length is not None and content_length != size:
        raise InvalidPart(f"part {n} has {size} bytes, and {content_length} are announced", field="n")
    async with _PLACES.one(request, caller.id):
        with NamedTemporaryFile(dir=desk.spool, prefix="framefleet-part-") as file:
            await _receive(request, file, size)
            await run_in_threadpool(desk.uploads.put, upload, n, FilePath(file.name))
    return PartShown(n=n, bytes=size)


@router.get("/{upload_id}/parts/{n}/url", summary="Where to send a part without us", responses=refusals(404, 409))
def part_url(upload_id: UploadId, n: PartNumber, desk: AtDesk, caller: Asking) -> PartAddress:
    """A signed address of the S3 server, good for an hour, for who can reach that."""
    upload = _theirs(desk, caller, upload_id)
    expires = desk.clock.now() + timedelta(seconds=URL_SECONDS)
    return PartAddress(url=desk.uploads.url(upload, n), expires_at=expires)


@router.post("/{upload_id}/complete", summary="Make an upload whole", responses=refusals(404, 409))
def complete(upload_id: UploadId, desk: AtDesk, caller: Asking) -> UploadShown:
    """When all parts are there. May be repeated. With `sha256` it takes as long as reading the file: who asks again while it
    is being completed is refused with 429, and asks once more after Retry-After.
    """
    upload = _theirs(desk, caller, upload_id)
    desk.uploads.complete(upload)
    return _shown(upload, [], done=True)


@router.delete("/{upload_id}", status_code=204, summary="Take an upload away", responses=refusals(404, 409))
def delete(upload_id: UploadId, desk: AtDesk, caller: Asking) -> Response:
    """Whole or not; not while a task reads it that has not ended."""
    upload = _theirs(desk, caller, upload_id)
    if desk.uploads.is_done(upload.id) and upload.id in uploads_in_use(desk.tasks):
        raise UploadInUse(f"a task that has not ended reads the upload {upload.id}")
    desk.uploads.remove(upload)
    return Response(status_code=204)


def must_be_theirs(desk: Desk, caller: Caller, request: str) -> None:
    """Raises UploadNotFound when a task's request, as JSON, names uploads of others. Whether they are there others look."""
    for upload_id in sorted(uploads_in(request)):
        try:
            upload = desk.uploads.get(upload_id)
        except UploadNotFound:
            continue
        _check(upload, caller)


def _listed(desk: Desk, upload_id: str) -> UploadListed | None:
    try:
        upload = desk.uploads.get(upload_id)
    except UploadNotFound:  # it goes just now
        return None
    if desk.uploads.is_closed(upload_id):
        return None
    values: dict[str, Any] = upload.model_dump(include={"id", "name", "bytes", "created_at"})
    return UploadListed(**values, uri=upload.uri, state="complete" if desk.uploads.is_done(upload_id) else "open")


def _theirs(desk: Desk, caller: Caller, upload_id: str) -> Upload:
    caller.need(Role.PRODUCER)
    upload = desk.uploads.get(upload_id)
    _check(upload, caller)
    if desk.uploads.is_closed(upload_id):  # so that who would go on with it begins anew
        raise UploadNotFound(f"there is no upload {upload_id}")
    return upload


def _check(upload: Upload, caller: Caller) -> None:
    """Uploads of other keys do not exist, but for admins of everything."""
    if upload.by != caller.id and not (caller.role is Role.ADMIN and caller.pipelines is None):
        raise UploadNotFound(f"there is no upload {upload.id}")


async def _receive(request: Request, file: IO[bytes], size: int) -> None:
    """The body, to the disk. Raises InvalidPart, RequestTimeout."""
    received, block = 0, bytearray()
    seconds = _PART_SECONDS + size / _SLOWEST_BYTES
    try:
        async with asyncio.timeout(seconds):
            async for some in request.stream():
                received += len(some)
                if received > size:
                    raise InvalidPart(f"the part has {size} bytes, and more came", field="n")
                block += some
                if len(block) >= _BLOCK:
                    await run_in_threadpool(file.write, bytes(block))
                    block.clear()
    except TimeoutError:
        raise RequestTimeout(f"the part did not come within {seconds:.0f} s") from None
    except ClientDisconnect:
        raise InvalidPart("the line broke before the part was there", field="n") from None
    file.write(block)
    file.flush()


def _shown(upload: Upload, parts: list[PartShown], *, done: bool) -> UploadShown:
    values: dict[str, Any] = upload.model_dump(include={"id", "name", "bytes", "part_bytes", "created_at"})
    return UploadShown(
        **values,
        uri=upload.uri,
        state="complete" if done else "open",
        part_count=upload.count,
        parts=parts,
    )
