"""Tencent VOD through its official SDK: what was asked for is what the outputs have."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import re
import struct
import subprocess
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from framefleet.adapters.tools import find_ffmpeg
from tests.clouds.conftest import Cloud
from tests.clouds.sdks import ROOT, run
from tests.clouds.vod import WAYS, Refused, Vod, below, caller, outputs

SMALL = {
    "Container": "mp4",
    "Name": "small",
    "VideoTemplate": {"Codec": "libx264", "Fps": 10, "Bitrate": 128, "Width": 160, "Height": 0, "Mode": "ABR"},
    "AudioTemplate": {"Codec": "libfdk_aac", "Bitrate": 48, "SampleRate": 44100, "AudioChannel": 1},
}
FILM = "storage://films/film.mp4"


@pytest.fixture(scope="module")
def bucket(cloud: Cloud) -> Cloud:
    """With the storage that VOD's files lie in."""
    root = cloud.buckets / "vod"
    root.mkdir()
    status, said = cloud.server.request("PUT", "/v1/storages/vod", {"kind": "directory", "root": str(root)})
    assert status in {200, 201}, said
    return cloud


@pytest.fixture(scope="module")
def vod(bucket: Cloud) -> Iterator[Vod]:
    with caller(bucket) as found:
        yield found


@pytest.fixture(scope="module")
def small(vod: Vod) -> int:
    """A template that is quickly encoded."""
    return int(vod("CreateTranscodeTemplate", **SMALL)["Definition"])


def streams(cloud: Cloud, url: str) -> dict[str, dict[str, Any]]:
    """By kind, of the file at an address of an answer."""
    return {one["codec_type"]: one for one in cloud.probe(below(cloud, url))["streams"]}


def test_documented_kinds_of_elements_have_the_outputs_that_were_asked_for(bucket: Cloud, vod: Vod, small: int) -> None:
    asked = {
        "TranscodeTaskSet": [{"Definition": 100010}, {"Definition": small}, {"Definition": 1110}],
        "AnimatedGraphicTaskSet": [{"Definition": 20000, "StartTimeOffset": 1, "EndTimeOffset": -4}],
        "SnapshotByTimeOffsetTaskSet": [
            {"Definition": 10, "ExtTimeOffsetSet": ["3.5s", "10%", "1s"]},
            {"Definition": 10, "TimeOffsetSet": [2000, 500]},
        ],
        "SampleSnapshotTaskSet": [{"Definition": 10}],
        "ImageSpriteTaskSet": [{"Definition": 10}],
        "CoverBySnapshotTaskSet": [{"Definition": 10, "PositionType": "Percent", "PositionValue": 50}],
    }
    task = vod(
        "ProcessMedia", Url=FILM, MediaProcessTask=asked, SessionContext="ours", SessionId="first", TasksPriority=3
    )["TaskId"]
    assert task.startswith("1250000000-Procedure-") and task.endswith("t0")
    found = vod.ended(task)
    block = found["ProcedureTask"]
    assert (found["TaskType"], found["Status"], block["Status"]) == ("Procedure", "FINISH", "FINISH")
    assert (block["SessionContext"], block["SessionId"], block["TasksPriority"]) == ("ours", "first", 3)
    assert found["EditMediaTask"] is None
    assert [one["Type"] for one in block["MediaProcessResultSet"]] == [
        "Transcode",
        "Transcode",
        "Transcode",
        "AnimatedGraphics",
        "SnapshotByTimeOffset",
        "SnapshotByTimeOffset",
        "SampleSnapshot",
        "ImageSprites",
        "CoverBySnapshot",
    ]
    meta = block["MetaData"]
    assert (meta["Width"], meta["Height"], meta["Duration"]) == (320, 180, 6)
    assert (meta["VideoStreamSet"][0]["Codec"], meta["AudioStreamSet"][0]["SamplingRate"]) == ("h264", 48000)

    preset, own, sound = outputs(found, "Transcode")
    made = streams(bucket, preset["Url"])
    assert (made["video"]["width"], made["video"]["height"]) == (640, 360) == (preset["Width"], preset["Height"])
    assert made["video"]["avg_frame_rate"] == "25/1"
    assert preset["Definition"] == 100010
    made = streams(bucket, own["Url"])
    assert (made["video"]["width"], made["video"]["avg_frame_rate"], made["audio"]["channels"]) == (160, "10/1", 1)
    assert (own["Width"], own["Height"], own["VideoStreamSet"][0]["Fps"]) == (160, 90, 10)
    assert abs(float(own["Duration"]) - 6) < 0.2
    assert streams(bucket, sound["Url"])["audio"]["sample_rate"] == "44100"
    assert (sound["Container"], sound["VideoStreamSet"]) == ("m4a", [])

    (moving,) = outputs(found, "AnimatedGraphics")
    assert (moving["Container"], moving["StartTimeOffset"], moving["EndTimeOffset"]) == ("gif", 1, 2)
    assert streams(bucket, moving["Url"])["video"]["width"] == 320

    mixed, plain = outputs(found, "SnapshotByTimeOffset")
    assert [one["TimeOffset"] for one in mixed["PicInfoSet"]] == [3500, 600, 1000]
    assert [one["TimeOffset"] for one in plain["PicInfoSet"]] == [2000, 500]
    for picture in mixed["PicInfoSet"]:
        assert streams(bucket, picture["Url"])["video"]["width"] == 320

    (samples,) = outputs(found, "SampleSnapshot")
    assert (samples["SampleType"], samples["Interval"], len(samples["ImageUrlSet"])) == ("Percent", 10, 10)
    (sheets,) = outputs(found, "ImageSprites")
    assert (sheets["Width"], sheets["Height"], len(sheets["ImageUrlSet"])) == (142, 80, 1)
    assert "WEBVTT" in (bucket.buckets / below(bucket, sheets["WebVttUrl"])).read_text()
    (cover,) = outputs(found, "CoverBySnapshot")
    assert streams(bucket, cover["CoverUrl"])["video"]["codec_name"] == "mjpeg"

    info = vod("DescribeMediaInfos", FileIds=[block["FileId"], "1" * 19])
    assert info["NotExistFileIdSet"] == ["1" * 19]
    (media,) = info["MediaInfoSet"]
    assert media["BasicInfo"]["CoverUrl"] == cover["CoverUrl"]
    assert media["MetaData"]["Width"] == 320
    assert {one["Definition"] for one in media["TranscodeInfo"]["TranscodeSet"]} == {100010, small, 1110}


