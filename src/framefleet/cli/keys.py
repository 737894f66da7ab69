"""`framefleet keys`: who may use the HTTP API. Kept in the work bucket, where every scheduler finds them."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from framefleet.cli.output import OK, emit, table
from framefleet.cli.reach import way
from framefleet.cli.ways import KeyLine, KeyWanted

_HEADINGS = ("KEY", "ROLE", "PIPELINES", "RATE", "ACTIONS", "SIGNS", "STATE", "NAME")


def listing(options: argparse.Namespace) -> int:
    """All there ever were, without secrets."""
    with way(options) as cluster:
        found = cluster.keys.list()
    if options.json:
        emit([_json(key) for key in found])
        return OK
    rows = [
        (
            key.id,
            key.role,
            ",".join(key.pipelines) if key.pipelines is not None else "all",
            "server's" if key.rate is None else f"{key.rate}/s",
            "all" if key.actions is None else ",".join(key.actions),
            "yes" if key.signs else "no",
            _state(key),
            key.name,
        )
        for key in found
    ]
    print(table(rows, _HEADINGS) if rows else "no keys")
    return OK


def create(options: argparse.Namespace) -> int:
    """A new key; its secret is printed now and never again."""
    with way(options) as cluster:
        wanted = KeyWanted(
            options.role, options.name or "", options.pipelines, options.rate, options.signs, options.actions
        )
        key, secret = cluster.keys.create(wanted)
    code = _tell(options, key, secret)
    if options.data is not None and not options.json:
        print(
            "A server that listens on this machine only asks for keys when it is started with FRAMEFLEET_API_KEYS=on."
        )
    return code


def rotate(options: argparse.Namespace) -> int:
    """Another secret for a key."""
    with way(options) as cluster:
        key, secret = cluster.keys.rotate(options.id)
    return _tell(options, key, secret)


def revoke(options: argparse.Namespace) -> int:
    """Take a key out of force."""
    with way(options) as cluster:
        key = cluster.keys.revoke(options.id)
    if options.json:
        emit(_json(key))
    else:
        print(f"{key.id} is revoked; servers heed it within 5 s")
    return OK


def _tell(options: argparse.Namespace, key: KeyLine, secret: str) -> int:
    if options.json:
        emit({**_json(key), "secret": secret})
    else:
        print(f"key     {key.id}\nsecret  {secret}\n\nThe secret is not shown again: note it now.")
    return OK


def _state(key: KeyLine) -> str:
    return "in force" if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d}"


def _json(key: KeyLine) -> dict[str, Any]:
    shown = asdict(key)
    for name in ("created_at", "revoked_at"):
        moment = shown[name]
        shown[name] = moment and moment.isoformat().replace("+00:00", "Z")
    return shown
