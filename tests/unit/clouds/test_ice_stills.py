"""ICE's snapshots, sheets, animations, templates and calls as our settings; no server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from framefleet.domain.task import accept, parse_request, utc_now
from framefleet_scheduler.clouds.alibaba.ice import DOCUMENTED, front, kept, words
from framefleet_scheduler.clouds.alibaba.ice.checks import checked
from framefleet_scheduler.clouds.alibaba.ice.features import ImageMark, TextMark
from framefleet_scheduler.clouds.alibaba.ice.marks import image_mark, seconds, text_mark
from framefleet_scheduler.clouds.alibaba.ice.stills import Animation, Snapshot, address, animation, snapshot
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.fields import rows


def settings(extension: str = "jpg", **asked: Any) -> dict[str, Any]:
    """Our settings of a snapshot, which our own schema takes."""
    found = snapshot(Snapshot.model_validate(asked), extension)
    _accepted(found, f"{{index}}.{found['format']}")
    return found


def _accepted(overrides: dict[str, Any], name: str) -> None:
    target = {"name": "o0", "uri": f"s3://results/{name}", "overrides": overrides}
    accept(parse_request({"sources": [{"uri": "s3://films/a.mp4"}], "targets": [target]}), now=utc_now())


@pytest.mark.parametrize(
    ("asked", "ours"),
    [
        ({"Time": 2500, "Count": 1}, {"kind": "snapshot", "times": [2.5], "accurate": False}),
        ({"Time": "2500"}, {"times": [2.5]}),
        ({"FrameType": "normal"}, {"times": [0.0], "accurate": True}),
        ({"Time": 1000, "Interval": 3, "Count": 8}, {"interval": 3, "start": 1.0, "count": 8}),
        ({"Interval": 3}, {"interval": 3, "count": 1000}),
        ({"Count": 5, "Time": 1000}, {"count": 5, "start": 1.0}),
        ({"Width": 160}, {"width": 160, "upscale": True, "turn_box": False}),
        ({"Width": 160, "Height": 90}, {"width": 160, "height": 90, "resize": "exact"}),
        ({"Type": "Cover"}, {"count": 1, "best": {}}),
        ({"Type": "Sprite", "Interval": 2}, {"kind": "sprite", "columns": 10, "rows": 10, "interval": 2}),
        ({"Type": "WebVtt", "Count": 40, "Time": 3000}, {"kind": "sprite", "count": 40, "start": 3.0}),
        (
            {
                "Type": "Sprite",
                "Width": 320,
                "SpriteSnapshotConfig": {"CellWidth": 80, "CellHeight": 45, "Columns": 3, "Lines": 2, "Padding": 2, "Margin": 1}
                | {"Color": "#ABCDEF"},
            },
            {"width": 80, "height": 45, "resize": "exact", "columns": 3, "rows": 2, "padding": 2, "margin": 1, "background": "#abcdef"},
        ),
        ({"Type": "Sprite", "Width": 320}, {"width": 320}),
    ],
)  # fmt: skip
def test_a_snapshot_is_what_its_config_says(asked: dict[str, Any], ours: dict[str, Any]) -> None:
    found = settings(**asked)

    assert ours == {name: found.get(name) for name in ours}


@pytest.mark.parametrize(("extension", "form"), [("jpg", "jpg"), ("png", "png"), ("webp", "webp"), ("", "jpg")])
def test_the_extension_says_the_format(extension: str, form: str) -> None:
    assert form == settings(extension)["format"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"Type": "Film"}, words.BAD),
        ({"FrameType": "b"}, words.BAD),
        ({"Time": -1}, words.RANGE),
        ({"Count": 0}, words.RANGE),
        ({"Count": 1001}, words.RANGE),
        ({"Width": 4}, words.RANGE),
        ({"BlackLevel": 30}, words.UNSUPPORTED),
        ({"PixelBlackThreshold": 30}, words.UNSUPPORTED),
        ({"Type": "WebVtt", "IsSptFrag": "false"}, words.UNSUPPORTED),
        ({"Type": "Sprite", "SpriteSnapshotConfig": {"Columns": 51}}, words.RANGE),
    ],
)
def test_snapshots_that_cannot_be_are_refused(asked: dict[str, Any], code: str) -> None:
    with pytest.raises(Refusal) as caught:
        settings(**asked)

    assert code == caught.value.code
    assert "TemplateConfig.OverwriteParams" in caught.value.message


def test_names_of_several_pictures_have_their_place_for_the_number() -> None:
    assert "oss://b/{index:05d}.jpg" == address("oss://b/{Count}.jpg", "Normal", several=True)
    assert "oss://b/s-{index:05d}.png" == address("oss://b/s-{TileCount}.png", "Sprite", several=True)
    assert "oss://b/film_{index:05d}.jpg" == address("oss://b/film.vtt", "WebVtt", several=True)
    assert "oss://b/s-{index:05d}.png" == address("oss://b/s-{TileCount}.png", "WebVtt", several=True)
    assert "oss://b/s-{index:05d}.jpg" == address("oss://b/s-{Count}.jpg", "WebVtt", several=True)
    assert "oss://b/one.jpg" == address("oss://b/one.jpg", "Normal", several=False)
    for text, kind in (("oss://b/a.jpg", "Normal"), ("oss://b/a.jpg", "Sprite"), ("oss://b/a.jpg", "WebVtt")):
        with pytest.raises(Refusal):
            address(text, kind, several=True)


def test_an_animation_is_what_its_config_says() -> None:
    span = {"Seek": "6", "Duration": "12"}
    found = animation(
        Animation.model_validate({"Format": "webp", "Fps": 25, "Width": 640, "Height": "360", "TimeSpan": span})
    )
    own = animation(Animation.model_validate({"LongShortMode": "false", "Width": 640}))

    _accepted(found, "a.webp")
    _accepted(own, "a.gif")
    assert {
        "kind": "animation",
        "format": "webp",
        "frame_rate": 25,
        "start": 6,
        "duration": 12,
        "long_edge": 640,
        "short_edge": 360,
        "turn_box": True,
        "resize": "exact",
        "upscale": True,
    } == found
    assert ("gif", 640, False, 0, 120) == tuple(
        own[name] for name in ("format", "width", "turn_box", "start", "duration")
    )
    for bad in (
        {"Format": "png"},
        {"Fps": 61},
        {"Width": 100},
        {"TimeSpan": {"Duration": "121"}},
        {"TimeSpan": {"Seek": "5", "End": "4"}},
    ):
        with pytest.raises(Refusal):
            animation(Animation.model_validate(bad))


@pytest.mark.parametrize(
    ("text", "value"),
    [("180.30", 180.3), ("00:01:59.999", 119.999), ("0", 0), ("23:59:59.999", 86399.999), ("86399.999", 86399.999)],
)
def test_times_are_clocks_or_seconds(text: str, value: float) -> None:
    assert value == pytest.approx(seconds(text, "Seek"))


@pytest.mark.parametrize("text", ["", "x", "1:2", "00:60:00", "00:00:61", "86400", "24:00:00", "-1", "1e3", "nan"])
def test_other_texts_are_no_times(text: str) -> None:
    with pytest.raises(Refusal):
        seconds(text, "Seek")


def test_watermarks_lie_where_they_are_asked_for() -> None:
    asked = {
        "Dx": 120, "Dy": "0.99999", "Height": 30, "Width": 0.2, "ReferPos": "BottomLeft",
        "File": {"Type": "OSS", "Media": "https://films.oss-cn-shanghai.aliyuncs.com/logo.gif"},
        "Timeline": {"Start": "00:00:05", "Duration": "2"},
    }  # fmt: skip
    found = image_mark(ImageMark.model_validate(asked), lambda name: True, "W")

    assert {
        "kind": "image",
        "uri": "storage://films/logo.gif",
        "position": "bottom_left",
        "x": 120,
        "y": "99.99%",
        "width": "20%",
        "height": 30,
        "start": 5,
        "end": 7,
    } == found
    shown = {**asked, "Timeline": {"Start": "0", "Duration": "ToEND"}}
    assert "end" not in image_mark(ImageMark.model_validate(shown), lambda name: True, "W")
    text = text_mark(
        TextMark.model_validate({"Content": "Hi", "FontColor": "0xFFcc00", "FontAlpha": "0.5", "FontName": "KaiTi"}),
        "W",
    )
    assert ("#FFcc00", 0.5, "sans", 16) == tuple(text[name] for name in ("color", "opacity", "font", "size"))


@pytest.mark.parametrize(
    "asked",
    [{}, {"File": {"Media": "x"}}, {"File": {"Media": "oss://b/k", "Type": "Media"}}, {"File": {"Media": "oss://b/k"}, "Dx": "left"},
     {"File": {"Media": "oss://b/k"}, "ReferPos": "Middle"}, {"File": {"Media": "oss://b/k"}, "Width": 0}],
)  # fmt: skip
def test_watermarks_that_cannot_be_are_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        image_mark(ImageMark.model_validate(asked), lambda name: True, "W")


@pytest.mark.parametrize(
    ("kind", "subtype", "config"),
    [
        (1, 1, {"Container": {"Format": "flv"}, "Video": {}, "Audio": {}}),
        (1, 3, {"Container": {"Format": "mp4"}}),
        (2, 1, {"Type": "Normal", "FrameType": "normal", "Time": 10000, "Count": 8, "Interval": 3}),
        (3, None, {"TimeSpan": {"Duration": "12", "Seek": "6"}, "Format": "webp", "ScanMode": "progressive", "Fps": 25}),
        (4, None, {"Dx": 120, "Dy": 130, "Height": 30, "ReferPos": "BottomLeft", "File": {"Type": "OSS", "Media": "oss://b/a.gif"}}),
        (5, None, {"Content": "Hi", "FontSize": 16, "Left": 10, "Top": "0.5"}),
        (6, None, {"CharEnc": "UTF-8", "Format": "srt"}),
    ],
)  # fmt: skip
def test_the_documents_templates_can_be_made(kind: int, subtype: int | None, config: dict[str, Any]) -> None:
    text = json.dumps(config)

    assert text == checked(kind, subtype, text)


@pytest.mark.parametrize(
    ("kind", "subtype", "config", "code"),
    [
        (7, None, "{}", words.UNSUPPORTED),
        (0, None, "{}", words.RANGE),
        (1, 6, "{}", words.RANGE),
        (3, 1, "{}", words.RANGE),
        (1, 1, None, words.MISSING),
        (1, 1, "[]", words.BAD),
        (1, 1, "{", words.BAD),
        (1, 1, '{"Video":"wide"}', words.BAD),
        (1, 1, '{"Video":{"Width":1}}', words.RANGE),
        (1, 1, "[" * 5000, words.BAD),
        (1, 1, '{"Video":{"Codec":"\\ud800"}}', words.BAD),
        (1, 1, " " * 40_000, words.RANGE),
        (2, 1, '{"BlackLevel":1}', words.UNSUPPORTED),
    ],
)
def test_templates_that_no_job_could_use_are_refused(
    kind: int, subtype: int | None, config: str | None, code: str
) -> None:
    with pytest.raises(Refusal) as caught:
        checked(kind, subtype, config)

    assert code == caught.value.code


def test_every_operation_is_documented_with_its_fields() -> None:
    assert set(front.OPERATIONS) - {"GetEventCallback"} == set(DOCUMENTED)
    models: list[type[BaseModel]] = [*DOCUMENTED.values(), kept.Nothing]
    for model in models:
        assert list(rows(model))
