"""`/pipelines`: shares, limits and pauses, and what there is of each."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from framefleet.domain.access import Role
from framefleet.domain.errors import InvalidRequest, ServiceError
from framefleet.domain.pipeline import EVERYTHING, Pipeline, check_name
from framefleet_scheduler.api import pipelines
from framefleet_scheduler.api.audit import note
from framefleet_scheduler.console import live
from framefleet_scheduler.console.page import Sent, Submitted, Visit, Visitor, to

router = APIRouter()

_NUMBERS = {"weight": float, "max_tasks": int, "max_subtasks": int, "default_priority": int}
"""Fields of the form, and what stands in them."""


@router.get("/pipelines")
def page(request: Request, visitor: Visit) -> Response:
    """All of them; `edit`: with the form of one, which need not exist yet."""
    name, form = request.query_params.get("edit"), None
    if name is not None and visitor.rules():
        form = _form(visitor.desk.pipelines.get(name)) if name else _form(None)
    return _page(visitor, form)


@router.get("/pipelines/stream")
def stream(visitor: Visit) -> StreamingResponse:
    """The changing part of it."""
    return live.follow(visitor, lambda now: (now.render("pipelines_live.html", **_shown(now)), False))


@router.post("/pipelines")
def change(sent: Submitted) -> Response:
    """Pause or resume one or all."""
    visitor, name = sent.visitor, sent.one("pause") or sent.one("resume")
    visitor.caller.need_all(Role.ADMIN)
    if not name:
        raise InvalidRequest("there is no such action", hint="Pause or resume a pipeline.")
    if name != EVERYTHING:
        check_name(name)
    pause = bool(sent.one("pause"))
    changed = visitor.desk.pipelines.change(name, paused=pause)
    note(visitor.request, "pipeline.pause" if pause else "pipeline.resume", "" if name == EVERYTHING else name)
    visitor.desk.tasks.configure(changed)
    return to("/pipelines")


@router.post("/pipelines/set")
def settle(sent: Submitted) -> Response:
    """Set what was changed in the form; what somebody else has changed meanwhile stays."""
    visitor, name = sent.visitor, sent.one("name").strip()
    visitor.caller.need_all(Role.ADMIN)
    try:
        check_name(name)
        changed = visitor.desk.pipelines.change(name, **_changed(sent))
        note(visitor.request, "pipeline.change", name)
        visitor.desk.tasks.configure(changed)
    except InvalidRequest as error:
        field = "name" if error.field == "pipeline" else error.field
        form = {key: (sent.one(key), sent.one(f"was_{key}")) for key in _NUMBERS}
        shown = {"name": name, "new": bool(sent.one("new")), "fields": form, "wrong": {field: error.message}}
        return _page(visitor, shown, status=error.status)
    return to("/pipelines")


def _changed(sent: Sent) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, kind in _NUMBERS.items():
        text = sent.one(name).strip()
        if text == sent.one(f"was_{name}"):
            continue
        try:
            values[name] = kind(text) if text else 1.0 if name == "weight" else None
        except ValueError:
            raise InvalidRequest(f"{text[:40]!r} is no number", field=name) from None
    return values


def _form(pipeline: Pipeline | None) -> dict[str, Any]:
    values = {} if pipeline is None else pipeline.model_dump(include=set(_NUMBERS))
    texts = {name: "" if (value := values.get(name)) is None else f"{value:.15g}" for name in _NUMBERS}
    fields = {name: (text, text) for name, text in texts.items()}
    return {"name": pipeline.name if pipeline else "", "new": pipeline is None, "fields": fields, "wrong": {}}


def _page(visitor: Visitor, form: dict[str, Any] | None, *, status: int = 200) -> Response:
    return visitor.show("pipelines.html", status=status, form=form, **_shown(visitor))


def _shown(visitor: Visitor) -> dict[str, Any]:
    try:
        found = pipelines.listing(visitor.desk, visitor.caller)
    except ServiceError as error:
        return {"away": error, "paused": False, "pipelines": [], "weights": 1.0}
    weights = sum(one.weight for one in found.pipelines if one.waiting or one.out)
    return {"away": None, "paused": found.paused, "pipelines": found.pipelines, "weights": weights or 1.0}
