"""`/v1/storages`: where sources are and outputs go. Names of credentials are shown, credentials never."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from framefleet.adapters.storage_check import check_storage
from framefleet.adapters.storage_config import DirectoryConfig, S3Config, settings_shown
from framefleet.adapters.store_errors import StoreRefused
from framefleet.domain.access import Role
from framefleet.domain.errors import FramefleetError, InvalidStorage
from framefleet.domain.storage import NAME, DirectorySettings, S3Settings, StorageVersion, storage_settings
from framefleet_scheduler.api.body import body_of
from framefleet_scheduler.api.described import refusals
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.etags import IfMatch, etag, expected
from framefleet_scheduler.api.guard import Asking, AtDesk

router = APIRouter(prefix="/v1/storages", tags=["storages"])

StorageName = Annotated[str, Path(pattern=f"^{NAME}$", description="A storage's name.")]
_IfNoneMatch = Annotated[str | None, Header(pattern=r"^\*$", description="`*`: only if there is none yet.")]
_MOST_BYTES = 16 * 1024
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"oneOf": [S3Settings.model_json_schema(), DirectorySettings.model_json_schema()]},
                "example": {
                    "kind": "s3",
                    "endpoint": "https://s3.example.com",
                    "bucket": "films",
                    "credentials": "films",
                },
            }
        },
    }
}


class StorageShown(BaseModel):
    """A storage."""

    name: str
    kind: Literal["s3", "directory", "built_in"]
    origin: Literal["registry", "operator", "built_in"]
    """Set here, by the operator of the machines, or always there."""
    writable: bool
    """Whether targets may be there."""
    version: int | None = None
    """Of those set here."""
    changed_at: datetime | None = None
    settings: dict[str, Any]
    """As they were set. `credentials` is the name of a pair of keys, never a key."""


class Storages(BaseModel):
    """By name."""

    storages: list[StorageShown]


class Step(BaseModel):
    """One thing that was tried."""

    step: Literal["locate", "write", "read", "list", "delete"]
    ok: bool
    message: str | None = None
    hint: str | None = None


class Checked(BaseModel):
    """Whether a storage works."""

    ok: bool
    steps: list[Step]


@router.get("", summary="All storages", responses=refusals())
def listing(desk: AtDesk, _: Asking) -> Storages:
    """Built-in ones, the operator's, and those set here."""
    places = desk.storages
    found = {name: _built_in(name) for name in places.built_in}
    found |= {version.name: _registered(version) for version in desk.storage_registry.all()}
    found |= {name: _fixed(name, config) for name, config in places.fixed.items()}
    return Storages(storages=[found[name] for name in sorted(found)])


@router.get("/{name}", response_model=StorageShown, summary="A storage", responses=refusals(404))
def show(name: StorageName, desk: AtDesk, _: Asking) -> Response:
    """The ETag is its version."""
    if name in desk.storages.built_in:
        return _tagged(_built_in(name))
    if name in desk.storages.fixed:
        return _tagged(_fixed(name, desk.storages.fixed[name]))
    return _tagged(_registered(desk.storage_registry.get(name)))


@router.put(
    "/{name}",
    response_model=StorageShown,
    summary="Set a storage",
    openapi_extra=_BODY,
    responses={
        **refusals(404, 408, 409, 413),
        201: {"model": StorageShown, "description": "There was none of this name."},
    },
)
async def put(
    name: StorageName,
    request: Request,
    desk: AtDesk,
    caller: Asking,
    if_match: IfMatch = None,
    if_none_match: _IfNoneMatch = None,
) -> Response:
    """The body is its settings as JSON. Schedulers and workers use them after 3 s at most, also for tasks that run.

    With `If-Match` only when that is still the latest version.
    """
    caller.need_all(Role.ADMIN)
    body = await body_of(request, _MOST_BYTES)
    version = 0 if if_none_match else expected(if_match)
    return await run_in_threadpool(_put, desk, name, body, version)


def _put(desk: Desk, name: str, body: bytes, version: int | None) -> Response:
    desk.storages.must_be_changeable(name)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidStorage("the body is not JSON") from None
    made = set_storage(desk, name, document, version)
    return _tagged(_registered(made), status=201 if made.version == 1 else 200)


def set_storage(desk: Desk, name: str, document: Any, version: int | None) -> StorageVersion:
    """Keep a storage's settings; `version` is its latest one, 0 for none. Raises InvalidStorage, StorageChanged."""
    desk.storages.must_be_changeable(name)
    settings = storage_settings(document)
    try:
        desk.storages.refuse(settings)
    except StoreRefused as refused:
        field = "bucket" if isinstance(settings, S3Settings) else "root"
        raise InvalidStorage(refused.message, field=field, hint=refused.hint_text) from refused
    return desk.storage_registry.put(name, document, version=version)


@router.delete("/{name}", status_code=204, summary="Take a storage out of use", responses=refusals(404, 409))
def delete(name: StorageName, desk: AtDesk, caller: Asking, if_match: IfMatch = None) -> Response:
    """New tasks may not name it; those that run still find it, and what is in it stays."""
    caller.need_all(Role.ADMIN)
    desk.storages.must_be_changeable(name)
    desk.storage_registry.delete(name, version=expected(if_match))
    return Response(status_code=204)


@router.post("/{name}/check", summary="Try a storage", responses=refusals(404, 409))
def check(name: StorageName, desk: AtDesk, caller: Asking) -> Checked:
    """Writes, reads, lists and removes a small object, from the machine of this server; workers may see another network."""
    caller.need_all(Role.ADMIN)
    desk.storages.must_be_checkable(name)
    if name not in desk.storages.fixed:
        desk.storage_registry.get(name)
    try:
        store = desk.storages.storage(name)
    except FramefleetError as error:
        return Checked(ok=False, steps=[Step(step="locate", ok=False, message=error.message, hint=error.hint_text)])
    steps = [Step.model_validate(asdict(step)) for step in check_storage(store)]
    return Checked(ok=all(step.ok for step in steps), steps=steps)


def _built_in(name: str) -> StorageShown:
    return StorageShown(name=name, kind="built_in", origin="built_in", writable=False, settings={})


def _fixed(name: str, config: S3Config | DirectoryConfig) -> StorageShown:
    shown = settings_shown(config)
    return StorageShown(name=name, kind=config.kind, origin="operator", writable=True, settings=shown)


def _registered(version: StorageVersion) -> StorageShown:
    return StorageShown(
        name=version.name,
        kind=version.settings.kind,
        origin="registry",
        writable=True,
        version=version.version,
        changed_at=version.changed_at,
        settings=version.settings.model_dump(),
    )


def _tagged(shown: StorageShown, *, status: int = 200) -> Response:
    headers = {} if shown.version is None else {"ETag": etag(shown.version)}
    return JSONResponse(shown.model_dump(mode="json"), status, headers=headers)
