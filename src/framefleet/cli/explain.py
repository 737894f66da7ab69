"""`framefleet explain ID`: what a task waits for."""

from __future__ import annotations

import argparse

from framefleet.cli.output import OK, emit
from framefleet.cli.reach import way


def explain(options: argparse.Namespace) -> int:
    """What a task waits for, now."""
    from framefleet.domain.prospects import told

    with way(options) as cluster:
        found = cluster.tasks.explain(options.id)
    if options.json:
        emit(found.model_dump(mode="json"))
        return OK
    print(f"{found.id}  {found.state}, pipeline {found.pipeline}, priority {found.priority}")
    for line in told(found):
        print(f"  {line}")
    return OK
