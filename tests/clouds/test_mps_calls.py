"""MPS through its official SDK: lists, ends, sessions, refusals, templates, workflows, ways to sign."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.clouds.conftest import Cloud
from tests.clouds.mps import Sdk, cos, out, started

PICTURE = {"SnapshotByTimeOffsetTaskSet": [{"Definition": 10, "ExtTimeOffsetSet": ["1s"]}]}
"""The quickest that can be asked for."""
UNKNOWN = "1250000000-WorkflowTask-0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def sdk(cloud: Cloud) -> Iterator[Sdk]:
    """The SDK with the account's key."""
    with started(cloud.account) as found:
        yield found


def task(**parameters: Any) -> dict[str, Any]:
    """ProcessMedia's parameters."""
    base = {"InputInfo": cos("film.mp4"), "OutputStorage": out(), "OutputDir": "/calls/", "MediaProcessTask": PICTURE}
    return {**base, **parameters}


def element(**settings: Any) -> dict[str, Any]:
    """A task that transcodes."""
    return {"MediaProcessTask": {"TranscodeTaskSet": [{"Definition": 100010, **settings}]}}


def overridden(**video: Any) -> dict[str, Any]:
    """A task whose picture is laid over a template's."""
    return element(OverrideParameter={"VideoTemplate": video})


@pytest.mark.parametrize(
    ("code", "parameters"),
    [
        ("MissingParameter", {"MediaProcessTask": {}}),
        ("MissingParameter", {"InputInfo": {"Type": "COS"}}),
        ("InvalidParameter.InputInfo", {"InputInfo": {"Type": "FTP"}}),
        ("InvalidParameterValue.SrcFile", {"InputInfo": cos("nothing.mp4")}),
        ("InvalidParameter.InvalidUrl", {"InputInfo": {"Type": "URL", "UrlInputInfo": {"Url": "film.mp4"}}}),
        ("ResourceNotFound.CosBucketNameInvalid", {"InputInfo": cos("film.mp4", "a/b")}),
        ("InvalidParameterValue", {"OutputDir": "calls"}),
        ("InvalidParameterValue", {"TasksPriority": 11}),
        ("InvalidParameterValue.SessionIdTooLong", {"SessionId": "s" * 51}),
        ("InvalidParameterValue.SessionContextTooLong", {"SessionContext": "c" * 1001}),
        ("InvalidParameterValue.Definition", element(Definition=4711)),
        ("InvalidParameterValue", element(OutputObjectPath="film.mp4")),
        ("InvalidParameterValue", element(OutputObjectPath="{nothing}.{format}")),
        ("InvalidParameterValue", element(OutputObjectPath="../up/{inputName}.{format}")),
        ("InvalidParameterValue.VideoBitrate", overridden(Bitrate=5)),
        ("InvalidParameterValue.Width", overridden(Width=64)),
        ("UnsupportedOperation", overridden(Codec="mpeg2")),
        ("UnsupportedOperation", overridden(FillType="gauss")),
        ("UnsupportedOperation", element(OverrideParameter={"TEHDConfig": {"Type": "TEHD-100"}})),
        ("UnsupportedOperation", element(MosaicSet=[{"Width": "10%"}])),
        ("UnsupportedOperation", {"AiAnalysisTask": {"Definition": 10}}),
        ("UnsupportedOperation", {"TaskNotifyConfig": {"NotifyType": "TDMQ-CMQ", "QueueName": "q"}}),
        ("ResourceNotFound", {"ScheduleId": 4711, "MediaProcessTask": None}),
        (
            "InvalidParameterValue",
            {"MediaProcessTask": {"TranscodeTaskSet": [{"Definition": 100010}, {"Definition": 100010}]}},
        ),
        (
            "UnsupportedOperation",
            {"MediaProcessTask": {**PICTURE, "TranscodeTaskSet": [{"Definition": 100010, "StartTimeOffset": 1}]}},
        ),
        (
            "UnsupportedOperation",
            {
                "InputInfo": {
                    "Type": "AWS-S3",
                    "S3InputInfo": {"S3Bucket": "theirs", "S3Object": "/a.mp4", "S3SecretId": "i", "S3SecretKey": "k"},
                }
            },
        ),
    ],
)
def test_what_is_not_made_is_refused(sdk: Sdk, code: str, parameters: dict[str, Any]) -> None:
    given = {name: value for name, value in task(**parameters).items() if value is not None}

    assert sdk.refused("ProcessMedia", **given).code == code


