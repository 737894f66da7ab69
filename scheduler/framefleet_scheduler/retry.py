"""Whether and when a failed attempt is repeated. Pure; knows no store and no queue."""

from __future__ import annotations

from collections.abc import Callable

from framefleet.domain.errors import ErrorInfo, Retry

FIRST_DELAY_SECONDS = 5.0
LONGEST_DELAY_SECONDS = 15 * 60.0
CRASHES_ALLOWED = 5
"""Attempts of one subtask that may die before its input counts as what kills the workers: it is poison."""
QUARANTINED_AFTER = 2
"""Attempts that died before a subtask runs in quarantine: after a pause, and one such at a time on each host."""

_TRIES = {Retry.TRANSIENT: 8, Retry.RESOURCE: 5, Retry.PERMANENT: 1}
# Out of memory, or no progress: usually the input's doing, so a third try is the last. An output that is not right comes
# back only where the task asks for one more try.
# A GPU that is full is no fault of anything: a session ends when the chunk of a neighbour does.
_TRIES_BY_CODE = {
    "ffmpeg_killed": 3,
    "ffmpeg_stalled": 3,
    "verify_failed": 2,
    "quality_too_low": 2,
    "encoder_busy": 12,
}


def decide(error: ErrorInfo, attempts: int, chance: Callable[[], float], allowed: int | None = None) -> float | None:
    """Seconds until the next attempt; None when the failure is final.

    `attempts` have been made, the failed one included; `allowed` caps what the kind of error allows. `chance` gives
    0..1: the delay is anywhere between nothing and min(15 min, 5 s * 2^n) ("full jitter"), so that what failed
    together does not come back together.
    """
    tries = _TRIES_BY_CODE.get(error.code, _TRIES[error.retry]) if error.retry is not Retry.PERMANENT else 1
    if allowed is not None:
        tries = min(tries, allowed)
    if attempts >= tries:
        return None
    longest = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** max(attempts - 1, 0))
    return longest * chance()


def after_crash(crashes: int, chance: Callable[[], float]) -> float:
    """Seconds until a subtask runs again of which so many attempts have died.

    The first is nearly always the worker's end and not the subtask's doing: at once. Then pauses that grow, so that what
    kills its workers does not kill one after the other.
    """
    if crashes < QUARANTINED_AFTER:
        return 0.0
    longest = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** (crashes - QUARANTINED_AFTER))
    return longest * (0.5 + 0.5 * chance())
