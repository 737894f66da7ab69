"""Sizes of renditions, and what a request may ask of the picture."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framefleet.domain.errors import FramefleetError, InvalidTemplate, UnknownField
from framefleet.domain.media_info import Colour, MediaInfo
from framefleet.domain.subtask import VideoChunkSpec
from framefleet.domain.template import LadderTemplate, resolve
from framefleet.domain.video import VideoSettings
from framefleet_scheduler.plan import PlanSettings, plan_task
from framefleet_scheduler.plan.geometry import Look, fit, look
from tests import factories

BOX = {"width": 640, "height": 360}
SHRINKS: dict[str, Any] = BOX | {"resize": "pad", "source_below": {"size": "adapt"}}
WIDE: dict[str, Any] = {"width": 1920, "height_share": 1, "resize": "exact", "upscale": True}


def of(picture: tuple[int, int], settings: dict[str, Any]) -> Look:
    return look(VideoSettings(**settings), *picture, "v")


def size(picture: tuple[int, int], settings: dict[str, Any]) -> tuple[tuple[int, int], tuple[int, int] | None]:
    found = of(picture, settings)
    return (found.width, found.height), found.frame.inner


@pytest.mark.parametrize(
    ("picture", "settings", "frame", "inner"),
    [
        ((1280, 720), {}, (1280, 720), None),
        ((1281, 719), {}, (1280, 720), None),
        ((1440, 1080), BOX, (480, 360), None),
        ((1080, 1920), BOX, (360, 640), None),
        ((1080, 1920), BOX | {"turn_box": False}, (202, 360), None),
        ((320, 180), BOX, (320, 180), None),
        ((1280, 720), WIDE, (1920, 720), None),
        ((720, 1280), WIDE, (720, 1920), None),
        ((720, 1280), WIDE | {"turn_box": False}, (1920, 1280), None),
        ((1280, 720), {"width_share": 0.5}, (640, 360), None),
        ((320, 180), BOX | {"upscale": True}, (640, 360), None),
        ((1920, 1080), {"height": 480}, (854, 480), None),
        ((1080, 1920), {"height": 480}, (480, 854), None),
        ((1080, 1920), {"height": 480, "turn_box": False}, (270, 480), None),
        ((1080, 1920), {"long_edge": 640}, (360, 640), None),
        ((1080, 1920), {"short_edge": 640}, (640, 1138), None),
        ((1440, 1080), {"long_edge": 640, "short_edge": 360}, (480, 360), None),
        ((1440, 1080), BOX | {"resize": "exact"}, (640, 360), None),
        ((480, 480), BOX | {"resize": "exact"}, (480, 270), None),
        ((480, 480), BOX | {"resize": "exact", "upscale": True}, (640, 360), None),
        ((1440, 1080), BOX | {"resize": "fill"}, (640, 360), (640, 480)),
        ((1080, 1920), BOX | {"resize": "fill"}, (360, 640), None),
        ((480, 480), BOX | {"resize": "fill"}, (480, 270), (480, 480)),
        ((480, 480), BOX | {"resize": "fill", "upscale": True}, (640, 360), (640, 640)),
        ((1440, 1080), BOX | {"resize": "pad"}, (640, 360), (480, 360)),
        ((1920, 1080), BOX | {"resize": "pad"}, (640, 360), None),
        ((320, 180), BOX | {"resize": "pad"}, (640, 360), (320, 180)),
        ((320, 320), BOX | {"resize": "pad", "upscale": True}, (640, 360), (360, 360)),
        ((320, 240), SHRINKS, (426, 240), (320, 240)),
        ((240, 320), SHRINKS, (240, 426), (240, 320)),
        ((1440, 1080), SHRINKS, (640, 360), (480, 360)),
        ((320, 180), SHRINKS, (320, 180), None),
        ((320, 240), SHRINKS | {"upscale": True}, (640, 360), (480, 360)),
    ],
)
def test_a_picture_is_brought_into_its_box(
    picture: tuple[int, int], settings: dict[str, Any], frame: tuple[int, int], inner: tuple[int, int] | None
) -> None:
    assert (frame, inner) == size(picture, settings)


@given(
    width=st.integers(16, 8192),
    height=st.integers(16, 8192),
    box=st.tuples(st.integers(16, 8192), st.integers(16, 8192)),
    resize=st.sampled_from(["fit", "exact", "fill", "pad"]),
    turn_box=st.booleans(),
)
def test_sizes_are_even_and_nothing_is_enlarged_unasked(
    width: int, height: int, box: tuple[int, int], resize: str, turn_box: bool
) -> None:
    frame, inner = size((width, height), {"width": box[0], "height": box[1], "resize": resize, "turn_box": turn_box})

    assert 0 == sum(side % 2 for side in (*frame, *(inner or frame)))
    scaled = inner or frame
    assert scaled[0] <= width + 1
    assert scaled[1] <= height + 1
    assert inner is None or resize in {"fill", "pad"}


def test_a_box_that_turns_is_what_stills_use() -> None:
    assert (360, 640) == fit(1080, 1920, 640, 360)


def test_cropping_and_turning_come_before_sizing() -> None:
    crop = {"x": 10, "y": 20, "width": 400, "height": 300}

    found = of((1280, 720), {"width": 320, "height": 180, "rotate": 90, "crop": crop})

    assert (180, 240) == (found.width, found.height)
    assert 90 == found.source.rotate


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"width": 640, "long_edge": 640}, "targets[0].overrides.video"),
        ({"width": 640, "height": None, "resize": "pad"}, "targets[0].overrides.video"),
        ({"pad_color": "#12345"}, "targets[0].overrides.video.pad_color"),
        ({"pad_color": "black:x=1"}, "targets[0].overrides.video.pad_color"),
        ({"rotate": 45}, "targets[0].overrides.video.rotate"),
        ({"crop": {"x": 0, "y": 0, "width": 10}}, "targets[0].overrides.video.crop.height"),
    ],
)
def test_settings_that_contradict_themselves_are_refused_at_once(settings: dict[str, Any], field: str) -> None:
    target = {"name": "x", "template": "mp4-h264-720p", "uri": "s3://out/x.mp4", "overrides": {"video": settings}}

    with pytest.raises(InvalidTemplate) as caught:
        factories.task(target)

    assert field == caught.value.field


def test_a_crop_outside_the_picture_is_refused_when_the_picture_is_known() -> None:
    crop = {"x": 1000, "y": 0, "width": 281, "height": 100}
    target = {"name": "x", "template": "mp4-h264-720p", "uri": "s3://out/x.mp4", "overrides": {"video": {"crop": crop}}}

    with pytest.raises(FramefleetError) as caught:
        plan_task(factories.task(target), [factories.media()], PlanSettings())

    assert ("invalid_template", "targets[0].overrides.video.crop") == (caught.value.code, caught.value.field)
    assert "1280" in (caught.value.hint_text or "")


def test_what_a_ladder_says_of_the_picture_holds_for_its_renditions() -> None:
    ladder = resolve("hls-h264", {"video": {"rotate": 90}})

    assert isinstance(ladder, LadderTemplate)
    assert {90} == {r.video.rotate for r in ladder.renditions}
    again = LadderTemplate.model_validate_json(ladder.model_dump_json())
    assert ladder == again
    with pytest.raises(UnknownField):
        resolve("hls-h264", {"video": {"rotation": 90}})


def test_a_rendition_of_a_ladder_has_precedence() -> None:
    rungs = [{"name": "a", "video": {"height": 360, "rotate": 0}}, {"name": "b", "video": {"height": 180}}]

    ladder = resolve("hls-h264", {"video": {"rotate": 180}, "renditions": rungs})

    assert isinstance(ladder, LadderTemplate)
    assert [0, 180] == [r.video.rotate for r in ladder.renditions]


def test_renditions_that_treat_the_source_alike_share_the_work() -> None:
    overrides = {"video": {"crop": {"x": 0, "y": 0, "width": 1280, "height": 400}}}
    target = {"name": "x", "template": "hls-h264", "uri": "s3://out/x.m3u8", "overrides": overrides}

    plan = plan_task(factories.task(target), [factories.media()], PlanSettings())

    chunk = next(s.spec for s in plan.subtasks if isinstance(s.spec, VideoChunkSpec))
    assert len(chunk.encodings) > 1
    assert 1 == len({e.source for e in chunk.encodings})


def plan_with(video: dict[str, Any], info: MediaInfo) -> list[VideoChunkSpec]:
    target = {"name": "x", "template": "mp4-h264-720p", "uri": "s3://out/x.mp4", "overrides": {"video": video}}
    plan = plan_task(factories.task(target), [info], PlanSettings(slots=16))
    return [s.spec for s in plan.subtasks if isinstance(s.spec, VideoChunkSpec)]


def stream_with(**more: Any) -> MediaInfo:
    info = factories.media()
    return info.model_copy(update={"video": (info.video[0].model_copy(update=more),)})


def test_a_source_that_says_it_is_interlaced_is_deinterlaced_with_its_neighbours_in_sight() -> None:
    chunks = plan_with({}, stream_with(field_order="tt"))

    pieces = [p for c in chunks for p in c.pieces]
    assert {"flagged"} == {p.deinterlace for p in pieces}
    assert all(p.around is not None and p.around[0] < p.window[0] for p in pieces[1:])  # type: ignore[operator]
    assert {None} == {
        p.deinterlace for c in plan_with({"deinterlace": "off"}, stream_with(field_order="tt")) for p in c.pieces
    }


@pytest.mark.parametrize(
    ("video", "mapped"),
    [
        ({}, "smpte2084"),
        ({"hdr": "sdr"}, "smpte2084"),
        ({"codec": "hevc"}, "smpte2084"),
        ({"codec": "hevc", "bit_depth": 10}, None),
        ({"codec": "hevc", "bit_depth": 10, "hdr": "sdr"}, "smpte2084"),
    ],
)
def test_high_dynamic_range_is_mapped_where_the_output_is_standard(video: dict[str, Any], mapped: str | None) -> None:
    chunks = plan_with(video, stream_with(colour=Colour(transfer="smpte2084")))

    assert {mapped} == {p.tone_map for c in chunks for p in c.pieces}


@pytest.mark.parametrize(
    ("video", "code", "field"),
    [
        ({"delogo": [{"x": 1200, "y": 0, "width": 81, "height": 9}]}, "invalid_template", "delogo[0]"),
        ({"delogo": [{"x": 0, "y": 0, "width": 1, "height": 9}]}, "invalid_template", "delogo[0]"),
        (
            {"delogo": [{"x": 0, "y": 0, "width": 9, "height": 9, "start": 2, "end": 1}]},
            "invalid_template",
            "delogo[0]",
        ),
        ({"deinterlace": True}, "invalid_template", "deinterlace"),
    ],
)
def test_what_cannot_be_done_to_a_source_is_refused(video: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(FramefleetError) as caught:
        plan_with(video, factories.media())

    assert (code, f"targets[0].overrides.video.{field}") == (caught.value.code, caught.value.field)


def test_renditions_of_one_size_are_all_kept_where_that_is_asked_for() -> None:
    rungs = [{"name": name, "video": {"bitrate": bitrate}} for name, bitrate in (("high", 10**6), ("low", 10**5))]

    def kept(**more: Any) -> list[str]:
        target = {"name": "x", "uri": "s3://out/x/m.m3u8", "overrides": {"kind": "ladder", "renditions": rungs, **more}}
        chunk = next(
            s.spec
            for s in plan_task(factories.task(target), [factories.media()], PlanSettings()).subtasks
            if isinstance(s.spec, VideoChunkSpec)
        )
        return sorted(str(encoding.bitrate) for encoding in chunk.encodings)

    assert len(kept()) == 1
    assert len(kept(keep_equal=True)) == 2
