"""A look at a task that has ended, on the event loop."""

from __future__ import annotations

from datetime import UTC, datetime

from framefleet.domain.errors import StateUnavailable
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet_scheduler.api.quick import QuickLook

RECORD = TaskRecord(
    id="t1",
    state=TaskState.SUCCEEDED,
    pipeline="default",
    priority=5,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)


class Tasks:
    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    def ended(self, task_id: str) -> TaskRecord | None:
        self.asked += 1
        if self.away:
            raise StateUnavailable("it takes too long")
        return RECORD if task_id == RECORD.id else None


def test_after_an_answer_that_did_not_come_redis_is_left_alone_for_a_while() -> None:
    tasks, now = Tasks(), [100.0]
    quick = QuickLook(tasks, lambda: now[0])
    assert quick.ended("t1") == RECORD
    assert quick.ended("t2") is None

    tasks.away = True
    assert quick.ended("t1") is None
    asked = tasks.asked
    now[0] += 0.4
    assert quick.ended("t1") is None
    assert tasks.asked == asked

    tasks.away = False
    now[0] += 0.2
    assert quick.ended("t1") == RECORD
