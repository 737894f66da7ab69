"""CreateMediaConvertTask as a task of ours: field by field, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.clouds.imm import ENCODED, FILE, FILM, made, plan, refusal, snapshot, sprite


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
        (
            {**FILE, "Audio": {"TranscodeAudio": {"Codec": "aac"}}, "Data": {"Stream": [0]}},
            "InvalidParameter.Data.NotSupported",
        ),
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


@pytest.mark.parametrize("shown", [{}, {"Video": {"TranscodeVideo": {"Codec": "copy"}}}])
@pytest.mark.parametrize("container", ["mp4", "ts"])
def test_sound_is_encoded_beside_a_picture_that_is_copied(shown: dict[str, Any], container: str) -> None:
    heard = {"Stream": [1], "TranscodeAudio": {"Codec": "aac", "Bitrate": 64_000, "Channel": 1}}

    found = made({**FILE, **shown, "Container": container, "Audio": heard}, Sources=[{**FILM, "StartTime": 1}])

    assert found["overrides"] == {
        "kind": "remux",
        "container": container,
        "video": True,
        "audio": {"codec": "aac", "bitrate": 64_000, "channels": 1, "tracks": [1], "missing": "skip"},
        "subtitles": {"mode": "embed", "tracks": "first"} if container == "mp4" else None,
        "data": False,
        "metadata": {"keep": True, "cover": False},
    }


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
    assert refusal(FILE, Tags={"framefleet:parts": "vod/others/"}).code == "InvalidArgument"


def test_topics_are_those_of_the_operator() -> None:
    told = {"RocketMQ": {"InstanceId": "i", "TopicName": "topic"}, "ExtendedMessageURI": "oss://films/m.json"}

    found = plan(FILE, Notification=told)

    assert (found.told_at, found.message_uri) == ("https://h.example/", "storage://films/m.json")
    assert refusal(FILE, Notification={"MNS": {"TopicName": "other"}}).code == "InvalidArgument"
