"""The attempts of a subtask out of its hash in Redis: those `lib_history.lua` has noted, and the last, told by the fields."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from framefleet.domain.attempts import Attempt, AttemptOutcome, told
from framefleet.domain.errors import ErrorInfo
from framefleet.domain.states import SubtaskState

_OUTCOMES: dict[SubtaskState, AttemptOutcome] = {
    SubtaskState.RUNNING: "running",
    SubtaskState.SUCCEEDED: "succeeded",
    SubtaskState.FAILED: "failed",
    SubtaskState.CANCELED: "canceled",
}


def history(
    noted: str,
    *,
    state: SubtaskState,
    attempt: int,
    fence: int,
    worker: str | None,
    started_at: datetime | None,
    finished_at: datetime | None,
    error: ErrorInfo | None,
    output: dict[str, Any] | None,
) -> tuple[Attempt, ...]:
    """All attempts that Redis knows of, the oldest first."""
    if not fence:  # never claimed, as far as this Redis knows
        return ()
    last = None
    if state in _OUTCOMES:
        last = Attempt(
            attempt=attempt,
            fence=fence,
            worker=worker,
            started_at=started_at,
            ended_at=finished_at,
            outcome=_OUTCOMES[state],
            code=error.code if error is not None and state is SubtaskState.FAILED else None,
        )
    winner = (output or {}).get("fence")
    return told([_noted(line) for line in noted.splitlines()], last, state, winner=winner)


def _noted(line: str) -> Attempt:
    attempt, fence, worker, started, ended, outcome, code = json.loads(line)
    return Attempt(
        attempt=attempt,
        fence=fence,
        worker=worker or None,
        started_at=_moment(started),
        ended_at=_moment(ended),
        outcome=outcome,
        code=code or None,
    )


def _moment(ms: str | float) -> datetime | None:
    return datetime.fromtimestamp(float(ms) / 1000, UTC) if ms else None
