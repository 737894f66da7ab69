"""A template's settings as tables: every field, its value, whether somebody set it, and what it means. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from framefleet.domain.shape import of_field, words
from framefleet.reference.fields import as_json, docstring


@dataclass(frozen=True, slots=True)
class Row:
    """A field."""

    name: str
    value: str
    """As JSON."""
    own: bool
    """Set in the template; else it is the default."""
    about: str
    """What it means, and what it may be; told once for the objects of a list."""


@dataclass(frozen=True, slots=True)
class Table:
    """The fields of one object of the settings."""

    path: str
    """Where it stands; empty for the template itself."""
    own: list[Row]
    """What is set."""
    defaults: list[Row]
    """The rest."""


def tables(template: BaseModel, settings: Mapping[str, Any]) -> list[Table]:
    """Of a validated template and the settings it was made of, the outermost first.

    Of the second and later objects of a list only what is set: a ladder of fifteen rungs has five hundred fields.
    """
    return list(_below(template, settings, "", whole=True))


def _below(model: BaseModel, settings: Mapping[str, Any], path: str, *, whole: bool) -> Iterator[Table]:
    rows, inner = [], []
    for name in type(model).model_fields:
        value, own, at = getattr(model, name), name in settings, f"{path}.{name}" if path else name
        given = settings.get(name)
        if isinstance(value, BaseModel):
            inner.append((value, given, at, whole))
        elif _objects(value):
            inner += [
                (
                    one,
                    given[i] if isinstance(given, Sequence) and i < len(given) else None,
                    f"{at}[{i}]",
                    whole and not i,
                )
                for i, one in enumerate(value)
            ]
        elif own or whole:
            rows.append(Row(name, as_json(value), own, _explained(type(model), name) if whole else ""))
    if rows:
        yield Table(path, [row for row in rows if row.own], [row for row in rows if not row.own])
    for value, given, at, whole_one in inner:
        yield from _below(value, given if isinstance(given, Mapping) else {}, at, whole=whole_one)


def _objects(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(one, BaseModel) for one in value)


@cache
def _explained(model: type[BaseModel], name: str) -> str:
    said, takes = docstring(model, name), words(of_field(model.model_fields[name]))
    return f"{said} Takes {takes}." if said else f"Takes {takes}."
