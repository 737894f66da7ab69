"""What planned work has really cost on this cluster. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from framefleet.domain.records import SubtaskRecord
from framefleet.domain.states import SubtaskState
from framefleet.domain.value import Value


class Cost(Value):
    """Sums over subtasks that succeeded at their first attempt, older ones counting less."""

    weight: float = 0.0
    """What the planner reckoned with: seconds of one core."""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    """On one slot."""
    subtasks: float = 0.0

    def plus(self, other: Cost) -> Cost:
        """Both together."""
        return Cost(
            weight=self.weight + other.weight,
            cpu_seconds=self.cpu_seconds + other.cpu_seconds,
            wall_seconds=self.wall_seconds + other.wall_seconds,
            subtasks=self.subtasks + other.subtasks,
        )


Measured = Mapping[tuple[str, str], Cost]
"""By tag and kind."""


def measured(subtasks: Iterable[SubtaskRecord]) -> dict[tuple[str, str], Cost]:
    """What the subtasks of a task that has ended say: those that were done here, at once and whole."""
    found: dict[tuple[str, str], Cost] = {}
    for subtask in subtasks:
        seconds = _seconds(subtask)
        if seconds is not None:
            cost = Cost(
                weight=subtask.weight, cpu_seconds=subtask.cpu_seconds, wall_seconds=seconds, subtasks=1.0
            )  # fmt: skip
            name = (subtask.tag, subtask.kind)
            found[name] = found.get(name, Cost()).plus(cost)
    return found


def _seconds(subtask: SubtaskRecord) -> float | None:
    """How long its only attempt took; None when it says nothing about such work."""
    output = subtask.output or {}
    taken_over = output.get("reused") or output.get("reused_tracks")
    if subtask.state is not SubtaskState.SUCCEEDED or subtask.attempts != 1 or subtask.weight <= 0 or taken_over:
        return None
    if subtask.started_at is None or subtask.finished_at is None:
        return None
    return max((subtask.finished_at - subtask.started_at).total_seconds(), 0.0)
