"""What is wrong with a request or a template, told for people: the field, what may stand there, and what did.

pydantic's findings go in, one of our errors comes out. It knows nothing of what the models mean.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from framefleet.domain.errors import RequestError, UnknownField
from framefleet.domain.shape import Shape, choice, of_field, words

MOST = 5
"""Mistakes told at once."""
_LONGEST_SHOWN = 60
_OWN_WORDS = {"value_error", "assertion_error"}
"""Types of findings whose words are our validators' own."""
_SECRET = ("secret", "password", "token", "key")


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where, and a sentence about it that begins with the place."""

    path: str
    text: str
    unknown: bool = False
    """A field of that name does not exist."""
    instead_of: str | None = None
    """The path of the field that was probably meant."""


def refusal(
    error: ValidationError, kind: type[RequestError], shape: Shape, *, prefix: str = "", whole: str = "the request"
) -> RequestError:
    """The error that tells what pydantic found, the first mistake first: an UnknownField or a `kind`.

    `shape` is that of what was validated, `prefix` its path in the request, `whole` what it is called where it has none.
    """
    found = problems(error, shape, prefix=prefix, whole=whole)
    first = found[0]
    text = "; ".join(problem.text for problem in found[:MOST])
    if len(found) > MOST:
        text += f"; and {len(found) - MOST} more"
    made = (UnknownField if first.unknown else kind)(text, field=first.path or None)
    made.mistakes = tuple((problem.path, problem.text) for problem in found[:MOST])
    return made


def problems(error: ValidationError, shape: Shape, *, prefix: str = "", whole: str = "the request") -> list[Problem]:
    """Every mistake, each once, in the order of the model's fields."""
    found: dict[str, Problem] = {}
    for one in error.errors(include_url=False):
        problem = _problem(one, shape, prefix, whole)
        found.setdefault(problem.path, problem)
    meant = {p.instead_of for p in found.values()}
    # `uir` where `uri` is missing is one mistake; and who gave a list need not hear that a word would do as well.
    return [p for p in found.values() if (p.unknown or p.path not in meant) and not _is_above_another(p, found)]


