"""Tasks of ours as IMM tells them: states, errors, messages."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, cast

import pytest

from framefleet.domain import errors
from framefleet.domain.access import Role
from framefleet.domain.errors import ErrorInfo, FramefleetError
from framefleet.domain.records import PublishedFile, TargetRecord, TaskRecord
from framefleet.domain.states import TaskState
from framefleet_scheduler.api.guard import Caller
from framefleet_scheduler.clouds.alibaba.imm import answers, tasks, telling
from framefleet_scheduler.clouds.alibaba.imm.front import Imm
from framefleet_scheduler.clouds.alibaba.imm.reading import refused
from framefleet_scheduler.clouds.alibaba.imm.requests import ListTasks
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.origin import DOOR_TAG, ID_TAG, Origin
from tests.factories import NOW

PLACES = ["Targets[0]", "Targets[0].Image.Snapshots[0]"]


def record(**more: Any) -> TaskRecord:
    return TaskRecord(
        **{
            "id": "k1",
            "state": TaskState.RUNNING,
            "pipeline": "default",
            "priority": 5,
            "created_at": NOW,
            "tags": {ID_TAG: "MediaConvert-1", DOOR_TAG: "imm/default/p", "a": "b"},
            "user_data": "ours",
            **more,
        }
    )


def origin(**more: Any) -> Origin:
    return Origin(
        **{
            "door": "imm",
            "id": "MediaConvert-1",
            "tenant": "default",
            "scope": "p",
            "key": "key",
            "action": "CreateMediaConvertTask",
            "created_at": NOW,
            "request_id": "R",
            "request": {"Targets": [{"URI": "oss://out/a.mp4", "Image": {"Snapshots": [{"URI": "oss://out/a.jpg"}]}}]},
            "notes": {"places": PLACES, "event": "E", "topic": True},
            **more,
        }
    )


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        (TaskState.QUEUED, "Running", ""),
        (TaskState.RUNNING, "Running", ""),
        (TaskState.SUCCEEDED, "Succeeded", ""),
        (TaskState.FAILED, "Failed", "InternalError"),
        (TaskState.CANCELED, "Failed", "TaskCanceled"),
    ],
)
def test_states(state: TaskState, status: str, code: str) -> None:
    found = answers.info(record(state=state), origin(), definition=False)

    assert (found["Status"], found["Code"]) == (status, code)
    assert (found["Tags"], found["UserData"], found["TaskId"]) == ({"a": "b"}, "ours", "MediaConvert-1")


def test_all_calls_of_a_project_count_together_and_others_by_key() -> None:
    def whose(action: str, key: str, pipelines: tuple[str, ...], **parameters: str) -> str:
        caller = Caller(key, Role.PRODUCER, pipelines)
        return Imm(cast(Engine, None)).meter(Call(caller, action, parameters, "R", NOW))[0]

    one = whose("GetTask", "k1", ("shop",), ProjectName="p")

    assert one == whose("ListTasks", "k2", ("shop",), ProjectName="p")
    assert one != whose("GetTask", "k1", ("shop",), ProjectName="q")
    assert one != whose("GetTask", "k1", ("other",), ProjectName="p")
    assert whose("ListProjects", "k1", ("shop",)) != whose("ListProjects", "k2", ("shop",))
    assert len(whose("GetTask", "k1", ("shop",), ProjectName="x" * 10_000)) < 100


def test_times_have_milliseconds_and_progress_is_100_only_at_the_end() -> None:
    ends = NOW + timedelta(seconds=1.5)

    running = answers.info(record(progress=0.999), origin(), definition=True)
    done = answers.info(record(state=TaskState.SUCCEEDED, progress=1, finished_at=ends), origin(), definition=False)

    assert (running["Progress"], done["Progress"]) == (99, 100)
    assert "EndTime" not in running
    assert done["EndTime"].endswith("Z")
    assert len(done["EndTime"]) == len("2026-01-01T00:00:00.000Z")
    assert json.loads(running["TaskRequestDefinition"]) == origin().request


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("source_not_found", "ResourceNotFound"),
        ("source_forbidden", "OperationDenied"),
        ("source_not_media", "UnsupportedFormat"),
        ("source_no_video", "InvalidArgument"),
        ("copy_impossible", "InvalidArgument"),
        ("source_too_long", "LimitExceededError"),
        ("target_not_writable", "OperationDenied"),
        ("ffmpeg_failed", "InternalError"),
        ("no_worker", "InternalError"),
    ],
)
def test_errors_of_running_work(error: str, code: str) -> None:
    assert answers.code(ErrorInfo(code=error, message="")) == code


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("targets[1].overrides.start", "Targets[0].Image.Snapshots[0]"),
        ("targets[0].uri", "Targets[0].URI"),
        ("sources[2].uri", "Sources[2].URI"),
        ("sources[2].start", "Sources[2]"),
        ("align.index", "AlignmentIndex"),
        ("targets[9].uri", ""),
        ("client_token", ""),
        (None, ""),
    ],
)
def test_fields_of_ours_are_told_by_their_place_in_the_request(field: str | None, place: str) -> None:
    assert answers.place(field, PLACES) == place


def test_hints_of_ours_are_not_told() -> None:
    error = errors.InvalidTemplate(
        "the source has 25 frames/s only", field="targets[0].x", hint="Leave source_below out."
    )

    assert answers.message(error.info(), PLACES) == "Targets[0]: the source has 25 frames/s only"


def test_every_error_of_ours_is_refused_in_their_words() -> None:
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, FramefleetError)]

    for kind in kinds:
        found = refused(kind())
        assert isinstance(found, Refusal)
        assert found.code
        assert 400 <= found.status < 600
        assert (found.status >= 500) == (found.code in {"InternalError", "ServiceUnavailable"}), kind


def test_tasks_are_told_of_for_seven_days() -> None:
    assert answers.is_kept(record(), NOW + timedelta(days=7))
    assert not answers.is_kept(record(), NOW + timedelta(days=7, seconds=1))


def test_ids_sort_as_their_times_do() -> None:
    first, second = tasks.new_task_id(NOW), tasks.new_task_id(NOW + timedelta(milliseconds=1))

    assert first < second
    assert len(first) == len("MediaConvert-") + 36


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({"Status": "Running"}, True),
        ({"Status": "Failed"}, False),
        ({"TagSelector": "a=b"}, True),
        ({"TagSelector": "a=c"}, False),
        ({"TagSelector": "a=b&x=y"}, False),
        ({"EndTimeRange": {"Start": "2020-01-01T00:00:00Z"}}, False),
    ],
)
def test_what_a_listing_asks_for(asked: dict[str, Any], fits: bool) -> None:
    wanted = ListTasks.model_validate({"ProjectName": "p", **asked})

    assert tasks.filter_of(wanted)(record()) == fits


def test_the_message_has_the_files_of_each_target() -> None:
    def made(name: str, uri: str) -> TargetRecord:
        file = PublishedFile(uri=uri, bytes=1, sha256="", kind="picture")
        return TargetRecord(name=name, template=None, uri=uri, state=TaskState.SUCCEEDED, files=(file,))

    ended = record(
        state=TaskState.SUCCEEDED,
        finished_at=NOW,
        targets=(made("t0", "storage://out/a.mp4"), made("t0-snapshot0", "s3://out/a.jpg")),
    )

    about = telling.content(origin(), ended)
    body = json.loads(telling.message(origin(), ended, about, NOW))

    assert (body["source"], body["type"], body["id"]) == ("acs.imm", "imm:Task:MediaConvert", "E")
    assert body["time"] == str(int(NOW.timestamp() * 1000))
    content = json.loads(body["content"])
    assert content == about
    assert (content["ProjectName"], content["RequestId"], content["Status"]) == ("p", "R", "Succeeded")
    assert content["Targets"][0]["URIs"] == ["oss://out/a.mp4"]
    assert content["Targets"][0]["Image"]["Snapshots"][0]["URIs"] == ["oss://out/a.jpg"]
