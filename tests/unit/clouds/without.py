"""Proof that a field works: there is a request that comes to something else without it."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from framefleet.domain.errors import FramefleetError
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.fields import rows

Outcome = Callable[[dict[str, Any]], object]


def leaves(model: type[BaseModel], below: str = "") -> list[str]:
    """Paths of the fields that work and have no others within: `Targets[].Video.Codec`."""
    found = {row.path: row.state for row in rows(model) if row.path.startswith(below)}
    return [
        path
        for path, state in found.items()
        if state == "works" and not any(other.startswith(f"{path}.") for other in found)
    ]


def idle(paths: Sequence[str], examples: Sequence[Mapping[str, Any]], outcome: Outcome) -> list[str]:
    """Those that no example is another one without."""
    whole = [_said(outcome, example) for example in examples]
    return [
        path
        for path in paths
        if not any(
            _said(outcome, less) != said
            for example, said in zip(examples, whole, strict=True)
            for less in _without(example, path)
        )
    ]


def _said(outcome: Outcome, example: Mapping[str, Any]) -> object:
    """What it comes to; a refusal is something, too."""
    try:
        return outcome(copy.deepcopy(dict(example)))
    except (Refusal, FramefleetError) as refused:
        return type(refused), str(refused), getattr(refused, "code", ""), getattr(refused, "message", "")


def _without(example: Mapping[str, Any], path: str) -> Iterator[dict[str, Any]]:
    """The example without the field, once for each place where it has it."""
    names = re.findall(r"[^.\[\]]+", path)
    for place in list(_places(example, names)):
        less = copy.deepcopy(dict(example))
        at: Any = less
        for step in place[:-1]:
            at = at[step]
        del at[place[-1]]
        yield less


def _places(value: Any, names: Sequence[str]) -> Iterator[list[str | int]]:
    if isinstance(value, list):
        for i, one in enumerate(value):
            yield from ([i, *rest] for rest in _places(one, names))
    elif isinstance(value, Mapping) and names and names[0] in value:
        if len(names) == 1:
            yield [names[0]]
        else:
            yield from ([names[0], *rest] for rest in _places(value[names[0]], names[1:]))
