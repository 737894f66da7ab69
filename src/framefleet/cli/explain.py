"""`framefleet explain ID`: what a task waits for."""

from __future__ import annotations

import argparse

from framefleet.cli.output import OK, emit


def explain(options: argparse.Namespace) -> int:
    """What a task waits for, now."""
    from framefleet.cli.cluster import open_tasks
    from framefleet.domain.errors import TaskNotFound
    from framefleet.domain.waiting import say

    with open_tasks() as tasks:
        found = tasks.explain(options.id)
    if found is None:
        raise TaskNotFound(f"there is no task {options.id}")
    if options.json:
        emit(found.model_dump(mode="json"))
        return OK
    print(f"{found.id}  {found.state}, pipeline {found.pipeline}, priority {found.priority}")
    for wait in found.waits:
        print(f"  {say(wait)}")
    return OK
