"""What /openapi.json says beyond what the handlers' types do: names' patterns, refusals, the request of a task."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import FastAPI, Path
from fastapi.openapi.utils import get_openapi
from pydantic import BeforeValidator

from framefleet.domain.errors import InvalidRequest
from framefleet.reference.schema import schema as request_schema
from framefleet_scheduler.api import examples
from framefleet_scheduler.api.problems import ProblemBody

NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

TaskId = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="A task's id.")]
KeyId = Annotated[str, Path(pattern="^[a-z2-7]{16}$", description="A key's id.")]
PipelineName = Annotated[str, Path(pattern=NAME, description="A pipeline's name.")]
TemplateName = Annotated[str, Path(pattern=NAME, description="A template's name.")]
TemplateReference = Annotated[
    str,
    Path(
        pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(@[1-9][0-9]{0,5})?$",
        description="A template's name, or name@version.",
    ),
]
WorkerName = Annotated[
    str, Path(pattern="^[^/\\x00-\\x1f]{1,300}$", description="A slot (`host:process:slot`) or a host.")
]


def _rfc3339(value: Any) -> Any:
    """Not the seconds since 1970 that a number would be taken for."""
    if isinstance(value, str) and not _MOMENT.match(value):
        raise ValueError("a time is as RFC 3339 writes it, e.g. 2026-01-02T03:04:05Z")
    return value


Moment = Annotated[datetime, BeforeValidator(_rfc3339)]
"""A time in a query."""
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:")


def _number(value: Any) -> Any:
    """As JSON has it: not what else can be read as one."""
    if isinstance(value, bool | str):
        raise ValueError("this is to be a number")
    return value


def aware(moment: datetime | None, field: str) -> datetime | None:
    """In UTC, as a time without a zone is already. Raises InvalidRequest for one that has no such time."""
    if moment is None or moment.tzinfo is None:
        return None if moment is None else moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest("the time is out of range", field=field, hint="Years are 1 to 9999, in UTC.") from None


NUMBER = BeforeValidator(_number)
"""For numbers in bodies; put last, so that the schema shows the limits."""

_MEANINGS = {
    400: "The request is wrong; the code says how.",
    401: "There is no key, or it is not in force.",
    403: "The key may not do that.",
    404: "There is no such thing, or the key may not see it.",
    408: "The body did not come in time.",
    409: "It is not in a state for that.",
    413: "The body is too large.",
    416: "There is no such part.",
    422: "The input is at fault; the code says how.",
    429: "More requests than the key may send; Retry-After says when to come again.",
    500: "A defect of the server; its log has the request's id.",
    503: "A service it needs is away, or it is overloaded; Retry-After says when to come again.",
    504: "It was not done in time; the code says why.",
}
_ALWAYS = (400, 401, 403, 429, 500, 503)


def refusals(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: those any request may get, and these."""
    return {
        code: {
            "model": ProblemBody,
            "description": _MEANINGS[code],
            "content": {"application/json": {"example": examples.refusal(code)}},
        }
        for code in sorted({*_ALWAYS, *codes})
    }


def describe(app: FastAPI) -> None:
    """Put the schema of a task's request among the components, which are not made of a handler's types."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
            )
            components = document["components"]
            components["schemas"] |= _with_schemes(_request())
            components["securitySchemes"] = {
                "basic": {"type": "http", "scheme": "basic", "description": "A key's id and secret."},
                "bearer": {"type": "http", "scheme": "bearer", "description": "ID:SECRET of a key."},
            }
            document["security"] = [{"basic": []}, {"bearer": []}]
            _bounded(document["paths"])
            examples.add_to(document["paths"])
            _not_null(document["paths"])
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents


def _bounded(paths: dict[str, Any]) -> None:
    """Every body may be too slow or too large, whoever reads it."""
    for operations in paths.values():
        for operation in operations.values():
            if "requestBody" in operation:
                for code in (408, 413):
                    operation["responses"].setdefault(str(code), _problem(code))


def _problem(code: int) -> dict[str, Any]:
    shown = {"schema": {"$ref": "#/components/schemas/ProblemBody"}, "example": examples.refusal(code)}
    return {"description": _MEANINGS[code], "content": {"application/json": shown}}


def _not_null(paths: dict[str, Any]) -> None:
    """A parameter is there or not: that its type has a null beside it means the second."""
    for operations in paths.values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                kinds = [kind for kind in parameter["schema"].get("anyOf", ()) if kind != {"type": "null"}]
                if len(kinds) == 1:
                    parameter["schema"] = {**kinds[0], **{k: v for k, v in parameter["schema"].items() if k != "anyOf"}}


def _request() -> dict[str, Any]:
    whole = _moved(request_schema())
    definitions: dict[str, Any] = whole.pop("$defs", {})
    whole.pop("$schema", None)
    whole.pop("$id", None)
    return {**definitions, "TaskRequest": whole}


def _with_schemes(value: Any) -> Any:
    """Over HTTP an address has a scheme; in a file for `framefleet run` it may be a path, so the schema itself says less."""
    if isinstance(value, list):
        return [_with_schemes(v) for v in value]
    if not isinstance(value, dict):
        return value
    made = {k: _with_schemes(v) for k, v in value.items()}
    uri = made.get("properties", {}).get("uri")
    if isinstance(uri, dict) and uri.get("type") == "string":
        made["properties"] = {**made["properties"], "uri": {**uri, "pattern": "^[a-z0-9]+://[^/]*/."}}
    return made


def _moved(value: Any) -> Any:
    """With references into the components."""
    if isinstance(value, dict):
        return {
            k: v.replace("#/$defs/", "#/components/schemas/") if k == "$ref" and isinstance(v, str) else _moved(v)
            for k, v in value.items()
        }
    return [_moved(v) for v in value] if isinstance(value, list) else value
