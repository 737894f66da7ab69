"""The JSON Schema of a request: what producers in other languages, and editors, check and complete requests with.

It refuses no request that is right. The scheduler refuses more: it knows the templates, and rules over several fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, TypeAdapter

from framefleet.domain.shape import of
from framefleet.domain.task import TaskRequest
from framefleet.domain.template import SHAPE, Template
from framefleet.reference import fields

_REFERENCE = "#/$defs/{model}"


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a task request."""
    request = TypeAdapter(TaskRequest).json_schema(ref_template=_REFERENCE)
    settings = TypeAdapter(Template).json_schema(ref_template=_REFERENCE)
    models = {m.__name__: m for root in (of(TaskRequest), SHAPE) for m in fields.models_below(root)}
    definitions = request.pop("$defs") | _without_demands(settings["$defs"])
    for name, definition in definitions.items():
        _describe(definition, models[name])
    _describe(request, TaskRequest)
    kinds = [m.model.__name__ for m in SHAPE.members if m.model is not None]
    definitions["TargetRequest"]["properties"]["overrides"] |= {
        # A template may be one that only the scheduler knows, so which kind it is cannot be told from here.
        "anyOf": [{"$ref": _REFERENCE.format(model=kind)} for kind in kinds],
        "description": "Fields laid over the template's, one by one; lists are replaced whole. Without a template: all.",
    }
    tidied: dict[str, Any] = _tidy(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Framefleet task request",
            **request,
            "$defs": dict(sorted(definitions.items())),
        }
    )
    return tidied


def _without_demands(definitions: dict[str, Any]) -> dict[str, Any]:
    """Settings of which each field may be left out, as in overrides; what stands in lists is replaced whole, so only there
    fields can be demanded.
    """
    in_lists = set(_items(definitions))
    laid_over = {ref for d in definitions.values() for p in d.get("properties", {}).values() for ref in _direct(p)}
    for name, definition in definitions.items():
        if name not in in_lists or name in laid_over:
            definition.pop("required", None)
    return definitions


def _items(node: Any) -> Iterator[str]:
    """Names of the definitions that items of lists refer to."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"items", "prefixItems"}:
                yield from _direct(value)
            yield from _items(value)
    elif isinstance(node, list):
        for value in node:
            yield from _items(value)


def _direct(node: Any) -> Iterator[str]:
    """Names of the definitions a field refers to, those in lists left out."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value.rsplit("/", 1)[1]
            elif key not in {"items", "prefixItems"}:
                yield from _direct(value)
    elif isinstance(node, list):
        for value in node:
            yield from _direct(value)


def _describe(definition: dict[str, Any], model: type[BaseModel]) -> None:
    """Put the docstrings in."""
    definition["description"] = fields.summary(model)
    for name, field in definition.get("properties", {}).items():
        text = fields.docstring(model, name)
        if text:
            field["description"] = text


def _tidy(node: Any) -> Any:
    """Without the titles pydantic makes of names, and defaults in their plainest form."""
    if isinstance(node, list):
        return [_tidy(value) for value in node]
    if not isinstance(node, dict):
        return node
    return {
        key: {name: _tidy(value) for name, value in value.items()} if key in {"properties", "$defs"} else _tidy(value)
        for key, value in node.items()
        if key != "title" or value == "Framefleet task request"
    }
