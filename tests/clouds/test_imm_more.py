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
    both = {"URI": "oss://results/cut/film", "Video": video, "Audio": AAC}
    silent = {"Video": {"TranscodeVideo": SMALL}, "Audio": {"DisableAudio": True}}
    succeeded(
        cloud,
        {**both, "Container": "ts", "Segment": {"Format": "hls", "Duration": 2, "StartNumber": 5}},
        {**both, "URI": "oss://results/cut/dash", "Container": "mp4", "Segment": {"Format": "dash", "Duration": 2}},
        {
            **silent,
            "URI": "oss://results/cut/long.m3u8",
            "Container": "mp4",
            "Segment": {"Format": "hls", "Duration": 30},
        },
    )

    assert "#EXT-X-STREAM-INF" in text(cloud, "results/cut/film.m3u8")
    segments = sorted(path.name for path in (cloud.buckets / "results/cut/film").rglob("*.ts"))
    assert segments
    assert any("5" in name for name in segments)
    for manifest in ("film.m3u8", "dash.mpd", "long.m3u8"):
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
    small = {"Container": "mp4", "Video": {"TranscodeVideo": SMALL}}
    extract = {"ExtractSubtitle": {"Format": "webvtt", "URI": "oss://results/marks/text"}}
    marked = {"TranscodeVideo": {"Codec": "h264", "CRF": 23}, "FilterVideo": filters}
    succeeded(
        cloud,
        {"URI": "oss://results/marks/film.mp4", "Container": "mp4", "Video": marked, "Audio": AAC},
        {**small, "URI": "oss://results/marks/beside.mp4", "Audio": AAC, "Subtitle": extract},
        {"Subtitle": {"ExtractSubtitle": {"Format": "srt", "URI": "oss://results/marks/alone"}}},
        {**small, "URI": "oss://results/marks/bare.mp4", "Subtitle": {"DisableSubtitle": True}},
        Sources=[{**FILM, "Subtitles": subtitles}],
    )

    assert set(streams(cloud, "results/marks/film.mp4")) == {"video", "audio", "subtitle"}
    assert set(streams(cloud, "results/marks/bare.mp4")) == {"video", "audio"}
    assert "One" in text(cloud, "results/marks/text_0.vtt")
    assert "00:00:01,500 --> 00:00:02,500" in text(cloud, "results/marks/alone_0.srt")
    assert {path.name for path in (cloud.buckets / "results/marks").glob("alone*")} == {"alone_0.srt"}
    command = [ffmpeg, "-v", "error", "-ss", "3", "-i", str(cloud.buckets / "results/marks/film.mp4"), "-frames:v", "1"]
    command += ["-vf", "crop=8:8:300:160,scale=1:1,format=rgb24", "-f", "rawvideo", "-"]
    red, green, blue = subprocess.run(command, check=True, capture_output=True).stdout
    assert red > 180
    assert max(green, blue) < 80


@BOTH
def test_the_end_is_told(cloud: Cloud, topic: tuple[str, list[dict[str, Any]]], sdk: str) -> None:
    _, told = topic
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


def refused(cloud: Cloud, request: dict[str, Any], sdk: str = "imm5") -> dict[str, Any]:
    """What the SDK's exception says."""
    [answer] = calls(cloud, ("CreateMediaConvertTask", {"ProjectName": "default", **request}), sdk=sdk)
    return dict(answer["error"])