def test_refusals_say_which_element(sdk: Sdk) -> None:
    twice = {"MediaProcessTask": {**PICTURE, "TranscodeTaskSet": [{"Definition": 100010}, {"Definition": 100010}]}}

    refused = sdk.refused("ProcessMedia", **task(**twice))

    assert refused.message.startswith("MediaProcessTask.TranscodeTaskSet[1]: "), refused.message


@pytest.mark.parametrize(
    ("do", "parameters", "code"),
    [
        ("DescribeTaskDetail", {"TaskId": UNKNOWN}, "InvalidParameterValue.TaskId"),
        ("DescribeTaskDetail", {}, "MissingParameter"),
        ("ManageTask", {"TaskId": UNKNOWN, "OperationType": "Abort"}, "InvalidParameterValue.TaskId"),
        ("ManageTask", {"TaskId": UNKNOWN, "OperationType": "Stop"}, "InvalidParameterValue.InvalidOperationType"),
        ("DescribeTasks", {"Status": "FINISH", "Limit": 101}, "InvalidParameterValue.Limit"),
        ("DescribeTasks", {"Status": "DONE"}, "InvalidParameterValue"),
        ("DescribeTasks", {"Status": "FINISH", "ScrollToken": "x"}, "InvalidParameterValue"),
        ("DeleteTranscodeTemplate", {"Definition": 100010}, "InvalidParameterValue.DeleteDefaultTemplate"),
        ("ModifyTranscodeTemplate", {"Definition": 100010, "Name": "n"}, "InvalidParameterValue.ModifyDefaultTemplate"),
        ("CreateTranscodeTemplate", {"Container": "mxf"}, "MissingParameter"),
        ("ParseNotification", {"Content": "nothing"}, "InvalidParameterValue.InvalidContent"),
        ("EditMedia", {"FileInfos": []}, "InvalidAction"),
    ],
)
def test_calls_that_cannot_be_answered(sdk: Sdk, do: str, parameters: dict[str, Any], code: str) -> None:
    assert sdk.refused(do, **parameters).code == code


def test_a_session_id_counts_once_but_not_for_what_was_refused(sdk: Sdk) -> None:
    sdk.refused("ProcessMedia", **task(SessionId="s1", InputInfo=cos("nothing.mp4")))

    first = sdk.call("ProcessMedia", **task(SessionId="s1"))["TaskId"]

    assert sdk.refused("ProcessMedia", **task(SessionId="s1")).code == "InvalidParameterValue.SessionId"
    assert sdk.end(first)["SessionId"] == "s1"


def test_tasks_are_listed_the_newest_first_page_by_page(sdk: Sdk) -> None:
    made = [sdk.call("ProcessMedia", **task())["TaskId"] for _ in range(5)]
    for one in made:
        sdk.end(one)

    found: list[str] = []
    token = ""
    while True:
        page = sdk.call("DescribeTasks", Status="FINISH", Limit=2, ScrollToken=token)
        found += [one["TaskId"] for one in page["TaskSet"]]
        assert {tuple(one["SubTaskTypes"]) for one in page["TaskSet"]} == {("SnapshotByTimeOffset",)}
        token = page["ScrollToken"]
        if not token:
            break

    assert [one for one in found if one in made] == made[::-1]
    assert page["TotalCount"] == len(found) == len(set(found))
    assert sdk.call("DescribeTasks", Status="PROCESSING")["TaskSet"] == []
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")
    assert sdk.call("DescribeTasks", Status="FINISH", StartTime=later)["TotalCount"] == 0


