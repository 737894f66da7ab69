"""Parameters that were flattened into a query or a form: `A.0.B=1` is `{"A": [{"B": "1"}]}`. Pure.

They carry no types: the schemas of the operations take texts for numbers and truths (`coerced` in their models).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

MOST_DEPTH = 16
MOST_ITEMS = 1_000
"""Of one list."""


def unflattened(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Objects and lists of texts. Raises ValueError for names that contradict each other."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        parts = name.split(".")
        if len(parts) > MOST_DEPTH or not all(parts):
            raise ValueError(f"{name[:80]!r} is no name of a parameter")
        at = root
        for part in parts[:-1]:
            inner = at.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ValueError(f"{name[:80]!r} is below a parameter that has a value")
            at = inner
        if parts[-1] in at:
            raise ValueError(f"the parameter {name[:80]!r} comes twice, or has others below it")
        at[parts[-1]] = value
    return {name: _listed(value) for name, value in root.items()}


def _listed(value: Any) -> Any:
    """An object whose names are 0, 1, 2, ... is a list."""
    if not isinstance(value, dict):
        return value
    if value and all(name.isascii() and name.isdigit() for name in value):
        if len(value) > MOST_ITEMS or sorted(map(int, value)) != list(range(len(value))):
            raise ValueError("the items of a list are to be numbered from 0 without holes")
        return [_listed(value[name]) for name in sorted(value, key=int)]
    return {name: _listed(inner) for name, inner in value.items()}
