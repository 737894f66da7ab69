"""As much of JSON Schema as ours uses, so that tests can hold requests to it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
}
_SAYS_NOTHING = {"$schema", "examples", "$defs", "title", "description", "default", "discriminator", "format"}
_OF_NUMBERS: dict[str, Callable[[Any, Any], Any]] = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
    "multipleOf": lambda value, rule: value % rule == 0,
}
_LENGTHS = {"Items": list, "Length": str, "Properties": dict}


def valid(value: Any, schema: dict[str, Any], root: dict[str, Any] | None = None) -> bool:
    """Whether a value keeps to a schema; raises AssertionError for a keyword it does not know."""
    root = root or schema
    return all(_keeps(value, key, rule, schema, root) for key, rule in schema.items() if key not in _SAYS_NOTHING)


def _keeps(value: Any, key: str, rule: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    if key in _OF_NUMBERS:
        return isinstance(value, bool | str | list | dict | None) or bool(_OF_NUMBERS[key](value, rule))
    if key[:3] in {"min", "max"}:
        compare = operator.ge if key.startswith("min") else operator.le
        return not isinstance(value, _LENGTHS[key[3:]]) or bool(compare(len(value), rule))
    if isinstance(value, dict) and key in _OF_OBJECTS:
        return _OF_OBJECTS[key](value, rule, schema, root)
    if isinstance(value, list) and key in _OF_LISTS:
        return all(valid(v, r, root) for v, r in _OF_LISTS[key](value, rule))
    if key in _OF_OBJECTS or key in _OF_LISTS:
        return True
    return _OF_ALL[key](value, rule, root) if key in _OF_ALL else _unknown(key)


def _others(value: dict[str, Any], rule: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    others = set(value) - set(schema.get("properties", {}))
    return (rule or not others) if isinstance(rule, bool) else all(valid(value[k], rule, root) for k in others)


_OF_ALL: dict[str, Callable[[Any, Any, Any], bool]] = {
    "$ref": lambda value, rule, root: valid(value, root["$defs"][rule.rsplit("/", 1)[1]], root),
    "type": lambda value, rule, _: (
        isinstance(value, _TYPES[rule]) and (rule == "boolean" or not isinstance(value, bool))
    ),
    "anyOf": lambda value, rule, root: any(valid(value, option, root) for option in rule),
    "oneOf": lambda value, rule, root: any(valid(value, option, root) for option in rule),
    "enum": lambda value, rule, _: value in rule,
    "const": lambda value, rule, _: bool(value == rule),
    "pattern": lambda value, rule, _: not isinstance(value, str) or re.search(rule, value) is not None,
}
_OF_LISTS: dict[str, Callable[[Any, Any], list[tuple[Any, Any]]]] = {
    "items": lambda value, rule: [(v, rule) for v in value],
    "prefixItems": lambda value, rule: list(zip(value, rule, strict=False)),
}
_OF_OBJECTS: dict[str, Callable[[Any, Any, Any, Any], bool]] = {
    "properties": lambda value, rule, _, root: all(valid(v, rule[k], root) for k, v in value.items() if k in rule),
    "propertyNames": lambda value, rule, _, root: all(valid(k, rule, root) for k in value),
    "required": lambda value, rule, *_: set(rule) <= set(value),
    "additionalProperties": _others,
}


def _unknown(key: str) -> bool:
    raise AssertionError(f"the schema uses {key}, which this test does not know")