def test_an_element_fails_alone_and_its_task_is_found(sdk: Sdk, cloud: Cloud) -> None:
    (cloud.buckets / "films" / "text.png").write_text("no picture at all")
    mark = {"Definition": 0, "RawParameter": {"Type": "image", "ImageTemplate": {"ImageContent": cos("text.png")}}}
    wish = {**PICTURE, "TranscodeTaskSet": [{"Definition": 100010, "WatermarkSet": [mark]}]}
    task_id = sdk.call("ProcessMedia", **task(MediaProcessTask=wish))["TaskId"]

    found = sdk.end(task_id)
    marked, picture = sdk.results(task_id)

    assert (marked["Status"], marked["ErrCodeExt"], marked["ErrCode"]) == ("FAIL", "InvalidInput", 40000)
    assert marked["Message"] and marked["Output"] is None
    assert picture["Status"] == "SUCCESS"
    assert (found["Status"], found["WorkflowTask"]["ErrCode"]) == ("FINISH", 0)
    listed = sdk.call("DescribeTasks", Status="FINISH", SubTaskHasFailed=True)["TaskSet"]
    assert task_id in [one["TaskId"] for one in listed]
    well = sdk.call("DescribeTasks", Status="FINISH", SubTaskHasFailed=False, Limit=100)["TaskSet"]
    assert task_id not in [one["TaskId"] for one in well]


def test_a_time_after_the_end_is_told_as_such(sdk: Sdk) -> None:
    late = {"AnimatedGraphicTaskSet": [{"Definition": 20000, "StartTimeOffset": 50, "EndTimeOffset": 52}]}

    (result,) = sdk.results(sdk.call("ProcessMedia", **task(MediaProcessTask=late))["TaskId"])

    assert (result["Status"], result["ErrCodeExt"]) == ("FAIL", "InvalidInput.InvalidTimeOffset")


def test_a_source_that_is_no_film_fails_the_whole_task(sdk: Sdk, cloud: Cloud) -> None:
    (cloud.buckets / "films" / "text.mp4").write_text("no film at all")

    found = sdk.end(sdk.call("ProcessMedia", **task(InputInfo=cos("text.mp4")))["TaskId"])

    assert found["WorkflowTask"]["ErrCode"] == 60000
    assert found["WorkflowTask"]["Message"]
    (result,) = found["WorkflowTask"]["MediaProcessResultSet"]
    assert result["SnapshotByTimeOffsetTask"]["ErrCodeExt"] == "SourceFileError.ContentMalformed"


def test_only_what_waits_is_aborted(sdk: Sdk, cloud: Cloud) -> None:
    done = sdk.call("ProcessMedia", **task())["TaskId"]
    sdk.end(done)
    status, said = cloud.server.request("POST", "/v1/pipelines/default/pause")
    assert status == 200, said
    try:
        waiting = sdk.call("ProcessMedia", **task())["TaskId"]
        assert sdk.call("DescribeTaskDetail", TaskId=waiting)["Status"] == "WAITING"
        found = sdk.call("DescribeTasks", Status="WAITING")["TaskSet"]
        assert [one["TaskId"] for one in found] == [waiting]
        assert found[0]["FinishTime"] == "0000-00-00T00:00:00Z"
        sdk.call("ManageTask", TaskId=waiting, OperationType="Abort")
    finally:
        cloud.server.request("POST", "/v1/pipelines/default/resume")

    ended = sdk.end(waiting)

    result = ended["WorkflowTask"]["MediaProcessResultSet"][0]["SnapshotByTimeOffsetTask"]
    assert (ended["Status"], result["Status"], result["Message"]) == ("FINISH", "FAIL", "the task was aborted")
    refused = sdk.refused("ManageTask", TaskId=done, OperationType="Abort")
    assert refused.code == "InvalidParameterValue.NotProcessingTask"


@pytest.mark.parametrize(("method", "verb"), [("TC3-HMAC-SHA256", "GET"), ("HmacSHA1", "POST"), ("HmacSHA256", "GET")])
def test_requests_without_types_are_read_alike(cloud: Cloud, method: str, verb: str) -> None:
    with started(cloud.account, method, verb) as sdk:
        wish = {
            "SnapshotByTimeOffsetTaskSet": [
                {"Definition": 10, "TimeOffsetSet": [1.5], "ObjectNumberFormat": {"InitialValue": 3}}
            ]
        }
        made = sdk.call("ProcessMedia", **task(MediaProcessTask=wish, TasksPriority=-3))["TaskId"]
        found = sdk.end(made)
        listed = sdk.call("DescribeTasks", Status="FINISH", SubTaskHasFailed=False)

    shown = found["WorkflowTask"]["MediaProcessResultSet"][0]["SnapshotByTimeOffsetTask"]
    assert shown["Input"]["TimeOffsetSet"] == [1.5]
    assert shown["Output"]["PicInfoSet"][0]["Path"] == "/calls/film_snapshotByTimeOffset_10_3.jpg"
    assert found["TasksPriority"] == -3
    assert listed["TaskSet"][0]["TaskId"] == made


