"""IMM through the vendor's SDK: what a user who came over found."""

from __future__ import annotations

import subprocess

import pytest

from framefleet.adapters.tools import find_ffmpeg
from tests.clouds.conftest import Cloud
from tests.clouds.test_imm import BOTH, FILM, calls, succeeded

COLOURS = {"red": (254, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 254)}


@pytest.fixture(scope="module")
def colours(cloud: Cloud) -> str:
    """A film of one second of each colour."""
    inputs = [part for colour in COLOURS for part in ("-f", "lavfi", "-i", f"color={colour}:s=64x36:r=25:d=1")]
    joined = ["-filter_complex", f"concat=n={len(COLOURS)}:v=1", "-pix_fmt", "yuv420p"]
    out = str(cloud.buckets / "films" / "colours.mp4")
    subprocess.run([find_ffmpeg(None).path, "-y", "-v", "error", *inputs, *joined, out], check=True)
    return "oss://films/colours.mp4"


def test_the_last_frame_of_an_animation_has_its_own_colours(cloud: Cloud, colours: str) -> None:
    animation = {"URI": "oss://results/found/a.gif", "Format": "gif", "Interval": 1, "FrameRate": 2}
    succeeded(cloud, {"Image": {"Animations": [animation]}}, Sources=[{"URI": colours}])

    path = str(cloud.buckets / "results/found/a.gif")
    one = ["-vf", "format=rgb24,crop=1:1:20:20", "-f", "rawvideo", "-"]
    done = subprocess.run([find_ffmpeg(None).path, "-v", "error", "-i", path, *one], check=True, capture_output=True)
    found = [tuple(done.stdout[i : i + 3]) for i in range(0, len(done.stdout), 3)]
    assert len(found) == len(COLOURS)
    for seen, wanted in zip(found, COLOURS.values(), strict=True):
        assert all(abs(a - b) <= 8 for a, b in zip(seen, wanted, strict=True)), found


@BOTH
def test_a_project_keeps_its_tags_when_something_else_is_changed(cloud: Cloud, sdk: str) -> None:
    name = f"tagged-{sdk}"
    tags = [{"Key": "a", "Value": "b"}]

    _, changed, listed = calls(
        cloud,
        ("CreateProject", {"ProjectName": name, "Tag": tags}),
        ("UpdateProject", {"ProjectName": name, "Description": "new"}),
        ("ListProjects", {"Prefix": name, "Tag": tags}),
        sdk=sdk,
    )

    assert changed["Project"]["Description"] == "new"
    assert changed["Project"]["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
    assert [one["ProjectName"] for one in listed["Projects"]] == [name]


def test_refusals_speak_of_the_vendors_parameters(cloud: Cloud) -> None:
    sound = {"TranscodeAudio": {"Codec": "aac", "SampleRate": 12_345}}
    target = {"URI": "oss://results/found/a.mp4", "Container": "mp4", "Video": {"DisableVideo": True}, "Audio": sound}

    rate, look = calls(
        cloud,
        ("CreateMediaConvertTask", {"ProjectName": "default", "Sources": [FILM], "Targets": [target]}),
        ("DetectMediaMeta", {"ProjectName": "default", "SourceURI": "oss://films/nothing.mp4"}),
    )

    assert rate["error"]["code"] == "InvalidArgument"
    assert "Targets[0].Audio.TranscodeAudio.SampleRate:" in rate["error"]["message"]
    assert "overrides" not in rate["error"]["message"]
    assert look["error"]["code"] == "ResourceNotFound"
    assert "Sources" not in look["error"]["message"]
