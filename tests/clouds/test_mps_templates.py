"""MPS's templates through its official SDK: each kind is made, changed, shown and deleted; presets stay as they are."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clouds.conftest import Cloud
from tests.clouds.mps import started

STREAM = {
    "Video": {"Codec": "h264", "Fps": 0, "Bitrate": 400, "Height": 360},
    "Audio": {"Codec": "aac", "Bitrate": 64, "SampleRate": 48000},
}
TEXT = {"FontSize": "20px", "FontColor": "0xFFFFFF", "FontAlpha": 0.5}
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "SampleSnapshot": (
        {"SampleType": "Time", "SampleInterval": 2, "Width": 320},
        {"SampleInterval": 3, "Format": "png"},
    ),
    "ImageSprite": (
        {"SampleType": "Percent", "SampleInterval": 5, "RowCount": 4, "ColumnCount": 5},
        {"RowCount": 2, "Format": "png"},
    ),
    "SnapshotByTimeOffset": ({"Format": "png", "Height": 240}, {"Height": 180, "FillType": "white"}),
    "AnimatedGraphics": ({"Fps": 5, "Format": "webp"}, {"Fps": 8, "Quality": 60}),
    "AdaptiveDynamicStreaming": (
        {"Format": "HLS", "StreamInfos": [STREAM]},
        {"Format": "MPEG-DASH", "DisableHigherVideoResolution": 1},
    ),
    "Watermark": ({"Type": "text", "XPos": "10%", "TextTemplate": TEXT}, {"XPos": "20px"}),
}
"""Kind -> (what it is made of, what is changed)."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_is_made_changed_shown_and_deleted(cloud: Cloud, kind: str) -> None:
    first, changed = KINDS[kind]
    # With a nonce in each signature: with TC3 two operations with one body in one second look the same.
    with started(cloud.account, "HmacSHA256") as sdk:
        number = sdk.call(f"Create{kind}Template", Name="mine", Comment="first", **first)["Definition"]
        sdk.call(f"Modify{kind}Template", Definition=number, Comment="second", **changed)

        found = sdk.call(f"Describe{kind}Templates", Definitions=[number])
        (shown,) = found[f"{kind}TemplateSet"]
        assert found["TotalCount"] == 1
        assert (shown["Definition"], shown["Name"], shown["Comment"]) == (number, "mine", "second")
        for name, value in {**first, **changed}.items():
            if not isinstance(value, (dict, list)):
                assert shown[name] == value, name
        if kind == "AdaptiveDynamicStreaming":
            assert [one["Video"]["Height"] for one in shown["StreamInfos"]] == [360]
        if kind == "Watermark":
            assert shown["TextTemplate"] == {**shown["TextTemplate"], **TEXT}
        if kind != "Watermark":  # whose presets there are none of
            assert shown["Type"] == "Custom"
            assert number in {
                one["Definition"] for one in sdk.call(f"Describe{kind}Templates", Type="Custom")[f"{kind}TemplateSet"]
            }
            presets = sdk.call(f"Describe{kind}Templates", Type="Preset")[f"{kind}TemplateSet"]
            assert presets and all(one["Type"] == "Preset" for one in presets)
            refused = sdk.refused(f"Delete{kind}Template", Definition=presets[0]["Definition"])
            assert refused.code.startswith("InvalidParameterValue")

        sdk.call(f"Delete{kind}Template", Definition=number)
        assert sdk.call(f"Describe{kind}Templates", Definitions=[number])["TotalCount"] == 0
        assert sdk.refused(f"Modify{kind}Template", Definition=number, Comment="third").code == (
            "InvalidParameterValue.Definition"
        )
