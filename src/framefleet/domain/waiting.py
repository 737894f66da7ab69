"""What a task waits for, in words. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from framefleet.domain.value import Value

_SENTENCES = {
    "running": "running",
    "subtasks": "waiting for other subtasks of the task",
    "turn": "waiting for their turn, {ahead} of the same pipeline before the first ({tag})",
    "worker": "handed out, waiting for a free slot ({tag})",
    "delay": "waiting to be tried again, the first in {seconds} s",
    "no_worker": "waiting for a worker that takes {tag}; none is there",
    "everything_paused": "waiting because everything is paused; framefleet resume ends that",
    "pipeline_paused": "waiting because the pipeline is paused",
    "task_limit": "waiting because the pipeline runs as many tasks as it may",
    "subtask_limit": "waiting because the pipeline runs as many subtasks as it may",
    "canceling": "being canceled",
    "planning": "waiting for a scheduler to plan it",
    "finishing": "waiting for a scheduler to finish it",
}


class Wait(Value):
    """Why some of a task's subtasks are not done."""

    reason: str
    """`running`, `subtasks`, `turn`, `worker`, `delay`, `no_worker`, `everything_paused`, `pipeline_paused`, `task_limit`,
    `subtask_limit`, or of the task as a whole `planning`, `finishing`, `canceling`.
    """
    tag: str | None = None
    count: int = 0
    """Of how many subtasks it is true."""
    first: int | None = None
    """The lowest number among them."""
    ahead: int | None = None
    """With `turn`: subtasks of the same pipeline and tag before the best placed of them."""
    seconds: float | None = None
    """With `delay`: until the first of them is tried again."""


class Candidate(Value):
    """A live slot, and whether it could take what the task waits for."""

    id: str
    """host:pid:slot"""
    host: str
    tag: str
    state: str
    """idle, busy, sick, drained or stopping."""
    can: bool
    """When it is free."""
    why: str | None = None
    """Why not: `tag` (it takes other work), `drained`, `sick`, `stopping`, `excluded` (for a minute: it failed there), or
    `not_needed` (nothing of the task waits for a slot, for example while it is planned).
    """


class Expected(Value):
    """An estimate of a moment; `at` and `seconds` are null when it is unknown."""

    at: datetime | None = None
    seconds: float | None = None
    """From now."""
    sure: Literal["measured", "rough", "unknown"]
    """`measured`: from what such work has cost on this cluster; `rough`: from the planner's weights."""
    basis: str
    """In words; also why it is unknown."""


class Explanation(Value):
    """A task that has not ended, and what it waits for; of one that has, `waits` is empty."""

    id: str
    state: str
    pipeline: str
    priority: int
    waits: tuple[Wait, ...]
    workers: tuple[Candidate, ...] = ()
    """Every live slot."""
    start: Expected | None = None
    """Null when it has begun."""
    finish: Expected | None = None


def explanation(
    task_id: str, state: str, pipeline: str, priority: int, *, canceling: bool, planned: bool, held: str | None,
    waits: tuple[Wait, ...], tags: frozenset[str],
) -> Explanation:  # fmt: skip
    """From what the live state says. `held`: why its pipeline lets nothing of it begin; `tags`: what live workers take.

    What holds its pipeline back comes before a missing worker: no worker would help.
    """
    told = tuple(_told(wait, held, tags) for wait in waits)
    if state in {"succeeded", "failed", "canceled"}:
        told = ()
    elif canceling:
        told = (Wait(reason="canceling"),)
    elif not told:
        told = (Wait(reason="finishing" if planned else "planning"),)
    return Explanation(id=task_id, state=state, pipeline=pipeline, priority=priority, waits=told)


def say(wait: Wait) -> str:
    """One wait as a sentence."""
    said = _SENTENCES[wait.reason].format(ahead=wait.ahead, seconds=wait.seconds, tag=wait.tag)
    return f"{wait.count} {'subtask' if wait.count == 1 else 'subtasks'} {said}" if wait.count else said


def _told(wait: Wait, held: str | None, tags: frozenset[str]) -> Wait:
    if wait.reason in {"running", "subtasks"}:
        return wait
    # A pause also holds back what has been handed out; a limit does not, that counts for it already.
    if held and (wait.reason == "turn" or held.endswith("paused")):
        return wait.model_copy(update={"reason": held, "ahead": None, "seconds": None})
    if wait.reason in {"turn", "worker"} and wait.tag not in tags:
        return wait.model_copy(update={"reason": "no_worker", "ahead": None})
    return wait
