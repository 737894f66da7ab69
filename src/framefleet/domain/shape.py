"""What a field of a model takes, in words: "a number from 0 to 63". Errors and the reference say it the same way."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_FIXED = {
    "bool": "true or false",
    "fraction": 'a number or a fraction such as "30000/1001"',
    "map": "an object",
    "model": "an object",
}
_BOUNDS = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern", "multiple_of")


@dataclass(frozen=True, slots=True)
class Shape:
    """A type with its bounds."""

    kind: str
    """null, literal, whole, number, fraction, text, bool, list, pair, map, model, union or other."""
    bounds: Mapping[str, Any]
    values: tuple[Any, ...] = ()
    """What a literal may be."""
    model: type[BaseModel] | None = None
    members: tuple[Shape, ...] = ()
    """Of a union, the alternatives; of a list or map the one item; of a pair each item."""
    discriminator: str | None = None


def of_field(field: FieldInfo) -> Shape:
    """The shape of a model's field."""
    return _bounded(of(field.annotation), [field, *field.metadata])


def of(annotation: Any) -> Shape:
    """The shape of a type annotation."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _bounded(of(arguments[0]), arguments[1:])
    if origin in {Union, types.UnionType}:
        return Shape("union", {}, members=tuple(of(a) for a in arguments))
    if origin is Literal:
        return Shape("literal", {}, values=arguments)
    if origin in {tuple, list, set, frozenset, Sequence}:
        if origin is tuple and arguments[-1] is not Ellipsis:
            return Shape("pair", {}, members=tuple(of(a) for a in arguments))
        return Shape("list", {}, members=(of(arguments[0]),))
    if origin in {dict, Mapping}:
        return Shape("map", {}, members=(of(arguments[1]),))
    return _plain(annotation)


def _plain(annotation: Any) -> Shape:
    if annotation in {None, type(None)}:
        return Shape("null", {})
    if not isinstance(annotation, type):
        return Shape("other", {})
    if issubclass(annotation, BaseModel):
        return Shape("model", {}, model=annotation)
    if issubclass(annotation, Enum):
        return Shape("literal", {}, values=tuple(member.value for member in annotation))
    for kind, types_ in {
        "bool": bool,
        "whole": int,
        "number": float,
        "fraction": Fraction,
        "text": str,
        "map": dict,
    }.items():
        if issubclass(annotation, types_):
            return Shape(kind, {})
    return Shape("other", {})


def _bounded(shape: Shape, metadata: Iterable[Any]) -> Shape:
    """The shape with the bounds that annotations lay on it; those of an optional value belong to its alternatives."""
    bounds, discriminator = dict(shape.bounds), shape.discriminator
    for one in metadata:
        if isinstance(one, FieldInfo):
            shape = _bounded(shape, one.metadata)
            bounds |= shape.bounds
            if isinstance(one.discriminator, str):
                discriminator = one.discriminator
            continue
        for name in _BOUNDS:
            value = getattr(one, name, None)
            if value is not None and not callable(value):
                bounds[name] = value
    if shape.kind == "union" and bounds:
        members = tuple(
            m if m.kind in {"null", "literal"} else replace(m, bounds={**m.bounds, **bounds}) for m in shape.members
        )
        return replace(shape, members=members, discriminator=discriminator)
    return replace(shape, bounds=bounds, discriminator=discriminator)


def words(shape: Shape, *, null: str | None = "null") -> str:
    """What may stand there: "a whole number from 16 to 8192 or null". `null` None leaves the null out."""
    if shape.kind in {"union", "literal", "null"}:
        members = shape.members if shape.kind == "union" else (shape,)
        return choice(list(dict.fromkeys(part for m in members for part in _parts(m, null))) or ["null"])
    return _noun(shape)


def _noun(shape: Shape) -> str:
    match shape.kind:
        case "whole":
            return "a whole number" + _range(shape.bounds)
        case "number":
            return "a number" + _range(shape.bounds)
        case "text":
            return "text" + _lengths(shape.bounds, "characters") + _pattern(shape.bounds)
        case "list":
            return "a list" + _lengths(shape.bounds, "items")
        case "pair":
            return f"a list of {len(shape.members)}"
        case _:
            return _FIXED.get(shape.kind, "valid")


def _parts(member: Shape, null: str | None) -> list[str]:
    if member.kind == "literal":
        return [_literal(v) for v in member.values]
    if member.kind == "null":
        return [] if null is None else [null]
    return [words(member)]


def choice(parts: Sequence[str]) -> str:
    """`a, b or c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"


def number(value: Any) -> str:
    """A bound as people write it: 400000000 and not 4e+08."""
    return str(int(value)) if float(value).is_integer() else f"{float(value):.10g}"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _range(bounds: Mapping[str, Any]) -> str:
    low = bounds.get("ge", bounds.get("gt"))
    high = bounds.get("le", bounds.get("lt"))
    if "ge" in bounds and "le" in bounds:
        text = f" from {number(low)} to {number(high)}"
    else:
        parts = []
        if low is not None:
            parts.append(f"{'of at least' if 'ge' in bounds else 'above'} {number(low)}")
        if high is not None:
            parts.append(f"{'of at most' if 'le' in bounds else 'below'} {number(high)}")
        text = " " + " and ".join(parts) if parts else ""
    return text + (f", a multiple of {number(bounds['multiple_of'])}" if "multiple_of" in bounds else "")


def _lengths(bounds: Mapping[str, Any], unit: str) -> str:
    low, high = bounds.get("min_length"), bounds.get("max_length")
    if low and high:
        return f" of {low} to {high} {unit}" if low != high else f" of {low} {unit}"
    if low:
        return f" of at least {low} {unit if low > 1 else unit.removesuffix('s')}"
    return f" of at most {high} {unit}" if high is not None else ""


def _pattern(bounds: Mapping[str, Any]) -> str:
    return f" that matches {bounds['pattern']}" if "pattern" in bounds else ""