def near(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    by_lower = {k.lower(): k for k in known}
    matches = difflib.get_close_matches(name.lower(), by_lower, 1, cutoff=0.6)
    return by_lower[matches[0]] if matches else None


def field_path(prefix: str, location: Iterable[int | str]) -> str:
    """`("sources", 0, "uri")` as `sources[0].uri`."""
    path = prefix
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else (f".{part}" if path else part)
    return path


def shown(value: Any) -> str | None:
    """A value as JSON, if it is short enough to be told."""
    if isinstance(value, Mapping | list | tuple):
        return "a list" if isinstance(value, list | tuple) else "an object"
    try:
        text = json.dumps(value, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError):
        return None
    return text if len(text) <= _LONGEST_SHOWN else None


def _problem(one: Mapping[str, Any], shape: Shape, prefix: str, whole: str) -> Problem:
    location, at, parent = _walk(shape, one["loc"])
    path, kind = field_path(prefix, location), one["type"]
    name = path or whole
    if kind == "missing":
        return Problem(path, f"{name} is missing")
    if kind == "extra_forbidden":
        return _unknown(path, parent, str(location[-1]))
    if kind in {"union_tag_not_found", "union_tag_invalid"} and at is not None:
        return _tag(one, path, at)
    if kind in _OWN_WORDS:
        return Problem(path, f"{name}: {one['msg'].split(', ', 1)[-1]}")
    if one["loc"] and one["loc"][-1] == "[key]":
        return Problem(path, f"{name}: the name {_own_words(one['msg'])}")
    if kind == "string_unicode":
        return Problem(path, f"{name} must be valid Unicode")
    if at is None or at.kind == "other":
        return Problem(path, f"{name}: {_own_words(one['msg'])}")
    return Problem(
        path, f"{name} must be {words(at)}{_but_was(str(location[-1]) if location else '', one['input'], at)}"
    )


def _but_was(name: str, value: Any, at: Shape) -> str:
    if any(word in name.lower() for word in _SECRET):
        return ""
    if isinstance(value, list | tuple) and at.kind == "list":
        return f", not of {len(value)}"
    if (
        isinstance(value, str)
        and at.kind == "text"
        and "max_length" in at.bounds
        and len(value) > at.bounds["max_length"]
    ):
        return f", not of {len(value)}"
    text = shown(value)
    hint = _meant(value, at)
    return (f", not {text}" if text else "") + (f" (did you mean {hint}?)" if hint else "")


def _meant(value: Any, at: Shape) -> str | None:
    if not isinstance(value, str):
        return None
    members = at.members if at.kind == "union" else (at,)
    found = near(value, [v for m in members if m.kind == "literal" for v in m.values if isinstance(v, str)])
    return f'"{found}"' if found else None


def _unknown(path: str, parent: Shape | None, name: str) -> Problem:
    fields = list(parent.model.model_fields) if parent is not None and parent.model is not None else []
    meant = near(name, fields)
    above = path[: -len(name)].rstrip(".")
    text = f"{path} is not a field"
    if meant:
        return Problem(path, f"{text}; did you mean {meant}?", True, field_path(above, [meant]))
    return Problem(path, f"{text}; there are {', '.join(fields)}" if fields else text, True)


def _tag(one: Mapping[str, Any], path: str, at: Shape) -> Problem:
    tag = str(at.discriminator or one["ctx"]["discriminator"].strip("'"))
    kinds = [str(v) for m in at.members for v in _tags(m, tag)]
    field = field_path(path, [tag])
    if one["type"] == "union_tag_not_found":
        return Problem(field, f"{field} is missing: it must be {choice([json.dumps(k) for k in kinds])}")
    value = one["ctx"]["tag"]
    meant = near(value, kinds)
    hint = f' (did you mean "{meant}"?)' if meant else ""
    return Problem(field, f"{field} must be {choice([json.dumps(k) for k in kinds])}, not {shown(value)}{hint}")


def _walk(shape: Shape | None, location: Iterable[int | str]) -> tuple[list[int | str], Shape | None, Shape | None]:
    """The path without the names pydantic gives to alternatives, the shape at its end, and that of what holds it."""
    path: list[int | str] = []
    parent: Shape | None = None
    for part in location:
        if part == "[key]":
            continue
        alternative = _alternative(shape, part)
        if alternative is not None:
            shape = alternative
            continue
        path.append(part)
        parent, shape = shape, _below(shape, part)
    return path, shape, parent


def _alternative(shape: Shape | None, part: int | str) -> Shape | None:
    """The member of a union that pydantic calls `part`; the union itself for a plain value, so that all are told."""
    if shape is None or shape.kind != "union" or isinstance(part, int):
        return None
    if shape.discriminator:
        return next((m for m in shape.members if part in _tags(m, shape.discriminator)), None)
    solid = [m for m in shape.members if m.kind != "null"]
    if len(solid) == 1:
        return None  # optional: pydantic does not name it
    for member in solid:
        if member.model is not None and part == member.model.__name__:
            return member
        if member.kind in {"list", "pair"} and part.startswith(("tuple[", "list[")):
            return member
        if member.kind == "map" and part.startswith("dict["):
            return member
    return shape


def _below(shape: Shape | None, part: int | str) -> Shape | None:
    if shape is None:
        return None
    if shape.kind == "union":
        found = (_below(m, part) for m in shape.members)
        return next((f for f in found if f is not None), None)
    if shape.kind == "model" and shape.model is not None:
        field = shape.model.model_fields.get(str(part))
        return None if field is None else of_field(field)
    if shape.kind == "pair" and isinstance(part, int) and part < len(shape.members):
        return shape.members[part]
    return shape.members[0] if shape.kind in {"list", "map"} and shape.members else None


def _tags(member: Shape, tag: str) -> tuple[Any, ...]:
    model: type[BaseModel] | None = member.model
    if model is None:
        return tuple(v for inner in member.members for v in _tags(inner, tag))
    return of_field(model.model_fields[tag]).values


def _is_above_another(problem: Problem, found: Mapping[str, Problem]) -> bool:
    return any(p.startswith((f"{problem.path}.", f"{problem.path}[")) for p in found) and bool(problem.path)


def _own_words(message: str) -> str:
    """pydantic's words, where we have none, made to fit after a colon."""
    text = message.replace("Input should be", "must be").replace("String should have", "must have")
    return text[0].lower() + text[1:]
