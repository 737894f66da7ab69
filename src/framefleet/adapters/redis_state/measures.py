"""What work has cost, and which dry runs there are: beside the state of tasks, and nothing depends on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from framefleet.adapters.redis_state import records
from framefleet.adapters.redis_state.scripts import Scripts
from framefleet.domain.measured import Cost, Measured


class RedisMeasures:
    """Implements `framefleet.ports.Measures`."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def note(self, costs: Measured) -> None:
        """Add up what a task's subtasks have cost. Raises StateUnavailable."""
        if costs:
            rows = [
                argument
                for (tag, kind), c in costs.items()
                for argument in (f"{tag}:{kind}", c.weight, c.cpu_seconds, c.wall_seconds, c.subtasks)
            ]
            self._scripts.run("note_work", *rows)

    def costs(self) -> Measured:
        """By tag and kind; empty after a loss of Redis. Raises StateUnavailable."""
        sums: dict[tuple[str, str], dict[str, float]] = {}
        for field, value in records.rows(self._scripts.run("measured")[1:], 2):
            tag, kind, name = field.split(":")
            sums.setdefault((tag, kind), {})[name] = float(value)
        return {
            what: Cost(
                weight=found.get("weight", 0.0),
                cpu_seconds=found.get("cpu", 0.0),
                wall_seconds=found.get("wall", 0.0),
                subtasks=found.get("count", 0.0),
            )
            for what, found in sums.items()
        }

    def dry_runs(self, before: datetime, limit: int, *, ended: bool) -> list[str]:
        """Dry runs that were created before and go on, or that ended before; the oldest first. Raises StateUnavailable."""
        found = self._scripts.run("dry", int(ended), records.milliseconds(before), limit)
        return [str(task_id) for task_id in found[1:]]

    def forget_dry(self, task_ids: Sequence[str], *, ended: bool) -> None:
        """Do not list these again. Raises StateUnavailable."""
        self._scripts.run("dry", int(ended), "-inf", 0, *task_ids)
