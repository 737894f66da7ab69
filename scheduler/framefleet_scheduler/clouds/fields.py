"""What becomes of each documented field of a dialect: said once, where the field is declared.

The dialects' requests are pydantic models. A field's annotation carries one of `Works`, `Refused` or `Ignored`; from them come the
refusals of what we cannot do, and the tables of the pages in docs/howto (`pages`).
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict

State = Literal["works", "refused", "ignored"]


@dataclass(frozen=True, slots=True)
class Works:
    """What it asks for is what the output has; `note`: where that is not all of it."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that has it is refused; `note` says why, for people."""

    note: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing here depends on it; `note` says why."""

    note: str


class Wire(BaseModel):
    """Base of the dialects' objects. What is unknown is ignored, as the vendors do; null and empty lists count as absent."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Row(NamedTuple):
    """One documented field."""

    path: str
    """`Targets[].Video.Codec`."""
    state: State
    note: str


def rows(model: type[BaseModel], prefix: str = "") -> Iterator[Row]:
    """Every field of a model and of those within it, in order. A field that is refused or ignored is told without those within.

    Raises TypeError for a field that does not say what becomes of it.
    """
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        said = next((one for one in field.metadata if isinstance(one, Works | Refused | Ignored)), None)
        if said is None:
            raise TypeError(f"{model.__name__}.{name} does not say what becomes of it")
        listed, inner = _inner(field.annotation)
        shown = f"{path}[]" if listed else path
        state: State = "works" if isinstance(said, Works) else "refused" if isinstance(said, Refused) else "ignored"
        yield Row(shown, state, said.note)
        if inner is not None and state == "works":
            yield from rows(inner, f"{shown}.")


def first_refused(value: BaseModel, prefix: str = "") -> tuple[str, str] | None:
    """(path, why) of the first field that is set and that we refuse; None when there is none."""
    for name, field in type(value).model_fields.items():
        held = getattr(value, name)
        if name not in value.model_fields_set or _is_empty(held):
            continue
        path = f"{prefix}{field.alias or name}"
        said = next((one for one in field.metadata if isinstance(one, Refused)), None)
        if said is not None:
            return path, said.note
        if any(isinstance(one, Ignored) for one in field.metadata):
            continue
        for i, one in enumerate(held if isinstance(held, list | tuple) else (held,)):
            if isinstance(one, BaseModel):
                at = f"{path}[{i}]." if isinstance(held, list | tuple) else f"{path}."
                found = first_refused(one, at)
                if found is not None:
                    return found
    return None


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value in ("", [], (), {})


def _inner(annotation: Any) -> tuple[bool, type[BaseModel] | None]:
    """Whether it is a list, and the model that is within."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _inner(get_args(annotation)[0])
    if origin in (list, tuple):
        return True, _inner(get_args(annotation)[0])[1]
    if origin in (Union, types.UnionType):
        for one in get_args(annotation):
            listed, found = _inner(one)
            if listed or found is not None:
                return listed, found
        return False, None
    return False, annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _truth(value: Any) -> Any:
    """`True`, `true`, `1`: SDKs spell it in the way of their language."""
    if isinstance(value, str) and value.lower() in {"true", "false", "1", "0"}:
        return value.lower() in {"true", "1"}
    return value


def _absent(value: Any) -> Any:
    """SDKs send empty lists and texts for what is not said."""
    return None if value in ("", [], {}) else value


Truth = Annotated[bool, BeforeValidator(_truth)]
"""A boolean of any spelling."""
OR_NONE = BeforeValidator(_absent)
"""For fields that are None when an SDK sends them empty. Bounds stand within: `Annotated[Annotated[str, Field(...)] | None, OR_NONE]`;
beside it they would be asked of None."""
