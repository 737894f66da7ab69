"""CreateMediaConvertTask as a task of ours: field by field, without a server."""

from __future__ import annotations

import json
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from framefleet.domain.errors import RequestError
from framefleet.domain.task import accept, parse_request
from framefleet_scheduler.clouds.alibaba.imm.plan import Plan, planned
from framefleet_scheduler.clouds.alibaba.imm.reading import read
from framefleet_scheduler.clouds.alibaba.imm.reading import refused as in_their_words
from framefleet_scheduler.clouds.alibaba.imm.requests import CreateMediaConvertTask, Source, Target, TargetGroup
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.fields import _inner
from tests.factories import NOW

FILM = {"URI": "oss://films/film.mp4"}
FILE = {"URI": "oss://out/film.mp4", "Container": "mp4"}
ENCODED = {**FILE, "Video": {"TranscodeVideo": {"Codec": "h264"}}, "Audio": {"TranscodeAudio": {"Codec": "aac"}}}


def plan(*targets: dict[str, Any], **more: Any) -> Plan:
    """As it comes from the SDK; what comes of it is a task that is accepted."""
    asked = {"ProjectName": "p", "Sources": [FILM], "Targets": list(targets), **more}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in asked.items()}
    found = planned(read(texts, CreateMediaConvertTask), lambda name: name == "films", {"topic": "https://h.example/"})
    accept(parse_request(found.request), now=NOW)
    return found


