"""`framefleet pipelines`, `pause`, `resume`: shares and limits, kept in the work bucket and told to Redis."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from framefleet.cli.output import OK, emit, table
from framefleet.cli.reach import way

if TYPE_CHECKING:
    from framefleet.domain.pipeline import Pipeline
    from framefleet.ports import PipelineStatus

NO_LIMIT = 0
"""What takes a limit away on the command line."""
NO_PRIORITY = "none"
"""And a default priority: 0 is one."""


def listing(options: argparse.Namespace) -> int:
    """Every pipeline that is set or has had tasks, `default` in any case."""
    with way(options) as cluster:
        is_paused, shown = cluster.pipelines.list()
    if options.json:
        emit({"paused": is_paused, "pipelines": [status_json(status) for status in shown]})
        return OK
    if is_paused:
        print("everything is paused; framefleet resume ends that\n")
    rows = [_row(status) for status in shown]
    heads = (
        "PIPELINE",
        "WEIGHT",
        "MAX TASKS",
        "MAX SUBTASKS",
        "PRIORITY",
        "PAUSED",
        "WAITING",
        "OUT",
        "TASKS",
        "OF THEM RUNNING",
    )
    print(table(rows, heads))
    return OK


def change(options: argparse.Namespace) -> int:
    """Set a pipeline's weight, limits and default priority."""
    values: dict[str, Any] = {}
    if options.weight is not None:
        values["weight"] = options.weight
    for name in ("max_tasks", "max_subtasks"):
        limit = getattr(options, name)
        if limit is not None:
            values[name] = None if limit == NO_LIMIT else limit
    if options.default_priority is not None:
        values["default_priority"] = None if options.default_priority == NO_PRIORITY else options.default_priority
    return _change(options, options.name, values)


def pause(options: argparse.Namespace) -> int:
    """Begin nothing more of a pipeline, or of any."""
    return _set_paused(options, paused=True)


def resume(options: argparse.Namespace) -> int:
    """End a pause. A pipeline that was paused by name stays so when everything is resumed."""
    return _set_paused(options, paused=False)


def status_json(status: PipelineStatus) -> dict[str, Any]:
    """A pipeline and what there is of it, as users see it."""
    return settings_json(status.pipeline) | {
        "waiting": status.waiting,
        "out": status.out,
        "tasks": {"queued": status.tasks_queued, "running": status.tasks_running},
    }


def settings_json(pipeline: Pipeline) -> dict[str, Any]:
    """A pipeline's settings as users see them."""
    shown = {"name", "weight", "max_tasks", "max_subtasks", "default_priority", "paused"}
    return pipeline.model_dump(mode="json", include=shown)


def _set_paused(options: argparse.Namespace, *, paused: bool) -> int:
    from framefleet.domain.pipeline import EVERYTHING

    return _change(options, options.name or EVERYTHING, {"paused": paused})


def _change(options: argparse.Namespace, name: str, values: dict[str, Any]) -> int:
    from framefleet.domain.pipeline import EVERYTHING

    with way(options) as cluster:
        made, in_force = cluster.pipelines.change(name, values)
    what = "everything" if name == EVERYTHING else f"the pipeline {name}"
    if options.json:
        shown = {"paused": made.paused} if name == EVERYTHING else settings_json(made)
        emit(shown | {"in_force": in_force})
        return OK
    print(f"{what} is paused; what runs goes on" if made.paused else f"{what} is not paused")
    if name != EVERYTHING:
        print(
            f"weight {made.weight:g}, tasks {_limit(made.max_tasks)}, subtasks {_limit(made.max_subtasks)}, "
            f"tasks that name no priority get {_priority(made)}"
        )
    if not in_force:
        print("Redis is away: schedulers take it over from the work bucket when it is back.")
    return OK


def _row(status: PipelineStatus) -> tuple[str, ...]:
    pipeline = status.pipeline
    return (
        pipeline.name,
        f"{pipeline.weight:g}",
        _limit(pipeline.max_tasks),
        _limit(pipeline.max_subtasks),
        _priority(pipeline),
        "yes" if pipeline.paused else "no",
        str(status.waiting),
        str(status.out),
        str(status.tasks_queued + status.tasks_running),
        str(status.tasks_running),
    )


def _limit(limit: int | None) -> str:
    return "no limit" if limit is None else str(limit)


def _priority(pipeline: Pipeline) -> str:
    from framefleet.domain import priority

    return str(priority.DEFAULT if pipeline.default_priority is None else pipeline.default_priority)
