"""What a plan may cost: from weights, what was measured, and the slots there are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from framefleet.domain.estimate import Rates, estimate, together, wall_seconds
from framefleet.domain.measured import Cost, measured
from framefleet.domain.preview import Figure, PicturesView, Sure, TargetView
from framefleet.domain.records import SubtaskRecord
from framefleet.domain.states import SubtaskState
from framefleet.domain.subtask import ProbeSpec, Subtask, Tag
from tests.factories import NOW


def work(n: int, weight: float, *needs: int, tag: Tag = Tag.CPU) -> Subtask:
    return Subtask(n=n, tag=tag, spec=ProbeSpec(source=0), weight=weight, needs=needs)


def figure(value: float | None, sure: Sure) -> Figure:
    return Figure(value=value, sure=sure, basis=sure)


@pytest.mark.parametrize(
    ("slots", "seconds"),
    [(1, 11.0), (2, 7.0), (3, 5.0), (9, 5.0)],
)
def test_a_free_slot_takes_the_dearest_that_may_begin(slots: int, seconds: float) -> None:
    subtasks = [work(1, 4), work(2, 3), work(3, 3), work(4, 1, 1, 2, 3)]

    assert wall_seconds(subtasks, {"cpu": slots}, Rates({})) == seconds


def test_tags_have_slots_of_their_own() -> None:
    subtasks = [work(1, 4), work(2, 6, tag=Tag.GPU), work(3, 1, 1, 2)]

    assert wall_seconds(subtasks, {"cpu": 1, "gpu": 1}, Rates({})) == 7.0


def test_a_very_long_plan_is_bounded_by_its_longest_chain_and_by_all_of_its_work() -> None:
    subtasks = [work(n, 1) for n in range(1, 30_001)]

    assert wall_seconds(subtasks, {"cpu": 10}, Rates({})) == 3000.0
    assert wall_seconds([*subtasks, work(30_001, 5000, 1)], {"cpu": 100}, Rates({})) == 5001.0


def test_without_a_slot_for_it_nobody_knows_how_long_it_takes() -> None:
    found = estimate([work(1, 4), work(2, 1, tag=Tag.GPU)], [], {"cpu": 4}, {})

    assert found.wall_seconds.value is None
    assert found.wall_seconds.sure == "unknown"
    assert "gpu" in found.wall_seconds.basis
    assert found.cpu_seconds.value == 5.0


def test_what_was_measured_counts_once_it_is_enough() -> None:
    few = {("cpu", "probe"): Cost(weight=10, cpu_seconds=30, wall_seconds=20, subtasks=4)}
    enough = {("cpu", "probe"): Cost(weight=10, cpu_seconds=30, wall_seconds=20, subtasks=5)}

    rough, sure = (estimate([work(1, 4)], [], {"cpu": 1}, costs) for costs in (few, enough))

    assert (rough.cpu_seconds.value, rough.cpu_seconds.sure, rough.wall_seconds.value) == (4.0, "rough", 4.0)
    assert (sure.cpu_seconds.value, sure.cpu_seconds.sure, sure.wall_seconds.value) == (12.0, "measured", 8.0)


def test_a_sum_is_no_surer_than_its_parts() -> None:
    assert together([figure(1, "rough"), figure(2, "at_most")]) == Figure(value=3, sure="at_most", basis="at_most")
    assert together([figure(1, "rough"), figure(2, "rough")]).sure == "rough"
    assert together([figure(1, "rough"), figure(None, "unknown")]).value is None
    assert together([]).sure == "unknown"


def target(size: Figure, pictures: PicturesView | None = None) -> TargetView:
    return TargetView(name="t", template=None, uri="s3://b/k", kind="file", bytes=size, pictures=pictures)


def test_pictures_beside_a_film_are_not_counted_and_that_is_said() -> None:
    pictures = target(figure(None, "unknown"), PicturesView(count=1, width=2, height=2, format="jpg"))

    both = estimate([work(1, 1)], [target(figure(5, "rough")), pictures], {"cpu": 1}, {}).output_bytes
    alone = estimate([work(1, 1)], [pictures], {"cpu": 1}, {}).output_bytes

    assert (both.value, both.basis) == (5, "rough; pictures are not counted")
    assert alone.value is None


def record(**changes: Any) -> SubtaskRecord:
    done: dict[str, Any] = {
        "n": 1,
        "kind": "transcode",
        "tag": "cpu",
        "state": SubtaskState.SUCCEEDED,
        "attempts": 1,
        "weight": 10.0,
        "cpu_seconds": 12.0,
        "started_at": NOW,
        "finished_at": NOW + timedelta(seconds=8),
        "output": {},
    }
    return SubtaskRecord(**done | changes)


def test_costs_are_summed_by_tag_and_kind() -> None:
    found = measured([record(), record(), record(kind="concat", weight=1.0)])

    assert found["cpu", "transcode"] == Cost(weight=20, cpu_seconds=24, wall_seconds=16, subtasks=2)
    assert found["cpu", "concat"].weight == 1.0


@pytest.mark.parametrize(
    "changes",
    [
        {"state": SubtaskState.FAILED},
        {"attempts": 2},
        {"output": {"reused": True}},
        {"output": {"reused_tracks": ["v1"]}},
        {"weight": 0.0},
        {"started_at": None},
    ],
)
def test_what_was_not_done_here_at_once_and_whole_says_nothing(changes: dict[str, Any]) -> None:
    assert measured([record(**changes)]) == {}
