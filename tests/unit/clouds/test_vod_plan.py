"""VOD's requests as targets of ours, and tasks of ours in its words."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.access import Role
from framefleet.domain.errors import (
    ErrorInfo,
    Forbidden,
    FramefleetError,
    InvalidSource,
    InvalidTemplate,
    Overloaded,
    SourceNotFound,
    UnsupportedFeature,
)
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.records import PublishedFile, TargetRecord, TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.task import parse_request
from framefleet_scheduler.api.guard import Caller
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Known
from framefleet_scheduler.clouds.fields import rows
from framefleet_scheduler.clouds.origin import Origin
from framefleet_scheduler.clouds.pages import filled, operations_in
from framefleet_scheduler.clouds.tencent.templates import Kind
from framefleet_scheduler.clouds.tencent.vod import DOCUMENTED, tasks
from framefleet_scheduler.clouds.tencent.vod.answers import BLOCKS, Told, detail, element, procedure, timed
from framefleet_scheduler.clouds.tencent.vod.edit import _copied
from framefleet_scheduler.clouds.tencent.vod.front import refused
from framefleet_scheduler.clouds.tencent.vod.library import extension_of, name_of, new_file_id, new_task_id
from framefleet_scheduler.clouds.tencent.vod.parts import merged
from framefleet_scheduler.clouds.tencent.vod.plan import Plan, plan
from framefleet_scheduler.clouds.tencent.vod.process import priority
from framefleet_scheduler.clouds.tencent.vod.requests import MediaProcess
from framefleet_scheduler.clouds.tencent.vod.telling import signed, without_null

PAGE = Path(__file__).resolve().parents[3] / "docs/howto/tencent-vod.md"
NOW = datetime(2026, 1, 2, 3, 4, 5, 600_000, UTC)


def _find(kind: Kind, number: int | None) -> Any:
    return kind.model.model_validate(kind.presets[number or 0])


def _planned(**sets: Any) -> Plan:
    asked = MediaProcess.model_validate(sets)
    return plan(asked, _find, lambda: 60.0, lambda folder, name: f"s3://vod/{folder}/{name}")


def test_every_element_is_a_target_in_the_order_of_the_sets() -> None:
    found = _planned(
        AdaptiveDynamicStreamingTaskSet=[{"Definition": 10}, {"Definition": 20}],
        CoverBySnapshotTaskSet=[{"Definition": 10, "PositionType": "Time", "PositionValue": 3}],
        ImageSpriteTaskSet=[{"Definition": 10}],
        SampleSnapshotTaskSet=[{"Definition": 10}],
        SnapshotByTimeOffsetTaskSet=[{"Definition": 10, "ExtTimeOffsetSet": ["1s", "50%"]}],
        AnimatedGraphicTaskSet=[{"Definition": 20001, "EndTimeOffset": 5}],
        TranscodeTaskSet=[{"Definition": 100010}, {"Definition": 100010}, {"Definition": 100220}],
    )
    assert [one["type"] for one in found.elements] == [
        *["Transcode"] * 3,
        "AnimatedGraphics",
        "SnapshotByTimeOffset",
        "SampleSnapshot",
        "ImageSprites",
        "CoverBySnapshot",
        *["AdaptiveDynamicStreaming"] * 2,
    ]
    assert len(found.targets) == 11  # seconds and percent are two targets
    parse_request({"sources": [{"uri": "s3://a/b"}], "targets": found.targets})
    assert [one["targets"] for one in found.elements if one["type"] == "Transcode"] == [
        ["Transcode-0"],
        ["Transcode-1"],
        ["Transcode-2"],
    ]


def test_overrides_are_laid_over_the_template_field_by_field() -> None:
    over = {
        "Container": "flv",
        "VideoTemplate": {"Codec": "libx264", "Bitrate": 0, "Vcrf": 30, "Height": 0, "Width": 640, "CodecTag": "hvc1"},
        "AudioTemplate": {"Bitrate": 96, "StreamSelects": [1, 0]},
    }
    (target,) = _planned(TranscodeTaskSet=[{"Definition": 100010, "OverrideParameter": over}]).targets
    settings = target["overrides"]
    assert target["uri"] == "s3://vod/transcode-100010-0/v.f100010.flv"
    assert settings["container"] == "flv"
    assert settings["video"] == {
        "codec": "h264",
        "upscale": True,
        "long_edge": 640,
        "frame_rate": 25,
        "crf": 30,
        "hdr": "sdr",
    }
    assert settings["audio"] == {
        "codec": "aac",
        "bitrate": 96_000,
        "sample_rate": 44100,
        "channels": 2,
        "tracks": [1, 0],
    }


@pytest.mark.parametrize(
    ("element", "wanted"),
    [
        ({}, (0, None)),
        ({"StartTimeOffset": 10}, (10, None)),
        ({"StartTimeOffset": 10, "EndTimeOffset": 20}, (10, 10)),
        ({"StartTimeOffset": -20, "EndTimeOffset": -5}, (40, 15)),
    ],
)
def test_the_part_that_is_transcoded_is_the_sources(
    element: dict[str, float], wanted: tuple[float, float | None]
) -> None:
    found = _planned(TranscodeTaskSet=[{"Definition": 100010, **element}, {"Definition": 1010, **element}])
    assert list(found.parts) == [wanted]


def test_elements_of_other_parts_are_tasks_of_their_own() -> None:
    found = _planned(
        TranscodeTaskSet=[{"Definition": 100010, "EndTimeOffset": 5}, {"Definition": 100010}],
        SampleSnapshotTaskSet=[{"Definition": 10}],
    )
    names = {part: [one["name"] for one in targets] for part, targets in found.parts.items()}
    assert names == {(0, 5): ["Transcode-0"], (0, None): ["Transcode-1", "SampleSnapshot-0"]}


@pytest.mark.parametrize(
    ("states", "wanted"),
    [
        (["queued", "queued"], "queued"),
        (["queued", "succeeded"], "running"),
        (["running", "failed"], "running"),
        (["succeeded", "succeeded"], "succeeded"),
        (["succeeded", "failed"], "failed"),
        (["canceled", "succeeded"], "canceled"),
    ],
)
def test_parts_are_told_as_one(states: list[str], wanted: str) -> None:
    parts = [_told(TaskState(one), TaskState(one)).known for one in states]
    record = merged(parts).record
    assert record.state == wanted
    assert (record.finished_at is not None) == record.state.final
    assert len(record.targets) == 2


@pytest.mark.parametrize(
    ("sets", "code"),
    [
        ({}, "InvalidParameter"),
        (
            {"TranscodeTaskSet": [{"Definition": 100010, "StartTimeOffset": i} for i in range(11)]},
            "LimitExceeded",
        ),
        ({"SampleSnapshotTaskSet": [{"Definition": 10}] * 51}, "LimitExceeded"),
        (
            {"CoverBySnapshotTaskSet": [{"Definition": 10, "PositionType": "Where", "PositionValue": 1}]},
            "InvalidParameterValue.Type",
        ),
        (
            {"CoverBySnapshotTaskSet": [{"Definition": 10, "PositionType": "Percent", "PositionValue": 101}]},
            "InvalidParameterValue",
        ),
        ({"SnapshotByTimeOffsetTaskSet": [{"Definition": 10}]}, "InvalidParameterValue"),
        (
            {"AnimatedGraphicTaskSet": [{"Definition": 20000, "StartTimeOffset": 61}]},
            "InvalidParameterValue.StartTimeOffset",
        ),
    ],
)
def test_what_is_refused(sets: dict[str, Any], code: str) -> None:
    with pytest.raises(Refusal) as said:
        _planned(**sets)
    assert said.value.code == code


@pytest.mark.parametrize(("theirs", "ours"), [(None, 5), (0, 5), (10, 9), (-10, 0), (5, 7), (-5, 2)])
def test_priorities(theirs: int | None, ours: int) -> None:
    assert priority(theirs) == ours


def test_pictures_of_moments_are_told_as_they_were_asked_for() -> None:
    found = _planned(SnapshotByTimeOffsetTaskSet=[{"Definition": 10, "ExtTimeOffsetSet": ["3.51s", "50%", "0.2s"]}])
    (note,) = found.elements
    made = {"SnapshotByTimeOffset-0-times": (3.48, 0.2), "SnapshotByTimeOffset-0-percentages": (29.96,)}
    targets = [
        TargetRecord(
            name=name,
            template=None,
            uri="s3://vod/a.jpg",
            state=TaskState.SUCCEEDED,
            media={"pictures": [{"uri": f"{name}-{i}", "time": str(at)} for i, at in enumerate(times)]},
        )
        for name, times in made.items()
    ]
    shown = timed(note, targets, lambda name, uri: uri)["PicInfoSet"]

    assert [(one["TimeOffset"], one["Url"]) for one in shown] == [
        (3510, "SnapshotByTimeOffset-0-times-0"),
        (29_960, "SnapshotByTimeOffset-0-percentages-0"),
        (200, "SnapshotByTimeOffset-0-times-1"),
    ]


# --- answers --------------------------------------------------------------------------------


def _told(state: TaskState, target: TaskState, error: ErrorInfo | None = None, **more: Any) -> Told:
    note = {"type": "Transcode", "input": {"Definition": 100010}, "targets": ["Transcode-0"], "container": "mp4"}
    origin = Origin(
        door="vod",
        id="1250000000-Procedure-0t0",
        tenant="default",
        key="k",
        action="ProcessMedia",
        created_at=NOW,
        request={"TasksPriority": 2},
        notes={"kind": "Procedure", "file": "1" * 19, "name": "film", "elements": [note]},
    )
    files = (PublishedFile(uri="s3://vod/v.mp4", bytes=1000, sha256="0"),) if target is TaskState.SUCCEEDED else ()
    media = {
        "container": "mov",
        "size_bytes": 1000,
        "duration": "6",
        "bitrate": 1333,
        "video": [
            {"index": 0, "codec": "h264", "width": 640, "height": 360, "time_base": "1/90000", "average_rate": "25"}
        ],
    }
    made = TargetRecord(
        name="Transcode-0",
        template=None,
        uri="s3://vod/v.mp4",
        state=target,
        error=error,
        files=files,
        media=media if files else None,
    )
    record = TaskRecord(
        id="k1",
        state=state,
        pipeline="default",
        priority=5,
        created_at=NOW,
        started_at=NOW if state is not TaskState.QUEUED else None,
        finished_at=NOW if state.final else None,
        progress=0.5,
        targets=(made,),
        **more,
    )
    return Told(Known(origin, record), None, lambda target, uri: f"http://here/{target}{uri[4:]}")


@pytest.mark.parametrize(
    ("state", "target", "status", "inner", "progress", "code"),
    [
        (TaskState.QUEUED, TaskState.QUEUED, "WAITING", "PROCESSING", 50, 0),
        (TaskState.RUNNING, TaskState.RUNNING, "PROCESSING", "PROCESSING", 50, 0),
        (TaskState.RUNNING, TaskState.SUCCEEDED, "PROCESSING", "SUCCESS", 100, 0),
        (TaskState.SUCCEEDED, TaskState.SUCCEEDED, "FINISH", "SUCCESS", 100, 0),
        (TaskState.FAILED, TaskState.SUCCEEDED, "FINISH", "SUCCESS", 100, 0),
        (TaskState.FAILED, TaskState.FAILED, "FINISH", "FAIL", 0, 60000),
        (TaskState.CANCELED, TaskState.CANCELED, "ABORTED", "FAIL", 0, 70000),
    ],
)
def test_states(state: TaskState, target: TaskState, status: str, inner: str, progress: int, code: int) -> None:
    error = ErrorInfo(code="source_not_found", message="gone") if target is TaskState.FAILED else None
    told = _told(state, target, error)
    answer = detail(told, {"ProcedureTask": procedure(told)})
    assert (answer["Status"], answer["TaskType"], answer["CreateTime"]) == (status, "Procedure", "2026-01-02T03:04:05Z")
    assert [name for name in BLOCKS if answer[name] is not None] == ["ProcedureTask"]
    (item,) = answer["ProcedureTask"]["MediaProcessResultSet"]
    result = item["TranscodeTask"]
    assert (result["Status"], result["Progress"], result["ErrCode"]) == (inner, progress, code)
    assert result["Input"] == {"Definition": 100010}
    assert answer["FinishTime"] == ("2026-01-02T03:04:05Z" if state.final else "")
    assert (result["Output"] is not None) == (inner == "SUCCESS")


def test_what_a_transcoded_file_is() -> None:
    told = _told(TaskState.SUCCEEDED, TaskState.SUCCEEDED)
    output = element(told, told.known.origin.notes["elements"][0])["TranscodeTask"]["Output"]
    assert output["Url"] == "http://here/Transcode-0/vod/v.mp4"
    assert (output["Width"], output["Height"], output["Size"], output["Bitrate"]) == (640, 360, 1000, 1333)
    assert output["VideoStreamSet"][0]["Fps"] == 25


def test_a_procedure_has_the_fields_of_the_documented_example() -> None:
    told = _told(TaskState.SUCCEEDED, TaskState.SUCCEEDED)
    media = MediaInfo.model_validate(
        {
            "container": "mov",
            "size_bytes": 7700180,
            "duration": "60",
            "bitrate": 1021028,
            "video": [
                {"index": 0, "codec": "h264", "width": 640, "height": 480, "time_base": "1/600", "average_rate": "23"}
            ],
            "audio": [{"index": 1, "codec": "aac", "sample_rate": 48000, "channels": 2, "time_base": "1/48000"}],
        }
    )
    block = procedure(replace(told, media=media))
    named = (
        "TaskId Status ErrCode Message SessionContext SessionId Operator OperationType FileId FileName FileUrl MetaData "
        "MediaProcessResultSet AiContentReviewResultSet AiRecognitionResultSet AiAnalysisResultSet TasksPriority TasksNotifyMode"
    )
    assert set(block) == set(named.split())
    meta = block["MetaData"]
    assert set(meta) == {
        "AudioDuration",
        "Md5",
        "AudioStreamSet",
        "Bitrate",
        "Container",
        "Duration",
        "Height",
        "Rotate",
        "Size",
        "VideoDuration",
        "VideoStreamSet",
        "Width",
    }
    assert (meta["Container"], meta["Bitrate"], meta["Size"]) == ("mov,mp4,m4a,3gp,3g2,mj2", 1021028, 7700180)
    assert {"Bitrate", "Codec", "Fps", "Height", "Width", "DynamicRangeInfo"} <= set(meta["VideoStreamSet"][0])
    assert meta["AudioStreamSet"][0] == {**meta["AudioStreamSet"][0], "Codec": "aac", "SamplingRate": 48000}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Forbidden("no"), "UnauthorizedOperation"),
        (InvalidSource("no", field="sources[0].uri"), "InvalidParameterValue.Url"),
        (SourceNotFound("no"), "ResourceNotFound.FileNotExist"),
        (InvalidTemplate("no", field="targets[0].overrides.video.crf"), "InvalidParameterValue.Vcrf"),
        (InvalidTemplate("no", field="targets[0].overrides.audio.bitrate"), "InvalidParameterValue.AudioBitrate"),
        (InvalidTemplate("no", field="targets[0].overrides.columns"), "InvalidParameterValue"),
        (UnsupportedFeature("no"), "UnsupportedOperation"),
        (Overloaded("no"), "ResourceUnavailable"),
    ],
)
def test_errors_of_ours(error: FramefleetError, code: str) -> None:
    assert refused(error).code == code


# --- the rest -------------------------------------------------------------------------------


def test_a_signature_is_of_key_and_time() -> None:
    assert signed("key", 1550740800) == {"Sign": hashlib.md5(b"key1550740800").hexdigest(), "T": 1550740800}


def test_nulls_are_left_out() -> None:
    assert without_null({"a": None, "b": [{"c": None, "d": 0}], "e": ""}) == {"b": [{"d": 0}], "e": ""}


def test_ids() -> None:
    assert len(new_file_id()) == 19
    assert new_task_id("Procedure") != new_task_id("Procedure")
    assert name_of("https://example.com/a/film.one.mp4?x=1.mkv") == "film.one"
    assert (extension_of("https://example.com/a.MP4?b=c.d"), extension_of("https://example.com/a")) == ("mp4", "")


@pytest.mark.parametrize(
    ("kind", "container", "extension"),
    [("mp4", "mp4", "mp4"), ("mov", "mov", "mov"), ("avi", "mkv", "mkv"), ("m4a", "m4a", "m4a"), ("mp3", "mka", "mka")],
)
def test_pulled_files_keep_their_container_where_we_write_it(kind: str, container: str, extension: str) -> None:
    settings, found = _copied(kind)
    assert (settings["container"], found) == (container, extension)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_field_says_what_becomes_of_it(name: str) -> None:
    assert list(rows(DOCUMENTED[name]))


def test_the_page_has_the_fields_as_they_are() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert operations_in(text) == {("vod", name) for name in DOCUMENTED}
    assert filled(text) == text, "run `make docs`"


class _Engine:
    """Knows one task, under any id."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def find(self, door: str, call: Call, vendor_id: str) -> Known:
        return self._known


@pytest.mark.parametrize(("hours", "is_there"), [(0, True), (71.9, True), (72.1, False)])
def test_tasks_are_told_for_three_days(hours: float, is_there: bool) -> None:
    found = _told(TaskState.SUCCEEDED, TaskState.SUCCEEDED).known
    caller = Caller("k", Role.VIEWER, None)
    call = Call(caller, "DescribeTaskDetail", {}, "r", NOW + timedelta(hours=hours))
    engine: Any = _Engine(found)
    if is_there:
        assert tasks.known(engine, call, found.origin.id, None) is found
    else:
        with pytest.raises(Refusal) as refused:
            tasks.known(engine, call, found.origin.id, None)
        assert refused.value.code == "InvalidParameterValue.TaskId"
    with pytest.raises(Refusal):
        tasks.known(engine, call, found.origin.id, 7)  # it is of no application
