"""`framefleet log ID [N]`: what the attempts of a subtask ran."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from framefleet.cli.output import OK, emit, table
from framefleet.cli.reach import way

if TYPE_CHECKING:
    from framefleet.domain.records import TaskRecord

MOST_SHOWN = 5
"""Logs of failed subtasks that are shown where nobody names one."""


def log(options: argparse.Namespace) -> int:
    """The log of one subtask, or of those that have failed; where none has, which subtasks there are."""
    from framefleet.domain.errors import LogNotFound, RequestError

    with way(options) as cluster:
        if options.n is not None:
            shown = {options.n: cluster.tasks.log(options.id, options.n, options.attempt)}
        else:
            record = cluster.tasks.record(options.id)
            numbers = told(record)
            if not numbers and not options.json:
                print(subtasks(record))
                return OK
            shown = {}
            for n in numbers:
                try:
                    shown[n] = cluster.tasks.log(options.id, n, options.attempt)
                except RequestError as missing:
                    if missing.code != LogNotFound.code:
                        raise
                    shown[n] = f"subtask {n}: {missing.message}\n"
    if options.json:
        emit([{"n": n, "log": text} for n, text in shown.items()])
    else:
        print("\n".join(shown.values()), end="")
    return OK


def told(record: TaskRecord) -> list[int]:
    """The subtasks whose failure is their own: those that only needed one have run nothing."""
    return [s.n for s in record.subtasks if s.state == "failed" and s.attempts][:MOST_SHOWN]


def subtasks(record: TaskRecord) -> str:
    """Which there are to choose from."""
    rows = [(str(s.n), s.kind, s.state, str(s.attempts), s.worker or "-", s.label) for s in record.subtasks]
    return table(rows, ("N", "KIND", "STATE", "ATTEMPTS", "WORKER", "WHAT")) if rows else "no subtasks yet"
