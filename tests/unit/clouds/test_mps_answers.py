"""Tasks of ours in MPS's words: states, errors, times, what is kept how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from framefleet.domain.access import Role
from framefleet.domain.errors import (
    ErrorInfo,
    Forbidden,
    FramefleetError,
    InvalidSource,
    InvalidTarget,
    InvalidTemplate,
    SourceNotFound,
    TargetNotWritable,
    UnsupportedFeature,
    WebhookForbidden,
)
from framefleet.domain.records import PublishedFile, SubtaskRecord, TargetRecord, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState
from framefleet_scheduler.api.guard import Caller
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine, Known
from framefleet_scheduler.clouds.origin import Origin
from framefleet_scheduler.clouds.tencent.mps import answers, tasks
from framefleet_scheduler.clouds.tencent.mps.answers import Told
from framefleet_scheduler.clouds.tencent.mps.places import Bucket
from framefleet_scheduler.clouds.tencent.mps.plan import Element, Plan
from framefleet_scheduler.clouds.tencent.mps.refusals import refusal
from framefleet_scheduler.clouds.tencent.mps.telling import message
from tests.factories import NOW

BUCKET = Bucket("COS", "results", "r")
NOTE = {
    **Element("SampleSnapshot", "SampleSnapshotTaskSet", 0, 10, BUCKET, ({"name": "a"},)).kept(),
    "sample": "Time",
    "interval": 2,
}
REQUEST = {"MediaProcessTask": {"SampleSnapshotTaskSet": [{"Definition": 10}]}, "SessionContext": "mine"}


def origin(**notes: Any) -> Origin:
    """Of a task with one element."""
    return Origin(
        door="mps",
        id="1250000000-WorkflowTask-1",
        tenant="default",
        key="k",
        action="ProcessMedia",
        created_at=NOW,
        request=REQUEST,
        notes={"elements": [NOTE], **notes},
    )


def told(state: TaskState, target: TaskState | None = None, error: ErrorInfo | None = None, **more: Any) -> Told:
    """A task whose one target is in a state."""
    pictures = {"pictures": [{"uri": "storage://results/x/a_0.jpg", "time": 0.0}]}
    one = TargetRecord(
        name="a",
        template=None,
        uri="storage://results/x/a_{index}.jpg",
        state=target or state,
        error=error,
        files=(PublishedFile(uri="storage://results/x/a_0.jpg", bytes=5, sha256="0", kind="picture"),),
        media=pictures,
    )
    values = {"started_at": NOW, "finished_at": NOW if state.final else None, **more}
    record = TaskRecord(
        id="t", state=state, pipeline="default", priority=5, created_at=NOW, error=error, targets=(one,), **values
    )
    return Told(Known(origin(), record), None)


def result(about: Told) -> dict[str, Any]:
    """Of the one element."""
    (item,) = answers.workflow_task(about)["MediaProcessResultSet"]
    assert [name for name, value in item.items() if value is not None] == ["Type", "SampleSnapshotTask"]
    return dict(item["SampleSnapshotTask"])


def test_an_element_has_the_times_of_its_own_work() -> None:
    def step(n: int, kind: str, label: str, first: int, last: int) -> SubtaskRecord:
        at = {"started_at": NOW + timedelta(seconds=first), "finished_at": NOW + timedelta(seconds=last)}
        whole = SubtaskRecord(n=n, kind=kind, tag="cpu", state=SubtaskState.SUCCEEDED, label=label)
        return whole.model_copy(update=at)

    steps = (step(1, "probe", "source 1", 1, 2), step(2, "snapshot", "a", 3, 5), step(3, "concat", "b", 7, 9))
    running = told(TaskState.RUNNING, TaskState.SUCCEEDED, subtasks=steps)
    done = told(TaskState.SUCCEEDED, subtasks=steps, finished_at=NOW + timedelta(seconds=9))
    for about in (running, done):
        shown = result(about)
        assert (shown["BeginProcessTime"], shown["FinishTime"]) == tuple(
            f"{NOW + timedelta(seconds=at):%Y-%m-%dT%H:%M:%SZ}" for at in (3, 5)
        )
    film = told(TaskState.RUNNING, TaskState.SUCCEEDED, subtasks=(step(3, "concat", "a", 7, 9),))
    assert result(film)["BeginProcessTime"] == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("state", "task", "element", "inner"),
    [
        (TaskState.QUEUED, "WAITING", "PROCESSING", "PROCESSING"),
        (TaskState.RUNNING, "PROCESSING", "PROCESSING", "PROCESSING"),
        (TaskState.SUCCEEDED, "FINISH", "SUCCESS", "FINISH"),
        (TaskState.FAILED, "FINISH", "FAIL", "FINISH"),
        (TaskState.CANCELED, "FINISH", "FAIL", "FINISH"),
    ],
)
def test_states(state: TaskState, task: str, element: str, inner: str) -> None:
    about = told(state)

    assert answers.detail(about)["Status"] == task
    assert answers.workflow_task(about)["Status"] == inner
    assert result(about)["Status"] == element


def test_what_has_not_happened_has_no_time() -> None:
    found = answers.detail(told(TaskState.QUEUED, started_at=None))

    assert (found["BeginProcessTime"], found["FinishTime"]) == ("0000-00-00T00:00:00Z",) * 2
    assert found["CreateTime"] == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"


def test_an_element_that_is_done_is_told_while_others_work() -> None:
    found = result(told(TaskState.RUNNING, TaskState.SUCCEEDED))

    assert (found["Status"], found["Input"]) == ("SUCCESS", {"Definition": 10})
    assert found["Output"] == {
        "Definition": 10,
        "SampleType": "Time",
        "Interval": 2,
        "Storage": BUCKET.shown(),
        "ImagePathSet": ["/x/a_0.jpg"],
        "WaterMarkDefinition": [],
    }


@pytest.mark.parametrize(
    ("code", "ext", "number", "of_task"),
    [
        ("source_not_media", "SourceFileError.ContentMalformed", 60000, 60000),
        ("source_no_video", "SourceFileError.NoVideoMedia", 60000, 60000),
        ("target_not_writable", "InvalidInput.PermissionDenied", 40000, 0),
        ("ffmpeg_failed", "InternalError", 70000, 0),
    ],
)
def test_errors(code: str, ext: str, number: int, of_task: int) -> None:
    error = ErrorInfo(code=code, message="it is so")
    about = told(TaskState.FAILED, error=error)

    found = result(about)

    assert (found["ErrCodeExt"], found["ErrCode"], found["Message"], found["Output"]) == (ext, number, "it is so", None)
    assert answers.workflow_task(about)["ErrCode"] == of_task


def test_nothing_is_told_of_a_task_after_seven_days() -> None:
    class OneTask:
        def find(self, door: str, call: Call, vendor_id: str) -> Known | None:
            return told(TaskState.SUCCEEDED).known if vendor_id == "a" else None

    def find(days: float, task_id: str = "a") -> Known:
        at = NOW + timedelta(days=days)
        call = Call(Caller("k", Role.VIEWER, (), None), "DescribeTaskDetail", {}, "r", at)
        return tasks.found(cast(Engine, OneTask()), call, task_id)

    assert find(6.99).record.id == "t"
    for given in ((7.01, "a"), (0, "b"), (0, "x" * 1000)):
        with pytest.raises(Refusal) as refused:
            find(*given)
        assert refused.value.code == "InvalidParameterValue.TaskId"


def test_a_message_is_good_for_ten_minutes() -> None:
    found = message(told(TaskState.SUCCEEDED), NOW, "key")

    assert found["Timestamp"] == int(NOW.timestamp()) + 600
    assert (found["EventType"], found["SessionContext"], len(found["Sign"])) == ("WorkflowTask", "mine", 32)


@pytest.mark.parametrize(
    ("error", "code", "start"),
    [
        (InvalidSource("x", field="sources[0].uri"), "InvalidParameter.InputInfo", "InputInfo: "),
        (SourceNotFound("x"), "InvalidParameterValue.SrcFile", "x"),
        (InvalidTarget("x", field="targets[1].uri"), "InvalidParameterValue", "MediaProcessTask.B[4]: "),
        (InvalidTemplate("x", field="targets[0].overrides.video"), "InvalidParameterValue", "MediaProcessTask.A[0]: "),
        (InvalidTarget("x", field="targets[9].uri"), "InvalidParameterValue", "x"),
        (TargetNotWritable("x"), "ResourceNotFound.CosBucketNotExist", "x"),
        (
            WebhookForbidden("x", field="notification.webhook.url"),
            "InvalidParameterValue",
            "TaskNotifyConfig.NotifyUrl: ",
        ),
        (UnsupportedFeature("x"), "UnsupportedOperation", "x"),
        (Forbidden("x"), "UnauthorizedOperation", "x"),
        (FramefleetError("x"), "FailedOperation", "x"),
    ],
)
def test_refusals_name_the_vendors_fields(error: FramefleetError, code: str, start: str) -> None:
    elements = (
        Element("Transcode", "A", 0, 10, BUCKET, ({"name": "a"},)),
        Element("Transcode", "B", 4, 10, BUCKET, ({"name": "b"},)),
    )

    found = refusal(error, Plan((), 0, elements))

    assert (found.code, found.message.startswith(start)) == (code, True)