def test_an_output_of_its_own_has_a_number_and_can_be_processed(vod: Vod, small: int) -> None:
    asked = {"TranscodeTaskSet": [{"Definition": small}]}
    task = vod("ProcessMedia", Url=FILM, MediaProcessTask=asked, OutputAsIndependentMedia="ON")["TaskId"]
    (made,) = outputs(vod.ended(task), "Transcode")
    again = vod("ProcessMedia", FileId=made["FileId"], MediaProcessTask={"SampleSnapshotTaskSet": [{"Definition": 10}]})
    (samples,) = outputs(vod.ended(again["TaskId"]), "SampleSnapshot")
    assert len(samples["ImageUrlSet"]) == 10
    (info,) = vod("DescribeMediaInfos", FileIds=[made["FileId"]])["MediaInfoSet"]
    assert info["MetaData"]["Width"] == 160


def test_adaptive_streams_are_hls_and_dash(bucket: Cloud, vod: Vod) -> None:
    streams_of = [
        {
            "Video": {"Codec": "libx264", "Fps": 0, "Bitrate": 128, "Height": height, "Mode": "ABR"},
            "Audio": {"Codec": "libfdk_aac", "Bitrate": 48, "SampleRate": 48000},
        }
        for height in (128, 180)
    ]
    made = []
    for kind, segments in (("HLS", "ts-segment"), ("MPEG-DASH", "mp4-byterange")):
        asked = {"Format": kind, "StreamInfos": streams_of, "SegmentType": segments, "SegmentDuration": 3}
        made.append(vod("CreateAdaptiveDynamicStreamingTemplate", Name=kind, **asked)["Definition"])
    task = vod(
        "ProcessMedia",
        Url=FILM,
        MediaProcessTask={"AdaptiveDynamicStreamingTaskSet": [{"Definition": one} for one in made]},
    )["TaskId"]
    hls, dash = outputs(vod.ended(task), "AdaptiveDynamicStreaming")
    assert (hls["Package"], dash["Package"]) == ("HLS", "DASH")
    manifest = bucket.buckets / below(bucket, hls["Url"])
    assert manifest.read_text().count("#EXT-X-STREAM-INF") == 2
    assert len(list(manifest.parent.glob("stream-1/*.ts"))) == 2
    assert sorted((one["Width"], one["Height"]) for one in hls["SubStreamSet"]) == [(228, 128), (320, 180)]
    folders = [one for one in manifest.parent.iterdir() if one.name.startswith("stream-")]
    sizes = [sum(file.stat().st_size for file in folder.iterdir()) for folder in folders]
    assert sorted(one["Size"] for one in hls["SubStreamSet"]) == sorted(sizes)
    assert (bucket.buckets / below(bucket, dash["Url"])).read_text().count("<Representation") == 3


