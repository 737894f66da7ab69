"""Prints the fields that Tencent's SDK gives to requests: `fields.py vod.v20180717 ProcessMedia ...`, each as `A.B[].C`."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

_TYPE = re.compile(r":type (\w+): (list of )?(?::class:`)?([\w.]+)")


def fields(models: Any, model: Any, prefix: str, above: tuple[str, ...]) -> Iterator[str]:
    """Of a model and of those within it."""
    for name, listed, kind in _TYPE.findall(inspect.getdoc(model.__init__) or ""):
        path = f"{prefix}{name}{'[]' if listed else ''}"
        yield path
        inner = getattr(models, kind.rpartition(".")[2], None)
        if inspect.isclass(inner) and inner.__name__ not in above:
            yield from fields(models, inner, f"{path}.", (*above, inner.__name__))


def main() -> None:
    """One line for each operation."""
    models = importlib.import_module(f"tencentcloud.{sys.argv[1]}.models")
    for action in sys.argv[2:]:
        found = list(fields(models, getattr(models, f"{action}Request"), "", ()))
        print(json.dumps({"action": action, "fields": found}))


main()
