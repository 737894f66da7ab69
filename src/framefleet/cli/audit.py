"""`framefleet audit`: who changed what."""

from __future__ import annotations

import argparse
from datetime import UTC

from framefleet.cli.output import OK, emit, table
from framefleet.cli.reach import way


def audit(options: argparse.Namespace) -> int:
    """Changes, the newest first."""
    with way(options) as cluster:
        found = cluster.audit.newest(options.since, options.limit)
    if options.json:
        emit([entry.model_dump(mode="json") for entry in found])
        return OK
    rows = [(f"{e.at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}", e.who, e.what, e.which, e.where) for e in found]
    print(table(rows, ("AT", "WHO", "WHAT", "WHICH", "FROM")) if rows else "no changes")
    return OK