def test_a_short_part_beside_the_whole_film_is_one_task(bucket: Cloud, vod: Vod, small: int) -> None:
    vod("ModifyEventConfig", SubAppId=6, Mode="PULL")
    template = vod("CreateTranscodeTemplate", SubAppId=6, **SMALL)["Definition"]
    asked = {
        "TranscodeTaskSet": [
            {"Definition": template, "StartTimeOffset": 1, "EndTimeOffset": 3},
            {"Definition": template},
        ],
        "SampleSnapshotTaskSet": [{"Definition": 10}],
    }
    task = vod("ProcessMedia", SubAppId=6, Url=FILM, MediaProcessTask=asked)["TaskId"]
    found = vod.ended(task, SubAppId=6)
    part, whole = outputs(found, "Transcode")
    assert [round(one["Duration"]) for one in (part, whole)] == [2, 6]
    for one in (part, whole):
        assert abs(float(bucket.probe(below(bucket, one["Url"]))["format"]["duration"]) - one["Duration"]) < 0.2
    (samples,) = outputs(found, "SampleSnapshot")
    assert len(samples["ImageUrlSet"]) == 10
    (listed,) = vod("DescribeTasks", SubAppId=6)["TaskSet"]
    assert (listed["TaskId"], listed["Status"]) == (task, "FINISH")
    told: dict[str, dict[str, Any]] = {}
    while not told:
        told = {one["EventHandle"]: one for one in vod("PullEvents", SubAppId=6)["EventSet"]}
    (event,) = told.values()
    assert event["ProcedureStateChangeEvent"]["TaskId"] == task
    assert len(event["ProcedureStateChangeEvent"]["MediaProcessResultSet"]) == 3


def test_hls_of_one_stream_and_a_part_of_the_film(bucket: Cloud, vod: Vod, small: int) -> None:
    element = {
        "Definition": small,
        "StartTimeOffset": 1,
        "EndTimeOffset": -2,
        "OverrideParameter": {"Container": "hls", "VideoTemplate": {"HlsTime": 1, "Height": 128}},
    }
    task = vod("ProcessMedia", Url=FILM, MediaProcessTask={"TranscodeTaskSet": [element]})["TaskId"]
    (made,) = outputs(vod.ended(task), "Transcode")
    assert (made["Container"], made["Duration"]) == ("hls", 3)
    assert (made["Width"], made["Height"]) == (160, 128)
    manifest = bucket.buckets / below(bucket, made["Url"])
    assert len(list(manifest.parent.glob("video/*.ts"))) == 3


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_sign_and_send(bucket: Cloud, small: int, way: str) -> None:
    with caller(bucket, way) as vod:
        task = vod(
            "ProcessMedia",
            Url=FILM,
            MediaProcessTask={"SnapshotByTimeOffsetTaskSet": [{"Definition": 10, "ExtTimeOffsetSet": ["1.5s", "50%"]}]},
        )["TaskId"]
        (found,) = outputs(vod.ended(task), "SnapshotByTimeOffset")
        assert [one["TimeOffset"] for one in found["PicInfoSet"]] == [1500, 3000]
        (listed,) = vod("DescribeTasks", Limit=1)["TaskSet"]
        assert listed["TaskId"] == task
        with pytest.raises(Refused) as refused:
            vod("DescribeTaskDetail", TaskId="1250000000-Procedure-0t0")
        assert refused.value.code == "InvalidParameterValue.TaskId"
        assert refused.value.request_id


