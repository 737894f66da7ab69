"""IMM through the vendor's SDK: what is asked for is what comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clouds.conftest import Cloud
from tests.clouds.sdks import PROGRAMS, ROOT, Account, run, started

BOTH = pytest.mark.parametrize("sdk", ["imm5", "imm4"])
FILM = {"URI": "oss://films/film.mp4"}
SMALL = {"Codec": "h264", "CRF": 30, "Resolution": "160x90"}


def calls(
    cloud: Cloud,
    *steps: tuple[str, dict[str, Any]],
    sdk: str = "imm5",
    mode: str = "sync",
    account: Account | None = None,
) -> list[Any]:
    """The answers, through one run of the SDK."""
    return run(sdk, PROGRAMS / "imm.py", account or cloud.account, mode, json.dumps(steps))


def converted(cloud: Cloud, *targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The task at its end."""
    request = {"ProjectName": "default", "Sources": [FILM], "Targets": list(targets), **more}
    made, ended = calls(cloud, ("CreateMediaConvertTask", request), ("Wait", {"ProjectName": "default"}))
    assert "error" not in made, made
    return dict(ended)


def succeeded(cloud: Cloud, *targets: dict[str, Any], **more: Any) -> None:
    ended = converted(cloud, *targets, **more)
    assert ended["Status"] == "Succeeded", ended


def streams(cloud: Cloud, path: str) -> dict[str, dict[str, Any]]:
    """The first stream of each kind."""
    found: dict[str, dict[str, Any]] = {}
    for stream in cloud.probe(path)["streams"]:
        found.setdefault(stream["codec_type"], stream)
    return found