PLAIN = {"URI": "oss://results/never.mp4", "Container": "mp4"}
REFUSALS: dict[str, tuple[dict[str, Any], str, str]] = {
    "sources": ({"Sources": [FILM] * 12, "Targets": [PLAIN]}, "LimitExceededError", "Sources"),
    "user data": (
        {"Sources": [FILM], "Targets": [PLAIN], "UserData": "ä" * 1024 + "x"},
        "InvalidArgument",
        "UserData",
    ),
    "project": (
        {"ProjectName": "nowhere", "Sources": [FILM], "Targets": [PLAIN]},
        "ResourceNotFound",
        "project",
    ),
    "no project": ({"ProjectName": "", "Sources": [FILM]}, "InvalidArgument", "ProjectName is required"),
    "no targets": ({"Sources": [FILM]}, "InvalidArgument", "Targets is required"),
    "missing film": (
        {"Sources": [{"URI": "oss://films/nothing.mp4"}], "Targets": [PLAIN]},
        "ResourceNotFound",
        "Sources[0].URI",
    ),
    "address": ({"Sources": [{"URI": "ftp://films/film.mp4"}], "Targets": [PLAIN]}, "InvalidArgument", "Sources[0]"),
    "codec": (
        {"Sources": [FILM], "Targets": [{**PLAIN, "Video": {"TranscodeVideo": {"Codec": "mpeg2"}}}]},
        "InvalidArgument",
        "Targets[0].Video.TranscodeVideo.Codec",
    ),
    "slim": (
        {"Sources": [FILM], "Targets": [{**PLAIN, "Video": {"TranscodeVideo": {"Codec": "h264", "VideoSlim": 1}}}]},
        "InvalidParameter.VideoSlim.NotSupported",
        "VideoSlim",
    ),
    "faces": (
        {
            "Sources": [FILM],
            "Targets": [
                {
                    **PLAIN,
                    "Video": {
                        "TranscodeVideo": SMALL,
                        "FilterVideo": {"Desensitization": {"Face": {"BlurRadius": 10}}},
                    },
                }
            ],
        },
        "InvalidParameter.Desensitization.NotSupported",
        "Targets[0].Video.FilterVideo.Desensitization",
    ),
    "container": (
        {"Sources": [FILM], "Targets": [{**PLAIN, "Container": "mxf"}]},
        "InvalidParameter.Container.NotSupported",
        "mxf",
    ),
    "topic": (
        {"Sources": [FILM], "Targets": [PLAIN], "Notification": {"MNS": {"TopicName": "other"}}},
        "InvalidArgument",
        "Notification.MNS.TopicName",
    ),
}


@pytest.mark.parametrize("sdk", ["imm5", "imm4"])
def test_refusals_come_as_the_sdks_own_exception(cloud: Cloud, sdk: str) -> None:
    steps = [("CreateMediaConvertTask", {"ProjectName": "default", **asked}) for asked, _, _ in REFUSALS.values()]

    answers = calls(cloud, *steps, sdk=sdk)

    for (name, (_, code, said)), answer in zip(REFUSALS.items(), answers, strict=True):
        assert "error" in answer, name
        error = answer["error"]
        assert error["type"] == ("ClientException" if sdk == "imm5" else error["type"]), name
        assert error["code"] == code, (name, error)
        assert said in error["message"], (name, error)


def test_a_task_that_fails_says_why(cloud: Cloud) -> None:
    (cloud.buckets / "films/letter.mp4").write_text("This is no film.", encoding="utf-8")
    asked = {**PLAIN, "Video": {"TranscodeVideo": {**SMALL, "FrameRate": 60, "FrameRateOption": "fall"}}, "Audio": AAC}

    def ended(**more: Any) -> dict[str, Any]:
        request = {"ProjectName": "default", "Sources": [FILM], "Targets": [asked], **more}
        return dict(calls(cloud, ("CreateMediaConvertTask", request), ("Wait", {"ProjectName": "default"}))[1])

    slow, text_file = ended(), ended(Sources=[{"URI": "oss://films/letter.mp4"}])

    assert (slow["Status"], slow["Code"]) == ("Failed", "InvalidArgument")
    assert slow["Message"].startswith("Targets[0]: the source has 25 frames/s only")
    assert (text_file["Status"], text_file["Code"]) == ("Failed", "UnsupportedFormat")
    assert text_file["Message"].startswith("Sources[0].URI:")


def test_tasks_are_their_tenants_and_their_projects(cloud: Cloud) -> None:
    still = {"Image": {"Snapshots": [{"URI": "oss://results/mine.jpg", "Format": "jpg", "Number": 1}]}}
    request = {"ProjectName": "mine", "Sources": [FILM], "Targets": [still]}
    made = calls(cloud, ("CreateProject", {"ProjectName": "mine"}), ("CreateMediaConvertTask", request))[1]
    asked = {"ProjectName": "mine", "TaskType": "MediaConvert", "TaskId": made["TaskId"]}
    other = cloud.key("--role", "producer", "--signs", "--pipeline", "others")
    viewer = cloud.key("--role", "viewer", "--signs")

    own, elsewhere = calls(cloud, ("GetTask", asked), ("GetTask", {**asked, "ProjectName": "default"}))
    theirs = calls(
        cloud,
        ("GetTask", asked),
        ("CreateProject", {"ProjectName": "mine"}),
        ("GetTask", asked),
        ("ListTasks", {"ProjectName": "mine"}),
        account=other,
    )
    seen, forbidden, no_project = calls(
        cloud,
        ("GetTask", asked),
        ("CreateMediaConvertTask", request),
        ("DeleteProject", {"ProjectName": "mine"}),
        account=viewer,
    )

    assert own["TaskId"] == made["TaskId"]
    assert elsewhere["error"]["code"] == "ResourceNotFound"
    assert [one.get("error", {}).get("code") for one in theirs] == ["ResourceNotFound", None, "ResourceNotFound", None]
    assert theirs[3]["Tasks"] == []
    assert seen["TaskId"] == made["TaskId"]
    assert (forbidden["error"]["code"], forbidden["error"]["status"]) == ("Forbidden.RAM", 403)
    assert no_project["error"]["code"] == "Forbidden.RAM"


