"""Whether a request has JSON's kinds where its schema wants them. Pure.

The models take `true` for 1 and "5" for 5, as forms and environment variables need it; a request has no reason to, and its
schema does not allow it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel


def mistaken(raw: Any, taken: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, what is wanted) of every value that was given as one kind and taken as another."""
    if isinstance(taken, BaseModel) and isinstance(raw, Mapping):
        for name, value in raw.items():
            yield from mistaken(value, getattr(taken, str(name), None), f"{path}.{name}" if path else str(name))
    elif isinstance(taken, tuple | list) and isinstance(raw, Sequence) and not isinstance(raw, str):
        for index, (value, one) in enumerate(zip(raw, taken, strict=False)):
            yield from mistaken(value, one, f"{path}[{index}]")
    elif isinstance(taken, bool) and not isinstance(raw, bool):
        yield path, "true or false"
    elif isinstance(taken, int | float) and not isinstance(taken, bool) and isinstance(raw, bool | str):
        yield path, "a number"
