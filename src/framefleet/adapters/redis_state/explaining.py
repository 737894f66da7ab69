"""What a task waits for, from the live state."""

from __future__ import annotations

from collections.abc import Sequence

from framefleet.adapters.redis_state import records
from framefleet.adapters.redis_state.measures import RedisMeasures
from framefleet.adapters.redis_state.scripts import Scripts
from framefleet.domain.prospects import Excluded, Standing, candidates, expected
from framefleet.domain.subtask import Tag
from framefleet.domain.task import utc_now
from framefleet.domain.waiting import Explanation, explanation
from framefleet.ports import WorkerInfo

LOOKS = 2000
"""Subtasks whose state alone is looked at, in one call."""
MOST_TASKS = 1000
"""Open tasks of a state that are looked at; behind more of them nobody knows when a task begins."""


def explain(scripts: Scripts, task_id: str, workers: Sequence[WorkerInfo]) -> Explanation | None:
    """A task; None when unknown. Raises StateUnavailable.

    Subtasks are looked at some thousand at a time, so what is said of a larger task need not be of one instant.
    """
    word, *rest = scripts.run("explain", task_id, *Tag)
    if word != "OK":
        return None
    (state, pipeline, priority, planned, canceling, held, run, count), *ahead = rest
    found = _in_parts(scripts, "explain_part", task_id, run, int(count))
    explained = explanation(
        task_id,
        state,
        pipeline,
        int(priority),
        canceling=bool(canceling),
        planned=bool(planned),
        held=held or None,
        waits=records.waits(found, dict(zip(Tag, ahead, strict=True))),
        tags=frozenset(worker.tag for worker in workers if worker.works),
    )
    if not explained.waits:
        return explained
    # Only what has failed or was given back is kept from anybody, and that waits where it was handed out.
    tried = any(wait.reason in {"worker", "delay"} for wait in explained.waits)
    rows = _in_parts(scripts, "exclusions", task_id, run, int(count)) if tried else []
    excluded: dict[tuple[str, str], int] = {}
    for tag, scope, number in rows:
        excluded[tag, scope] = excluded.get((tag, scope), 0) + int(number)
    return _with_prospects(scripts, explained, workers, excluded)


def _with_prospects(
    scripts: Scripts, explained: Explanation, workers: Sequence[WorkerInfo], excluded: Excluded
) -> Explanation:
    explained = explained.model_copy(update={"workers": candidates(explained, workers, excluded)})
    word, *rest = scripts.run("standing", explained.id, MOST_TASKS)
    if word not in {"OK", "MORE"}:
        return explained
    left, planned, before, before_left, unplanned = rest
    standing = Standing(
        left=float(left),
        planned=bool(planned),
        before=int(before),
        before_left=float(before_left),
        before_unplanned=int(unplanned),
        complete=word == "OK",
    )
    start, finish = expected(explained, workers, standing, RedisMeasures(scripts).costs(), utc_now())
    return explained.model_copy(update={"start": start, "finish": finish})


def _in_parts(scripts: Scripts, name: str, task_id: str, run: str, count: int) -> list[Sequence[str]]:
    found: list[Sequence[str]] = []
    for first in range(1, count + 1, LOOKS):
        found += scripts.run(name, task_id, run, first, min(first + LOOKS - 1, count))[1:]
    return found