def test_listings_are_paged_in_order(cloud: Cloud) -> None:
    still = {"Image": {"Snapshots": [{"URI": "oss://results/listed.jpg", "Format": "jpg", "Number": 1}]}}
    request = {"ProjectName": "paged", "Sources": [FILM], "Targets": [still]}
    made = calls(
        cloud,
        ("CreateProject", {"ProjectName": "paged"}),
        *[("CreateMediaConvertTask", {**request, "Tags": {"n": str(i)}}) for i in range(5)],
        ("Wait", {"ProjectName": "paged"}),
    )
    ids = [one["TaskId"] for one in made[1:6]]

    def pages(**asked: Any) -> list[str]:
        found: list[str] = []
        token = ""
        while True:
            [page] = calls(cloud, ("ListTasks", {"ProjectName": "paged", "MaxResults": 2, "NextToken": token, **asked}))
            assert len(page["Tasks"]) <= 2
            found += [task["TaskId"] for task in page["Tasks"]]
            token = page["NextToken"]
            if not token:
                return found

    assert ids == sorted(ids)
    assert pages() == ids
    assert pages(Order="desc", Sort="StartTime") == ids[::-1]
    assert sorted(pages(Sort="EndTime")) == ids
    assert pages(TagSelector="n=3") == [ids[3]]
    [none, wrong] = calls(
        cloud,
        ("ListTasks", {"ProjectName": "paged", "StartTimeRange": {"End": "2020-01-01T00:00:00Z"}}),
        ("ListTasks", {"ProjectName": "paged", "NextToken": "x"}),
    )
    assert none["Tasks"] == []
    assert wrong["error"]["code"] == "InvalidArgument"


@BOTH
def test_projects_are_kept_changed_and_listed(cloud: Cloud, sdk: str) -> None:
    name = f"kept-{sdk}"
    answers = calls(
        cloud,
        ("CreateProject", {"ProjectName": name, "Description": "one", "ServiceRole": "role"}),
        ("CreateProject", {"ProjectName": name}),
        ("UpdateProject", {"ProjectName": name, "Description": "two"}),
        ("GetProject", {"ProjectName": name}),
        ("ListProjects", {"Prefix": f"kept-{sdk}", "MaxResults": 1}),
        ("DeleteProject", {"ProjectName": name}),
        ("GetProject", {"ProjectName": name}),
        ("CreateProject", {"ProjectName": "9-no"}),
        sdk=sdk,
    )

    assert answers[1]["error"]["code"] == "ResourceAlreadyExists"
    assert (answers[3]["Project"]["Description"], answers[3]["Project"]["ServiceRole"]) == ("two", "role")
    assert [project["ProjectName"] for project in answers[4]["Projects"]] == [name]
    assert "error" not in answers[5]
    assert answers[6]["error"]["code"] == "ResourceNotFound"
    assert answers[7]["error"]["code"] == "InvalidArgument"


@BOTH
def test_what_is_in_a_file(cloud: Cloud, sdk: str) -> None:
    found, missing = calls(
        cloud,
        ("DetectMediaMeta", {"ProjectName": "default", "SourceURI": "oss://films/film.mp4"}),
        ("DetectMediaMeta", {"ProjectName": "default", "SourceURI": "oss://films/nothing.mp4"}),
        sdk=sdk,
    )

    assert (found["VideoWidth"], found["VideoHeight"], found["StreamCount"]) == (320, 180, 2)
    assert abs(found["Duration"] - 6) < 0.1
    assert found["VideoStreams"][0]["CodecName"] == "h264"
    assert found["AudioStreams"][0]["SampleRate"] == 48_000
    assert missing["error"]["code"] == "ResourceNotFound"