def test_templates_are_made_changed_listed_and_deleted(sdk: Sdk) -> None:
    video = {"Codec": "h264", "Fps": 0, "Bitrate": 0, "Width": 0, "Height": 0}
    sound = {"Codec": "aac", "Bitrate": 64, "SampleRate": 48000}
    made = sdk.call("CreateTranscodeTemplate", Container="mkv", Name="m", VideoTemplate=video, AudioTemplate=sound)
    number = made["Definition"]
    sdk.call("ModifyTranscodeTemplate", Definition=number, Comment="c", VideoTemplate={"Bframes": 2})

    found = sdk.call("DescribeTranscodeTemplates", Definitions=[number, 100010])

    preset, own = found["TranscodeTemplateSet"]
    assert (found["TotalCount"], preset["Definition"], preset["Type"]) == (2, "100010", "Preset")
    assert (preset["VideoTemplate"]["Codec"], preset["AudioTemplate"]["Codec"]) == ("h264", "aac")
    assert (own["Definition"], own["Container"], own["Name"], own["Comment"]) == (str(number), "mkv", "m", "c")
    assert own["VideoTemplate"]["Bframes"] == 2
    assert sdk.call("DescribeTranscodeTemplates", Type="Preset", Limit=1)["TotalCount"] > 10
    sdk.call("DeleteTranscodeTemplate", Definition=number)
    assert sdk.refused("DeleteTranscodeTemplate", Definition=number).code == "InvalidParameterValue.Definition"


@pytest.fixture
def nonces(cloud: Cloud) -> Iterator[Sdk]:
    """The SDK with signatures that hold a nonce: with the others two operations with one body in one second look the same."""
    with started(cloud.account, "HmacSHA256") as found:
        yield found


def test_a_workflow_is_kept_and_done_with_a_file(nonces: Sdk, cloud: Cloud) -> None:
    sdk = nonces
    trigger = {"Type": "CosFileUpload", "CosFileUploadTrigger": {"Bucket": "results", "Region": "r", "Dir": "/in/"}}
    kept = {"Trigger": trigger, "OutputDir": "/flow/", "MediaProcessTask": PICTURE, "TaskPriority": 3}
    number = sdk.call("CreateWorkflow", WorkflowName="flow", **kept)["WorkflowId"]

    assert sdk.refused("CreateWorkflow", WorkflowName="flow", **kept).code == "InvalidParameterValue.Name"
    assert sdk.refused("EnableWorkflow", WorkflowId=number).code == "UnsupportedOperation"
    sdk.call("DisableWorkflow", WorkflowId=number)
    sdk.call("ResetWorkflow", WorkflowId=number, WorkflowName="flow 2", **{**kept, "OutputDir": "/flow2/"})
    found = sdk.call("DescribeWorkflows", WorkflowIds=[number])
    (shown,) = found["WorkflowInfoSet"]
    assert (shown["WorkflowName"], shown["Status"], shown["OutputDir"]) == ("flow 2", "Disabled", "/flow2/")
    assert shown["Trigger"]["CosFileUploadTrigger"]["Dir"] == "/in/"
    made = sdk.call("ProcessMedia", InputInfo=cos("film.mp4"), ScheduleId=number)["TaskId"]
    (result,) = sdk.results(made)
    path = result["Output"]["PicInfoSet"][0]["Path"]
    assert path == "/flow2/film_snapshotByTimeOffset_10_0.jpg"
    assert (cloud.buckets / f"results{path}").exists()
    assert sdk.end(made)["TasksPriority"] == 3
    sdk.call("DeleteWorkflow", WorkflowId=number)
    assert sdk.refused("DeleteWorkflow", WorkflowId=number).code == "ResourceNotFound"


def test_a_look_into_a_source(sdk: Sdk) -> None:
    found = sdk.call("DescribeMediaMetaData", InputInfo=cos("film.mp4"))["MetaData"]

    assert (found["Width"], found["Height"]) == (320, 180)
    assert found["Duration"] == pytest.approx(6, abs=0.1)
    assert found["VideoStreamSet"][0]["Codec"] == "h264"
    assert sdk.refused("DescribeMediaMetaData", InputInfo=cos("no.mp4")).code == "InvalidParameterValue.SrcFile"


