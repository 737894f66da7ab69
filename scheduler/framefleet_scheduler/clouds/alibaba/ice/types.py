"""Kinds of values in ICE's requests: the same field comes as a number, as text, or as JSON in a text. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from framefleet_scheduler.clouds.alibaba.parameters import nested
from framefleet_scheduler.clouds.fields import OR_NONE, Truth


def _opened(value: Any) -> Any:
    if isinstance(value, str):
        return nested(value) if value.strip() else None
    return value


def _worded(value: Any) -> Any:
    """Numbers where texts are documented: users write both."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


JSON_TEXT = BeforeValidator(_opened)
"""For objects that come as JSON in a text, or as they are."""
Text = Annotated[str | None, Field(max_length=8192), BeforeValidator(_worded), OR_NONE]
Whole = Annotated[int | None, OR_NONE]
Number = Annotated[float | None, Field(allow_inf_nan=False), OR_NONE]
Flag = Annotated[Truth | None, OR_NONE]


def merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`, field by field."""
    found = dict(below)
    for key, value in above.items():
        held = found.get(key)
        found[key] = merged(held, value) if isinstance(held, dict) and isinstance(value, Mapping) else value
    return found
