"""`/v1/templates`: what there is to make, and templates of one's own with versions."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from framefleet.domain.access import Role
from framefleet.domain.custom import MAX_DOCUMENT_BYTES, TemplateVersion
from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.template import found, predefined, validated
from framefleet_scheduler.api.body import body_of
from framefleet_scheduler.api.described import TemplateName, TemplateReference, refusals
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.etags import IfMatch, etag, expected, is_known
from framefleet_scheduler.api.guard import Asking, AtDesk

router = APIRouter(prefix="/v1/templates", tags=["templates"])

_DOCUMENT = {
    "type": "object",
    "properties": {
        "base": {"type": "string", "description": "The template whose settings are below these."},
        "kind": {"enum": ["file", "ladder", "remux", "audio", "snapshot", "sprite", "animation"]},
        "description": {"type": "string", "description": "What it makes, in your words."},
    },
    "anyOf": [{"required": ["base"]}, {"required": ["kind"]}],
    "description": "The settings of a target as docs/templates.md lists them, or those that differ from its `base`.",
}
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _DOCUMENT}}}}


class TemplateLine(BaseModel):
    """A template in a list."""

    name: str
    kind: str
    description: str
    version: int | None = None
    """Of one's own; a predefined one has none."""


class Templates(BaseModel):
    """The predefined ones first."""

    templates: list[TemplateLine]


class Shown(BaseModel):
    """A template with its settings."""

    name: str
    version: int | None
    settings: dict[str, Any]
    """As written, or with every default."""
    created_at: datetime | None = None
    """Of one's own: when this version was made."""


@router.get("", summary="All templates", responses=refusals())
def listing(desk: AtDesk, _: Asking) -> Templates:
    """Predefined ones, then the latest version of each of your own."""
    lines = [
        TemplateLine(name=name, kind=t["kind"], description=t.get("description", ""))
        for name, t in predefined().items()
    ]
    own = [
        TemplateLine(name=t.name, kind=t.kind, description=t.description, version=t.version)
        for t in desk.templates.all()
    ]
    return Templates(templates=[*lines, *own])


@router.get(
    "/{name}",
    response_model=Shown,
    summary="A template",
    responses={**refusals(404), 304: {"description": "Not changed."}},
)
def show(
    name: TemplateReference,
    desk: AtDesk,
    _: Asking,
    defaults: bool = False,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """By name, or `name@version`. `defaults`: with every field it does not set. The ETag is its version."""
    if name in predefined():
        shown = Shown(name=name, version=None, settings=dict(predefined()[name]))
    else:
        shown = _shown(desk.templates.get(name))
    if defaults:
        shown.settings = validated(found(name, desk.templates, field="name")[1], name).model_dump(mode="json")
    return _tagged(shown, if_none_match)


@router.post(
    "/{name}",
    status_code=201,
    response_model=Shown,
    summary="Create a template",
    openapi_extra=_BODY,
    responses=refusals(408, 409, 413),
)
async def create(name: TemplateName, request: Request, desk: AtDesk, caller: Asking) -> Response:
    """The body is its settings as JSON, as docs/howto/templates.md describes them."""
    caller.need_all(Role.ADMIN)
    document = _document(await body_of(request, MAX_DOCUMENT_BYTES))
    made = await run_in_threadpool(desk.templates.create, name, document)
    return _tagged(_shown(made), status=201)


@router.put(
    "/{name}",
    response_model=Shown,
    summary="Give a template a new version",
    openapi_extra=_BODY,
    responses=refusals(404, 408, 409, 413),
)
async def update(
    name: TemplateName,
    request: Request,
    desk: AtDesk,
    caller: Asking,
    if_match: IfMatch = None,
) -> Response:
    """Tasks that run keep theirs. With `If-Match` only when that is still the latest version."""
    caller.need_all(Role.ADMIN)
    document, version = _document(await body_of(request, MAX_DOCUMENT_BYTES)), expected(if_match)
    return _tagged(_shown(await run_in_threadpool(_update, desk, name, document, version)))


@router.delete("/{name}", status_code=204, summary="Take a template out of use", responses=refusals(404, 409))
def delete(name: TemplateName, desk: AtDesk, caller: Asking, if_match: IfMatch = None) -> Response:
    """Tasks that run keep its settings."""
    caller.need_all(Role.ADMIN)
    desk.templates.delete(name, version=expected(if_match))
    return Response(status_code=204)


@router.get("/{name}/versions", summary="The versions of a template", responses=refusals(404))
def versions(name: TemplateName, desk: AtDesk, _: Asking) -> list[Shown]:
    """Those that may be named, the oldest first."""
    return [_shown(version) for version in desk.templates.versions(name)]


def _update(desk: Desk, name: str, document: Any, version: int | None) -> TemplateVersion:
    return desk.templates.update(name, document, version=version)


def _shown(version: TemplateVersion) -> Shown:
    return Shown(
        name=version.name, version=version.version, settings=version.settings or {}, created_at=version.created_at
    )


def _tagged(shown: Shown, known: str | None = None, *, status: int = 200) -> Response:
    if shown.version is None:
        return JSONResponse(shown.model_dump(mode="json"))
    headers = {"ETag": etag(shown.version)}
    if is_known(shown.version, known):
        return Response(status_code=304, headers=headers)
    return JSONResponse(shown.model_dump(mode="json"), status, headers=headers)


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except RecursionError:
        raise InvalidTemplate("the body is nested too deeply") from None
    except ValueError as error:
        raise InvalidTemplate(f"the body is not JSON: {error}") from None
