"""Tencent VOD through its official SDK: refusals as its own exception with the documented codes; templates; lists; limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from framefleet_scheduler.clouds.fields import rows
from framefleet_scheduler.clouds.tencent.vod import DOCUMENTED
from tests.clouds.conftest import Cloud
from tests.clouds.sdks import PROGRAMS, run
from tests.clouds.vod import Refused, Vod, caller

FILM = "storage://films/film.mp4"
PICTURE = {"SnapshotByTimeOffsetTaskSet": [{"Definition": 10, "TimeOffsetSet": [0]}]}


@pytest.fixture(scope="module")
def vod(cloud: Cloud) -> Iterator[Vod]:
    root = cloud.buckets / "vod"
    root.mkdir(exist_ok=True)
    with caller(cloud) as found:
        with pytest.raises(Refused) as refused:
            found("ProcessMedia", Url=FILM, MediaProcessTask=PICTURE)
        assert refused.value.code == "FailedOperation.InvalidVodUser"  # there is no storage for its files yet
        status, said = cloud.server.request("PUT", "/v1/storages/vod", {"kind": "directory", "root": str(root)})
        assert status in {200, 201}, said
        yield found


def _transcode(**more: Any) -> dict[str, Any]:
    return {"TranscodeTaskSet": [{"Definition": 100010, **more}]}


@pytest.mark.parametrize(
    ("action", "asked", "code"),
    [
        ("DescribeTaskDetail", {"TaskId": "1250000000-Procedure-0t0"}, "InvalidParameterValue.TaskId"),
        ("DescribeTaskDetail", {}, "MissingParameter"),
        (
            "ProcessMedia",
            {"Url": "storage://vod/others/0/a.mp4", "MediaProcessTask": PICTURE},
            "InvalidParameterValue.Url",
        ),
        ("PullUpload", {"MediaUrl": "https://vod.cos.x.myqcloud.com/others/0/a.mp4"}, "InvalidParameterValue.MediaUrl"),
        ("ManageTask", {"TaskId": "x", "OperationType": "Stop"}, "InvalidParameterValue.InvalidOperationType"),
        ("ManageTask", {"TaskId": "x", "OperationType": "Abort"}, "InvalidParameterValue.TaskId"),
        ("ProcessMedia", {"MediaProcessTask": PICTURE}, "MissingParameter"),
        ("ProcessMedia", {"Url": FILM}, "MissingParameter"),
        ("ProcessMedia", {"Url": FILM, "MediaProcessTask": {}}, "InvalidParameter"),
        ("ProcessMedia", {"FileId": "1" * 19, "MediaProcessTask": PICTURE}, "ResourceNotFound.FileNotExist"),
        ("ProcessMedia", {"FileId": "../../x", "MediaProcessTask": PICTURE}, "ResourceNotFound.FileNotExist"),
        ("ProcessMedia", {"Url": "ftp://a/b", "MediaProcessTask": PICTURE}, "InvalidParameterValue.Url"),
        (
            "ProcessMedia",
            {"Url": "storage://films/none.mp4", "MediaProcessTask": PICTURE},
            "ResourceNotFound.FileNotExist",
        ),
        (
            "ProcessMedia",
            {"MediaStoragePath": "/../film.mp4", "MediaProcessTask": PICTURE},
            "InvalidParameterValue.MediaStoragePath",
        ),
        (
            "ProcessMedia",
            {"Url": FILM, "MediaProcessTask": {"TranscodeTaskSet": [{"Definition": 1}]}},
            "InvalidParameterValue.Definition",
        ),
        (
            "ProcessMedia",
            {"Url": FILM, "MediaProcessTask": PICTURE, "SessionContext": "x" * 1001},
            "InvalidParameterValue.SessionContextTooLong",
        ),
        (
            "ProcessMedia",
            {"Url": FILM, "MediaProcessTask": PICTURE, "SessionId": "x" * 51},
            "InvalidParameterValue.SessionIdTooLong",
        ),
        ("ProcessMedia", {"Url": FILM, "MediaProcessTask": PICTURE, "TasksPriority": 11}, "InvalidParameterValue"),
        ("ProcessMedia", {"Url": FILM, "MediaProcessTask": PICTURE, "SubAppId": -1}, "InvalidParameterValue.SubAppId"),
        (
            "ProcessMedia",
            {"Url": FILM, "MediaProcessTask": PICTURE, "AiAnalysisTask": {"Definition": 10}},
            "UnsupportedOperation",
        ),
        (
            "ProcessMedia",
            {"Url": FILM, "MediaProcessTask": _transcode(WatermarkSet=[{"Definition": 1}])},
            "InvalidParameterValue.Definition",
        ),
        (
            "ProcessMedia",
            {
                "Url": FILM,
                "MediaProcessTask": {
                    "SampleSnapshotTaskSet": [{"Definition": 10, "WatermarkSet": [{"Definition": 1}]}]
                },
            },
            "UnsupportedOperation",
        ),
        ("CreateWatermarkTemplate", {"Type": "svg"}, "UnsupportedOperation"),
        (
            "CreateWatermarkTemplate",
            {"Type": "image", "ImageTemplate": {"ImageContent": "bm8gaW1hZ2U="}},
            "InvalidParameterValue.ImageContent",
        ),
        ("CreateWatermarkTemplate", {"Type": "text", "XPos": "far"}, "InvalidParameterValue.XPos"),
        (
            "ProcessMedia",
            {"Url": FILM, "MediaProcessTask": _transcode(OverrideParameter={"TEHDConfig": {"Type": "TEHD-100"}})},
            "UnsupportedOperation",
        ),
        (
            "ProcessMedia",
            {"Url": FILM, "MediaProcessTask": _transcode(StartTimeOffset=4, EndTimeOffset=2)},
            "InvalidParameterValue.EndTimeOffset",
        ),
        ("ProcessMediaByProcedure", {"ProcedureName": "none", "FileId": "1"}, "InvalidParameterValue.ProcedureName"),
        ("PullUpload", {"MediaUrl": "nowhere"}, "InvalidParameterValue.MediaUrl"),
        ("PullUpload", {"MediaUrl": "https://example.com/film"}, "InvalidParameterValue.MediaType"),
        ("EditMedia", {"InputType": "Stream"}, "InvalidParameterValue"),
        ("DescribeMediaInfos", {"FileIds": [str(i) for i in range(21)]}, "InvalidParameterValue.FileIdsTooMany"),
        ("DeleteMedia", {"FileId": "1" * 19}, "ResourceNotFound.FileNotExist"),
        ("DescribeTasks", {"Limit": 101}, "InvalidParameterValue.Limit"),
        ("DescribeTasks", {"Status": "DONE"}, "InvalidParameterValue.Status"),
        ("DescribeTasks", {"ScrollToken": "../x"}, "InvalidParameterValue"),
        ("CreateTranscodeTemplate", {"Container": "avi"}, "MissingParameter"),
        (
            "CreateTranscodeTemplate",
            {"Container": "avi", "VideoTemplate": {"Codec": "libx264"}, "AudioTemplate": {"Codec": "libfdk_aac"}},
            "InvalidParameterValue.Container",
        ),
        (
            "CreateTranscodeTemplate",
            {"Container": "mp4", "VideoTemplate": {"Codec": "H.266"}, "AudioTemplate": {"Codec": "libfdk_aac"}},
            "UnsupportedOperation",
        ),
        (
            "CreateTranscodeTemplate",
            {
                "Container": "mp4",
                "VideoTemplate": {"Codec": "libx264"},
                "AudioTemplate": {"Codec": "libfdk_aac", "Bitrate": 257},
            },
            "InvalidParameterValue.AudioBitrate",
        ),
        ("CreateTranscodeTemplate", {"Container": "mp3", "Name": "n" * 65}, "InvalidParameterValue.Name"),
        ("ModifyTranscodeTemplate", {"Definition": 100010}, "InvalidParameterValue.ModifyDefaultTemplate"),
        ("DeleteTranscodeTemplate", {"Definition": 100020}, "InvalidParameterValue.DeleteDefaultTemplate"),
        ("DeleteTranscodeTemplate", {"Definition": 5000000}, "InvalidParameterValue.Definition"),
        (
            "CreateSampleSnapshotTemplate",
            {"SampleType": "Often", "SampleInterval": 1},
            "InvalidParameterValue.SampleType",
        ),
        (
            "CreateImageSpriteTemplate",
            {"SampleType": "Time", "SampleInterval": 1, "RowCount": 10, "ColumnCount": 40, "Width": 400},
            "InvalidParameterValue.Width",
        ),
        ("ModifyEventConfig", {"Mode": "BOTH"}, "InvalidParameterValue"),
        ("ModifyEventConfig", {"UploadMediaCompleteEventSwitch": "ON"}, "UnsupportedOperation"),
        ("DescribeProcedureTemplates", {"Limit": 101}, "InvalidParameterValue.Limit"),
        ("DeleteProcedureTemplate", {"Name": "none"}, "InvalidParameter.ProcedureNameNotExist"),
        ("ReviewImage", {"FileId": "7"}, "InvalidAction"),
    ],
)
def test_refusals(vod: Vod, action: str, asked: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        vod(action, **asked)
    assert refused.value.code == code, refused.value
    assert refused.value.request_id
    assert refused.value.message


def test_a_session_is_good_once_and_free_again_when_it_is_refused(vod: Vod) -> None:
    wrong = {"Url": "storage://films/none.mp4", "MediaProcessTask": PICTURE, "SessionId": "one"}
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            vod("ProcessMedia", **wrong)
        assert refused.value.code == "ResourceNotFound.FileNotExist"
    task = vod("ProcessMedia", **{**wrong, "Url": FILM})["TaskId"]
    with pytest.raises(Refused) as refused:
        vod("ProcessMedia", **{**wrong, "Url": FILM})
    assert refused.value.code == "InvalidParameterValue.SessionId"
    assert vod("ProcessMedia", **{**wrong, "Url": FILM, "SubAppId": 5})["TaskId"] != task


def test_tasks_that_wait_can_be_aborted_and_others_not(cloud: Cloud, vod: Vod) -> None:
    task = vod("ProcessMedia", Url=FILM, MediaProcessTask=PICTURE)["TaskId"]
    vod.ended(task)
    with pytest.raises(Refused) as refused:
        vod("ManageTask", TaskId=task, OperationType="Abort")
    assert refused.value.code == "FailedOperation"
    status, _ = cloud.server.request("POST", "/v1/pipelines/default/pause", {})
    assert status == 200
    try:
        task = vod("ProcessMedia", Url=FILM, MediaProcessTask=PICTURE)["TaskId"]
        assert vod("DescribeTaskDetail", TaskId=task)["Status"] == "WAITING"
        assert vod("DescribeTasks", Status="WAITING")["TaskSet"][0]["TaskId"] == task
        vod("ManageTask", TaskId=task, OperationType="Abort")
        assert vod.ended(task)["Status"] == "ABORTED"
        (listed,) = vod("DescribeTasks", Status="ABORTED")["TaskSet"]
        assert (listed["TaskId"], listed["BeginProcessTime"]) == (task, "")
    finally:
        cloud.server.request("POST", "/v1/pipelines/default/resume", {})


def test_lists_are_read_page_by_page(vod: Vod) -> None:
    made = [vod("ProcessMedia", SubAppId=3, Url=FILM, MediaProcessTask=PICTURE)["TaskId"] for _ in range(5)]
    for task in made:
        vod.ended(task, SubAppId=3)
    for order, wanted in ((None, made[::-1]), ({"Field": "CreateTime", "Order": "Asc"}, made)):
        found: list[str] = []
        token = ""
        while True:
            sort = {} if order is None else {"Sort": order}
            page = vod("DescribeTasks", SubAppId=3, Limit=2, ScrollToken=token, **sort)
            found += [one["TaskId"] for one in page["TaskSet"]]
            token = page["ScrollToken"]
            if not token:
                break
        assert found == wanted
    assert vod("DescribeTasks", SubAppId=4)["TaskSet"] == []
    with pytest.raises(Refused) as refused:
        vod("DescribeTaskDetail", TaskId=made[0])
    assert refused.value.code == "InvalidParameterValue.TaskId"


def test_nobody_sees_the_things_of_another_tenant(cloud: Cloud, vod: Vod) -> None:
    task = vod("ProcessMedia", Url=FILM, MediaProcessTask=PICTURE)["TaskId"]
    file_id = vod.ended(task)["ProcedureTask"]["FileId"]
    template = vod("CreateSnapshotByTimeOffsetTemplate", Width=160)["Definition"]
    other = cloud.key("--role", "producer", "--signs", "--pipeline", "others")
    with caller(cloud, account=other) as theirs:
        for action, asked in (
            ("DescribeTaskDetail", {"TaskId": task}),
            ("ManageTask", {"TaskId": task, "OperationType": "Abort"}),
            ("ProcessMedia", {"FileId": file_id, "MediaProcessTask": PICTURE}),
            ("DeleteMedia", {"FileId": file_id}),
            ("DeleteSnapshotByTimeOffsetTemplate", {"Definition": template}),
        ):
            with pytest.raises(Refused):
                theirs(action, **asked)
        assert theirs("DescribeTasks")["TaskSet"] == []
        assert theirs("DescribeMediaInfos", FileIds=[file_id])["NotExistFileIdSet"] == [file_id]
    looker = cloud.key("--role", "viewer", "--signs")
    with caller(cloud, account=looker) as looking:
        assert looking("DescribeTaskDetail", TaskId=task)["Status"] == "FINISH"
        with pytest.raises(Refused) as refused:
            looking("ProcessMedia", Url=FILM, MediaProcessTask=PICTURE)
        assert refused.value.code == "UnauthorizedOperation"


def test_templates_are_made_changed_shown_and_deleted(vod: Vod) -> None:
    presets = vod("DescribeTranscodeTemplates", Type="Preset", Limit=100)
    assert presets["TotalCount"] == 19
    (hd,) = vod("DescribeTranscodeTemplates", Definitions=[100030])["TranscodeTemplateSet"]
    assert (hd["Definition"], hd["Type"], hd["Container"]) == ("100030", "Preset", "mp4")
    assert (hd["VideoTemplate"]["Height"], hd["VideoTemplate"]["Bitrate"]) == (720, 1800)
    video = {"Codec": "libx265", "Fps": 0, "Bitrate": 500, "Height": 540}
    audio = {"Codec": "libfdk_aac", "Bitrate": 64, "SampleRate": 44100}
    made = vod("CreateTranscodeTemplate", Container="mp4", Name="a", VideoTemplate=video, AudioTemplate=audio)
    number = made["Definition"]
    assert isinstance(number, int)
    vod("ModifyTranscodeTemplate", Definition=number, Name="b", VideoTemplate={"Bitrate": 800})
    (shown,) = vod("DescribeTranscodeTemplates", Type="Custom")["TranscodeTemplateSet"]
    assert (shown["Definition"], shown["Name"]) == (str(number), "b")
    assert shown["VideoTemplate"] == {**shown["VideoTemplate"], "Codec": "libx265", "Bitrate": 800, "Height": 540}
    with pytest.raises(Refused) as refused:
        vod("ModifyTranscodeTemplate", Definition=number, VideoTemplate={"Bitrate": 5})
    assert refused.value.code == "InvalidParameterValue.VideoBitrate"
    vod("DeleteTranscodeTemplate", Definition=number)
    assert vod("DescribeTranscodeTemplates", Type="Custom")["TotalCount"] == 0

    for name, asked, shown_as in (
        ("SampleSnapshot", {"SampleType": "Time", "SampleInterval": 2, "Width": 128}, "SampleSnapshotTemplateSet"),
        (
            "ImageSprite",
            {"SampleType": "Percent", "SampleInterval": 5, "RowCount": 4, "ColumnCount": 5},
            "ImageSpriteTemplateSet",
        ),
        ("SnapshotByTimeOffset", {"Format": "png"}, "SnapshotByTimeOffsetTemplateSet"),
        ("AnimatedGraphics", {"Fps": 5, "Format": "webp"}, "AnimatedGraphicsTemplateSet"),
        (
            "AdaptiveDynamicStreaming",
            {"Format": "HLS", "StreamInfos": [{"Video": {"Codec": "libx264", "Fps": 0}, "Audio": audio}]},
            "AdaptiveDynamicStreamingTemplateSet",
        ),
    ):
        number = vod(f"Create{name}Template", Name="mine", **asked)["Definition"]
        vod(f"Modify{name}Template", Definition=number, Comment="changed")
        (shown,) = vod(f"Describe{name}Templates", Definitions=[number])[shown_as]
        assert (shown["Name"], shown["Comment"], shown["Type"]) == ("mine", "changed", "Custom")
        vod(f"Delete{name}Template", Definition=number)
        assert vod(f"Describe{name}Templates", Definitions=[number])["TotalCount"] == 0


def test_sprites_have_sixteen_templates_of_ones_own(vod: Vod) -> None:
    asked = {"SampleType": "Time", "SampleInterval": 5, "RowCount": 2, "ColumnCount": 2, "SubAppId": 9}
    for _ in range(16):
        vod("CreateImageSpriteTemplate", **asked)
    with pytest.raises(Refused) as refused:
        vod("CreateImageSpriteTemplate", **asked)
    assert refused.value.code == "LimitExceeded.TooMuchTemplate"


def test_procedures_are_made_changed_shown_and_deleted(vod: Vod) -> None:
    vod("CreateProcedureTemplate", Name="p", Comment="one", MediaProcessTask=PICTURE)
    with pytest.raises(Refused) as refused:
        vod("CreateProcedureTemplate", Name="p", MediaProcessTask=PICTURE)
    assert refused.value.code == "InvalidParameter.ExistedProcedureName"
    vod("ResetProcedureTemplate", Name="p", Comment="two", MediaProcessTask=_transcode())
    (shown,) = vod("DescribeProcedureTemplates", Names=["p"])["ProcedureTemplateSet"]
    assert (shown["Comment"], shown["Type"]) == ("two", "Custom")
    assert shown["MediaProcessTask"]["TranscodeTaskSet"][0]["Definition"] == 100010
    vod("DeleteProcedureTemplate", Name="p")
    assert vod("DescribeProcedureTemplates")["TotalCount"] == 0


def test_programs_ask_for_several_things_with_the_same_parameters_at_once(vod: Vod) -> None:
    names = ("Transcode", "SampleSnapshot", "ImageSprite", "SnapshotByTimeOffset", "AnimatedGraphics", "Procedure")
    for name in names:  # within one second: their signatures are the same
        assert "TotalCount" in vod(f"Describe{name}Templates")


def test_every_field_of_the_sdks_models_is_known(cloud: Cloud) -> None:
    """Those within an object that is refused or ignored as a whole are not told one by one."""
    for line in run("tencent", PROGRAMS / "fields.py", cloud.account, "vod.v20180717", *DOCUMENTED):
        known = {row.path: row.state for row in rows(DOCUMENTED[line["action"]])}
        whole = tuple(f"{path}." for path, state in known.items() if state != "works")
        missing = [path for path in line["fields"] if path not in known and not path.startswith(whole)]
        assert not missing, (line["action"], missing)
