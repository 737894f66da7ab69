"""What the models' source says about their fields: docstrings below the fields, units, defaults."""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from framefleet.domain.shape import Shape, of_field

_UNITS = (
    (r".*bitrate", "bits/s"),
    (r".*_seconds|start|duration|offset|interval|times|time", "seconds"),
    (r".*_frames", "frames"),
    (r"width|height|x|y|.*_edge|.*_width|.*_height|size|margin.*|.*_x|.*_y", "pixels"),
    (r"sample_rate", "Hz"),
    (r".*frame_rate|.*fps", "frames/s"),
    (r"rotate|angle", "degrees"),
    (r".*_db|volume|gain", "dB"),
    (r".*lufs|loudness", "LUFS"),
    (r"bit_depth", "bits"),
)


@cache
def _docstrings_of_module(name: str) -> dict[str, dict[str, str]]:
    """Class -> field -> the docstring below it."""
    tree = ast.parse(inspect.getsource(sys.modules[name]))
    return {node.name: dict(_below_fields(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _below_fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for statement, following in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            yield statement.target.id, inspect.cleandoc(following.value.value)


def docstring(model: type[BaseModel], field: str) -> str:
    """The docstring below a field, in the words of JSON; that of a base class where the class itself has none."""
    for cls in model.__mro__:
        if issubclass(cls, BaseModel) and cls is not BaseModel:
            found = _docstrings_of_module(cls.__module__).get(cls.__name__, {}).get(field)
            if found:
                return in_json_words(" ".join(found.split()))
    return ""


def summary(model: type[BaseModel]) -> str:
    """The first paragraph of a model's docstring."""
    return in_json_words(" ".join(inspect.cleandoc(model.__doc__ or "").split("\n\n")[0].split()))


def in_json_words(text: str) -> str:
    """Python's constants as requests write them."""
    for python, written in {"None": "null", "True": "true", "False": "false"}.items():
        text = re.sub(rf"\b{python}\b", written, text)
    return text


def unit(name: str, shape: Shape) -> str:
    """The unit of a field of numbers, by its name: names mean the same everywhere."""
    if not _is_number(shape):
        return ""
    return next((unit for pattern, unit in _UNITS if re.fullmatch(pattern, name)), "")


def _is_number(shape: Shape) -> bool:
    if shape.kind == "literal":
        return all(isinstance(v, int | float) and not isinstance(v, bool) for v in shape.values)
    if shape.kind in {"union", "list", "pair"}:
        return any(_is_number(m) for m in shape.members if m.kind != "null")
    return shape.kind in {"whole", "number", "fraction"}


def default(field: FieldInfo) -> str | None:
    """The default as JSON; None for a field that has to be given."""
    if field.is_required():
        return None
    value = field.get_default(call_default_factory=True)
    return None if value is PydanticUndefined else as_json(value)


def as_json(value: Any) -> str:
    """A value of a model as JSON; a model as `{}` with what differs from its own defaults."""
    if isinstance(value, BaseModel):
        return json.dumps(value.model_dump(mode="json", exclude_defaults=True))
    if isinstance(value, tuple | list):
        return "[" + ", ".join(as_json(v) for v in value) + "]"
    return json.dumps(value, default=str, ensure_ascii=False)


def models_below(shape: Shape) -> Iterator[type[BaseModel]]:
    """Every model a value of this shape may hold, the outer ones first."""
    if shape.model is not None:
        yield shape.model
        for field in shape.model.model_fields.values():
            yield from models_below(of_field(field))
    for member in shape.members:
        yield from models_below(member)
