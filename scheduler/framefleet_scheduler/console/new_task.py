"""`/new`: a task from a form, or from its JSON; also like one that there is."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from framefleet.adapters.store_errors import shown as shown_address
from framefleet.domain.access import Role
from framefleet.domain.errors import FramefleetError, RequestError, TaskNotFound
from framefleet.domain.task import parse_request
from framefleet.domain.template import predefined
from framefleet.domain.webhook import CUT
from framefleet_scheduler.api.sources import asked
from framefleet_scheduler.api.tasks import accepted, known
from framefleet_scheduler.clouds.origin import users_tags
from framefleet_scheduler.console.page import Submitted, Visit, Visitor, to
from framefleet_scheduler.console.task_list import pipelines
from framefleet_scheduler.console.wanted import OVERRIDES, Fields, request_of

router = APIRouter(prefix="/new")

_GROUPS = (
    ("Streams", ("ladder",)),
    ("Files", ("file", "remux")),
    ("Sound", ("audio",)),
    ("Pictures and previews", ("snapshot", "sprite", "animation")),
)
_SAMPLE = "storage://samples/sample.mp4"
_FIRST = ("mp4-h264-720p",)
"""What is chosen before anybody has chosen."""


@router.get("")
def page(request: Request, visitor: Visit) -> Response:
    """The form; `like`: with what another task was asked for; `json`: as JSON."""
    visitor.caller.need(Role.PRODUCER)
    like, as_json = request.query_params.get("like", ""), "json" in request.query_params
    fields: Fields = {"source": [request.query_params.get("source", "")[:8192]], "template": _FIRST}
    if like:
        known(visitor.desk, visitor.caller, like)
        document, cut = _like(visitor, like)
        return _shown(visitor, fields, document=document, cut=cut)
    return _shown(visitor, fields, document="" if as_json else None)


@router.post("")
def create(sent: Submitted) -> Response:
    """Create it, or show the form again with what is wrong."""
    visitor = sent.visitor
    visitor.caller.need(Role.PRODUCER)
    document = sent.one("request") if "request" in sent.fields else None
    try:
        body = document if document is not None else json.dumps(request_of(sent.fields, visitor.desk.templates))
        # Of the form it is in the body; JSON may say another one.
        task = accepted(visitor.request, visitor.desk, visitor.caller, body, sent.one("client_token") or None)
    except RequestError as error:
        return _shown(visitor, sent.fields, document=document, wrong=error)
    except FramefleetError as error:
        if error.status >= 500 and not error.field:
            raise
        return _shown(visitor, sent.fields, document=document, wrong=error)
    return to(f"/tasks/{task.id}")


@router.post("/request")
def as_request(sent: Submitted) -> JSONResponse:
    """What the form would send, as JSON and as a curl command, for scripts of the page."""
    visitor = sent.visitor
    visitor.caller.need(Role.PRODUCER)
    made = request_of(sent.fields, visitor.desk.templates)
    visitor.caller.need_pipeline(parse_request(made).pipeline)
    made.pop("client_token", None)
    made["tags"] = users_tags(made.get("tags", {}))
    if not made["tags"]:
        del made["tags"]
    where = shlex.quote(f"{str(visitor.request.base_url).rstrip('/')}/v1/tasks")
    key = ' -u "$FRAMEFLEET_KEY"' if visitor.desk.asks_for_keys else ""
    text = json.dumps(made, indent=2, ensure_ascii=False)
    curl = f"curl{key} -H 'Content-Type: application/json' {where} -d {shlex.quote(text)}"
    return JSONResponse({"request": made, "json": text, "curl": curl})


def _shown(
    visitor: Visitor,
    fields: Fields,
    *,
    document: str | None = None,
    cut: Sequence[str] = (),
    wrong: FramefleetError | None = None,
) -> Response:
    lines = [(name, str(t["kind"]), str(t.get("description", "")), "auto" in t) for name, t in predefined().items()]
    lines += [(t.name, t.kind, t.description, "auto" in (t.settings or {})) for t in visitor.desk.templates.all()]
    groups = [(label, [line for line in lines if line[1] in kinds]) for label, kinds in _GROUPS]
    storages = visitor.desk.storages
    writable = sorted({*storages.fixed, *(one.name for one in visitor.desk.storage_registry.all())})
    day = visitor.desk.clock.now().strftime("%Y-%m-%d-%H%M%S")
    return visitor.show(
        "new.html",
        status=wrong.status if wrong is not None else 200,
        fields={name: values[0] for name, values in fields.items() if values},
        chosen=set(_of(fields, "template")),
        groups=[group for group in groups if group[1]],
        folders=[f"storage://{name}/{day}" for name in writable],
        pipelines=pipelines(visitor),
        overrides=OVERRIDES,
        sample=_SAMPLE if "samples" in storages.built_in else "",
        document=document,
        cut=cut,
        wrong=wrong,
        client_token=uuid4().hex,
    )


def _like(visitor: Visitor, task_id: str) -> tuple[str, list[str]]:
    """The request of a task, without what makes it that very task and without secrets; the fields that lost a query."""
    task = asked(visitor.desk, task_id)
    if task is None:
        raise TaskNotFound(f"there is no task {task_id}")
    made: dict[str, Any] = task.request.model_dump(mode="json", exclude_defaults=True)
    made.pop("client_token", None)
    cut = _cut_queries(made)
    webhook = (made.get("notification") or {}).get("webhook")
    if webhook is not None and webhook["url"].endswith(CUT):  # it is kept elsewhere, with the secret
        webhook["url"] = webhook["url"].removesuffix(CUT)
        cut.append("notification.webhook.url")
    return json.dumps(made, indent=2, ensure_ascii=False), cut


def _cut_queries(part: Any, field: str = "") -> list[str]:
    """Take the queries of web addresses away, where signatures and tokens are; in which fields there were some."""
    cut = []
    for name, value in part.items() if isinstance(part, dict) else enumerate(part):
        path = f"{field}[{name}]" if isinstance(name, int) else f"{field}.{name}".lstrip(".")
        if isinstance(value, dict | list):
            cut += _cut_queries(value, path)
        elif name == "uri" and (plain := shown_address(value)) != value:
            part[name] = plain
            cut.append(path)
    return cut


def _of(fields: Fields, name: str) -> Sequence[str]:
    return fields.get(name, ())
