"""What MPS posts when a task changes or ends, and that no secret of a request is kept where it is shown."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clouds.conftest import Cloud
from tests.clouds.mps import Sdk, cos, started
from tests.services.receiver import Receiver

PICTURE = {"SnapshotByTimeOffsetTaskSet": [{"Definition": 10, "ExtTimeOffsetSet": ["1s"]}]}
KEY = "the key that signs"


@pytest.fixture(scope="module")
def sdk(cloud: Cloud) -> Iterator[Sdk]:
    """The SDK with the account's key."""
    with started(cloud.account) as found:
        yield found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Who is told."""
    with Receiver() as found:
        yield found


def said(receiver: Receiver, many: int = 1) -> list[dict[str, Any]]:
    """What came, once so many ends of tasks have."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        found = [call.event for call in list(receiver.calls)]
        if sum(one["WorkflowTaskEvent"]["Status"] == "FINISH" for one in found) >= many:
            return found
        time.sleep(0.05)
    raise AssertionError(f"nobody was told: {receiver.calls}")


def notify(receiver: Receiver, **more: Any) -> dict[str, Any]:
    return {"NotifyType": "URL", "NotifyUrl": f"{receiver.url}/hear?token=hidden", "NotifyKey": KEY, **more}


def test_the_end_is_told_once_signed(sdk: Sdk, receiver: Receiver) -> None:
    context = {"SessionId": "told", "SessionContext": "mine"}
    task = sdk.start(MediaProcessTask=PICTURE, TaskNotifyConfig=notify(receiver), **context)

    (event,) = said(receiver)

    assert receiver.calls[0].path == "/hear?token=hidden"
    assert event["EventType"] == "WorkflowTask"
    assert (event["SessionId"], event["SessionContext"]) == ("told", "mine")
    told = event["WorkflowTaskEvent"]
    assert (told["TaskId"], told["Status"]) == (task, "FINISH")
    assert told["MediaProcessResultSet"][0]["SnapshotByTimeOffsetTask"]["Status"] == "SUCCESS"
    assert abs(event["Timestamp"] - time.time() - 600) < 60
    assert event["Sign"] == hashlib.md5(f"{event['Timestamp']}{KEY}".encode()).hexdigest()
    parsed = sdk.call("ParseNotification", Content=receiver.calls[0].body.decode())
    assert parsed["WorkflowTaskEvent"] == sdk.end(task)["WorkflowTask"]
    assert (parsed["Sign"], parsed["Timestamp"]) == (event["Sign"], event["Timestamp"])


def test_mode_change_tells_each_change_of_an_element(sdk: Sdk, receiver: Receiver) -> None:
    sdk.start(MediaProcessTask=PICTURE, TaskNotifyConfig=notify(receiver, NotifyMode="Change"))

    events = said(receiver)

    states = [
        one["WorkflowTaskEvent"]["MediaProcessResultSet"][0]["SnapshotByTimeOffsetTask"]["Status"] for one in events
    ]
    assert states[-1] == "SUCCESS"
    assert [one["WorkflowTaskEvent"]["Status"] for one in events[:-1]] == ["PROCESSING"] * (len(events) - 1)
    assert len(events) == len(set(states[:-1])) + 1, states


def test_a_workflow_tells_with_the_key_it_keeps(cloud: Cloud, receiver: Receiver) -> None:
    trigger = {"Type": "CosFileUpload", "CosFileUploadTrigger": {"Bucket": "results", "Region": "r"}}
    with started(cloud.account, "HmacSHA1") as sdk:
        flow = sdk.call(
            "CreateWorkflow",
            WorkflowName="tells",
            Trigger=trigger,
            OutputDir="/told/",
            MediaProcessTask=PICTURE,
            TaskNotifyConfig=notify(receiver),
        )["WorkflowId"]
        sdk.call("ProcessMedia", InputInfo=cos("film.mp4"), ScheduleId=flow)
        (event,) = said(receiver)
        shown = sdk.call("DescribeWorkflows", WorkflowIds=[flow])

    assert event["Sign"] == hashlib.md5(f"{event['Timestamp']}{KEY}".encode()).hexdigest()
    assert KEY not in json.dumps(shown)


def test_secrets_are_nowhere_to_be_seen(sdk: Sdk, cloud: Cloud, receiver: Receiver) -> None:
    s3 = {"S3Bucket": "films", "S3Region": "r", "S3SecretId": "AKIDsecret", "S3SecretKey": "verysecret"}
    given = {"Type": "AWS-S3", "S3InputInfo": {**s3, "S3Object": "/film.mp4"}}
    storage = {"Type": "AWS-S3", "S3OutputStorage": {**s3, "S3Bucket": "results"}}

    task = sdk.start(
        MediaProcessTask=PICTURE, InputInfo=given, OutputStorage=storage, TaskNotifyConfig=notify(receiver)
    )
    found = sdk.end(task)
    said(receiver)

    output = found["WorkflowTask"]["MediaProcessResultSet"][0]["SnapshotByTimeOffsetTask"]["Output"]
    assert output["Storage"]["S3OutputStorage"]["S3Bucket"] == "results"
    hidden = [b"AKIDsecret", b"verysecret", b"token=hidden", KEY.encode()]
    seen = json.dumps(found).encode() + b"".join(call.body for call in receiver.calls)
    assert not [one for one in hidden if one in seen]
    kept = [path for path in cloud.server.data.rglob("*") if path.is_file() and "/webhook/" not in str(path)]
    assert not [path for path in kept if any(one in path.read_bytes() for one in hidden)]
