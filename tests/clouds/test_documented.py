"""The examples of the vendors' documents, through their SDKs: requests with the values they print, and answers key by key.

IMM: CreateMediaConvertTask; ICE: SubmitMediaConvertJob; VOD: DescribeTaskDetail (its task flow and its edited film). The documents'
names of buckets and files are ours; keys and kinds of values are theirs. Visionular's example is a program (test_visionular.py).
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.clouds.conftest import Cloud
from tests.clouds.ice import asking
from tests.clouds.sdks import PROGRAMS, run
from tests.clouds.vod import caller

NUMBER = (int, float)


def keys(names: str, kind: Any) -> dict[str, Any]:
    """Keys whose values are of one kind."""
    return dict.fromkeys(names.split(), kind)


VIDEO_STREAM = keys(
    "Rotate Codec_tag Sar Start_time Fps Index Duration Lang Codec_long_name PixFmt Bit_rate Profile Has_b_frames "
    "Codec_time_base Dar Avg_fps Codec_tag_string Codec_name Height Level Time_base Width NumFrames",
    str,
)
AUDIO_STREAM = keys(
    "CodecTag CodecTimeBase ChannelLayout StartTime Index Duration Lang SampleFmt CodecName Bitrate Channels Timebase "
    "CodecTagString SampleRate CodecLongName",
    str,
)
FILE = keys(
    "FileUrl FileStatus MediaId FileType FileName Region FormatName Duration Height Bitrate Width FileSize", str
)
RESULT = {
    "OutputFile": {"Type": str, "Media": str, "Url": str},
    "OutFileMeta": {
        "VideoStreamInfoList": [VIDEO_STREAM],
        "AudioStreamInfoList": [AUDIO_STREAM],
        "FileBasicInfo": FILE,
    },
}
DETAIL = keys("Status TaskId Message FinishTime CreateTime Code Name", str)
JOB = {
    **keys("RequestId ClientToken JobId PipelineId UserData Code Message State", str),
    "Config": {"Inputs": [{"Name": str, "InputFile": {"Type": str, "Media": str}}], "JobName": str},
    "OutputDetails": [{**DETAIL, "Result": RESULT}],
    "OutputGroupDetails": [{**DETAIL, "Outputs": [{**DETAIL, "Result": RESULT}]}],
}
NO_BLOCKS = keys(
    "ComposeMediaTask SplitMediaTask WechatMiniProgramPublishTask WechatPublishTask TranscodeTask SnapshotByTimeOffsetTask "
    "ConcatTask ClipTask CreateImageSpriteTask PullUploadTask RemoveWatermarkTask ReviewAudioVideoTask ReduceMediaBitrateTask "
    "ExtractTraceWatermarkTask DescribeFileAttributesTask RebuildMediaTask",
    None,
)
TASK = keys("TaskType Status CreateTime BeginProcessTime FinishTime RequestId", str)
META = {
    **keys("AudioDuration Duration VideoDuration", NUMBER),
    **keys("Bitrate Height Rotate Size Width", int),
    "Md5": str,
    "Container": str,
    "AudioStreamSet": [{"Bitrate": int, "Codec": str, "SamplingRate": int}],
    "VideoStreamSet": [{"Bitrate": int, "Codec": str, "Fps": int, "Height": int, "Width": int}],
}
PROCEDURE = {
    **keys("TaskId Status Message SessionContext SessionId FileId FileName FileUrl TasksNotifyMode", str),
    **keys("Operator OperationType", str),
    "ErrCode": int,
    "TasksPriority": int,
    "MetaData": META,
    "MediaProcessResultSet": [{"Type": str}],
    "AiContentReviewResultSet": [],
    "AiRecognitionResultSet": [],
    "AiAnalysisResultSet": [],
}
EDITED = {
    **keys("TaskId Status Message ProcedureTaskId", str),
    "ErrCode": int,
    "Input": {"InputType": str, "FileInfoSet": [{"FileId": str, "StartTimeOffset": NUMBER, "EndTimeOffset": NUMBER}]},
    "Output": {"FileType": str, "FileId": str, "FileUrl": str},
}


def is_as(value: Any, shape: Any, where: str) -> None:
    """Whether all that a document prints is there, and is of its kind; an empty list is printed where nothing may be."""
    if isinstance(shape, dict):
        assert isinstance(value, dict), (where, value)
        for name, kind in shape.items():
            assert name in value, f"{where}.{name} is missing"
            is_as(value[name], kind, f"{where}.{name}")
    elif isinstance(shape, list):
        assert isinstance(value, list) and bool(value) == bool(shape), (where, value)
        for at, one in enumerate(value):
            is_as(one, shape[0], f"{where}[{at}]")
    else:
        assert isinstance(value, shape) and not isinstance(value, bool), (where, value)


@pytest.mark.parametrize("sdk", ["imm5", "imm4"])
def test_imm_s_request_with_the_values_that_its_document_prints(cloud: Cloud, sdk: str) -> None:
    (cloud.buckets / "films/words.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nhello\n")
    request = {
        "ProjectName": "test-project",
        "Sources": [
            {
                "URI": "oss://films/film.mp4",
                "StartTime": 0,
                "Duration": 0,
                "Subtitles": [{"URI": "oss://films/words.srt", "TimeOffset": 1.5, "Language": "eng"}],
                "Attached": False,
                "DisableVideo": False,
                "DisableAudio": False,
            }
        ],
        "Targets": [
            {
                "URI": f"oss://results/documented-{sdk}/test-target-object.mp4",
                "Container": "mp4",
                "Speed": 1.0,
                "StripMetadata": False,
            },
            {
                "URI": f"oss://results/documented-{sdk}/list/main",
                "Container": "ts",
                "Video": {"TranscodeVideo": {"Codec": "h264", "Resolution": "160x90"}},
                "Segment": {"Format": "hls", "Duration": 30, "StartNumber": 5},
            },
        ],
        "UserData": '{"ID": "testuid","Name": "test-user","Avatar": "http://test.com/testuid"}',
        "Tags": {"test": "val1"},
        "AlignmentIndex": 0,
    }
    project = {"ProjectName": "test-project"}
    steps = [
        ("CreateProject", project),
        ("CreateMediaConvertTask", request),
        ("Wait", project),
        ("DeleteProject", project),
    ]

    _, made, ended, _ = run(sdk, PROGRAMS / "imm.py", cloud.account, "sync", json.dumps(steps))

    is_as(made, {"RequestId": str, "EventId": str, "TaskId": str}, "answer")
    assert re.fullmatch("MediaConvert-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["TaskId"])
    assert (ended["Status"], ended["UserData"], ended["Tags"]) == ("Succeeded", request["UserData"], request["Tags"])
    whole = cloud.probe(f"results/documented-{sdk}/test-target-object.mp4")
    assert [one["codec_name"] for one in whole["streams"]] == ["h264", "aac", "mov_text"]
    assert whole["streams"][2]["tags"]["language"] == "eng"
    playlist = (cloud.buckets / f"results/documented-{sdk}/list/main/video/index.m3u8").read_text()
    assert "#EXT-X-MEDIA-SEQUENCE:5\n" in playlist


@pytest.mark.parametrize(("sdk", "how"), [("ice6", "sync"), ("acscore", "core")])
def test_ice_s_answer_has_all_that_its_document_prints(cloud: Cloud, sdk: str, how: str) -> None:
    small = {"TemplateId": "S00000001-200010", "Priority": 6, "OverrideParams": '{"Video": {"Width": 256}}'}
    asked = {
        "JobName": "Name",
        "Inputs": [{"Name": "InputVideo", "InputFile": {"Type": "OSS", "Media": "oss://films/film.mp4"}}],
        "Outputs": [
            {
                **small,
                "OutputFile": {"Type": "OSS", "Media": f"oss://results/documented-{sdk}/video.mp4"},
                "Features": "{}",
                "Name": "output-video",
            }
        ],
        "OutputGroups": [
            {
                "Name": "hls-group",
                "GroupConfig": {
                    "OutputFileBase": {"Type": "OSS", "Media": f"oss://results/documented-{sdk}/hls"},
                    "ManifestName": "manifest",
                    "Type": "Hls",
                },
                "Outputs": [
                    {
                        "TemplateId": "S00000001-100010",
                        "Priority": 6,
                        "OverrideParams": '{"Video": {"Width": 256}}',
                        "Features": "{}",
                        "OutputFileName": "720p",
                        "Name": "group-output",
                    }
                ],
            }
        ],
    }
    with asking(cloud, sdk, how) as ice:
        token = f"86f8e525-9d73-4dac-88aa-{sdk}"
        job = ice.submit(asked, ClientToken=token, UserData='{"videoId":"abcd"}')
        done = ice.done(job["JobId"])

    assert done["State"] == "Complete", done
    is_as(done, JOB, "Job")
    assert (done["ClientToken"], done["UserData"]) == (token, '{"videoId":"abcd"}')
    assert [one["Name"] for one in done["Config"]["Inputs"]] == ["InputVideo"]
    assert cloud.probe(f"results/documented-{sdk}/video.mp4")["streams"][0]["width"] == 256
    assert (cloud.buckets / f"results/documented-{sdk}/hls/manifest.m3u8").exists()


def test_vod_s_details_of_tasks_have_all_that_its_document_prints(cloud: Cloud) -> None:
    root = cloud.buckets / "vod-documented"
    root.mkdir(exist_ok=True)
    status, said = cloud.server.request("PUT", "/v1/storages/vod", {"kind": "directory", "root": str(root)})
    assert status in {200, 201}, said
    with caller(cloud) as vod:
        task = vod(
            "ProcessMedia",
            Url="storage://films/film.mp4",
            MediaProcessTask={
                "CoverBySnapshotTaskSet": [{"Definition": 10, "PositionType": "Time", "PositionValue": 1}]
            },
        )["TaskId"]
        file_id = vod.ended(task)["ProcedureTask"]["FileId"]
        parts = [{"FileId": file_id, "StartTimeOffset": 0, "EndTimeOffset": 2}] * 2
        edit = vod("EditMedia", InputType="File", FileInfos=parts)["TaskId"]
        vod.ended(edit)
        flow, edited = (vod.raw("DescribeTaskDetail", TaskId=one) for one in (task, edit))
        with pytest.raises(Exception, match=re.escape("InvalidParameterValue.TaskId")):
            vod("DescribeTaskDetail", TaskId="1256768300-transcode-58a1bc57b1c23ed1079597ec17a47666t0")

    is_as(flow, {**TASK, "ProcedureTask": PROCEDURE}, "Response")
    assert (flow["TaskType"], flow["EditMediaTask"], flow["ProcedureTask"]["TaskId"]) == ("Procedure", None, task)
    is_as(edited, {**TASK, "EditMediaTask": EDITED}, "Response")
    assert (edited["TaskType"], edited["ProcedureTask"], edited["EditMediaTask"]["TaskId"]) == ("EditMedia", None, edit)
    assert edited["EditMediaTask"]["Input"]["FileInfoSet"][1]["EndTimeOffset"] == 2
    for found in (flow, edited):
        assert {name: found.get(name, "missing") for name in NO_BLOCKS} == NO_BLOCKS
        assert all(
            re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found[name]) for name in TASK if name.endswith("Time")
        )
