"""Parameters of Alibaba's operations, which come as texts, as the dialects' models: nested values are JSON. Pure."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from framefleet_scheduler.clouds.fields import Wire

MOST_CHARACTERS = 512 * 1024
"""Of one parameter: as much as a task of ours may have."""
MOST_LEVELS = 24
"""Of lists and objects within each other; the deepest documented request has ten."""

W = TypeVar("W", bound=Wire)


class BadParameter(ValueError):
    """A parameter cannot be taken; the message says which and why."""

    def __init__(self, path: str, message: str, *, missing: bool = False, json: bool = False) -> None:
        """`path`: `Targets[0].Video.Codec`. `missing`: it has to be there. `json`: its text is no JSON."""
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.missing = missing
        self.json = json


def read(parameters: Mapping[str, Any], model: type[W]) -> W:
    """The parameters as a model. Empty texts and null count as absent, unknown names are left out. Raises BadParameter."""
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        known = field.alias or name
        held = parameters.get(known)
        if held is None or held == "":
            continue
        if isinstance(held, str):
            _check_text(held, known)
            held = _decoded(held, known) if _is_nested(field) else held
        values[known] = _present(held, known)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        _refuse(error)


def nested(text: str) -> Any:
    """What the JSON within a text says, for objects whose fields are JSON texts again; bounded as parameters are.

    Raises BadParameter, which a validator of pydantic may let pass: it is a ValueError.
    """
    _check_text(text, "")
    return _present(_decoded(text, ""), "")


def _refuse(error: ValidationError) -> NoReturn:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).removeprefix(".")
    if first["type"] == "missing":
        raise BadParameter(path, "it has to be given", missing=True)
    message = first["msg"].removeprefix("Value error, ").replace("valid tuple", "list").replace("Tuple", "the list")
    raise BadParameter(path, message[:1].lower() + message[1:])


def _is_nested(field: FieldInfo) -> bool:
    """Whether its text is JSON."""
    return _holds_more(field.annotation)


def _holds_more(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _holds_more(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return any(_holds_more(one) for one in get_args(annotation))
    plain = origin or annotation
    return isinstance(plain, type) and issubclass(plain, list | tuple | dict | Mapping | BaseModel)


def _check_text(text: str, name: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise BadParameter(name, f"it has {len(text)} characters; {MOST_CHARACTERS} are allowed")


def _decoded(text: str, name: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise BadParameter(name, "it is not JSON", json=True) from None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _present(value: Any, name: str) -> Any:
    """The value without members that are null. Raises BadParameter for what is nested too deep, or holds text that is none."""
    level = [(value, 0)]
    while level:
        one, depth = level.pop()
        if depth > MOST_LEVELS:
            raise BadParameter(name, f"it has more than {MOST_LEVELS} levels")
        if isinstance(one, dict):
            for key in [key for key, held in one.items() if held is None]:
                del one[key]
            level += [(part, depth + 1) for pair in one.items() for part in pair]
        elif isinstance(one, list):
            level += [(part, depth + 1) for part in one]
        elif isinstance(one, str) and not _is_text(one):
            raise BadParameter(name, "it holds half of a surrogate pair")
    return value


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
