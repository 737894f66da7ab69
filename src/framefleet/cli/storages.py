"""`framefleet storages`: where sources are and outputs go. `storage_ways.py` knows the way there."""

from __future__ import annotations

import argparse
from typing import Any

from framefleet.cli.output import FAILED, OK, emit, table
from framefleet.cli.storage_ways import Storage, opened


def listing(options: argparse.Namespace) -> int:
    """Those set while the cluster runs, and those of the operator's file."""
    with opened(options) as storages:
        found = storages.list()
    if options.json:
        emit([_json(one) for one in found if one.origin != "built_in"])
        return OK
    where = {"operator": "set by the operator", "built_in": "only read"}
    rows = [
        (one.name, one.kind.replace("_", " "), str(one.version or "-"), where.get(one.origin) or _where(one))
        for one in found
    ]
    print(table(rows, ("NAME", "KIND", "VERSION", "WHERE")))
    return OK


def show(options: argparse.Namespace) -> int:
    """A storage's settings."""
    with opened(options) as storages:
        found = storages.get(options.name)
    if options.json:
        emit(_json(found))
        return OK
    import yaml

    settings = {name: value for name, value in (found.settings or {}).items() if value is not None}
    which = "not set here" if found.version is None else f"version {found.version}"
    print(f"# {found.name}, {which}\n{yaml.safe_dump(settings, sort_keys=False)}", end="")
    return OK


def set(options: argparse.Namespace) -> int:  # noqa: A001 - the verb's name
    """Make or change a storage."""
    from framefleet.cli.request import read_document
    from framefleet.domain.errors import InvalidStorage, InvalidTemplate

    try:
        document = read_document(options.file)
    except InvalidTemplate as error:
        raise InvalidStorage(error.message, hint="Give a file with its settings as YAML or JSON.") from error
    with opened(options) as storages:
        made = storages.put(options.name, document, options.if_version)
    if options.json:
        emit(_json(made))
    else:
        print(f"storage://{made.name}/ is version {made.version}; try it with `framefleet storages check {made.name}`")
    return OK


def delete(options: argparse.Namespace) -> int:
    """Take a storage out of use."""
    with opened(options) as storages:
        storages.delete(options.name, options.if_version)
    if options.json:
        emit({"name": options.name, "deleted": True})
    else:
        print(f"{options.name} is deleted; what is in it stays")
    return OK


def check(options: argparse.Namespace) -> int:
    """Try a storage, from here or from the server; 1 when it does not work."""
    with opened(options) as storages:
        works, steps = storages.check(options.name)
    if options.json:
        emit({"ok": works, "steps": steps})
    else:
        print(table([(s["step"], "ok" if s["ok"] else f"{s['message']}. {s['hint'] or ''}".strip()) for s in steps]))
    return OK if works else FAILED


def _where(storage: Storage) -> str:
    settings = storage.settings or {}
    if storage.kind == "directory":
        return str(settings.get("root"))
    place = "/".join(filter(None, (settings.get("bucket"), settings.get("prefix"))))
    return f"{settings.get('endpoint')} {place}"


def _json(storage: Storage) -> dict[str, Any]:
    if storage.version is None:
        return {"name": storage.name, "kind": storage.kind, "version": None}
    named = ("name", "version", "changed_at", "settings", "kind")
    return {name: getattr(storage, name) for name in named}
