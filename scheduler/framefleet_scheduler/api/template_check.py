"""`/v1/templates/{name}/check`: what is wrong with a template before it is kept, field by field."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from framefleet.domain.custom import MAX_DOCUMENT_BYTES
from framefleet_scheduler.api.body import body_of
from framefleet_scheduler.api.described import TemplateName, refusals
from framefleet_scheduler.api.guard import Asking, AtDesk
from framefleet_scheduler.api.template_draft import Mistake, Verdict, verdict

router = APIRouter(prefix="/v1/templates", tags=["templates"])

_BODY = {
    "requestBody": {
        "required": False,  # what is wrong with an empty text is told as well
        "description": "A template's settings, as docs/howto/templates.md describes them. YAML without anchors.",
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {"base": "hls-h264", "segment_seconds": 6},
            },
            "application/yaml": {"schema": {"type": "string"}},
        },
    }
}


class TemplateMistake(BaseModel):
    """One thing that is wrong."""

    field: str | None
    """Path into the document; null where it is no one field."""
    message: str
    hint: str | None
    line: int | None
    """Of the body, from 1, where the field stands in it."""


class TemplateChecked(BaseModel):
    """Whether the template could be kept."""

    valid: bool
    mistakes: list[TemplateMistake]
    """Up to five."""
    kind: str | None
    """Of the targets it would be for."""
    settings: dict[str, Any] | None
    """With every default; null while something is wrong."""


@router.post("/{name}/check", summary="Check a template", responses=refusals(408, 413), openapi_extra=_BODY)
async def check(name: TemplateName, request: Request, desk: AtDesk, _: Asking) -> TemplateChecked:
    """Whether the body could be kept under this name, as creating and updating see it. Nothing is kept."""
    body = await body_of(request, MAX_DOCUMENT_BYTES)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return _told(Verdict((Mistake("the document is not UTF-8"),)))
    return _told(await run_in_threadpool(verdict, text, desk.templates, name=name))


def _told(found: Verdict) -> TemplateChecked:
    template = found.template
    return TemplateChecked(
        valid=template is not None,
        mistakes=[
            TemplateMistake(field=one.field, message=one.message, hint=one.hint, line=one.line)
            for one in found.mistakes
        ],
        kind=None if template is None else template.kind,
        settings=None if template is None else template.model_dump(mode="json"),
    )
