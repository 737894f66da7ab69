"""How a rendition is encoded: what is chosen, and what is refused by name."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt
from typing import Any

import pytest

from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.media_info import Colour, Mastering, MediaInfo
from framefleet.domain.records import Measured
from framefleet.domain.subtask import BudgetSpec, Encoding, MeasureSpec, Tag, VideoChunkSpec
from framefleet.domain.template import FileTemplate, Listed, resolve
from framefleet.media import levels
from framefleet.media.abilities import ABILITIES, default_profile
from framefleet.media.budget import next_aim, shares
from framefleet.media.encoders import DEFAULT_PRESET, PRESETS, video_options
from framefleet_scheduler.plan import PlanSettings, plan_task
from tests import factories

VARIABLE = [i * 3600 + (630 if i % 2 else 0) for i in range(300) if i % 7]


def target(accelerator: str = "cpu", **video: Any) -> dict[str, Any]:
    overrides = {"kind": "file", "container": "mkv", "accelerator": accelerator, "video": video}
    return {"name": "film", "uri": "s3://out/film.mkv", "overrides": overrides}


def ladder(segment: float, **video: Any) -> dict[str, Any]:
    rungs = [{"name": "only", "video": video}]
    overrides = {"kind": "ladder", "accelerator": "cpu", "segment_seconds": segment, "renditions": rungs}
    return {"name": "stream", "uri": "s3://out/m.m3u8", "overrides": overrides}


def chunks(
    wanted: dict[str, Any], info: MediaInfo | None = None, gpu: frozenset[str] = frozenset()
) -> list[tuple[Tag, VideoChunkSpec]]:
    settings = PlanSettings(slots=16, gpu_slots=1 if gpu else 0, gpu_encoders=gpu)
    plan = plan_task(factories.task(wanted), [info or factories.media()], settings)
    return [(s.tag, s.spec) for s in plan.subtasks if isinstance(s.spec, VideoChunkSpec)]


def encoding(info: MediaInfo | None = None, **video: Any) -> Encoding:
    return chunks(target(**video), info)[0][1].encodings[0]


@pytest.mark.parametrize(
    ("video", "field"),
    [
        ({"tune": "film", "codec": "hevc"}, "tune"),
        ({"tune": "grain", "codec": "av1"}, "tune"),
        ({"preset": "medium", "codec": "av1"}, "preset"),
        ({"profile": "main10"}, "profile"),
        ({"profile": "high", "bit_depth": 10}, "bit_depth"),
        ({"pixel_format": "yuv422p", "codec": "av1"}, "pixel_format"),
        ({"pixel_format": "yuv420p", "bit_depth": 10}, "bit_depth"),
        ({"level": "3.0"}, "level"),
        ({"level": "1.3", "codec": "av1"}, "level"),
        ({"level": "4.0", "max_bitrate": 30_000_000}, "level"),
        ({"level": "4.0", "codec": "hevc", "max_bitrate": 13_000_000}, "level"),
        ({"bframes": 2, "codec": "vp9"}, "bframes"),
        ({"qp": 30, "codec": "vp9"}, "qp"),
        ({"qp": 52}, "qp"),
        ({"qp": 20, "level": "4.0", "codec": "hevc"}, "level"),
        ({"refs": 4, "codec": "av1"}, "refs"),
        ({"refs": 6, "level": "3.1"}, "level"),
        ({"refs": 16, "level": "4.0", "codec": "hevc"}, "level"),
        ({"buffer_size": 500_000, "max_bitrate": 500_000, "codec": "av1"}, "buffer_size"),
        ({"bitrate": 500_000, "constant_bitrate": True, "codec": "hevc"}, "constant_bitrate"),
        ({"bitrate": 900_000_0, "source_below": "refuse"}, "bitrate"),
        ({"frame_rate": 30, "source_below": "refuse"}, "frame_rate"),
        ({"long_edge": 1920, "short_edge": 1080, "source_below": "refuse"}, "long_edge"),
        ({"level": "4.0", "codec": "vp9"}, "level"),
        ({"bframes": 2, "codec": "av1"}, "bframes"),
        ({"bframes": 2, "profile": "baseline"}, "bframes"),
        ({"bframes": 2, "tune": "zerolatency"}, "bframes"),
        ({"crf": 52}, "crf"),
        ({"crf": 23.5, "codec": "vp9"}, "crf"),
        ({"crf": 0, "codec": "av1"}, "crf"),
    ],
)
def test_I7_what_the_encoder_cannot_do_is_refused_by_name(video: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        chunks(target(**video))

    assert f"targets[0].overrides.video.{field}" == caught.value.field
    assert caught.value.hint_text


def test_I7_both_distances_of_keyframes_contradict_each_other() -> None:
    with pytest.raises(InvalidTemplate, match="contradict"):
        resolve("mp4-h264-720p", {"video": {"gop_seconds": 2, "gop_frames": 50}})


def test_an_override_of_one_distance_of_keyframes_replaces_the_other() -> None:
    known = Listed({"mine": {"kind": "file", "video": {"gop_seconds": 2}}})

    found = resolve("mine", {"video": {"gop_frames": 30}}, known=known)

    assert isinstance(found, FileTemplate)
    assert (None, 30) == (found.video.gop_seconds, found.video.gop_frames)


def test_I7_b_frames_of_a_variable_rate_are_refused() -> None:
    info = factories.media(frame_index=factories.index(ticks=VARIABLE, base=Fraction(1, 90000)))

    assert 0 == encoding(info).bframes
    with pytest.raises(InvalidTemplate) as caught:
        encoding(info, bframes=2)
    assert "targets[0].overrides.video.bframes" == caught.value.field


@pytest.mark.parametrize(
    ("video", "expected"),
    [
        ({}, ("high", "yuv420p", 3)),
        ({"profile": "baseline"}, ("baseline", "yuv420p", 0)),
        ({"bit_depth": 10}, ("high10", "yuv420p10le", 3)),
        ({"profile": "high10"}, ("high10", "yuv420p10le", 3)),
        ({"pixel_format": "yuv422p10le"}, ("high422", "yuv422p10le", 3)),
        ({"tune": "zerolatency"}, ("high", "yuv420p", 0)),
        ({"codec": "hevc"}, ("main", "yuv420p", 3)),
        ({"codec": "hevc", "bit_depth": 10, "bframes": 8}, ("main10", "yuv420p10le", 8)),
        ({"codec": "av1", "bit_depth": 10}, ("main", "yuv420p10le", 0)),
        ({"codec": "vp9", "bit_depth": 10}, ("2", "yuv420p10le", 0)),
        ({"codec": "vp9", "pixel_format": "yuv444p"}, ("1", "yuv444p", 0)),
    ],
)
def test_what_is_given_decides_what_is_not(video: dict[str, Any], expected: tuple[str, str, int]) -> None:
    found = encoding(**video)

    assert expected == (found.profile, found.pixel_format, found.bframes)


@pytest.mark.parametrize(
    ("codec", "size", "rate", "bitrate", "level"),
    [
        ("hevc", (1920, 1080), 30, None, "4.0"),
        ("hevc", (1920, 1080), 60, None, "4.1"),
        ("hevc", (1920, 1080), 30, 15_000_000, "4.1"),
        ("hevc", (3840, 2160), 60, None, "5.1"),
        ("hevc", (8192, 4320), 24, None, "6.0"),
        ("av1", (1280, 720), 30, None, "3.1"),
        ("av1", (1920, 1080), 60, None, "4.1"),
        ("av1", (2160, 3840), 60, None, "5.1"),
        ("h264", (1920, 1080), 30, 26_000_000, "4.1"),
        ("h264", (320, 180), 25, None, "3.0"),
    ],
)
def test_the_lowest_level_that_holds_everything_is_chosen(
    codec: str, size: tuple[int, int], rate: int, bitrate: int | None, level: str
) -> None:
    assert level == levels.lowest(codec, size, Fraction(rate), bitrate, "high")


@pytest.mark.parametrize(
    ("video", "words"),
    [
        ({"crf": 20, "bitrate": 1_000_000}, "contradict"),
        ({"crf": None, "max_bitrate": None, "passes": 2}, "passes needs a bitrate"),
        ({"bitrate": 2_000_000, "max_bitrate": 1_000_000}, "max_bitrate is below bitrate"),
    ],
)
def test_I7_contradictions_of_the_bit_rate_are_refused(video: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidTemplate, match=words):
        resolve("mp4-h264-720p", {"video": video})


def test_an_average_replaces_the_templates_quality_and_cap() -> None:
    found = resolve("mp4-h264-720p", {"video": {"bitrate": 5_000_000}})

    assert isinstance(found, FileTemplate)
    assert (5_000_000, None, None) == (found.video.bitrate, found.video.crf, found.video.max_bitrate)


def test_I7_svt_av1_has_no_cap_beside_an_average() -> None:
    with pytest.raises(InvalidTemplate) as caught:
        chunks(target(codec="av1", bitrate=1_000_000, max_bitrate=2_000_000))

    assert "targets[0].overrides.video.max_bitrate" == caught.value.field


def test_an_average_in_two_passes_is_measured_before_it_is_shared_out() -> None:
    plan = plan_task(factories.task(target(bitrate=1_000_000)), [factories.media()], PlanSettings(slots=16))

    measures = [s for s in plan.subtasks if isinstance(s.spec, MeasureSpec)]
    budget = next(s for s in plan.subtasks if isinstance(s.spec, BudgetSpec))
    encodes = [s for s in plan.subtasks if isinstance(s.spec, VideoChunkSpec)]
    assert len(measures) == len(encodes) == 5
    assert tuple(s.n for s in measures) == budget.needs
    assert {(budget.n,)} == {s.needs for s in encodes}
    assert {"libx264"} == {e.family for s in measures for e in s.spec.chunk.encodings}  # type: ignore[union-attr]


def test_an_average_in_one_pass_is_shared_out_as_the_source_does() -> None:
    found = [c for _, c in chunks(target(bitrate=1_000_000, passes=1))]

    bits = [dict(c.bits)["v1"] for c in found]
    assert abs(sum(bits) - 20 * 1_000_000) < 100
    assert {None} == {c.budget for c in found}


def test_what_is_measured_does_not_keep_a_constant_quality_waiting() -> None:
    wanted = ladder(4, bitrate=500_000)
    wanted["overrides"]["renditions"].append({"name": "other", "video": {"crf": 30, "height": 240}})

    found = [c for _, c in chunks(wanted)]

    assert {1} == {len(c.encodings) for c in found}
    assert {True, False} == {c.budget is None for c in found}


def test_shares_add_up_and_favour_what_is_hard() -> None:
    hard = Measured(id="v1", bits=((18, 8_000_000), (30, 4_000_000), (42, 1_000_000)))
    easy = Measured(id="v1", bits=((18, 80_000), (30, 40_000), (42, 20_000)))
    seconds = [Fraction(4)] * 3

    found = shares([hard, easy, hard], seconds, 500_000, None)

    assert abs(sum(found) - 6_000_000) < 10
    assert found[0] == found[2] > 20 * found[1]
    capped = shares([hard, easy, hard], seconds, 500_000, 600_000)
    assert max(capped) <= 4 * 600_000 * 0.97


def test_an_encoder_that_leaps_is_brought_to_its_share() -> None:
    def leaping(aim: float) -> float:
        return 0.5 * aim if aim < 1.3 else 1.6 * aim

    def steady(aim: float) -> float:
        return 0.6 * sqrt(aim)

    for encoder, off in ((leaping, 0.4), (steady, 0.04)):
        tries: list[tuple[float, float]] = []
        aim = 1.0
        for left in (3, 2, 1, 0):
            tries.append((aim, encoder(aim)))
            aim = next_aim(tries, last=not left)
        assert abs(encoder(aim) - 1) == min(abs(taken - 1) for _, taken in tries)
        assert abs(encoder(aim) - 1) <= off
    assert 1.0 == next_aim([(1.0, 1.03)])
    assert 2.0 == next_aim([(1.0, 0.1)])


def hdr_media(transfer: str = "smpte2084") -> MediaInfo:
    info = factories.media()
    colour = Colour(range="tv", space="bt2020nc", transfer=transfer, primaries="bt2020")
    mastering = Mastering(
        chromaticities=(13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450), brightest=10_000_000, darkest=1
    )
    stream = info.video[0].model_copy(update={"colour": colour, "mastering": mastering, "light": (1000, 400)})
    return info.model_copy(update={"video": (stream,)})


@pytest.mark.parametrize("codec", ["hevc", "av1"])
def test_kept_hdr_is_ten_bits_with_its_metadata(codec: str) -> None:
    found = encoding(hdr_media(), codec=codec, hdr="keep")

    assert ("yuv420p10le", (1000, 400)) == (found.pixel_format, found.light)
    said = str(video_options(found))
    assert ("G(13250,34500)" if codec == "hevc" else "G(0.26500,0.69000)") in said
    assert "1000,400" in said


@pytest.mark.parametrize(
    ("info", "video", "field"),
    [
        (None, {"codec": "hevc"}, "hdr"),
        (hdr_media(), {"codec": "h264"}, "hdr"),
        (hdr_media(), {"codec": "h264", "bit_depth": 10}, "hdr"),
        (hdr_media(), {"codec": "hevc", "bit_depth": 8}, "bit_depth"),
        (hdr_media(), {"codec": "hevc", "pixel_format": "yuv420p"}, "pixel_format"),
    ],
)
def test_I7_hdr_that_cannot_be_kept_is_refused(info: MediaInfo | None, video: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        chunks(target(**video, hdr="keep"), info)

    assert f"targets[0].overrides.video.{field}" == caught.value.field


def test_sources_that_differ_in_dynamic_range_come_out_standard() -> None:
    both = [hdr_media(), factories.media()]
    deep: dict[str, Any] = {"codec": "hevc", "bit_depth": 10}
    two = [{"uri": "s3://in/a.mp4"}, {"uri": "s3://in/b.mp4"}]

    plan = plan_task(factories.task(target(**deep), sources=two), both, PlanSettings())

    specs = [s.spec for s in plan.subtasks if isinstance(s.spec, VideoChunkSpec)]
    assert {"smpte2084", None} == {p.tone_map for s in specs for p in s.pieces}
    assert {None} == {e.mastering for s in specs for e in s.encodings}
    with pytest.raises(InvalidTemplate) as caught:
        plan_task(factories.task(target(**deep, hdr="keep"), sources=two), both, PlanSettings())
    assert "targets[0].overrides.video.hdr" == caught.value.field


def test_references_keep_to_the_level() -> None:
    full = factories.media(width=1920, height=1080)

    assert (4, "4.0") == (encoding(full, preset="veryslow").refs, encoding(full, preset="veryslow").level)
    assert None is encoding(full, preset="medium").refs
    assert ("5.0", 8) == (encoding(full, refs=8).level, encoding(full, refs=8).refs)
    assert "ref=3" in video_options(encoding(full, codec="hevc", refs=3))["x265-params"]


def test_what_the_source_has_less_of_is_lowered() -> None:
    index = factories.index()
    bits = 8 * sum(index.gop_bytes) / 20
    found = encoding(bitrate=90_000_000, passes=1, frame_rate=50, source_below="adapt")

    assert found.bitrate == pytest.approx(bits, abs=1)
    assert found.rate == 25
    assert 20_000 == encoding(bitrate=20_000, passes=1, source_below="adapt").bitrate
    assert encoding(bitrate=20_000, long_edge=1280, short_edge=720, source_below="refuse").bitrate == 20_000


def test_what_a_source_has_less_of_is_told_apart() -> None:
    found = encoding(bitrate=90_000_000, passes=1, frame_rate=50, source_below={"bitrate": "adapt"})

    assert found.bitrate is not None
    assert found.bitrate < 90_000_000
    assert found.rate == 50
    for below, field in (
        ({"frame_rate": "refuse", "bitrate": "adapt"}, "frame_rate"),
        ({"bitrate": "refuse"}, "bitrate"),
    ):
        with pytest.raises(InvalidTemplate) as caught:
            encoding(bitrate=90_000_000, passes=1, frame_rate=50, source_below=below)
        assert f"targets[0].overrides.video.{field}" == caught.value.field


@pytest.mark.parametrize(
    "video",
    [
        {"qp": 20, "crf": 20},
        {"qp": 20, "max_bitrate": 500_000},
        {"buffer_size": 500_000},
        {"constant_bitrate": True},
        {"constant_bitrate": True, "bitrate": 500_000, "passes": 2},
    ],
)
def test_ways_to_spend_bits_that_contradict_each_other_are_refused(video: dict[str, Any]) -> None:
    with pytest.raises(InvalidTemplate):
        chunks(target(**video))


def test_keyframes_of_a_file_may_be_counted_in_frames() -> None:
    _, chunk = chunks(target(gop_frames=48))[0]

    assert 48 == chunk.encodings[0].gop_frames
    assert 48 * Fraction(1, 25) == Fraction(chunk.segments[1] - chunk.segments[0], chunk.scale)


def test_short_groups_of_pictures_share_a_segment() -> None:
    _, chunk = chunks(target(gop_frames=1))[0]

    assert 1 == chunk.encodings[0].gop_frames
    assert Fraction(chunk.segments[1] - chunk.segments[0], chunk.scale) == 1


def test_keyframes_of_a_variable_rate_may_be_counted_in_frames() -> None:
    info = factories.media(frame_index=factories.index(ticks=VARIABLE, base=Fraction(1, 90000)))

    found = [c for _, c in chunks(target(gop_frames=30), info)]

    frames = [t for c in found for t in c.times.ticks]
    assert frames[::30] == [t for c in found for t in c.segments]


def test_a_ladder_may_have_keyframes_inside_its_segments() -> None:
    found = [c for _, c in chunks(ladder(4, gop_seconds=2))]

    assert {50} == {c.encodings[0].gop_frames for c in found}
    assert [0, 4, 8, 12, 16] == [Fraction(t, c.scale) for c in found for t in c.segments]


@pytest.mark.parametrize("video", [{"gop_seconds": 3}, {"gop_seconds": 6}, {"gop_frames": 30}])
def test_I7_a_segment_is_a_whole_number_of_groups_of_pictures(video: dict[str, Any]) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        chunks(ladder(4, **video))

    assert f"targets[0].overrides.renditions[0].video.{next(iter(video))}" == caught.value.field


def test_av1_of_a_variable_rate_has_one_segment_in_each_chunk() -> None:
    info = factories.media(frame_index=factories.index(ticks=VARIABLE, base=Fraction(1, 90000)))

    assert {1} == {len(c.segments) for _, c in chunks(target(codec="av1", gop_seconds=1), info)}


def test_what_a_gpu_cannot_encode_goes_to_the_cpu() -> None:
    gpu = frozenset({"h264_nvenc", "hevc_nvenc"})

    wishes: dict[str, dict[str, Any]] = {
        "plain": {},
        "high10": {"bit_depth": 10},
        "film": {"tune": "film"},
        "hevc10": {"codec": "hevc", "bit_depth": 10},
    }
    tags = {name: chunks(target("auto", **video), gpu=gpu)[0][0] for name, video in wishes.items()}

    assert {"plain": Tag.GPU, "high10": Tag.CPU, "film": Tag.CPU, "hevc10": Tag.GPU} == tags


@pytest.mark.parametrize("family", sorted(ABILITIES))
def test_every_family_has_options_and_a_usual_profile(family: str) -> None:
    profile = default_profile(family, "yuv420p")
    assert profile is not None
    found = video_options(
        Encoding(
            id="v1",
            family=family,
            width=320,
            height=180,
            crf=30,
            max_bitrate=1_000_000,
            preset=DEFAULT_PRESET[family],
            profile=profile,
            level="4.0",
            bframes=0,
            gop_frames=50,
        )
    )

    assert family == found["c:v"]
    assert DEFAULT_PRESET[family] in PRESETS[family]
