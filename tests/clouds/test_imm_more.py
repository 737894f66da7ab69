"""IMM through the vendor's SDK: segments, groups, marks, subtitles, notifications, refusals, limits."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from framefleet.adapters.tools import find_ffmpeg
from tests.clouds.conftest import Cloud
from tests.clouds.test_imm import BOTH, FILM, SMALL, calls, streams, succeeded
from tests.waiting import eventually

AAC = {"TranscodeAudio": {"Codec": "aac", "Bitrate": 64_000}}


@pytest.fixture(scope="session")
def topic() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a topic's receiver, and what it was told."""
    told: list[dict[str, Any]] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing is printed."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/topic", told
        server.shutdown()


@pytest.fixture(scope="module")
def cloud_environment(topic: tuple[str, list[dict[str, Any]]]) -> dict[str, str]:
    return {"FRAMEFLEET_CLOUD_TOPICS": json.dumps({"test-topic": topic[0]})}


def text(cloud: Cloud, path: str) -> str:
    return (cloud.buckets / path).read_text(encoding="utf-8")


def test_segments_lie_below_their_playlist(cloud: Cloud) -> None:
    video = {"TranscodeVideo": {**SMALL, "FrameRate": 25, "GOPSize": 25}}
    succeeded(
        cloud,
        {"URI": "oss://results/cut/film", "Container": "ts", "Video": video, "Audio": AAC, "Segment": {"Format": "hls", "Duration": 2, "StartNumber": 5}},
        {"URI": "oss://results/cut/film", "Container": "mp4", "Video": video, "Audio": AAC, "Segment": {"Format": "dash", "Duration": 2}},
        {"URI": "oss://results/cut/long.m3u8", "Container": "mp4", "Video": {"TranscodeVideo": SMALL}, "Audio": {"DisableAudio": True}, "Segment": {"Format": "hls", "Duration": 30}},
    )  # fmt: skip

    assert "#EXT-X-STREAM-INF" in text(cloud, "results/cut/film.m3u8")
    segments = sorted(path.name for path in (cloud.buckets / "results/cut/film").rglob("*.ts"))
    assert segments
    assert any("5" in name for name in segments)
    for manifest in ("film.m3u8", "film.mpd", "long.m3u8"):
        found = streams(cloud, f"results/cut/{manifest}")["video"]
        assert (found["width"], found["height"]) == (160, 90)


def test_a_group_is_one_master_playlist(cloud: Cloud) -> None:
    def variant(name: str, size: str, bitrate: int) -> dict[str, Any]:
        return {
            "URI": f"oss://results/group/{name}/index.m3u8",
            "Container": "ts",
            "Video": {"TranscodeVideo": {"Codec": "h264", "Bitrate": bitrate, "Resolution": size}},
            "Audio": AAC,
            "Segment": {"Format": "hls", "Duration": 3},
        }

    group = {
        "URI": "oss://results/group/master.m3u8",
        "Targets": [
            variant("high", "320x180", 400_000),
            variant("low", "320x180", 150_000),
            variant("small", "160x90", 80_000),
        ],
    }
    request = {"ProjectName": "default", "Sources": [FILM], "TargetGroups": [group]}

    _, ended = calls(cloud, ("CreateMediaConvertTask", request), ("Wait", {"ProjectName": "default"}))

    assert ended["Status"] == "Succeeded", ended
    master = text(cloud, "results/group/master.m3u8")
    assert [line.count("RESOLUTION=") for line in master.splitlines() if "STREAM-INF" in line] == [1, 1, 1]
    assert master.count("RESOLUTION=320x180") == 2


def test_marks_subtitles_and_covers(cloud: Cloud) -> None:
    logo = cloud.buckets / "films/logo.png"
    ffmpeg = find_ffmpeg(None).path
    subprocess.run(
        [ffmpeg, "-v", "error", "-y", "-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", "1", str(logo)], check=True
    )
    (cloud.buckets / "films/film.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nOne\n\n2\n00:00:03,000 --> 00:00:04,000\nTwo\n", encoding="utf-8"
    )
    marks = [
        {"Type": "file", "URI": "oss://films/logo.png", "Width": 32, "Height": 32, "ReferPos": "bottomright"},
        {
            "Content": "Preview",
            "Dx": 0.1,
            "Dy": 10,
            "FontSize": 24,
            "FontColor": "#ffffff",
            "FontApha": 0.5,
            "Duration": 2,
        },
    ]
    filters = {"Watermarks": marks, "Delogos": [{"Dx": 10, "Dy": 10, "Width": 40, "Height": 20}]}
    subtitles = [{"URI": "oss://films/film.srt", "Language": "eng", "TimeOffset": 0.5}]
    succeeded(
        cloud,
        {"URI": "oss://results/marks/film.mp4", "Container": "mp4", "Video": {"TranscodeVideo": {"Codec": "h264", "CRF": 23}, "FilterVideo": filters}, "Audio": AAC},
        {"URI": "oss://results/marks/beside.mp4", "Container": "mp4", "Video": {"TranscodeVideo": SMALL}, "Audio": AAC, "Subtitle": {"ExtractSubtitle": {"Format": "webvtt", "URI": "oss://results/marks/text"}}},
        {"URI": "oss://results/marks/bare.mp4", "Container": "mp4", "Video": {"TranscodeVideo": SMALL}, "Subtitle": {"DisableSubtitle": True}},
        Sources=[{**FILM, "Subtitles": subtitles}],
    )  # fmt: skip

    assert set(streams(cloud, "results/marks/film.mp4")) == {"video", "audio", "subtitle"}
    assert set(streams(cloud, "results/marks/bare.mp4")) == {"video", "audio"}
    assert "One" in text(cloud, "results/marks/text_0.vtt")
    command = [ffmpeg, "-v", "error", "-ss", "3", "-i", str(cloud.buckets / "results/marks/film.mp4"), "-frames:v", "1"]
    command += ["-vf", "crop=8:8:300:160,scale=1:1,format=rgb24", "-f", "rawvideo", "-"]
    red, green, blue = subprocess.run(command, check=True, capture_output=True).stdout
    assert red > 180
    assert max(green, blue) < 80


@BOTH
def test_the_end_is_told(cloud: Cloud, topic: tuple[str, list[dict[str, Any]]], sdk: str) -> None:
    url, told = topic
    where = f"results/told/{sdk}.json"
    request = {
        "ProjectName": "default",
        "Sources": [FILM],
        "Targets": [{"Image": {"Snapshots": [{"URI": f"oss://results/told/{sdk}.jpg", "Format": "jpg", "Number": 1}]}}],
        "Notification": {"MNS": {"TopicName": "test-topic"}, "ExtendedMessageURI": f"oss://{where}"},
        "UserData": "mine",
    }

    made, ended = calls(cloud, ("CreateMediaConvertTask", request), ("Wait", {"ProjectName": "default"}), sdk=sdk)

    assert ended["Status"] == "Succeeded", ended
    message = eventually(
        lambda: next((one for one in told if made["TaskId"] in one["content"]), None), "the message", 30
    )
    assert (message["source"], message["type"]) == ("acs.imm", "imm:Task:MediaConvert")
    content = json.loads(message["content"])
    assert (content["Status"], content["UserData"], content["RequestId"]) == ("Succeeded", "mine", made["RequestId"])
    assert content["Targets"][0]["Image"]["Snapshots"][0]["URIs"] == [f"oss://results/told/{sdk}.jpg"]
    assert json.loads(text(cloud, where)) == content
