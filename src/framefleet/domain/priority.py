"""Priorities. One direction everywhere: 0..9, higher first. The only place that converts to the broker's scale."""

from __future__ import annotations

LOWEST = 0
HIGHEST = 9
DEFAULT = 5
BROKER_LEVELS = 10
"""`x-max-priority` of the work queues: task priorities 0..9 plus the bonus of one."""

_BONUS_KINDS = frozenset({"probe", "concat"})


def broker_priority(task_priority: int, kind: str, *, retried: bool = False) -> int:
    """Priority of a subtask's message.

    Probe and concat get one more, so that started tasks end before new ones of the same priority start
    (DESIGN section 3). A retry gets one more because a message published again joins the tail of its level.
    """
    bonus = 1 if kind in _BONUS_KINDS or retried else 0
    return min(max(task_priority, LOWEST) + bonus, BROKER_LEVELS)
