"""Pictures: what is refused, which frames are planned, how they are scored and mapped; without FFmpeg."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from framefleet.domain.errors import InvalidTarget, InvalidTemplate
from framefleet.domain.still_spec import AnimationSpec, SnapshotSpec, SpriteSpec
from framefleet.domain.task import accept, parse_request
from framefleet.domain.template import resolve
from framefleet.media import still_check
from framefleet.media.scoring import Change, Measured, best, changes, chosen, measured
from framefleet.media.stills import animation_commands, sprite_commands
from framefleet.media.vtt import sprite_index, sprite_map
from framefleet_scheduler.plan import PlanSettings, plan_task
from tests import factories


def planned(template: str, uri: str = "s3://out/{index}.jpg", info: Any = None, **overrides: Any) -> Any:
    target = {"name": "x", "template": template, "uri": uri, "overrides": overrides}
    task = accept(parse_request({"sources": [{"uri": "s3://in/a.mp4"}], "targets": [target]}), now=factories.NOW)
    return plan_task(task, [info or factories.media()], PlanSettings()).subtasks[0].spec


@pytest.mark.parametrize(
    ("template", "overrides", "field"),
    [
        ("snapshot", {"format": "png", "quality": 90}, "quality"),
        ("sprite", {"format": "png", "quality": 90}, "quality"),
        ("preview-gif", {"quality": 90}, "quality"),
        ("preview-webp", {"colors": 16}, "colors"),
        ("preview-mp4", {"dither": "bayer"}, "dither"),
        ("preview-mp4", {"loop": 2}, "loop"),
        ("preview-avif", {"loop": 2}, "loop"),
        ("preview-gif", {"frame_rate": 60}, "frame_rate"),
        ("teaser", {"count": 60, "duration": 10}, "duration"),
        ("snapshot", {"times": [1], "percentages": [2]}, ""),
        ("snapshot", {"times": [1], "count": 2}, ""),
        ("snapshot", {"times": [1], "start": 2}, ""),
        ("snapshot", {"interval": 1, "scenes": {}}, ""),
        ("snapshot", {"keyframes": True, "accurate": False}, ""),
        ("snapshot", {"start": 3, "end": 2}, ""),
        ("sprite", {"width": 100, "width_share": 0.5}, ""),
        ("sprite", {"width_share": 0.5, "resize": "exact"}, ""),
        ("preview-gif", {"moments": [1], "start": 2}, ""),
        ("snapshot", {"width": 100, "resize": "pad"}, ""),
    ],
)
def test_what_contradicts_itself_or_the_format_is_refused(template: str, overrides: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidTemplate) as refused:
        resolve(template, overrides, field="targets[0]")

    assert f"targets[0].overrides.{field}".rstrip(".") == refused.value.field


@pytest.mark.parametrize(
    ("template", "overrides", "field"),
    [
        ("snapshot", {"start": 99}, "start"),
        ("snapshot", {"interval": 0.02, "end": 20.001}, None),
        ("preview-gif", {"moments": [1, 99]}, "moments[1]"),
        ("preview-gif", {"start": 99}, "start"),
        ("sprite", {"columns": 50, "width": 640, "interval": 0.1}, "columns"),
        ("snapshot", {"crop": {"x": 0, "y": 0, "width": 9000, "height": 16}}, "crop"),
    ],
)
def test_what_the_film_cannot_give_is_refused(template: str, overrides: dict[str, Any], field: str | None) -> None:
    if field is None:
        assert len(planned(template, **overrides).shots) == 1000
        return
    with pytest.raises(InvalidTemplate) as refused:
        planned(template, **overrides)

    assert refused.value.field == f"targets[0].overrides.{field}"


@pytest.mark.parametrize("overrides", [{"interval": 5}, {"scenes": {}}, {"keyframes": True}, {"percentages": [1, 2]}])
def test_several_pictures_need_an_index(overrides: dict[str, Any]) -> None:
    with pytest.raises(InvalidTarget):
        planned("snapshot", "s3://out/one.jpg", **overrides)


def test_overrides_replace_what_says_the_same_in_another_way() -> None:
    assert resolve("snapshot", {"times": [1.5]}).model_dump()["count"] is None
    assert resolve("snapshot", {"interval": 2}).model_dump()["count"] is None
    assert resolve("cover", {"times": [3]}).model_dump()["best"] is None
    assert resolve("teaser", {"moments": [3, 4]}).model_dump()["count"] is None
    assert resolve("sprite", {"long_edge": 64}).model_dump()["width"] is None


def test_inexact_pictures_are_the_nearest_keyframes() -> None:
    spec = planned("snapshot", times=[0, 2.4, 2.6, 19.9], accurate=False, info=factories.media(gop=50))

    assert isinstance(spec, SnapshotSpec)
    assert spec.keyframes_only
    assert [float(s.time) for s in spec.shots] == [0, 2, 2, 18]


def test_each_shot_is_cut_out_halfway_to_its_neighbours() -> None:
    spec = planned("snapshot", times=[1.0])

    piece = spec.shots[0].piece
    low, high = piece.window
    assert high - low == 3600
    assert low < piece.origin < high


def test_a_program_may_be_silent_as_long_as_the_film_that_it_has_to_decode_first() -> None:
    near, far = planned("snapshot", times=[10.01, 19.9], info=factories.media(gop=250)).shots

    assert near.piece.reach < 1
    assert 9 < far.piece.reach < 11


def test_a_moment_has_the_frames_it_lasts() -> None:
    spec = planned("preview-gif", start=19.5, duration=3, frame_rate=12.5)

    assert isinstance(spec, AnimationSpec)
    assert [m.frames for m in spec.moments] == [6]
    assert [m.frames for m in planned("teaser", duration=0.5).moments] == [12] * 6


def test_a_gif_is_made_in_two_runs() -> None:
    spec = planned("preview-gif", colors=64, dither="none", loop=4)

    first, second = animation_commands(spec, {0: "/in.mp4"}, "o.gif", "p.png")

    colours = first.args[first.args.index("-filter_complex") + 1]
    assert "palettegen=max_colors=64" in colours
    assert "stats_mode" not in colours, "a palette of differences has nothing that comes with the last frame"
    assert "dither=none" in second.args[second.args.index("-filter_complex") + 1]
    assert "3" == second.args[second.args.index("-loop") + 1]


def test_avif_sheets_are_coded_one_by_one() -> None:
    spec = planned("sprite", format="avif", interval=1, columns=4, rows=4)

    commands = sprite_commands(spec, {0: "/in.mp4"}, "s")

    assert [c.args[-1] for c in commands] == ["s-%d.png", "s-0.avif", "s-1.avif"]


def test_maps_name_the_place_of_every_tile_and_end_with_the_film() -> None:
    spec = planned("sprite", columns=2, rows=1, interval=8, padding=2, margin=3)

    text, index = sprite_map(spec, ["a.jpg", "b.jpg"]), sprite_index(spec, ["a.jpg", "b.jpg"])

    assert isinstance(spec, SpriteSpec)
    assert "00:00:08.000 --> 00:00:16.000\na.jpg#xywh=165,3,160,90" in text
    assert text.rstrip().endswith("00:00:16.000 --> 00:00:20.000\nb.jpg#xywh=3,3,160,90")
    assert index["tiles"][2] == {"start": 16.0, "end": 20.0, "sheet": 1, "x": 3, "y": 3}
    assert index["sheet"] == {"width": 328, "height": 96, "columns": 2, "rows": 1}


def test_a_sprite_may_begin_later_and_have_fewer_tiles_than_there_is_film() -> None:
    spec = planned("sprite", columns=2, rows=1, start=4, interval=2, count=3)

    text = sprite_map(spec, ["a.jpg", "b.jpg"])

    assert (spec.start, spec.tiles, spec.duration) == (4, 3, 10)
    assert spec.pieces[0].window[0] is not None
    assert "00:00:04.000 --> 00:00:06.000\na.jpg" in text
    assert text.rstrip().splitlines()[-2] == "00:00:08.000 --> 00:00:10.000"
    with pytest.raises(InvalidTemplate) as refused:
        planned("sprite", start=1000)
    assert refused.value.field == "targets[0].overrides.start"


def test_sizes_may_be_shares_of_the_film() -> None:
    half = planned("snapshot", width_share=0.5, height_share=0.25, resize="exact", count=1).look
    whole = planned("sprite", width_share=1, columns=1).look
    turned = planned("snapshot", width_share=0.5, rotate=90, turn_box=False, count=1).look

    assert (half.width, half.height) == (factories.media().video[0].width // 2, factories.media().video[0].height // 4)
    assert whole.width == factories.media().video[0].width
    assert turned.width == factories.media().video[0].height // 2


def test_scores_prefer_contrast_light_and_sharpness() -> None:
    good = Measured(mean=118, low=40, high=190, blur=3.0)

    worse = [
        Measured(17, 16, 18, 3.0),
        Measured(234, 233, 235, 3.0),
        Measured(118, 116, 120, 3.0),
        Measured(118, 40, 190, 12.0),
        Measured(40, 20, 60, 3.0),
        Measured(118, 40, 190, None),
    ]
    assert all(m.score < good.score * 0.7 for m in worse)
    assert [0, 3, 5] == best([0.5, 0.1, 0.2, 0.3, 0.3, 0.0], [2, 3, 1])


def test_notes_of_filters_are_read() -> None:
    stats = "lavfi.signalstats.YAVG=100.5\nlavfi.signalstats.YLOW=20\nlavfi.signalstats.YHIGH=200\n"
    text = f"frame:0    pts:90000\n{stats}lavfi.blur=-nan\n"

    assert measured(text) == Measured(100.5, 20, 200, None)
    assert measured("") is None
    lines = [
        "frame:0    pts:90000 pts_time:1",
        "lavfi.scd.score=12.5",
        "frame:1    pts:180000 pts_time:2",
        "lavfi.scd.score=50",
    ]
    found = changes(lines)
    assert found == [Change(90000, 12.5), Change(180000, 50)]
    assert chosen(found, min_distance=1.5, most=10) == [Change(180000, 50)]
    assert chosen(found, min_distance=0, most=1) == [Change(180000, 50)]
    assert chosen(found, min_distance=1.0, most=2) == found


@pytest.mark.parametrize("data", [b"", b"RIFF\4\0\0\0WEBP1", b"RIFF\x0c\0\0\0WEBPANMF\xff\0\0\0"])
def test_a_damaged_webp_is_noticed(data: bytes) -> None:
    with pytest.raises(still_check.BadPicture):
        still_check.webp(data)


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a\1\0\1\0\0\0\0", b"GIF89a\1\0\1\0\0\0\0\x3b", b"GIF89a\1\0\1\0\0\0\0\x99"]
)
def test_a_damaged_gif_is_noticed(data: bytes) -> None:
    with pytest.raises(still_check.BadPicture):
        still_check.gif(data)


def test_a_count_of_tiles_that_divides_no_second_is_kept() -> None:
    spec = planned("sprite", count=7)

    assert (spec.tiles, spec.interval) == (7, Fraction(20, 7))