def test_pulled_edited_processed_and_deleted(bucket: Cloud, vod: Vod, small: int) -> None:
    vod("CreateProcedureTemplate", Name="covers", MediaProcessTask={"SampleSnapshotTaskSet": [{"Definition": 10}]})
    ids, addresses = [], []
    for name in ("film", "second"):
        task = vod("PullUpload", MediaUrl=f"storage://films/{name}.mp4", MediaName=name, SourceContext="from here")
        found = vod.ended(task["TaskId"])
        assert found["TaskType"] == "PullUpload"
        pulled = found["PullUploadTask"]
        assert (pulled["ErrCode"], pulled["Progress"], pulled["MediaBasicInfo"]["Name"]) == (0, 100, name)
        assert streams(bucket, pulled["FileUrl"])["video"]["width"] == 320
        ids.append(pulled["FileId"])
        addresses.append(pulled["FileUrl"])
        (info,) = vod("DescribeMediaInfos", FileIds=[pulled["FileId"]])["MediaInfoSet"]
        assert info["BasicInfo"]["MediaUrl"] == pulled["FileUrl"]
    assert all(len(one) == 19 and one.isdigit() for one in ids)

    task = vod("ProcessMediaByProcedure", ProcedureName="covers", FileId=ids[1])["TaskId"]
    assert vod.ended(task)["ProcedureTask"]["FileUrl"] == addresses[1]
    task = vod("ProcessMediaByProcedure", ProcedureName="covers", FileId=ids[0])["TaskId"]
    (samples,) = outputs(vod.ended(task), "SampleSnapshot")
    assert len(samples["ImageUrlSet"]) == 10
    (listed,) = vod("DescribeTasks", FileId=ids[0], Limit=1)["TaskSet"]
    assert listed["TaskId"] == task

    config = {"MediaName": "both", "Type": "mp4", "VideoStream": {"Codec": "libx264", "Bitrate": 128, "Width": 160}}
    parts = [
        {"FileId": ids[0], "StartTimeOffset": 1, "EndTimeOffset": 3},
        {"FileId": ids[1], "StartTimeOffset": -2},
    ]
    task = vod("EditMedia", InputType="File", FileInfos=parts, Definition=20, OutputConfig=config)["TaskId"]
    found = vod.ended(task)
    edited = found["EditMediaTask"]
    assert (found["TaskType"], edited["ErrCode"], edited["Output"]["FileType"]) == ("EditMedia", 0, "mp4")
    assert [one["FileId"] for one in edited["Input"]["FileInfoSet"]] == ids
    made = bucket.probe(below(bucket, edited["Output"]["FileUrl"]))
    assert abs(float(made["format"]["duration"]) - 4) < 0.2
    assert made["streams"][0]["width"] == 160

    info = vod("DescribeMediaInfos", FileIds=[*ids, edited["Output"]["FileId"]], Filters=["basicInfo", "metaData"])
    assert [one["BasicInfo"]["Name"] for one in info["MediaInfoSet"]] == ["film", "second", "both"]
    assert [round(one["MetaData"]["Duration"]) for one in info["MediaInfoSet"]] == [6, 4, 4]
    kinds = [one["BasicInfo"]["SourceInfo"]["SourceType"] for one in info["MediaInfoSet"]]
    assert kinds == ["Upload", "Upload", "VideoProcessing"]
    assert info["MediaInfoSet"][0]["BasicInfo"]["SourceInfo"]["SourceContext"] == "from here"
    assert info["MediaInfoSet"][0]["TranscodeInfo"] is None

    folder = bucket.buckets / "vod" / "default" / "0" / ids[0]
    assert list(folder.rglob("*.jpg"))
    vod("DeleteMedia", FileId=ids[0])
    assert not [one for one in folder.rglob("*") if one.is_file()]
    with pytest.raises(Refused) as refused:
        vod("ProcessMediaByProcedure", ProcedureName="covers", FileId=ids[0])
    assert refused.value.code == "ResourceNotFound.FileNotExist"
    vod("DeleteProcedureTemplate", Name="covers")


def _red_picture() -> str:
    """A PNG of 8x8 red pixels, in Base64."""
    rows = zlib.compress(b"".join(b"\x00" + b"\xff\x00\x00" * 8 for _ in range(8)))

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")).decode()


def _colour(file: Path, second: float, x: int, y: int) -> tuple[int, int, int]:
    """Of 16x16 pixels of a frame, on average."""
    cut = f"crop=16:16:{x}:{y},scale=1:1:flags=area,format=rgb24"
    command = [find_ffmpeg(None).path, "-v", "error", "-ss", str(second), "-i", str(file), "-frames:v", "1", "-vf", cut]
    raw = subprocess.run([*command, "-f", "rawvideo", "-"], check=True, capture_output=True).stdout
    return raw[0], raw[1], raw[2]