@BOTH
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_task_is_made_polled_and_listed(cloud: Cloud, sdk: str, mode: str) -> None:
    name = f"{sdk}-{mode}"
    out = f"results/{name}/film.mp4"
    asked = {
        "ProjectName": name,
        "Sources": [FILM],
        "Targets": [
            {
                "URI": f"oss://{out}",
                "Container": "mp4",
                "Video": {
                    "TranscodeVideo": {"Codec": "h264", "Bitrate": 300_000, "Resolution": "160x90", "FrameRate": 12.5}
                },
                "Audio": {"TranscodeAudio": {"Codec": "aac", "Bitrate": 64_000, "Channel": 1, "SampleRate": 44_100}},
                "StripMetadata": True,
            }
        ],
        "UserData": '{"ID": "testuid","Name": "test-user","Avatar": "http://test.com/testuid"}',
        "Tags": {"test": "val1"},
    }

    answers = calls(
        cloud,
        ("CreateProject", {"ProjectName": name, "Description": "ours", "Tag": [{"Key": "a", "Value": "b"}]}),
        ("CreateMediaConvertTask", asked),
        ("Wait", {"ProjectName": name, "RequestDefinition": True}),
        (
            "ListTasks",
            {"ProjectName": name, "TaskTypes": ["MediaConvert"], "TagSelector": "test=val1", "Status": "Succeeded"},
        ),
        ("ListTasks", {"ProjectName": name, "TagSelector": "test=val2"}),
        sdk=sdk,
        mode=mode,
    )

    made, created, ended, found, nothing = answers
    assert made["Project"]["ProjectQueriesPerSecond"] == 100
    assert made["Project"]["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
    assert created["TaskId"].startswith("MediaConvert-")
    assert created["EventId"]
    assert created["RequestId"] == created["RequestId"].upper()
    assert ended["Status"] == "Succeeded", ended
    assert (ended["Progress"], ended["TaskId"], ended["EventId"]) == (100, created["TaskId"], created["EventId"])
    assert ended["UserData"] == asked["UserData"]
    assert ended["Tags"] == asked["Tags"]
    assert json.loads(ended["TaskRequestDefinition"]) == asked
    assert ended["StartTime"] <= ended["EndTime"]
    assert [task["TaskId"] for task in found["Tasks"]] == [created["TaskId"]]
    assert (found["MaxResults"], found["NextToken"]) in {("100", ""), (100, "")}
    assert nothing["Tasks"] == []
    video, audio = streams(cloud, out)["video"], streams(cloud, out)["audio"]
    assert (video["codec_name"], video["width"], video["height"], video["r_frame_rate"]) == ("h264", 160, 90, "25/2")
    assert (audio["codec_name"], audio["channels"], audio["sample_rate"]) == ("aac", 1, "44100")
    assert abs(float(cloud.probe(out)["format"]["duration"]) - 6) < 0.2
    status, page = cloud.server.request("GET", f"/tasks?id={created['TaskId']}")
    assert (status, f">{created['TaskId']}</a>".encode() in page) == (200, True)


def test_what_is_not_said_is_copied(cloud: Cloud) -> None:
    succeeded(
        cloud,
        {"URI": "oss://results/copy/whole", "Container": "mkv"},
        {"URI": "oss://results/copy/picture.mp4", "Container": "mp4", "Audio": {"DisableAudio": True}, "Speed": 0.5},
        {"URI": "oss://results/copy/sound.mp4", "Container": "mp4", "Video": {"TranscodeVideo": {}}},
        {"URI": "oss://results/copy/beside.mp4", "Container": "mp4", "Video": {"TranscodeVideo": SMALL}},
        {
            "URI": "oss://results/copy/other-sound.mp4",
            "Container": "mp4",
            "Audio": {"TranscodeAudio": {"Codec": "aac", "Channel": 1}},
        },
        {"URI": "oss://results/copy/bare", "Container": "aac", "Audio": {"TranscodeAudio": {"Codec": "aac"}}},
        {
            "URI": "oss://results/copy/song",
            "Container": "mp3",
            "Audio": {"TranscodeAudio": {"Codec": "mp3", "Quality": 50}},
        },
    )

    whole = streams(cloud, "results/copy/whole.mkv")
    assert (whole["video"]["codec_name"], whole["video"]["width"], whole["audio"]["codec_name"]) == ("h264", 320, "aac")
    assert set(streams(cloud, "results/copy/picture.mp4")) == {"video"}
    assert set(streams(cloud, "results/copy/sound.mp4")) == {"audio"}
    beside = streams(cloud, "results/copy/beside.mp4")
    assert (beside["video"]["width"], beside["audio"]["codec_name"], beside["audio"]["channels"]) == (160, "aac", 2)
    other = streams(cloud, "results/copy/other-sound.mp4")
    assert (other["video"]["width"], other["audio"]["codec_name"], other["audio"]["channels"]) == (320, "aac", 1)
    assert cloud.probe("results/copy/bare.aac")["format"]["format_name"] == "aac"
    assert streams(cloud, "results/copy/song.mp3")["audio"]["codec_name"] == "mp3"


def test_pictures_are_sized_as_asked_for(cloud: Cloud) -> None:
    wanted: dict[str, tuple[dict[str, Any], tuple[int, int]]] = {
        "stretch": ({"Resolution": "200x200"}, (200, 200)),
        "one-side": ({"Resolution": "160x"}, (160, 180)),
        "other-side": ({"Resolution": "x90"}, (320, 90)),
        "crop": ({"Resolution": "100x100", "ScaleType": "crop"}, (100, 100)),
        "fill": ({"Resolution": "400x400", "ScaleType": "fill"}, (400, 400)),
        "fit": ({"Resolution": "400x400", "ScaleType": "fit"}, (400, 224)),
        "adaptive": ({"Resolution": "640x360", "ResolutionOption": "adaptive"}, (320, 180)),
        "fixed": ({"Resolution": "640x360"}, (640, 360)),
        "upright": ({"Resolution": "90x160", "AdaptiveResolutionDirection": True}, (160, 90)),
        "turned": ({"Rotation": 90}, (180, 320)),
    }

    succeeded(
        cloud,
        *(
            {
                "URI": f"oss://results/sizes/{name}.mp4",
                "Container": "mp4",
                "Video": {"TranscodeVideo": {"Codec": "h264", "CRF": 40, **asked}},
                "Audio": {"DisableAudio": True},
            }
            for name, (asked, _) in wanted.items()
        ),
        Sources=[{**FILM, "Duration": 1}],
    )

    found = {name: streams(cloud, f"results/sizes/{name}.mp4")["video"] for name in wanted}
    assert {name: (one["width"], one["height"]) for name, one in found.items()} == {
        name: size for name, (_, size) in wanted.items()
    }


def test_parts_are_joined_in_order(cloud: Cloud) -> None:
    succeeded(
        cloud,
        {
            "URI": "oss://results/joined.mp4",
            "Container": "mp4",
            "Video": {"TranscodeVideo": {**SMALL, "GOPSize": 50, "BFrames": 0, "Refs": 1, "PixelFormat": "yuv420p"}},
            "Audio": {"TranscodeAudio": {"Codec": "aac"}},
        },
        Sources=[{**FILM, "StartTime": 1, "Duration": 2.4}, {"URI": "oss://films/second.mp4", "DisableAudio": True}],
        AlignmentIndex=1,
    )

    found = cloud.probe("results/joined.mp4")
    video = streams(cloud, "results/joined.mp4")["video"]
    assert abs(float(found["format"]["duration"]) - 6.4) < 0.1
    assert (int(video["nb_frames"]), video["has_b_frames"]) == (160, 0)


def test_stills_are_as_many_and_as_large_as_asked_for(cloud: Cloud) -> None:
    half = {"Width": 0.5, "Height": 0.5}
    quarter = {"ScaleWidth": 0.25, "ScaleHeight": 0.25}
    box = {"Width": 100, "Height": 100, "ScaleType": "fit"}
    tight = {"ScaleWidth": 64, "ScaleHeight": 36, "Pad": 0, "Margin": 0, "TileWidth": 2, "TileHeight": 2}
    snapshots: list[dict[str, Any]] = [
        {"URI": "every.jpg", "Interval": 2},
        {"URI": "some-{index}.{autoext}", "Format": "png", "Interval": 1, "StartTime": 1, "Number": 2, **half},
        {"URI": "one", "Mode": "average", "Number": 1, **box},
        {"URI": "key.jpg", "Mode": "keyframe"},
        {"URI": "scene.jpg", "Mode": "dhash", "Number": 1, "Threshold": 20},
    ]
    sprites: list[dict[str, Any]] = [
        {"URI": "sheet.jpg", "Interval": 1, "TileWidth": 3, "TileHeight": 2, **quarter},
        {"URI": "part.jpg", "StartTime": 2, "Interval": 0.5, "Number": 4, **tight},
        {"URI": "whole.jpg", "Mode": "average", "Number": 4},
    ]
    animations = [
        {"URI": "move.gif", "Format": "gif", "StartTime": 1, "Interval": 0.5, "Number": 6, "FrameRate": 4, **half},
        {"URI": "all.{autoext}", "Format": "webp", "Interval": 1, "FrameRate": 2},
    ]

    def placed(stills: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"Format": "jpg", **one, "URI": f"oss://results/stills/{one['URI']}"} for one in stills]

    image = {"Snapshots": placed(snapshots), "Sprites": placed(sprites), "Animations": placed(animations)}
    succeeded(cloud, {"Image": image})

    there = sorted(path.name for path in (cloud.buckets / "results/stills").iterdir() if path.suffix != ".vtt")
    assert there == [
        *("all.webp", "every_1.jpg", "every_2.jpg", "every_3.jpg", "key_1.jpg", "key_2.jpg", "key_3.jpg", "move.gif"),
        *("one.jpg", "part.jpg", "scene.jpg", "sheet.jpg"),
        *("some-1.png", "some-2.png", "whole.jpg"),
    ]

    def size(name: str) -> tuple[int, int]:
        found = streams(cloud, f"results/stills/{name}")["video"]
        return found["width"], found["height"]

    assert (size("every_1.jpg"), size("some-1.png"), size("one.jpg")) == ((320, 180), (160, 90), (100, 56))
    # Two pixels between the tiles and around them.
    assert size("sheet.jpg") == (3 * 80 + 2 * 2 + 4, 2 * 44 + 2 + 4)
    assert size("part.jpg") == (128, 72)
    assert size("whole.jpg") == (4 * 320 + 3 * 2 + 4, 180 + 4)
    assert size("move.gif") == (160, 90)
    assert abs(float(cloud.probe("results/stills/move.gif")["format"]["duration"]) - 1.5) < 0.1


@BOTH
def test_the_program_of_the_page_works_as_it_is_printed(cloud: Cloud, sdk: str, tmp_path: Path) -> None:
    page = (ROOT / "docs/howto/imm.md").read_text(encoding="utf-8")
    program = tmp_path / "example.py"
    program.write_text(page.partition("```python\n")[2].partition("```")[0], encoding="utf-8")

    done = started(sdk, program, cloud.account)

    assert (done.returncode, done.stdout.strip()) == (0, "Succeeded"), done.stderr
    there = {path.name for path in (cloud.buckets / "results/example").iterdir() if path.is_file()}
    assert there == {"film.mp4", *(f"{i}.jpg" for i in range(1, 7))}
