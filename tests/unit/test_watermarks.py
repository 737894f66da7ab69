"""Watermarks as asked, as planned and as commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from framefleet.adapters.fonts import find_font
from framefleet.domain.errors import FontMissing, FramefleetError, InvalidTemplate
from framefleet.domain.overlay import pixels
from framefleet.domain.subtask import VideoChunkSpec
from framefleet.media.chunk import chunk_command
from framefleet.media.overlays import image_command, marks_of, shown_assets
from framefleet_scheduler.plan import PlanSettings, plan_task
from tests import factories

LOGO = {"kind": "image", "uri": "s3://in/logo.png", "width": "10%", "x": "1%", "y": 8}
TITLE = {"kind": "text", "text": "it's 50%: a\\b"}


def chunks(*marks: dict[str, Any], template: str = "hls-h264", **video: Any) -> list[VideoChunkSpec]:
    overrides = {"video": video | {"watermarks": list(marks)}}
    target = {"name": "x", "template": template, "uri": "s3://out/x", "overrides": overrides}
    plan = plan_task(factories.task(target), [factories.media()], PlanSettings(slots=16))
    return [s.spec for s in plan.subtasks if isinstance(s.spec, VideoChunkSpec)]


@pytest.mark.parametrize(
    ("length", "whole", "found"), [(12, 640, 12), ("10%", 640, 64), ("2.5%", 360, 9), ("-5%", 100, -5)]
)
def test_lengths_are_pixels_or_shares(length: int | str, whole: int, found: int) -> None:
    assert found == pixels(length, whole)


def test_shares_follow_the_rendition() -> None:
    spec = chunks(LOGO)[0]

    widths = {e.width: mark.width for e in spec.encodings for mark in e.frame.marks if mark.kind == "image"}
    assert {width: round(width / 10) for width in widths} == widths
    assert len(widths) > 1


@pytest.mark.parametrize(
    ("mark", "field"),
    [
        (LOGO | {"uri": "logo.png"}, "uri"),
        (LOGO | {"uri": "ftp://host/logo.png"}, "uri"),
        (LOGO | {"width": 0}, "width"),
        (LOGO | {"width": "12"}, "width"),
        (LOGO | {"x": "1px"}, "x"),
        (LOGO | {"position": "middle"}, "position"),
        (LOGO | {"opacity": 0}, "opacity"),
        (LOGO | {"start": 3, "end": 3}, ""),
        (LOGO | {"text": "x"}, "text"),
        (TITLE | {"text": ""}, "text"),
        (TITLE | {"text": "a\x1bb"}, "text"),
        (TITLE | {"text": "x" * 513}, "text"),
        (TITLE | {"color": "white@0.5"}, "color"),
        (TITLE | {"font": "/etc/passwd"}, "font"),
        ({"uri": "s3://in/logo.png"}, ""),
    ],
)
def test_watermarks_nobody_can_mean_are_refused_at_once(mark: dict[str, Any], field: str) -> None:
    with pytest.raises(FramefleetError) as caught:
        chunks(mark, template="mp4-h264-720p")

    assert 400 == caught.value.status
    assert (caught.value.field or "").startswith("targets[0].overrides.video.watermarks[0]")
    assert (caught.value.field or "").endswith(field)


def test_what_cannot_be_laid_over_without_loss_is_refused() -> None:
    with pytest.raises(InvalidTemplate) as caught:
        chunks(LOGO, template="mp4-hevc-1080p", pixel_format="yuv444p10le")

    assert "targets[0].overrides.video.watermarks" == caught.value.field
    assert chunks(TITLE, template="mp4-hevc-1080p", pixel_format="yuv444p10le")


def test_texts_never_get_into_the_command() -> None:
    spec = chunks(TITLE, template="mp4-h264-720p")[0]
    assets = dict.fromkeys(shown_assets(spec), "/scratch/file")

    args = chunk_command(spec, {0: "/in.mp4"}, {"v1": "/out.mp4"}, assets=assets).args

    assert not [a for a in args if "50%" in a or "it's" in a]
    graph = args[args.index("-filter_complex") + 1]
    assert "expansion=none" in graph
    assert "textfile=/scratch/file" in graph


def test_every_rendition_lays_its_own_copy_of_an_image_over_itself() -> None:
    spec = chunks(LOGO, LOGO | {"position": "left", "start": 2, "end": 5.5})[0]

    args = chunk_command(spec, {0: "i"}, {e.id: e.id for e in spec.encodings}, assets=shown_assets(spec)).args

    graph = args[args.index("-filter_complex") + 1]
    assert len(marks_of(spec)) == graph.count("overlay=")
    assert 2 == args.count("-i")
    assert graph.count(r"gte(t\,2.000000)*lt(t\,5.500000)") == len(spec.encodings)


def test_the_gpu_gets_the_same_pictures() -> None:
    overrides = {"video": {"watermarks": [LOGO]}}
    target = {"name": "x", "template": "mp4-h264-720p", "uri": "s3://out/x.mp4", "overrides": overrides}
    gpu = PlanSettings(gpu_slots=1, gpu_encoders=frozenset({"h264_nvenc"}))

    plan = plan_task(factories.task(target), [factories.media()], gpu)

    spec = next(s.spec for s in plan.subtasks if isinstance(s.spec, VideoChunkSpec))
    args = chunk_command(spec, {0: "i"}, {"v1": "o"}, assets=shown_assets(spec)).args
    assert "h264_nvenc" in args
    assert "overlay=" in args[args.index("-filter_complex") + 1]


def test_I9_an_image_is_read_with_image_demuxers_only() -> None:
    command = image_command("ffmpeg", "https://host/logo.png", "/scratch/mark.png")

    assert "file" not in command[command.index("-protocol_whitelist") + 1].split(",")
    assert "concat" not in command[command.index("-format_whitelist") + 1]


def test_fonts_are_found_by_kind(tmp_path: Path) -> None:
    for name in ("DejaVuSans.ttf", "Arial.ttf", "LiberationSerif-Bold.ttf", "NotoSansCJK-Regular.ttc"):
        (tmp_path / name).touch()
    folders = [str(tmp_path)]

    assert "DejaVuSans.ttf" == find_font("sans", folders=folders).name
    assert "LiberationSerif-Bold.ttf" == find_font("serif", bold=True, folders=folders).name
    assert "NotoSansCJK-Regular.ttc" == find_font("sans", wide=True, folders=folders).name
    with pytest.raises(FontMissing):
        find_font("mono", folders=folders)
    with pytest.raises(FontMissing):
        find_font("sans", bold=True, wide=True, folders=folders)
