"""Whether a slot is fit to work: judged by how its attempts end. Pure; acts on nothing.

A host with a lost driver or a full disk fails whatever it is given within a second, and so takes more work than all the
healthy ones together. It must stop taking work by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from framefleet.domain.errors import FramefleetError, Retry, ServiceError
from framefleet.domain.subtask import split_subtask_id

FAST_SECONDS = 30.0
"""A failure after more than this is not that of a slot that burns through the queue."""
IN_A_ROW = 3
"""So many subtasks of at least two tasks fail fast, one after the other: then it is the slot and not the work."""
AT_ONCE = frozenset({"encoder_unavailable", "encoder_busy", "disk_full"})
"""What says by itself that the next attempt would end in the same way: looked into after the first time."""
NOT_THE_HOST = frozenset({"font_missing", "tool_missing", "memory_limit", "cpu_limit", "source_unavailable"})
"""What some subtasks need or do, while others run well on the same host."""


@dataclass(frozen=True, slots=True)
class Ailment:
    """Why a slot should not take work."""

    code: str
    """Of the last failure."""
    message: str


class Health:
    """Follows the attempts of one slot."""

    def __init__(self) -> None:
        self._failed: list[str] = []

    def succeeded(self) -> None:
        """An attempt ended well."""
        self._failed.clear()

    def failed(self, sid: str, error: FramefleetError, seconds: float) -> Ailment | None:
        """An attempt failed after `seconds`; what ails the slot, if that is clear now."""
        if isinstance(error, ServiceError) or error.retry is Retry.PERMANENT or error.code in NOT_THE_HOST:
            return None
        if error.code in AT_ONCE:
            return Ailment(error.code, error.message)
        if seconds > FAST_SECONDS:
            self._failed.clear()
            return None
        if sid not in self._failed:
            self._failed.append(sid)
        tasks = {split_subtask_id(failed)[0] for failed in self._failed}
        if len(self._failed) < IN_A_ROW or len(tasks) == 1:
            return None
        return Ailment(error.code, f"{len(self._failed)} subtasks in a row failed here, the last with: {error.message}")
