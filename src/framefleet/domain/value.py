"""The base of every value that travels or is stored: immutable, and strict about unknown fields."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Value(BaseModel):
    """Frozen; refuses fields it does not know, and numbers that are none."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


NumberAsText = BeforeValidator(_as_text)
"""For text that may look like a number, such as level 4.1 or preset 8, and is then taken from a number as well."""
