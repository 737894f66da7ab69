"""Ladders chosen for the film: how many rungs, of what sizes and caps, inside the film's and the user's bounds."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.media_info import Complexity, MediaInfo, Moment
from framefleet.domain.subtask import ConcatSpec, Encoding, Excerpt, ProbeSpec
from framefleet.domain.template import LadderTemplate, resolve
from framefleet.media.complexity import moments, sizes
from framefleet_scheduler.plan import PlanSettings, plan_task, probe_subtasks
from tests import factories


def target(video: dict[str, Any] | None = None, **auto: Any) -> dict[str, Any]:
    overrides = {"kind": "ladder", "accelerator": "cpu", "auto": {"video": video or {}, **auto}}
    return {"name": "stream", "uri": "s3://out/m.m3u8", "overrides": overrides}


def film(width: int = 1920, height: int = 1080, rate: float = 3e6, smaller: float = 5.2, **more: Any) -> MediaInfo:
    """A film whose moments take `rate` bits/s, and that divided by `smaller` at a third of its size each way.

    What it takes itself is left open: its codec is one we know nothing of.
    """
    info = factories.media(width=width, height=height, **more)
    info = info.model_copy(update={"video": (info.video[0].model_copy(update={"codec": "prores"}),)})
    found = sizes(info.video[0])
    bits = (round(rate * 3), round(rate * 3 / smaller))[: len(found)]
    complexity = Complexity(sizes=found, moments=(Moment(seconds=Fraction(3), bits=bits),) * 4)
    return info.model_copy(update={"complexity": complexity})


def rungs(info: MediaInfo, wanted: dict[str, Any] | None = None) -> list[tuple[str, Encoding]]:
    plan = plan_task(factories.task(wanted or target()), [info], PlanSettings())
    (spec,) = (s.spec for s in plan.subtasks if isinstance(s.spec, ConcatSpec))
    return [(v.name, v.encoding) for v in spec.video]


def caps(found: Sequence[tuple[str, Encoding]]) -> list[int]:
    return [e.max_bitrate or 0 for _, e in found]


def test_an_ordinary_film_gets_the_ladder_one_would_write() -> None:
    found = rungs(film())

    assert [(e.width, e.height) for _, e in found][:3] == [(1920, 1080), (1280, 720), (960, 540)]
    assert 4_500_000 == found[0][1].max_bitrate
    assert 6 <= len(found) <= 8
    assert all(1.6 <= a / b <= 2 for a, b in pairwise(caps(found)))
    assert ["1080p", "720p", "540p"] == [name for name, _ in found][:3]
    assert {23.0} == {e.crf for _, e in found}


def test_hard_films_get_more_bits_and_easy_ones_fewer_rungs() -> None:
    hard, easy = rungs(film(rate=9e6)), rungs(film(rate=2e5))

    assert len(hard) > len(easy) >= 3
    assert caps(hard)[0] > 10 * caps(easy)[0]


def test_codec_and_quality_decide_too() -> None:
    h264, av1 = rungs(film()), rungs(film(), target({"codec": "av1"}))
    finer = rungs(film(), target({"crf": 17}))

    assert caps(av1)[0] < 0.6 * caps(h264)[0]
    assert {35.0} == {e.crf for _, e in av1}
    assert caps(finer)[0] == pytest.approx(2 * caps(h264)[0], rel=0.01)


@pytest.mark.parametrize(
    ("width", "height", "expected"), [(1080, 1920, (720, 1280)), (1920, 804, (1280, 536)), (1440, 1080, (960, 720))]
)
def test_odd_and_upright_pictures_keep_their_shape(width: int, height: int, expected: tuple[int, int]) -> None:
    shapes = [(e.width, e.height) for _, e in rungs(film(width, height))]

    assert (width, height) == shapes[0]
    assert expected in shapes
    assert all(abs(w / h / (width / height) - 1) < 0.02 for w, h in shapes)


def test_a_turned_film_is_measured_and_sized_as_shown() -> None:
    info = film(rotation=90)

    assert (1080, 1920) == sizes(info.video[0])[0]
    assert (1080, 1920) == (rungs(info)[0][1].width, rungs(info)[0][1].height)


def test_the_bounds_of_the_user_hold() -> None:
    found = rungs(
        film(),
        target(min_renditions=4, max_renditions=5, min_bitrate=300_000, max_bitrate=2_000_000, max_long_edge=1280),
    )

    assert 4 <= len(found) <= 5
    assert all(300_000 <= cap <= 2_000_000 for cap in caps(found))
    assert max(e.width for _, e in found) <= 1280
    small = rungs(film(), target(min_long_edge=900))
    assert min(e.width for _, e in small) >= 900


def test_a_source_that_spends_little_is_not_given_more() -> None:
    info = film(rate=8e6)
    known = info.model_copy(update={"video": (info.video[0].model_copy(update={"codec": "h264"}),)})
    index = factories.index()
    # 20 s in groups of 2 s
    spent = index.model_copy(update={"gop_bytes": (500_000,) * len(index.gop_bytes)})

    found = rungs(known.model_copy(update={"index": spent}))

    assert 12_000_000 == caps(rungs(info))[0]
    assert caps(found)[0] == pytest.approx(2_000_000, rel=0.01)


@given(
    width=st.integers(16, 4096),
    height=st.integers(16, 4096),
    rate=st.floats(1e3, 2e8),
    smaller=st.floats(1.01, 100),
    least=st.integers(1, 15),
    more=st.integers(0, 14),
    codec=st.sampled_from(["h264", "hevc", "av1", "vp9"]),
)
def test_ladders_are_always_sound(
    width: int, height: int, rate: float, smaller: float, least: int, more: int, codec: str
) -> None:
    most = min(15, least + more)

    found = rungs(
        film(width, height, rate, smaller), target({"codec": codec}, min_renditions=least, max_renditions=most)
    )

    assert least <= len(found) <= most
    assert all(a >= 1.2 * b for a, b in pairwise(caps(found)))
    assert all(100_000 <= cap <= 16_000_000 for cap in caps(found))
    areas = [e.width * e.height for _, e in found]
    assert areas == sorted(areas, reverse=True)
    assert areas[0] <= (width + 1) * (height + 1)
    assert len(found) == len({name for name, _ in found})


@pytest.mark.parametrize(
    ("auto", "said"),
    [
        ({"min_renditions": 6, "max_renditions": 4}, "min_renditions"),
        ({"min_renditions": 5, "min_bitrate": 1_000_000, "max_bitrate": 2_000_000}, "5 rungs"),
        ({"min_long_edge": 640, "max_long_edge": 320}, "max_long_edge"),
        ({"video": {"width": 640}}, "video.width"),
        ({"video": {"bitrate": 1_000_000}}, "video.bitrate"),
        ({"max_renditions": 16}, "max_renditions"),
    ],
)
def test_bounds_that_contradict_each_other_are_refused(auto: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidTemplate, match=said) as caught:
        resolve("hls-h264", {"auto": auto})

    assert "auto" in str(caught.value.field)


def test_rungs_are_given_or_chosen() -> None:
    chosen = resolve("hls-h264", {"auto": {}, "video": {"rotate": 90}})
    assert isinstance(chosen, LadderTemplate)
    assert chosen.auto is not None
    assert ((), 90) == (chosen.renditions, chosen.auto.video.rotate)
    with pytest.raises(InvalidTemplate, match="renditions or auto"):
        resolve(None, {"kind": "ladder"})
    with pytest.raises(InvalidTemplate, match="TS segments cannot hold"):
        resolve("hls-h264", {"auto": {"video": {"codec": "av1"}}, "segment_format": "ts"})


def test_only_tasks_that_ask_are_measured() -> None:
    sources = [{"uri": "s3://in/a.mp4", "start": 2, "duration": 30}, {"uri": "s3://in/b.mp4", "attached": "once"}]

    def specs(*targets: Any) -> list[ProbeSpec]:
        found = [s.spec for s in probe_subtasks(factories.task(*targets, sources=sources))]
        return [spec for spec in found if isinstance(spec, ProbeSpec)]

    assert [None, None] == [spec.measure for spec in specs("hls-h264")]
    assert [Excerpt(start=Fraction(2), duration=Fraction(30)), None] == [spec.measure for spec in specs(target())]


def test_moments_lie_inside_the_part_that_is_used() -> None:
    info = factories.media(frames=2500)

    found = moments(info, Excerpt(start=Fraction(20), duration=Fraction(40)))

    assert 4 == len(found)
    assert all(20 <= start and start + length <= 60 for start, length in found)
    assert [(Fraction(0), Fraction(8))] == moments(factories.media(frames=200), Excerpt())
    assert [] == moments(factories.media(frames=200), Excerpt(start=Fraction(9)))