def test_watermarks_are_where_and_when_they_were_asked_for(bucket: Cloud, vod: Vod, small: int) -> None:
    look = {"ImageContent": _red_picture(), "Width": "25%", "Height": "40px"}
    made = vod("CreateWatermarkTemplate", Type="image", CoordinateOrigin="BottomRight", ImageTemplate=look)
    picture = made["Definition"]
    assert made["ImageUrl"].endswith(".png")
    text = vod("CreateWatermarkTemplate", Type="text", XPos="5%", TextTemplate={"FontSize": "20px"})["Definition"]
    vod("ModifyWatermarkTemplate", Definition=picture, Name="red", ImageTemplate={"Transparency": 0})
    (shown,) = vod("DescribeWatermarkTemplates", Type="image")["WatermarkTemplateSet"]
    assert (shown["Name"], shown["ImageTemplate"]["Width"], shown["CoordinateOrigin"]) == ("red", "25%", "BottomRight")
    marks = [
        {"Definition": picture, "StartTimeOffset": 2, "EndTimeOffset": -1},
        {"Definition": text, "TextContent": "Preview: 50%"},
    ]
    element = {"Definition": small, "WatermarkSet": marks}
    task = vod("ProcessMedia", Url=FILM, MediaProcessTask={"TranscodeTaskSet": [element]})["TaskId"]
    (output,) = outputs(vod.ended(task), "Transcode")
    file = bucket.buckets / below(bucket, output["Url"])
    red, green, blue = _colour(file, 3, 160 - 20, 90 - 20)
    assert red > 200 and green < 60 and blue < 60
    for second in (1, 5.5):
        red, green, blue = _colour(file, second, 160 - 20, 90 - 20)
        assert not (red > 200 and green < 60 and blue < 60)
    for number in (picture, text):
        vod("DeleteWatermarkTemplate", Definition=number)
    assert vod("DescribeWatermarkTemplates")["TotalCount"] == 0


def test_by_url_into_a_bucket_and_by_path(bucket: Cloud, vod: Vod) -> None:
    pictures = {"SnapshotByTimeOffsetTaskSet": [{"Definition": 10, "TimeOffsetSet": [0]}]}
    asked = {
        "InputInfo": {"Url": "https://films.cos.ap-guangzhou.myqcloud.com/second.mp4", "Name": "mine", "Id": "17"},
        "OutputInfo": {"Region": "ap-guangzhou", "Bucket": "results", "Dir": "by/url/"},
        "MediaProcessTask": pictures,
    }
    task = vod.raw("ProcessMediaByUrl", **asked)["TaskId"]
    block = vod.ended(task)["ProcedureTask"]
    assert (block["FileId"], block["FileName"]) == ("17", "mine")
    assert len(list((bucket.buckets / "results" / "by" / "url").rglob("*.jpg"))) == 1

    asked["OutputInfo"] = {"Bucket": "vod", "Dir": "others/0/"}
    with pytest.raises(Refused) as refused:
        vod.raw("ProcessMediaByUrl", **asked)
    assert refused.value.code == "InvalidParameterValue"

    place = bucket.buckets / "vod" / "default" / "0" / "own"
    place.mkdir(parents=True)
    (place / "film.mp4").write_bytes((bucket.buckets / "films" / "film.mp4").read_bytes())
    task = vod("ProcessMedia", MediaStoragePath="/own/film.mp4", MediaProcessTask=pictures)["TaskId"]
    file_id = vod.ended(task)["ProcedureTask"]["FileId"]
    (info,) = vod("DescribeMediaInfos", FileIds=[file_id])["MediaInfoSet"]
    assert (info["BasicInfo"]["StoragePath"], info["MetaData"]["Width"]) == ("/own/film.mp4", 320)


def test_a_source_that_is_broken_fails_its_elements(bucket: Cloud, vod: Vod) -> None:
    (bucket.buckets / "films" / "broken.mp4").write_bytes(b"no film at all" * 100)
    task = vod(
        "ProcessMedia",
        Url="storage://films/broken.mp4",
        MediaProcessTask={"TranscodeTaskSet": [{"Definition": 100010}], "SampleSnapshotTaskSet": [{"Definition": 10}]},
    )["TaskId"]
    found = vod.ended(task)
    assert found["Status"] == "FINISH"
    for item in found["ProcedureTask"]["MediaProcessResultSet"]:
        (result,) = [one for one in item.values() if isinstance(one, dict)]
        assert (result["Status"], result["ErrCode"], result["Output"]) == ("FAIL", 60000, None)
        assert result["ErrCodeExt"] == "SourceFileError.ContentMalformed"


