"""Where Tencent's two dialects differ in what is otherwise the same, and how both refuse."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.fields import first_refused

Model = TypeVar("Model", bound=BaseModel)
More = Callable[[Any], Mapping[str, Any]]

UNSUPPORTED = "UnsupportedOperation"
"""What they offer and we don't."""


def nothing_more(found: Any) -> Mapping[str, Any]:
    """No fields of its own."""
    return {}


@dataclass(frozen=True, slots=True)
class Words:
    """One dialect."""

    name: str
    """Of its front."""
    video: Mapping[str, str]
    """Its names of video codecs -> ours."""
    audio: Mapping[str, str]
    containers: frozenset[str]
    """Of transcoding templates: those that are made here."""
    refusals: frozenset[str]
    """X of the codes `InvalidParameterValue.X` that it has."""
    as_source: bool
    """What a video bit rate of 0 means. True: the source's. False: whatever is good."""
    unit: int
    """Of `TimeOffsetSet` and `PicInfoSet[].TimeOffset`: so many to a second."""
    smallest_still: int
    """Pixels of a side of a sampled or timed picture."""
    widest: int
    """Pixels of a side of a film."""
    fastest: int
    """Frames/s."""
    sample_rates: frozenset[int]
    more_video: More = field(default=nothing_more)
    """Settings of our `video` that follow from fields that only this dialect has."""

    def wrong(self, name: str, message: str) -> Refusal:
        """A value that may not be; `name` is of the field, as in the code where there is one."""
        code = "InvalidParameterValue"
        return Refusal(f"{code}.{name}" if name in self.refusals else code, message)


def unsupported(what: str) -> Refusal:
    """Theirs and not ours."""
    return Refusal(UNSUPPORTED, what)


def read(words: Words, model: type[Model], parameters: Mapping[str, Any]) -> Model:
    """Parameters as the operation's model. Raises Refusal, also for what is not offered here."""
    try:
        json.dumps(parameters, ensure_ascii=False).encode()
    except ValueError:  # half of a pair of surrogates: no such text can be stored or signed
        raise Refusal("InvalidParameter", "a text is not Unicode") from None
    try:
        found = model.model_validate(parameters)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = _path(first["loc"])
        if first["type"] == "missing":
            raise Refusal("MissingParameter", f"{path} is missing") from None
        name = next((str(one) for one in reversed(first["loc"]) if isinstance(one, str)), "")
        if first["type"] in {"int_parsing", "int_type", "float_type", "float_parsing", "string_type", "list_type"}:
            raise Refusal("InvalidParameter", f"{path}: {first['msg']}") from None
        raise words.wrong(name, f"{path}: {first['msg']}") from None
    refused = first_refused(found)
    if refused is not None:
        raise unsupported(f"{refused[0]} is not supported here: {refused[1]}")
    return found


def _path(place: tuple[int | str, ...]) -> str:
    text = ""
    for one in place:
        text += f"[{one}]" if isinstance(one, int) else f".{one}"
    return text.removeprefix(".")[:200] or "the request"
