"""Watermarks of Tencent's dialects as marks of ours."""

from __future__ import annotations

from typing import Any

import pytest

from framefleet.domain.template import resolve
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.tencent import marks
from framefleet_scheduler.clouds.tencent.elements import Made
from framefleet_scheduler.clouds.tencent.vod.watermarks import KeptMark, laid
from framefleet_scheduler.clouds.tencent.vod.words import VOD


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        (
            {"Type": "image", "ImageTemplate": {"Uri": "s3://bucket/b.png"}},
            {
                "kind": "image",
                "uri": "s3://bucket/b.png",
                "width": "10%",
                "opacity": 1,
                "position": "top_left",
                "x": 0,
                "y": 0,
            },
        ),
        (
            {
                "Type": "image",
                "CoordinateOrigin": "BottomRight",
                "XPos": "5%",
                "YPos": "12px",
                "ImageTemplate": {"Uri": "s3://bucket/b.png", "Width": "0px", "Height": "40px", "Transparency": 25},
            },
            {
                "kind": "image",
                "uri": "s3://bucket/b.png",
                "height": 40,
                "opacity": 0.75,
                "position": "bottom_right",
                "x": "5%",
                "y": 12,
            },
        ),
        (
            {"Type": "text", "TextTemplate": {"FontSize": "24px", "FontColor": "0xFFcc00", "FontAlpha": 0.5}},
            {
                "kind": "text",
                "text": "said",
                "color": "#FFcc00",
                "size": 24,
                "opacity": 0.5,
                "position": "top_left",
                "x": 0,
                "y": 0,
            },
        ),
    ],
)
def test_templates(template: dict[str, Any], wanted: dict[str, Any]) -> None:
    found = laid(KeptMark.model_validate(template), "said")
    assert found == wanted
    resolve(None, marks.marked(Made({"kind": "file"}, "mp4"), [found]).settings)


def test_they_are_laid_over_every_rendition_and_not_over_sound() -> None:
    mark = {"kind": "text", "text": "a"}
    rungs = [{"name": "a", "video": {"codec": "h264"}}]
    ladder = marks.marked(Made({"kind": "ladder", "renditions": rungs}, "m3u8"), [mark])
    resolve(None, ladder.settings)
    assert ladder.settings["video"] == {"watermarks": [mark]}
    sound = Made({"kind": "audio"}, "mp3")
    assert marks.marked(sound, [mark]) == sound


def test_moments_count_from_the_end_below_zero() -> None:
    assert marks.moments(None, 0, lambda: 60.0, VOD) == {}
    assert marks.moments(2, -5, lambda: 60.0, VOD) == {"start": 2, "end": 55}
    with pytest.raises(Refusal):
        marks.moments(-5, 20, lambda: 60.0, VOD)


@pytest.mark.parametrize("text", ["10", "px", "-1px", "101%", "1e3px", "１px", "9" * 9 + "px"])
def test_measures_that_are_none(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        marks.measure(text, "XPos", VOD)
    assert refused.value.code == "InvalidParameterValue.XPos"