def made(*targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The first of our targets."""
    return dict(plan(*targets, **more).request["targets"][0])


def picture(segment: bool = False, **asked: Any) -> dict[str, Any]:
    """The settings of a picture."""
    target = {**ENCODED, "Video": {"TranscodeVideo": {"Codec": "h264", **asked}}}
    if segment:
        target |= {"URI": "oss://out/film", "Container": "ts", "Segment": {"Format": "hls"}}
        return dict(made(target)["overrides"]["renditions"][0]["video"])
    return dict(made(target)["overrides"]["video"])


def sound(**asked: Any) -> dict[str, Any]:
    """The settings of sound."""
    return dict(made({**ENCODED, "Audio": {"TranscodeAudio": {"Codec": "aac", **asked}}})["overrides"]["audio"])


def snapshot(**asked: Any) -> dict[str, Any]:
    """A target of snapshots."""
    return made({"Image": {"Snapshots": [{"URI": "oss://out/a.jpg", "Format": "jpg", **asked}]}})


def sprite(**asked: Any) -> dict[str, Any]:
    """A target of sprites."""
    return made({"Image": {"Sprites": [{"URI": "oss://out/a.jpg", "Format": "jpg", **asked}]}})


def refusal(*targets: dict[str, Any], **more: Any) -> Refusal:
    """What refuses a request."""
    with pytest.raises(Refusal) as refused:
        plan(*targets, **more)
    return refused.value


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


@pytest.mark.parametrize(
    ("target", "ours"),
    [
        (FILE, {"kind": "remux", "video": True, "audio": "main", "subtitles": {"mode": "embed", "tracks": "first"}}),
        ({**FILE, "Audio": {"DisableAudio": True}}, {"kind": "remux", "audio": None}),
        ({**FILE, "Video": {"TranscodeVideo": {}}}, {"kind": "remux", "video": False}),
        ({**FILE, "Video": {"TranscodeVideo": {"Codec": "copy"}}}, {"kind": "remux", "video": True}),
        ({**FILE, "Data": {"Stream": [-1]}}, {"data": True}),
        ({**FILE, "StripMetadata": True, "Speed": 0.5}, {"metadata": {"keep": False, "cover": False, "speed": 0.5}}),
        ({**FILE, "AttachedPicture": {"Stream": [-1]}}, {"metadata": {"keep": True, "cover": None}}),
        (ENCODED, {"kind": "file", "container": "mp4"}),
        ({**ENCODED, "Audio": None}, {"audio": {"codec": "copy", "channels": None, "tracks": "main"}}),
        ({**ENCODED, "Subtitle": {"DisableSubtitle": True}}, {"subtitles": None}),
        ({**ENCODED, "Subtitle": {}}, {"subtitles": {"mode": "embed", "tracks": "all"}}),
        ({**ENCODED, "Container": "ts", "URI": "oss://out/a"}, {"container": "ts", "subtitles": None}),
        (
            {**ENCODED, "Subtitle": {"ExtractSubtitle": {"Format": "srt", "URI": "oss://out/text"}}},
            {"subtitles": {"mode": "sidecar", "format": "srt", "tracks": "all", "name": "text"}},
        ),
        (
            {"URI": "oss://out/a", "Container": "oga", "Audio": {"TranscodeAudio": {"Codec": "opus"}}},
            {"kind": "audio", "container": "ogg"},
        ),
        ({**ENCODED, "Video": {"DisableVideo": True}}, {"kind": "audio", "container": "m4a"}),
    ],
)
def test_what_becomes_of_a_target(target: dict[str, Any], ours: dict[str, Any]) -> None:
    found = made(target)["overrides"]

    assert {name: found[name] for name in ours} == ours


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ({"URI": "oss://out/a.mp4"}, "InvalidArgument"),
        ({"Container": "mp4"}, "InvalidArgument"),
        ({}, "InvalidArgument"),
        ({**FILE, "Container": "zip"}, "InvalidArgument"),
        ({**FILE, "Container": "avi"}, "InvalidParameter.Container.NotSupported"),
        ({**FILE, "Audio": {"TranscodeAudio": {"Codec": "aac"}}}, "InvalidParameter.TranscodeAudio.NotSupported"),
        ({**FILE, "Video": {"DisableVideo": True}, "Audio": {"DisableAudio": True}}, "InvalidArgument"),
        ({"URI": "oss://out/a", "Container": "mp3"}, "InvalidParameter.Audio.NotSupported"),
        ({**FILE, "Segment": {"Format": "hls"}}, "InvalidParameter.Video.NotSupported"),
        ({**ENCODED, "Container": "ts", "Segment": {"Format": "dash"}}, "InvalidParameter.Container.NotSupported"),
        ({**ENCODED, "Segment": {"Format": "hls", "Duration": 100}}, "InvalidParameter.Duration.NotSupported"),
        ({**ENCODED, "Container": "mkv", "Speed": 0.5}, "InvalidParameter.Speed.NotSupported"),
        ({**ENCODED, "Data": {"Stream": [0]}}, "InvalidParameter.Data.NotSupported"),
        (
            {**ENCODED, "Video": {"TranscodeVideo": {"Codec": "h264"}, "Stream": [1]}},
            "InvalidParameter.Stream.NotSupported",
        ),
        (
            {**ENCODED, "Subtitle": {"ExtractSubtitle": {"Format": "srt", "URI": "oss://elsewhere/text"}}},
            "InvalidParameter.URI.NotSupported",
        ),
    ],
)
def test_what_a_target_cannot_be(target: dict[str, Any], code: str) -> None:
    assert refusal(target).code == code


def test_sound_is_not_copied_where_sources_are_joined_or_trimmed() -> None:
    copied = {**ENCODED, "Audio": None}

    assert refusal(copied, Sources=[FILM, FILM]).code == "InvalidArgument"
    assert refusal(copied, Sources=[{**FILM, "StartTime": 1}]).code == "InvalidParameter.Audio.NotSupported"
    assert plan(copied, Sources=[FILM, {**FILM, "Attached": True}]).places


def test_addresses_without_an_extension_get_one() -> None:
    cut = {**ENCODED, "URI": "oss://out/film"}

    assert made({**FILE, "URI": "oss://out/film", "Container": "mkv"})["uri"] == "s3://out/film.mkv"
    assert made({**FILE, "URI": "oss://films/a.b/film.MP4"})["uri"] == "storage://films/a.b/film.MP4"
    assert made({**cut, "Container": "ts", "Segment": {"Format": "hls"}})["uri"] == "s3://out/film.m3u8"
    assert made({**cut, "Segment": {"Format": "dash"}})["uri"] == "s3://out/film.mpd"


def test_subtitles_may_be_all_that_is_asked_for() -> None:
    found = made({"Subtitle": {"ExtractSubtitle": {"Format": "ass", "URI": "oss://out/text"}, "Stream": [2]}})

    assert found["overrides"] == {
        "kind": "remux",
        "video": False,
        "audio": None,
        "subtitles": {"mode": "sidecar", "format": "ass", "tracks": [2], "name": "text", "missing": "skip"},
    }


def test_segments_are_a_ladder_of_one_in_a_folder_of_its_own() -> None:
    asked = {"Format": "hls", "Duration": 30, "StartNumber": 5}

    found = made({**ENCODED, "Container": "ts", "URI": "oss://out/film", "Segment": asked})["overrides"]

    assert (found["kind"], found["packaging"], found["segment_format"]) == ("ladder", "hls", "ts")
    assert (found["segment_seconds"], found["start_number"], found["own_folder"]) == (30, 5, True)


def test_sources_are_as_they_were_given() -> None:
    subtitle = {"URI": "oss://films/a.srt", "TimeOffset": 0.5, "Language": "eng"}
    found = plan(
        ENCODED,
        Sources=[
            {**FILM, "StartTime": 1.5, "Duration": 2, "Subtitles": [subtitle]},
            {"URI": "https://films.oss-cn-hangzhou.aliyuncs.com/b%20c.mp4", "DisableAudio": True},
            {"URI": "oss://films/song.mp3", "Attached": True, "AlignMode": "loop"},
            {"URI": "oss://films/song.mp3", "Attached": True},
        ],
        AlignmentIndex=1,
        UserData="ours",
        Tags={"a": "b", "n": 3},
    ).request  # fmt: skip

    assert found["sources"] == [
        {
            "uri": "storage://films/film.mp4",
            "start": 1.5,
            "duration": 2,
            "video": True,
            "audio": True,
            "subtitles": [{"uri": "storage://films/a.srt", "language": "eng", "offset": 0.5}],
        },
        {"uri": "storage://films/b c.mp4", "start": 0, "video": True, "audio": False},
        {"uri": "storage://films/song.mp3", "start": 0, "video": True, "audio": True, "attached": "loop"},
        {"uri": "storage://films/song.mp3", "start": 0, "video": True, "audio": True, "attached": "once"},
    ]
    assert (found["align"], found["user_data"], found["tags"]) == ({"index": 1}, "ours", {"a": "b", "n": "3"})


@pytest.mark.parametrize(
    ("asked", "ours"),
    [
        ({}, {"interval": 1, "start": 0}),
        ({"Interval": 2.5, "Number": 4, "StartTime": 3}, {"interval": 2.5, "count": 4, "start": 3}),
        ({"Mode": "keyframe"}, {"keyframes": True}),
        ({"Mode": "average", "Number": 3}, {"count": 3}),
        ({"Mode": "dhash", "Threshold": 20}, {"scenes": {"threshold": 20, "min_distance": 0}}),
        ({"Width": 0.5, "Height": 0.25}, {"width_share": 0.5, "height_share": 0.25, "resize": "exact"}),
        ({"Width": 100}, {"width": 100, "resize": "fit"}),
        ({"Width": 100, "Height": 50, "ScaleType": "crop"}, {"width": 100, "height": 50, "resize": "fill"}),
    ],
)
def test_snapshots(asked: dict[str, Any], ours: dict[str, Any]) -> None:
    found = snapshot(**asked)["overrides"]

    assert {name: found[name] for name in ours} == ours


def test_names_of_pictures() -> None:
    assert snapshot()["uri"] == "s3://out/a_{index}.jpg"
    assert snapshot(Number=1)["uri"] == "s3://out/a.jpg"
    assert snapshot(URI="oss://out/x/{index}-a.{autoext}")["uri"] == "s3://out/x/{index}-a.jpg"
    assert snapshot(URI="oss://out/x/a", Format="png", Number=1)["uri"] == "s3://out/x/a.png"
    assert sprite()["uri"] == "s3://out/a.jpg"


def test_sprites_have_the_vendors_defaults() -> None:
    assert sprite()["overrides"] == {
        "kind": "sprite",
        "format": "jpg",
        "start": 0,
        "interval": 1,
        "columns": 6,
        "rows": 6,
        "padding": 2,
        "margin": 2,
        "width_share": 1,
        "height_share": 1,
        "turn_box": False,
        "upscale": True,
        "resize": "exact",
    }
    assert sprite(Mode="average", Number=9)["overrides"]["count"] == 9
    assert refusal({"Image": {"Sprites": [{"URI": "oss://o/a", "Format": "jpg", "Mode": "keyframe"}]}}).code == (
        "InvalidParameter.Mode.NotSupported"
    )


def test_an_animation_shows_a_frame_of_every_interval() -> None:
    asked = {"URI": "oss://out/a.gif", "Format": "gif", "StartTime": 2, "Interval": 2, "Number": 30, "FrameRate": 5}

    found = made({"Image": {"Animations": [asked]}})["overrides"]

    assert (found["start"], found["duration"], found["speed"], found["frame_rate"]) == (2, 60, 10, 5)


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


def test_a_group_is_a_ladder() -> None:
    def rung(name: str, bitrate: int) -> dict[str, Any]:
        video = {"TranscodeVideo": {"Codec": "h264", "Bitrate": bitrate}}
        return {"URI": f"oss://out/hls/{name}.m3u8", "Video": video, "Audio": {"TranscodeAudio": {"Codec": "aac"}}}

    group = {"URI": "oss://out/hls/master.m3u8", "Targets": [rung("High", 10**6), rung("low", 10**5)]}

    found = plan(TargetGroups=[group])

    [target] = found.request["targets"]
    assert (target["name"], found.places) == ("g0", ("TargetGroups[0]",))
    assert [one["name"] for one in target["overrides"]["renditions"]] == ["high", "low"]
    assert target["overrides"]["keep_equal"]
    other = {**rung("x", 1000), "Audio": {"TranscodeAudio": {"Codec": "aac", "Bitrate": 64_000}}}
    assert refusal(TargetGroups=[{**group, "Targets": [rung("a", 1000), other]}]).code.endswith("Audio.NotSupported")
    outside = {**rung("a", 1000), "URI": "oss://out/elsewhere.m3u8"}
    assert refusal(TargetGroups=[{**group, "Targets": [outside]}]).code == "InvalidArgument"


def test_places_of_our_targets_are_known() -> None:
    stills = {
        "Snapshots": [{"URI": "oss://out/a.jpg", "Format": "jpg"}],
        "Animations": [{"URI": "oss://out/a.gif", "Format": "gif"}],
    }

    found = plan(FILE, {**ENCODED, "URI": "oss://out/b.mp4", "Image": stills})

    assert found.places == (
        "Targets[0]",
        "Targets[1]",
        "Targets[1].Image.Snapshots[0]",
        "Targets[1].Image.Animations[0]",
    )
    assert [target["name"] for target in found.request["targets"]] == ["t0", "t1", "t1-snapshot0", "t1-animation0"]


def test_limits() -> None:
    many = [{**FILE, "URI": f"oss://out/{i}.mp4"} for i in range(51)]

    assert plan(FILE, Sources=[FILM] * 11).places
    assert refusal(FILE, Sources=[FILM] * 12).code == "LimitExceededError"
    assert refusal(*many).code == "LimitExceededError"
    assert plan(FILE, UserData="ä" * 1024).places
    assert refusal(FILE, UserData="ä" * 1024 + "x").code == "InvalidArgument"
    assert refusal(FILE, AlignmentIndex=1).code == "InvalidArgument"
    assert refusal(FILE, Sources=[{**FILM, "Attached": True}]).code == "InvalidArgument"
    assert refusal(FILE, ProjectName="9").code == "InvalidArgument"
    assert refusal().code == "InvalidArgument"


def test_topics_are_those_of_the_operator() -> None:
    told = {"RocketMQ": {"InstanceId": "i", "TopicName": "topic"}, "ExtendedMessageURI": "oss://films/m.json"}

    found = plan(FILE, Notification=told)

    assert (found.told_at, found.message_uri) == ("https://h.example/", "storage://films/m.json")
    assert refusal(FILE, Notification={"MNS": {"TopicName": "other"}}).code == "InvalidArgument"


_NAMES = ["URI", "Video", "Audio", "TranscodeVideo", "Codec", "Resolution", "Image", "Stream", "Container", "Language"]
_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner),
    max_leaves=12,
)


@given(_VALUE, _VALUE)
def test_whatever_comes_is_planned_or_refused(targets: Any, sources: Any) -> None:
    asked = {"ProjectName": "p", "Sources": json.dumps(sources), "Targets": json.dumps(targets)}
    try:
        planned(read(asked, CreateMediaConvertTask), lambda _: False, {})
    except Refusal as refused:
        assert refused.code


_JUNK = st.sampled_from(
    [None, "", [], {}, 0, -1, 0.5, 1, 2, 101, 1e9, True, "x", "oss://out/a", "1280x", {"a": 1}, [0], [-1], [200]]
)
_LIKELY: dict[str, list[Any]] = {
    "URI": ["oss://out/a", "oss://out/b.m3u8", "oss://films/c.mp4", "oss://out/x/{index}.{autoext}"],
    "Container": ["mp4", "mkv", "ts", "mp3", "oga", "flv"],
    "Resolution": ["640x360", "x100", "100x"],
    "Stream": [[0], [1], [101], []],
    "Language": ["eng"],
    "FontColor": ["#ffffff", "red"],
    "BorderColor": ["black"],
}


def _strategy(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of a model, some of whose fields are as they are meant and some are not."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in model.model_fields.items():
        listed, inner = _inner(field.annotation)
        if inner is not None:
            within = _strategy(inner)
            fields[field.alias or name] = st.lists(within, max_size=2) if listed else within
        else:
            likely = _words(field.annotation) or _LIKELY.get(field.alias or name, [0, 1, 2, 100, 0.5])
            right = st.sampled_from(likely)
            fields[field.alias or name] = st.integers(0, 40).flatmap(lambda n, right=right: _JUNK if n == 40 else right)
    needed = {name: fields.pop(name) for name in ("URI", "Format", "Container", "Targets") if name in fields}
    return st.sets(st.sampled_from(sorted(fields) or [""]), max_size=4).flatmap(
        lambda names: st.fixed_dictionaries({**needed, **{name: fields[name] for name in names if name}})
    )


def _words(annotation: Any) -> list[Any]:
    """Those of a closed set."""
    if annotation is bool:
        return [False, True]
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [word for one in get_args(annotation) if not isinstance(one, str) for word in _words(one)]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(_strategy(Target), max_size=2),
    st.lists(_strategy(TargetGroup), max_size=1),
    st.lists(_strategy(Source), max_size=2),
)
def test_whatever_a_program_asks_for_is_planned_or_refused_with_a_code(targets: Any, groups: Any, sources: Any) -> None:
    asked = {
        "ProjectName": "p",
        "Sources": json.dumps([{**FILM, **one} for one in sources] or [FILM]),
        "Targets": json.dumps(targets),
        "TargetGroups": json.dumps(groups),
    }
    try:
        found = planned(read(asked, CreateMediaConvertTask), lambda _: False, {})
    except Refusal as refused:
        assert refused.code
        return
    try:
        accept(parse_request(found.request), now=NOW)
    except RequestError as error:
        assert in_their_words(error, found.places).status == 400
