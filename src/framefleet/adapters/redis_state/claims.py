"""The worker's side of the task state."""

from __future__ import annotations

import json
from dataclasses import asdict

from framefleet.adapters.redis_state.scripts import Scripts
from framefleet.ports import Claim, Progress, Refused, WorkerInfo


class RedisClaims:
    """Implements `framefleet.ports.Claims`. Everything but `register` needs an epoch."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def claim(self, sid: str, nonce: str, worker: str, lease_seconds: float) -> Claim | Refused:
        """queued -> running under a new fence, also when the lease of an earlier attempt has run out.

        The same nonce asking again gets the same answer, with the lease renewed. Raises StateUnavailable.
        """
        word, *rest = self._scripts.ask("claim", sid, nonce, worker, _milliseconds(lease_seconds))
        if word == "NO_EPOCH":
            return Refused("no_epoch")
        if word == "REFUSED":
            return Refused(rest[0])
        fence, attempt, spec, priority = rest
        return Claim(sid=sid, fence=int(fence), nonce=nonce, attempt=int(attempt), spec=spec, priority=int(priority))

    def beat(self, sid: str, fence: int, nonce: str, lease_seconds: float, progress: Progress | None) -> str:
        """Renew: `ok`, `adopted` (Redis had forgotten the claim), `cancel` or `lost`. Raises StateUnavailable."""
        fraction = "" if progress is None else min(max(progress.fraction, 0.0), 1.0)
        speed = "" if progress is None or progress.speed is None else progress.speed
        return str(self._scripts.run("beat", sid, fence, nonce, _milliseconds(lease_seconds), fraction, speed)[0])

    def release(self, sid: str, fence: int, nonce: str, delay_seconds: float) -> bool:
        """running -> queued after a delay, not counted as an attempt; for a minute another worker is preferred.

        False when it was not ours any more. Raises StateUnavailable.
        """
        return self._scripts.applied("release", sid, fence, nonce, _milliseconds(delay_seconds))

    def register(self, worker: WorkerInfo, seconds: float) -> bool:
        """Say that a slot lives, for `seconds` (0: it is gone); True when it is drained. Raises StateUnavailable."""
        description = asdict(worker)
        del description["seen_at"]  # Redis' clock says when
        answer = self._scripts.run("register", worker.id, json.dumps(description), _milliseconds(seconds))
        return bool(answer[0] == "DRAINED")

    def died(self, worker: str, how: str) -> bool:
        """The process of this slot is gone, as who started it knows: its claim ends as if its lease had run out.

        False when it held none. Raises StateUnavailable.
        """
        return self._scripts.applied("died", worker, how)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
