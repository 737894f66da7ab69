"""How our tasks are told in ICE's words: states, errors, ids, and what is in files."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from framefleet.domain import errors
from framefleet.domain.errors import ErrorInfo, FramefleetError
from framefleet.domain.records import PublishedFile, TargetRecord, TaskRecord
from framefleet.domain.states import TaskState
from framefleet_scheduler.clouds.alibaba.ice import (
    answers,
    callbacks,
    convert_jobs,
    metadata,
    telling,
    transcode_jobs,
    words,
)
from framefleet_scheduler.clouds.alibaba.ice.plan import Element
from framefleet_scheduler.clouds.engine import Known
from framefleet_scheduler.clouds.origin import Origin

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
JOB = "0123456789abcdef0123456789abcdef"
MEDIA = {
    "container": "mov",
    "size_bytes": 1000,
    "duration": "403.04",
    "bitrate": 888_563,
    "video": [
        {
            "index": 0,
            "codec": "h264",
            "profile": "High",
            "level": 31,
            "pixel_format": "yuv420p",
            "width": 848,
            "height": 478,
            "sample_aspect": "478/477",
            "time_base": "1/90000",
            "nominal_rate": "25",
            "average_rate": "30000/1001",
            "start": "1.473556",
            "duration": "403.039989",
            "bitrate": 888_563,
            "frames": 10_040,
            "codec_tag": "[27][0][0][0]",
            "reordered": 2,
        }
    ],
    "audio": [
        {
            "index": 1,
            "codec": "aac",
            "sample_rate": 44100,
            "channels": 2,
            "layout": "stereo",
            "time_base": "1/44100",
            "codec_tag": "mp4a",
            "sample_format": "fltp",
            "language": "eng",
        }
    ],
}


def target(name: str, state: TaskState, **more: Any) -> TargetRecord:
    return TargetRecord(name=name, template=None, uri=f"storage://results/{name}.mp4", state=state, **more)


def record(state: TaskState, *targets: TargetRecord, **more: Any) -> TaskRecord:
    return TaskRecord.model_validate(
        {
            "id": "k1",
            "state": state,
            "pipeline": "default",
            "priority": 5,
            "created_at": NOW,
            "finished_at": NOW if state.final else None,
            "targets": targets,
            **more,
        }
    )


def view(found: TaskRecord, *elements: Element, groups: tuple[str, ...] = ()) -> answers.JobView:
    return answers.JobView(JOB, found, "REQUEST", NOW, {"Inputs": []}, "p" * 32, "token", elements, groups)


@pytest.mark.parametrize(
    ("state", "shown", "submitted", "part"),
    [
        (TaskState.QUEUED, "Inited", "Inited", "Init"),
        (TaskState.RUNNING, "Running", "Running", "Scheduled"),
        (TaskState.SUCCEEDED, "Complete", "Success", "Success"),
        (TaskState.FAILED, "Error", "Failed", "Failed"),
        (TaskState.CANCELED, "Cancelled", "Canceled", "Skipped"),
    ],
)
def test_states_are_those_of_the_documents(state: TaskState, shown: str, submitted: str, part: str) -> None:
    found = view(record(state, target("o0", state)), Element("Outputs[0]", "o0", "oss://results/a.mp4", "a"))

    told = answers.job(found)

    assert (shown, submitted) == (told["State"], answers.job(found, states=answers.SUBMITTED)["State"])
    assert part == told["OutputDetails"][0]["Status"]
    assert "2026-01-02T03:04:05Z" == told["CreateTime"]
    assert state.final == ("FinishTime" in told)


def test_each_output_has_a_state_of_its_own() -> None:
    error = ErrorInfo(code="source_no_audio", message="no sound")
    found = view(
        record(
            TaskState.FAILED,
            target("o0", TaskState.SUCCEEDED, media=MEDIA),
            target("o1", TaskState.FAILED, error=error),
            error=error,
        ),
        Element("OutputGroups[0].Outputs[0]", "o0", "oss://results/a.mp4", "a", 0),
        Element("OutputGroups[0].Outputs[1]", "o1", "oss://results/b.mp4", "b", 0),
        groups=("files",),
    )

    told = answers.job(found)

    assert ("Error", "InvalidParameter.NoAudioStream", "no sound") == (told["State"], told["Code"], told["Message"])
    group = told["OutputGroupDetails"][0]
    assert ("files", "Failed", "InvalidParameter.NoAudioStream") == (group["Name"], group["Status"], group["Code"])
    assert ["Success", "Failed"] == [one["Status"] for one in group["Outputs"]]
    assert "Result" in group["Outputs"][0]
    assert "Result" not in group["Outputs"][1]
    assert len({group["TaskId"], *(one["TaskId"] for one in group["Outputs"])}) == 3
    assert all(len(one["TaskId"]) == 32 for one in group["Outputs"])


def test_what_a_file_is_has_only_texts_in_the_documented_fields() -> None:
    found = metadata.of_file(MEDIA, "oss://results/film.mp4", 31_737)

    basic, video, audio = found["FileBasicInfo"], found["VideoStreamInfoList"][0], found["AudioStreamInfoList"][0]
    for one in (basic, video, audio):
        assert all(isinstance(value, str) for value in one.values())
    assert {
        "FileName": "film.mp4",
        "FileUrl": "oss://results/film.mp4",
        "FileSize": "31737",
        "FileStatus": "Normal",
        "FileType": "transcode_file",
        "MediaId": "",
        "Region": "",
        "FormatName": "mov,mp4,m4a,3gp,3g2,mj2",
        "Duration": "403.040000",
        "Bitrate": "888.563",
        "Width": "850",
        "Height": "478",
    } == basic
    assert ("h264", "[27][0][0][0]", "0x001b", "2") == tuple(
        video[name] for name in ("Codec_name", "Codec_tag_string", "Codec_tag", "Has_b_frames")
    )
    assert ("478:477", "25.0", "29.97", "1.473556") == (
        video["Sar"],
        video["Fps"],
        video["Avg_fps"],
        video["Start_time"],
    )
    assert ("888.563", "31", "10040", "1/90000") == (
        video["Bit_rate"],
        video["Level"],
        video["NumFrames"],
        video["Time_base"],
    )
    assert ("aac", "mp4a", "0x6134706d", "fltp", "44100", "2", "stereo", "eng") == tuple(
        audio[name]
        for name in (
            *("CodecName", "CodecTagString", "CodecTag", "SampleFmt"),
            *("SampleRate", "Channels", "ChannelLayout", "Lang"),
        )
    )


def test_a_stream_of_a_ladder_is_told_with_the_sound_that_goes_with_it() -> None:
    media = {
        "container": "hls",
        "duration": 6.0,
        "video": [
            {
                "name": "low",
                "codec": "avc1.64001e",
                "width": 256,
                "height": 144,
                "bitrate": 400_000,
                "frame_rate": "25",
                "duration": 6.0,
            },
            {
                "name": "high",
                "codec": "hvc1.1.6",
                "profile": "Main",
                "sample_aspect": "4/3",
                "time_base": "1/90000",
                "frames": 150,
                "width": 640,
                "height": 360,
                "bitrate": 800_000,
                "frame_rate": "25",
                "duration": 6.0,
            },
        ],
        "audio": [{"name": "audio-a1", "codec": "mp4a.40.2", "bitrate": 64_000, "channels": 2, "sample_rate": 44100}],
    }
    found = metadata.of_ladder(media, "http://b.oss-cn-shanghai.aliyuncs.com/h/high/index.m3u8", 168, "high")

    assert ["hevc"] == [one["Codec_name"] for one in found["VideoStreamInfoList"]]
    assert ["aac"] == [one["CodecName"] for one in found["AudioStreamInfoList"]]
    assert ("864.000", "640", "hls,applehttp", "168", "cn-shanghai") == tuple(
        found["FileBasicInfo"][name] for name in ("Bitrate", "Width", "FormatName", "FileSize", "Region")
    )
    (video,) = found["VideoStreamInfoList"]
    assert ("Main", "4:3", "64:27", "150", "1/90000", "0.000000", "und") == tuple(
        video[name] for name in ("Profile", "Sar", "Dar", "NumFrames", "Time_base", "Start_time", "Lang")
    )


def test_a_config_is_echoed_in_the_types_that_sdks_read() -> None:
    asked = {
        "Outputs": [{"OutputFile": "oss://results/a.mp4", "OverrideParams": {"Video": {}}, "Features": "{}"}],
        "OutputGroups": [{"GroupConfig": {"OutputFileBase": "oss://results"}, "Outputs": [{"OutputFile": "hd.mp4"}]}],
    }
    found = answers.echo(asked)

    assert {"Type": "OSS", "Media": "oss://results/a.mp4"} == found["Outputs"][0]["OutputFile"]
    assert '{"Video":{}}' == found["Outputs"][0]["OverrideParams"]
    assert "hd.mp4" == found["OutputGroups"][0]["Outputs"][0]["OutputFileName"]
    assert {"Type": "OSS", "Media": "oss://results"} == found["OutputGroups"][0]["GroupConfig"]["OutputFileBase"]


@pytest.mark.parametrize(
    ("code", "theirs"),
    [
        ("source_not_found", "InvalidParameter.ResourceNotFound"),
        ("source_truncated", "InvalidParameter.ResourceContentBad"),
        ("source_no_video", "InvalidParameter.ResourceContentBad"),
        ("source_no_audio", "InvalidParameter.NoAudioStream"),
        ("copy_impossible", "InvalidParameter.ResourceNotSupported"),
        ("target_not_writable", "PermissionDenied.ResourceAccess"),
        ("invalid_template", "InvalidParameter"),
        ("ffmpeg_failed", "InternalError"),
        ("whatever", "InternalError"),
    ],
)
def test_work_that_has_failed_has_their_codes(code: str, theirs: str) -> None:
    assert theirs == words.of_work(ErrorInfo(code=code, message="why"))


def test_a_time_that_is_not_in_the_film_is_out_of_range() -> None:
    error = ErrorInfo(code="invalid_template", message="why", field="targets[0].overrides.times[1]")
    assert words.of_work(error) == "InvalidParameter.OutOfRange"


def _all(kind: type[FramefleetError]) -> list[type[FramefleetError]]:
    return [kind, *(one for below in kind.__subclasses__() for one in _all(below))]


@pytest.mark.parametrize("kind", [one for one in _all(FramefleetError) if one.__module__ == errors.__name__])
def test_every_error_of_ours_has_words_of_theirs(kind: type[FramefleetError]) -> None:
    found = words.refused(kind("why"), "Inputs[0]")

    assert found.status >= 400
    assert "why" in found.message
    known = {words.BAD, words.MISSING, words.RANGE, words.UNSUPPORTED, words.NOT_FOUND, words.CONTENT, words.FORMAT}
    assert found.code in known | {words.NO_AUDIO, words.DENIED, words.INTERNAL, "Forbidden", "Throttling"}
    if issubclass(kind, errors.RequestError | errors.SourceError):
        assert found.status < 500 or "Throttling" == found.code


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ((TaskState.RUNNING, TaskState.SUCCEEDED), "Init"),
        ((TaskState.SUCCEEDED, TaskState.SUCCEEDED), "Success"),
        ((TaskState.SUCCEEDED, TaskState.FAILED), "Success"),
        ((TaskState.FAILED, TaskState.FAILED), "Fail"),
    ],
)
def test_a_parent_job_is_a_success_when_one_of_its_jobs_is(states: tuple[TaskState, ...], told: str) -> None:
    whole = TaskState.RUNNING if TaskState.RUNNING in states else max(states, key=lambda s: s is TaskState.FAILED)

    assert told == transcode_jobs.parent_state(record(whole, *(target(f"o{i}", s) for i, s in enumerate(states))))


def known(scope: str, **notes: Any) -> Known:
    elements = [
        {
            "path": "Outputs[0]",
            "target": "o0",
            "media": "oss://results/a.mp4",
            "name": "a",
            "group": None,
            "rung": None,
        },
        {
            "path": "OutputGroups[0].Outputs[0]",
            "target": "o1",
            "media": "oss://results/b.mp4",
            "name": "b",
            "group": 0,
            "rung": None,
        },
    ]
    origin = Origin(
        door="ice", id=JOB, tenant="default", scope=scope, key="k", action="", created_at=NOW,
        request={"Config": json.dumps({"Inputs": []}), "Input": '{"Media":"oss://films/a.mp4"}', "Output": '{"Media":"oss://results/a.jpg"}',
                 "OutputGroup": "[{},{}]"},
        notes={"elements": elements, "pipeline": "p", "priority": 6, "groups": ["files"], **notes},
    )  # fmt: skip
    picture = PublishedFile(uri="storage://results/a.jpg", bytes=1, sha256="", kind="picture")
    targets = (target("o0", TaskState.SUCCEEDED, files=(picture,)), target("o1", TaskState.SUCCEEDED))
    done = record(TaskState.SUCCEEDED, *targets, user_data="mine")
    return Known(origin, done)


@pytest.mark.parametrize(
    ("scope", "kinds"),
    [
        (
            "convert",
            [
                "MediaConvertOutputComplete",
                "MediaConvertOutputComplete",
                "MediaConvertOutputGroupComplete",
                "MediaConvertComplete",
            ],
        ),
        ("transcode", ["TranscodeComplete", "TranscodeComplete", "TranscodeParentComplete"]),
        ("snapshot", ["SnapshotComplete"]),
        ("animation", ["DynamicImageComplete"]),
    ],
)
def test_the_end_of_a_job_is_told_for_each_of_its_parts(scope: str, kinds: list[str]) -> None:
    found = telling.messages(known(scope))

    assert kinds == [kind for kind, _ in found]
    for kind, body in found:
        assert body["Status"] in {"Success", "Complete"}
        assert "JobId" in body, kind


def test_a_parent_job_that_has_ended_is_done_whatever_became_of_its_outputs() -> None:
    parts = (target("o0", TaskState.SUCCEEDED), target("o1", TaskState.FAILED))
    whole = known("transcode")

    def percent(state: TaskState, progress: float) -> object:
        return transcode_jobs.told(Known(whole.origin, record(state, *parts, progress=progress)))["Percent"]

    assert (99, 100) == (percent(TaskState.RUNNING, 1.0), percent(TaskState.FAILED, 0.5))


def test_only_events_that_were_asked_for_are_told() -> None:
    assert callbacks.EVENTS["convert"] == callbacks.wanted("", "convert")
    assert ("MediaConvertComplete",) == callbacks.wanted("ProduceMediaComplete,MediaConvertComplete", "convert")
    assert () == callbacks.wanted("MediaConvertComplete", "snapshot")


def test_calls_are_signed_as_the_documents_say() -> None:
    """MD5 of address, time and key with bars between them."""
    assert hashlib.md5(b"http://a/cb|1767323045|Abc1").hexdigest() == telling.signature(
        "http://a/cb", 1767323045, "Abc1"
    )


def test_the_filter_takes_the_words_of_both_pages() -> None:
    assert {"inited", "running", "complete", "success", "error", "failed", "cancelled", "canceled"} == set(
        convert_jobs.FILTER
    )
