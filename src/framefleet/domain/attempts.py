"""What became of each attempt of a subtask. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from framefleet.domain.states import SubtaskState
from framefleet.domain.value import Value

MOST_TOLD = 20
"""Of a subtask, the latest."""

AttemptOutcome = Literal["running", "succeeded", "failed", "lost", "released", "canceled"]


class Attempt(Value):
    """One try of a subtask."""

    attempt: int
    """Its number. One that was given back does not count, so the next one has its number."""
    fence: int
    """Grows with every attempt, so it tells those of one number apart."""
    worker: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: AttemptOutcome
    """`lost`: its worker died, or was not heard of for too long. `released`: given back, because the worker was stopped or a
    service was away.
    """
    code: str | None = None
    """Of its error."""


def told(
    ended: Sequence[Attempt], last: Attempt | None, state: SubtaskState, *, winner: int | None = None
) -> tuple[Attempt, ...]:
    """All attempts, from those that ended without deciding the subtask, and the last one as it stands.

    `winner` is the fence of the attempt whose result counts: a worker that was taken for dead may have been first.
    """
    attempts = list(ended)
    if last is not None and last.fence and all(a.fence != last.fence for a in ended):
        attempts.append(last)
    if state is SubtaskState.SUCCEEDED and winner is not None:
        attempts = [_judged(a, winner, last) for a in attempts]
    return tuple(attempts[-MOST_TOLD:])


def _judged(attempt: Attempt, winner: int, last: Attempt | None) -> Attempt:
    if attempt.fence == winner and attempt.outcome != "succeeded":
        ended = attempt.ended_at if last is None else last.ended_at
        return attempt.model_copy(update={"outcome": "succeeded", "ended_at": ended, "code": None})
    if attempt.fence != winner and attempt.outcome == "succeeded":
        return attempt.model_copy(update={"outcome": "lost"})
    return attempt