def test_nobody_reaches_another_tenants_things(sdk: Sdk, cloud: Cloud) -> None:
    mine = sdk.call("ProcessMedia", **task())["TaskId"]
    template = sdk.call("CreateSampleSnapshotTemplate", SampleType="Time", SampleInterval=1)["Definition"]
    other = cloud.key("--role", "producer", "--signs", "--pipeline", "other")

    with started(other) as theirs:
        assert theirs.refused("DescribeTaskDetail", TaskId=mine).code == "InvalidParameterValue.TaskId"
        assert theirs.call("DescribeTasks", Status="FINISH")["TotalCount"] == 0
        wish = {"SampleSnapshotTaskSet": [{"Definition": template}]}
        refused = theirs.refused("ProcessMedia", **task(MediaProcessTask=wish))
        assert refused.code == "InvalidParameterValue.Definition"
    sdk.end(mine)


def test_a_key_that_only_looks_starts_nothing(cloud: Cloud) -> None:
    with started(cloud.key("--role", "viewer", "--signs")) as viewer:
        assert viewer.refused("ProcessMedia", **task()).code == "UnauthorizedOperation"
        assert viewer.call("DescribeTasks", Status="WAITING")["TaskSet"] == []


def test_trimmed_and_joined(sdk: Sdk, cloud: Cloud) -> None:
    around = {"HeadSet": [cos("second.mp4")], "TailSet": [cos("second.mp4")]}
    one = {
        "Definition": 0,
        "StartTimeOffset": 1,
        "EndTimeOffset": -2,
        "HeadTailParameter": around,
        "RawParameter": {"Container": "m4a", "RemoveVideo": 1, "AudioTemplate": {"Codec": "aac", "Bitrate": 64}},
        "OutputObjectPath": "joined.{format}",
    }

    (result,) = sdk.results(sdk.call("ProcessMedia", **task(MediaProcessTask={"TranscodeTaskSet": [one]}))["TaskId"])

    assert result["Output"]["Path"] == "/calls/joined.m4a"
    assert float(cloud.probe("results/calls/joined.m4a")["format"]["duration"]) == pytest.approx(11, abs=0.15)


def test_tasks_are_found_restarted_and_shown_in_the_console(sdk: Sdk, cloud: Cloud) -> None:
    made = sdk.call("ProcessMedia", **task())["TaskId"]
    first = sdk.end(made)
    status, found = cloud.server.request("GET", f"/v1/tasks?tag=framefleet:id={made}")
    (ours,) = found["tasks"]
    assert (status, ours["name"], ours["tags"]["framefleet:door"]) == (200, "film.mp4", "mps/default/")

    # Nobody else may write our tags.
    again = {"tags": ours["tags"], "sources": [{"uri": "storage://films/film.mp4"}]}
    picture = {"name": "p", "template": "snapshot", "uri": "storage://results/p.jpg", "overrides": {"times": [1]}}
    assert cloud.server.request("POST", "/v1/tasks", {**again, "targets": [picture]})[0] == 400
    status, said = cloud.server.request("POST", f"/v1/tasks/{ours['id']}/restart")
    assert status == 202, said
    second = sdk.end(made)

    assert second["WorkflowTask"]["MediaProcessResultSet"][0]["SnapshotByTimeOffsetTask"]["Status"] == "SUCCESS"
    assert (second["CreateTime"], second["WorkflowTask"]["TaskId"]) == (first["CreateTime"], made)
    listed = sdk.call("DescribeTasks", Limit=100)["TaskSet"]
    assert [one["TaskId"] for one in listed].count(made) == 1
    status, source = cloud.server.request("GET", f"/v1/tasks/{ours['id']}/sources/0")
    assert (status, source) == (200, (cloud.buckets / "films/film.mp4").read_bytes())
    status, page = cloud.server.request("GET", f"/tasks/{ours['id']}")
    assert (status, made.encode() in page) == (200, True)
    status, page = cloud.server.request("GET", f"/tasks?id={made}")
    assert (status, f"/tasks/{ours['id']}".encode() in page) == (200, True)
