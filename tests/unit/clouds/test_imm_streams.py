"""What is asked of picture, sound and watermarks, as settings of ours."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.clouds.imm import ENCODED, FILM, made, picture, plan, refusal, snapshot, sound, sprite


def test_what_is_not_said_of_a_picture_is_the_vendors_default() -> None:
    assert picture() == {"codec": "h264", "rotate": 0, "crf": 23, "gop_frames": 150, "bframes": 3, "refs": 2}


@pytest.mark.parametrize(
    ("asked", "ours"),
    [
        ({"Codec": "h265"}, {"codec": "hevc"}),
        ({"Codec": "H264", "Bitrate": 900_000}, {"codec": "h264", "bitrate": 900_000}),
        ({"CRF": 30.5}, {"crf": 30.5}),
        ({"CRF": 30, "MaxBitrate": 10**6, "BufferSize": 2 * 10**6}, {"max_bitrate": 10**6, "buffer_size": 2 * 10**6}),
        ({"Resolution": "1280x720"}, {"width": 1280, "height": 720, "resize": "exact", "upscale": True}),
        ({"Resolution": "1280x"}, {"width": 1280, "height_share": 1.0}),
        ({"Resolution": "x720", "ScaleType": "fit"}, {"width_share": 1.0, "height": 720, "resize": "fit"}),
        ({"Resolution": "64x64", "ScaleType": "crop"}, {"resize": "fill", "turn_box": False}),
        ({"Resolution": "64x64", "ScaleType": "fill"}, {"resize": "pad"}),
        ({"Resolution": "64x64", "AdaptiveResolutionDirection": True}, {"turn_box": True}),
        ({"Resolution": "64x64", "ResolutionOption": "adaptive"}, {"upscale": False}),
        ({"Resolution": "64x64", "ResolutionOption": "fall"}, {"source_below": {"size": "refuse"}}),
        ({"FrameRate": 29.97}, {"frame_rate": 29.97}),
        ({"FrameRate": 25, "FrameRateOption": "adaptive"}, {"source_below": {"frame_rate": "adapt"}}),
        ({"Bitrate": 10**6, "BitrateOption": "fall"}, {"source_below": {"bitrate": "refuse"}}),
        ({"GOPSize": 50, "BFrames": 0, "Refs": 4}, {"gop_frames": 50, "bframes": 0, "refs": 4}),
        ({"PixelFormat": "yuv420p10le", "Codec": "h265"}, {"pixel_format": "yuv420p10le"}),
        ({"Rotation": 270}, {"rotate": 270}),
        ({"VideoSlim": 0}, {}),
    ],
)
def test_what_is_asked_of_a_picture(asked: dict[str, Any], ours: dict[str, Any]) -> None:
    found = picture(**asked)

    assert {name: found[name] for name in ours} == ours


def test_empty_texts_and_lists_are_not_said() -> None:
    video = {"TranscodeVideo": {"Codec": "h264", "Resolution": "", "PixelFormat": ""}, "Stream": [], "FilterVideo": {}}
    subtitle = {"URI": "oss://films/a.srt", "Language": ""}

    found = plan({**ENCODED, "Video": video, "Image": {}}, Sources=[{**FILM, "Subtitles": [subtitle]}], Tags={})

    assert found.request["targets"][0]["overrides"]["video"] == picture()
    assert found.request["sources"][0]["subtitles"][0]["language"] is None
    stills = {"URI": "", "Container": "", "Image": {"Snapshots": [{"URI": "oss://out/a.jpg", "Format": "jpg"}]}}
    assert [one["name"] for one in plan(stills).request["targets"]] == ["t0-snapshot0"]


def test_vp9_has_no_b_frames() -> None:
    asked = {"URI": "oss://out/f.mkv", "Container": "mkv", "Video": {"TranscodeVideo": {"Codec": "vp9"}}}

    found = made({**asked, "Audio": {"TranscodeAudio": {"Codec": "opus"}}})["overrides"]["video"]

    assert found == {"codec": "vp9", "rotate": 0, "crf": 23, "gop_frames": 150}


def test_a_picture_in_segments_has_keyframes_at_their_beginnings_unless_more_are_asked_for() -> None:
    assert "gop_frames" not in picture(segment=True)
    assert picture(segment=True, GOPSize=25)["gop_frames"] == 25


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"Bitrate": 10**6, "CRF": 20}, "InvalidArgument"),
        ({"MaxBitrate": 10**6}, "InvalidArgument"),
        ({"CRF": 52}, "InvalidArgument"),
        ({"Resolution": "8x8"}, "InvalidArgument"),
        ({"Resolution": "x"}, "InvalidArgument"),
        ({"Resolution": "5000x100"}, "InvalidArgument"),
        ({"Codec": "av1"}, "InvalidArgument"),
        ({"Rotation": 45}, "InvalidArgument"),
        ({"PixelFormat": "yuva420p"}, "InvalidParameter.PixelFormat.NotSupported"),
        ({"VideoSlim": 1}, "InvalidParameter.VideoSlim.NotSupported"),
    ],
)
def test_what_a_picture_cannot_be(asked: dict[str, Any], code: str) -> None:
    refused = refusal({**ENCODED, "Video": {"TranscodeVideo": {"Codec": "h264", **asked}}})

    assert refused.code == code
    assert "Targets[0].Video.TranscodeVideo" in refused.message


@pytest.mark.parametrize(
    ("asked", "ours"),
    [
        ({}, {"codec": "aac", "channels": None, "tracks": "main"}),
        ({"Bitrate": 96_000, "Channel": 1, "SampleRate": 44_100}, {"bitrate": 96_000, "channels": 1, "sample_rate": 44_100}),
        ({"Quality": 50}, {"quality": 50}),
        ({"SampleRate": 12_025}, {"sample_rate": 11_025}),
    ],
)  # fmt: skip
def test_what_is_asked_of_sound(asked: dict[str, Any], ours: dict[str, Any]) -> None:
    found = sound(**asked)

    assert {name: found[name] for name in ours} == ours


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"TranscodeAudio": {"Codec": "vorbis"}}, "Codec"),
        ({"TranscodeAudio": {"Codec": "amr"}}, "Codec"),
        ({"TranscodeAudio": {"Codec": "flac", "BitsPerSample": 24}}, "BitsPerSample"),
        ({"TranscodeAudio": {"Codec": "aac", "Bitrate": 64_000, "BitrateOption": "adaptive"}}, "BitrateOption"),
        ({"TranscodeAudio": {"Codec": "aac"}, "FilterAudio": {"Mixing": True}}, "Mixing"),
    ],
)
def test_what_sound_cannot_be_here(asked: dict[str, Any], field: str) -> None:
    assert refusal({**ENCODED, "Audio": asked}).code == f"InvalidParameter.{field}.NotSupported"


@pytest.mark.parametrize(
    ("stream", "tracks"), [([], "main"), ([0], [0]), ([3, 1], [1, 3]), ([101], "all"), ([0, 101], "all")]
)
def test_which_sound(stream: list[int], tracks: object) -> None:
    asked = {"TranscodeAudio": {"Codec": "aac"}, "Stream": stream}

    assert made({**ENCODED, "Audio": asked})["overrides"]["audio"]["tracks"] == tracks


def test_names_of_pictures() -> None:
    assert snapshot()["uri"] == "s3://out/a_{index}.jpg"
    assert snapshot(Number=1)["uri"] == "s3://out/a.jpg"
    assert snapshot(URI="oss://out/x/{index}-a.{autoext}")["uri"] == "s3://out/x/{index}-a.jpg"
    assert snapshot(URI="oss://out/x/a", Format="png", Number=1)["uri"] == "s3://out/x/a.png"
    assert sprite()["uri"] == "s3://out/a.jpg"


def test_watermarks_and_hidden_parts() -> None:
    filters = {
        "Watermarks": [
            {"Type": "file", "URI": "oss://films/logo.png", "Width": 0.1, "Height": 20, "Dx": 5, "Dy": 0.05, "ReferPos": "bottomleft"},
            {"Content": "Hi", "FontName": "SourceHanSerif-Bold", "FontAlpha": 0.5, "StartTime": 1, "Duration": 2},
        ],
        "Delogos": [{"Dx": 1, "Dy": 2, "Width": 30, "Height": 40, "StartTime": 1}],
    }  # fmt: skip

    found = made({**ENCODED, "Video": {"TranscodeVideo": {"Codec": "h264"}, "FilterVideo": filters}})["overrides"]

    assert found["video"]["watermarks"] == [
        {
            "kind": "image",
            "uri": "storage://films/logo.png",
            "position": "bottom_left",
            "x": 5,
            "y": "5%",
            "width": "10%",
            "height": 20,
        },
        {
            "kind": "text",
            "text": "Hi",
            "position": "top_left",
            "x": 0,
            "y": 0,
            "start": 1,
            "end": 3,
            "size": 16,
            "color": "#000000",
            "font": "serif",
            "bold": True,
            "opacity": 0.5,
            "border_width": 0,
            "border_color": "#000000",
        },
    ]
    assert found["video"]["delogo"] == [{"x": 1, "y": 2, "width": 30, "height": 40, "start": 1}]