# --- events ---------------------------------------------------------------------------------


class _Receiver(http.server.BaseHTTPRequestHandler):
    heard: Queue[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.put(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[tuple[str, Queue[dict[str, Any]]]]:
    heard: Queue[dict[str, Any]] = Queue()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Receiver,), {"heard": heard}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/events?a=1", heard
    server.shutdown()
    thread.join()
    server.server_close()


def _picture(vod: Vod, **more: Any) -> str:
    asked = {"SnapshotByTimeOffsetTaskSet": [{"Definition": 10, "TimeOffsetSet": [0]}]}
    return str(vod("ProcessMedia", Url=FILM, MediaProcessTask=asked, **more)["TaskId"])


def test_events_are_pushed_and_signed(vod: Vod, receiver: tuple[str, Queue[dict[str, Any]]]) -> None:
    url, heard = receiver
    vod("ModifyEventConfig", SubAppId=7, Mode="PUSH", NotificationUrl=url, SignKey="abc123")
    config = vod("DescribeEventConfig", SubAppId=7)
    assert (config["Mode"], config["NotificationUrl"]) == ("PUSH", url)
    quiet = _picture(vod, SubAppId=7, TasksNotifyMode="None")
    task = _picture(vod, SubAppId=7, SessionContext="mine")
    vod.ended(quiet, SubAppId=7)
    said = heard.get(timeout=60)
    assert said["EventType"] == "ProcedureStateChanged"
    event = said["ProcedureStateChangeEvent"]
    assert (event["TaskId"], event["Status"], event["SessionContext"]) == (task, "FINISH", "mine")
    (item,) = event["MediaProcessResultSet"]
    assert "TranscodeTask" not in item
    assert item["SnapshotByTimeOffsetTask"]["Output"]["PicInfoSet"][0]["Url"].startswith("http://")
    assert said["Sign"] == hashlib.md5(f"abc123{said['T']}".encode()).hexdigest()
    changing = _picture(vod, SubAppId=7, TasksNotifyMode="Change")
    states: list[str] = []
    while not states or states[-1] == "PROCESSING":
        event = heard.get(timeout=60)["ProcedureStateChangeEvent"]
        assert event["TaskId"] == changing
        states.append(event["MediaProcessResultSet"][0]["SnapshotByTimeOffsetTask"]["Status"])
    assert states == ["PROCESSING"] * (len(states) - 1) + ["SUCCESS"]


def test_events_are_pulled_held_and_confirmed(vod: Vod) -> None:
    vod("ModifyEventConfig", SubAppId=8, Mode="PULL")
    task = _picture(vod, SubAppId=8)
    pull = vod("PullUpload", SubAppId=8, MediaUrl=FILM)["TaskId"]
    handles: dict[str, str] = {}
    while set(handles) != {task, pull}:
        for event in vod("PullEvents", SubAppId=8)["EventSet"] or ():
            block = event["ProcedureStateChangeEvent"] or event["PullCompleteEvent"]
            handles[block["TaskId"]] = event["EventHandle"]
    assert vod("DescribeEventsState", SubAppId=8)["CountOfEventsToPull"] == 2
    vod("ConfirmEvents", SubAppId=8, EventHandles=list(handles.values()))
    assert vod("DescribeEventsState", SubAppId=8)["CountOfEventsToPull"] == 0
    with pytest.raises(Refused) as refused:
        vod("ConfirmEvents", SubAppId=8, EventHandles=[f"{handles[task][:-13]}{0:013d}"])
    assert refused.value.code == "InvalidParameterValue"
    with pytest.raises(Refused):
        vod("ConfirmEvents", SubAppId=8, EventHandles=[handles[task]] * 17)


# --- the page -------------------------------------------------------------------------------

PAGE = ROOT / "docs" / "howto" / "tencent-vod.md"


def test_the_pages_program_runs_as_it_is_printed(bucket: Cloud, vod: Vod, tmp_path: Path) -> None:
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    program = tmp_path / "program.py"
    program.write_text(text, encoding="utf-8")
    made, refused = run("tencent", program, bucket.account, FILM=FILM)
    assert (made["width"], made["height"]) == (640, 360)
    assert bucket.probe(below(bucket, made["url"]))["format"]["format_name"].startswith("mov")
    assert refused == {"code": "InvalidParameterValue.TaskId"}
