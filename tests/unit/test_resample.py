"""Another frame rate is decided for the whole film."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.picture import PictureSettings
from framefleet.domain.subtask import ConcatSpec, Plan, VideoChunkSpec
from framefleet.domain.task import Source
from framefleet_scheduler.plan import PlanSettings, plan_task
from framefleet_scheduler.plan.resample import Resampled, named_rate, wanted_rate
from framefleet_scheduler.plan.timeline import Timeline, join
from tests import factories


def timeline(**of_index: Any) -> Timeline:
    info = factories.media(audio=False, **of_index)
    return Timeline.of(join([Source(uri="s3://in/a.mp4")], [info]))


def plan_of(video: dict[str, Any], **of_index: Any) -> Plan:
    target = {"name": "x", "template": "mp4-h264-720p", "uri": "s3://out/x.mp4", "overrides": {"video": video}}
    return plan_task(factories.task(target), [factories.media(**of_index)], PlanSettings(slots=16))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("29.97", "30000/1001"),
        ("23.976", "24000/1001"),
        ("59.94", "60000/1001"),
        ("30000/1001", "30000/1001"),
        ("24", "24"),
        ("12.5", "25/2"),
    ],
)
def test_a_rate_is_what_people_mean_by_it(written: str, meant: str) -> None:
    assert Fraction(meant) == named_rate(Fraction(written))


@pytest.mark.parametrize(
    ("rate", "cap", "becomes"),
    [
        ("25", 30, None),
        ("30000/1001", 30, None),
        ("30", 29.97, None),
        ("50", 30, "25"),
        ("60", 50, "30"),
        ("60000/1001", 30, "30000/1001"),
        ("120", 50, "40"),
    ],
)
def test_a_cap_takes_a_whole_fraction(rate: str, cap: float, becomes: str | None) -> None:
    film = timeline(rate=Fraction(rate), base=Fraction(1, 60000))

    assert (Fraction(becomes) if becomes else None) == wanted_rate(
        film, PictureSettings(max_frame_rate=Fraction(str(cap)))
    )


def test_a_varying_rate_below_the_cap_stays_as_it_is() -> None:
    slow = timeline(ticks=[0, 6000, 13000, 19500, 26000], base=Fraction(1, 90000))

    assert wanted_rate(slow, PictureSettings(max_frame_rate=Fraction(30))) is None
    assert Fraction(12) == wanted_rate(slow, PictureSettings(max_frame_rate=Fraction(12)))


def test_half_the_rate_shows_every_second_frame() -> None:
    half = Resampled(timeline(rate=Fraction(50), frames=101), Fraction(25))

    assert 51 == half.frames
    assert [2 * k for k in range(51)] == [half.shown(k, k + 1)[0] for k in range(51)]


@given(
    gaps=st.lists(st.integers(500, 20_000), min_size=2, max_size=60),
    start=st.integers(0, 100_000),
    rate=st.sampled_from(["25", "30", "30000/1001", "24000/1001", "60", "12.5", "7", "59.94"]),
)
def test_every_frame_of_the_output_shows_the_last_one_that_came_before_or_is_nearest(
    gaps: list[int], start: int, rate: str
) -> None:
    ticks = [start]
    for gap in gaps:
        ticks.append(ticks[-1] + gap)
    film = timeline(ticks=ticks, base=Fraction(1, 90000))
    output = Resampled(film, named_rate(Fraction(rate)))

    times = [Fraction(film.tick(i) - film.tick(0), film.scale) for i in range(film.frames)]
    for k in range(output.frames):
        first, last = output.shown(k, k + 1)
        middle = Fraction(2 * k + 1, 2) / output.rate
        assert first + 1 == last
        assert times[first] < middle
        assert last == film.frames or times[last] >= middle


def test_chunks_at_another_rate_adjoin_and_overlap_only_where_a_frame_is_held() -> None:
    plan = plan_of({"frame_rate": "30000/1001"}, frames=1000)
    chunks = [s.spec for s in plan.subtasks if isinstance(s.spec, VideoChunkSpec)]

    joins = [s.spec for s in plan.subtasks if isinstance(s.spec, ConcatSpec)]
    assert {Fraction(30000, 1001)} == {j.video[0].rate for j in joins}
    assert joins[0].video[0].frames == sum(c.times.count for c in chunks)
    for before, after in pairwise(chunks):
        assert before.end == after.times.first == after.segments[0]
        assert before.resample is not None
        assert after.resample is not None
        assert after.resample.start == before.resample.start + before.resample.count


def test_the_films_own_rate_asked_for_changes_nothing() -> None:
    assert plan_of({}).subtasks[:-1] == plan_of({"frame_rate": 25}).subtasks[:-1]


@pytest.mark.parametrize("rate", [0, 0.5, 121, "x", "25/0", "1000001/1000000"])
def test_rates_nobody_means_are_refused(rate: object) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        plan_of({"frame_rate": rate})

    assert "targets[0].overrides.video.frame_rate" == caught.value.field


def test_a_rate_and_a_cap_are_refused_together() -> None:
    with pytest.raises(InvalidTemplate):
        plan_of({"frame_rate": 25, "max_frame_rate": 30})


def test_renditions_that_cannot_be_cut_alike_are_refused() -> None:
    rungs = [{"name": "a", "video": {"height": 720}}, {"name": "b", "video": {"height": 360, "frame_rate": 24}}]
    target = {"name": "x", "template": "hls-h264", "uri": "s3://out/x.m3u8", "overrides": {"renditions": rungs}}
    film = factories.media(rate=Fraction(30000, 1001), base=Fraction(1, 30000))

    with pytest.raises(InvalidTemplate) as caught:
        plan_task(factories.task(target), [film], PlanSettings())

    assert "targets[0].overrides.renditions" == caught.value.field
