"""IMM through the vendor's SDK: what is asked for is what comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clouds.conftest import Cloud
from tests.clouds.sdks import PROGRAMS, Account, run

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
