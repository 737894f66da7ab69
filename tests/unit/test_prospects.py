"""Who could do what a task waits for, and when it may begin and end; what nobody can know is unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from framefleet.domain.measured import Cost
from framefleet.domain.prospects import Standing, candidates, expected, told
from framefleet.domain.waiting import Explanation, Wait
from framefleet.ports import WorkerInfo
from tests.factories import NOW

STANDING = Standing(left=40.0, planned=True, before=2, before_left=60.0, before_unplanned=0)
TURN = Wait(reason="turn", tag="cpu", count=8, first=2, ahead=3)


def slot(number: int, state: str = "idle", tag: str = "cpu", host: str = "h") -> WorkerInfo:
    return WorkerInfo(f"{host}:{number}:0", host, tag, state, None, "1", ())


def waiting(*waits: Wait, state: str = "queued", slots: tuple[WorkerInfo, ...] = (slot(1), slot(2))) -> Explanation:
    found = Explanation(id="t", state=state, pipeline="default", priority=5, waits=waits or (TURN,))
    return found.model_copy(update={"workers": candidates(found, slots, {})})


def test_each_slot_says_whether_it_could_and_why_not() -> None:
    slots = (slot(1), slot(2, "busy"), slot(3, "drained"), slot(4, "sick"), slot(5, "stopping"), slot(6, tag="gpu"))

    found = candidates(waiting(), slots, {})

    assert [(c.can, c.why) for c in found] == [
        (True, None),
        (True, None),
        (False, "drained"),
        (False, "sick"),
        (False, "stopping"),
        (False, "tag"),
    ]


@pytest.mark.parametrize("reason", ["planning", "finishing"])
def test_while_nothing_waits_for_a_slot_none_takes_other_work(reason: str) -> None:
    explained = waiting(Wait(reason=reason), slots=(slot(1), slot(2, "drained"), slot(3, tag="gpu")))

    assert [(c.can, c.why) for c in explained.workers] == [
        (False, "not_needed"),
        (False, "drained"),
        (False, "not_needed"),
    ]
    assert told(explained)[1:] == ["1 slot cannot, drained: h:2:0"]


def test_a_slot_is_excluded_when_all_that_waits_is_kept_from_it_or_its_host() -> None:
    explained = waiting(Wait(reason="worker", tag="cpu", count=2, first=1))
    slots = (slot(1), slot(2, host="other"))

    some = candidates(explained, slots, {("cpu", "h:1:0"): 1})
    all_by_both = candidates(explained, slots, {("cpu", "h:1:0"): 1, ("cpu", "h"): 1})

    assert [c.why for c in some] == [None, None]
    assert [c.why for c in all_by_both] == ["excluded", None]


def test_the_start_comes_after_what_is_before_it_and_the_end_after_its_own_work() -> None:
    start, finish = expected(waiting(), [slot(1), slot(2)], STANDING, {}, NOW)

    assert start is not None
    assert finish is not None
    assert (start.seconds, start.at, start.sure) == (30.0, NOW + timedelta(seconds=30), "rough")
    assert (finish.seconds, finish.sure) == (50.0, "rough")
    assert "2 live slots, 2 tasks before it" in finish.basis


def test_what_was_measured_counts() -> None:
    measured = {("cpu", "transcode"): Cost(weight=100, cpu_seconds=90, wall_seconds=300, subtasks=50)}

    _, finish = expected(waiting(), [slot(1), slot(2)], STANDING, measured, NOW)

    assert finish is not None
    assert (finish.seconds, finish.sure) == (150.0, "measured")


def test_what_has_begun_has_no_start_and_its_last_subtask_uses_one_slot() -> None:
    last = waiting(Wait(reason="running", tag="cpu", count=1, first=9), state="running")

    start, finish = expected(last, [slot(1), slot(2)], replace(STANDING, before_left=0.0), {}, NOW)

    assert start is None
    assert finish is not None
    assert finish.seconds == 40.0


def test_a_pause_between_attempts_is_waited_for() -> None:
    delayed = waiting(Wait(reason="delay", tag="cpu", count=1, first=9, seconds=500.0), state="running")

    _, finish = expected(delayed, [slot(1)], STANDING, {}, NOW)

    assert finish is not None
    assert finish.seconds == 500.0


@pytest.mark.parametrize(
    ("explained", "standing", "basis"),
    [
        (waiting(Wait(reason="pipeline_paused", tag="cpu", count=1, first=1)), STANDING, "paused"),
        (waiting(Wait(reason="no_worker", tag="cpu", count=1, first=1), slots=()), STANDING, "none is there"),
        (waiting(Wait(reason="running", tag="gpu", count=1, first=1)), STANDING, "GPUs"),
        (waiting(Wait(reason="running", tag="cpu", count=1, first=1), slots=()), STANDING, "no live slot"),
        (waiting(), replace(STANDING, before_unplanned=1), "1 task before it not planned yet"),
        (waiting(), replace(STANDING, complete=False), "too many"),
    ],
)
def test_what_nobody_can_know_is_unknown(explained: Explanation, standing: Standing, basis: str) -> None:
    start, finish = expected(explained, [slot(1)], standing, {}, NOW)

    assert start is not None
    assert finish is not None
    assert (start.at, start.seconds, start.sure) == (None, None, "unknown")
    assert (finish.at, finish.seconds, finish.sure) == (None, None, "unknown")
    assert basis in finish.basis


def test_without_a_plan_the_end_is_unknown_and_the_start_is_not() -> None:
    start, finish = expected(waiting(), [slot(1)], replace(STANDING, planned=False), {}, NOW)

    assert start is not None
    assert finish is not None
    assert start.seconds == 60.0
    assert finish.seconds is None
    assert "not planned" in finish.basis


def test_it_is_told_in_sentences() -> None:
    slots = (slot(1), slot(2, "busy"), slot(3, "drained"))
    explained = waiting(slots=slots)
    start, finish = expected(explained, slots, STANDING, {}, NOW)

    lines = told(explained.model_copy(update={"start": start, "finish": finish}))

    assert lines[1:3] == ["2 live slots could take it, 1 of them idle", "1 slot cannot, drained: h:3:0"]
    assert lines[3].startswith("probably begins in about 30 s (an estimate, from the planner")
    assert lines[4].startswith("probably ends in about 50 s")


def test_the_same_reason_is_not_told_twice() -> None:
    explained = waiting(Wait(reason="no_worker", tag="cpu", count=1, first=1), slots=())
    start, finish = expected(explained, [], STANDING, {}, NOW)

    assert len(told(explained.model_copy(update={"start": start, "finish": finish}))) == 1
