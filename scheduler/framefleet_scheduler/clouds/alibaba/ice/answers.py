"""Tasks of ours as ICE's media convert jobs. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from framefleet.domain.errors import ErrorInfo
from framefleet.domain.records import TargetRecord, TaskRecord
from framefleet.domain.states import TaskState
from framefleet_scheduler.clouds.alibaba.ice import metadata, words
from framefleet_scheduler.clouds.alibaba.ice.plan import Element

STATES: Mapping[TaskState, str] = {
    TaskState.QUEUED: "Inited",
    TaskState.RUNNING: "Running",
    TaskState.SUCCEEDED: "Complete",
    TaskState.FAILED: "Error",
    TaskState.CANCELED: "Cancelled",
}
"""Of jobs, as the calls that look for them say it."""
SUBMITTED: Mapping[TaskState, str] = {
    **STATES,
    TaskState.SUCCEEDED: "Success",
    TaskState.FAILED: "Failed",
    TaskState.CANCELED: "Canceled",
}
"""As the call that submits them does."""
_OUTPUTS: Mapping[TaskState, str] = {
    TaskState.QUEUED: "Init",
    TaskState.RUNNING: "Scheduled",
    TaskState.SUCCEEDED: "Success",
    TaskState.FAILED: "Failed",
    TaskState.CANCELED: "Skipped",
}
_GROUPS: Mapping[TaskState, str] = {**_OUTPUTS, TaskState.RUNNING: "Running"}


@dataclass(frozen=True, slots=True)
class JobView:
    """What is told of a job."""

    id: str
    record: TaskRecord
    request_id: str
    created_at: datetime
    config: Mapping[str, Any]
    pipeline_id: str
    client_token: str | None
    elements: Sequence[Element]
    groups: Sequence[str]
    """Names of its output groups."""


def job(view: JobView, *, details: bool = True, states: Mapping[TaskState, str] = STATES) -> dict[str, Any]:
    """The object `Job`."""
    record = view.record
    found: dict[str, Any] = {
        "JobId": view.id,
        "RequestId": view.request_id,
        "State": states[record.state],
        "Config": echo(view.config),
        "PipelineId": view.pipeline_id,
        "CreateTime": when(view.created_at),
    }
    own = {"ClientToken": view.client_token, "UserData": record.user_data}
    found |= {name: value for name, value in own.items() if value is not None}
    found |= ended(record, record.state) | failure(record.state, record.error)
    if details:
        found["Percent"] = percent(record)
        found["OutputDetails"] = [output(view, one) for one in view.elements if one.group is None]
        found["OutputGroupDetails"] = [group(view, i) for i in range(len(view.groups))]
    return found


def echo(config: Mapping[str, Any]) -> dict[str, Any]:
    """A job's config as it was asked for, with values of the types that the SDKs' answers have: they read no others."""
    found = dict(config)
    found["Inputs"] = [_with_file(one, "InputFile") for one in config.get("Inputs") or []]
    found["Outputs"] = [_texts(_with_file(one, "OutputFile")) for one in config.get("Outputs") or []]
    groups = config.get("OutputGroups") or []
    found["OutputGroups"] = [_echoed_group(one) for one in (groups if isinstance(groups, list) else [groups])]
    return found


def _echoed_group(group: Mapping[str, Any]) -> dict[str, Any]:
    found = {**group, "Outputs": [_texts(_named(one)) for one in group.get("Outputs") or []]}
    if isinstance(group.get("GroupConfig"), Mapping):
        found["GroupConfig"] = _with_file(group["GroupConfig"], "OutputFileBase")
    return found


def _named(output: Mapping[str, Any]) -> dict[str, Any]:
    """With today's name of the file."""
    old = output.get("OutputFile")
    return dict(output) if not isinstance(old, str) else {"OutputFileName": old, **output}


def _with_file(one: Mapping[str, Any], field: str) -> dict[str, Any]:
    held = one.get(field)
    return {**one, field: {"Type": "OSS", "Media": held}} if isinstance(held, str) else dict(one)


def _texts(output: Mapping[str, Any]) -> dict[str, Any]:
    """With JSON texts for what was given as an object."""
    objects = {name: output[name] for name in ("OverrideParams", "Features") if isinstance(output.get(name), Mapping)}
    return {**output, **{name: json.dumps(held, separators=(",", ":")) for name, held in objects.items()}}


def output(view: JobView, element: Element) -> dict[str, Any]:
    """One of `OutputDetails`."""
    target = target_of(view.record, element.target)
    state = state_of(view.record, target)
    found: dict[str, Any] = {
        "TaskId": part_id(view.id, element.path),
        "Name": element.name,
        "Status": _OUTPUTS[state],
        "CreateTime": when(view.created_at),
        **ended(view.record, state),
        **failure(state, target.error if target else None),
    }
    if state is TaskState.SUCCEEDED and target is not None:
        found["Result"] = {
            "OutputFile": {"Type": "OSS", "Media": element.media, "Url": element.media},
            "OutFileMeta": file_meta(target, element.media, element.rung),
        }
    return found


def group(view: JobView, index: int) -> dict[str, Any]:
    """One of `OutputGroupDetails`."""
    those = [one for one in view.elements if one.group == index]
    targets = [target_of(view.record, name) for name in dict.fromkeys(one.target for one in those)]
    state = _together([state_of(view.record, target) for target in targets])
    error = next((target.error for target in targets if target is not None and target.error is not None), None)
    return {
        "TaskId": part_id(view.id, f"OutputGroups[{index}]"),
        "Name": view.groups[index],
        "Status": _GROUPS[state],
        "CreateTime": when(view.created_at),
        **ended(view.record, state),
        **failure(state, error),
        "Outputs": [output(view, one) for one in those],
    }


def file_meta(target: TargetRecord, address: str, rung: str | None = None) -> dict[str, Any]:
    """`OutFileMeta` of a target that has succeeded."""
    media = target.media or {}
    listed = f"/{rung}/index.m3u8"  # the playlist of a rendition
    main = next((one for one in target.files if one.uri == target.uri or one.uri.endswith(listed)), None)
    size = main.bytes if main is not None else None
    if "pictures" in media or "format" in media:
        return metadata.of_pictures(media, address, size)
    if media.get("container") in {"hls", "dash", "cmaf"}:
        return metadata.of_ladder(media, address, size, None if rung == "audio" else rung)
    return metadata.of_file(media, address, size) if media else {}


def target_of(record: TaskRecord, name: str) -> TargetRecord | None:
    """A target by its name."""
    return next((one for one in record.targets if one.name == name), None)


def state_of(record: TaskRecord, target: TargetRecord | None) -> TaskState:
    """Of an output; the task's where the target is not known yet."""
    if target is None:
        return record.state
    if record.state is TaskState.CANCELED and not target.state.final:
        return TaskState.CANCELED
    return target.state


def ended(record: TaskRecord, state: TaskState) -> dict[str, str]:
    """`FinishTime` of what has ended."""
    return {"FinishTime": when(record.finished_at)} if state.final and record.finished_at is not None else {}


def failure(state: TaskState, error: ErrorInfo | None) -> dict[str, str]:
    """Code and message of what has failed; of anything else they are there, and empty."""
    if state is TaskState.CANCELED:
        return {"Code": "TaskCanceled", "Message": "The job was canceled."}
    if state is not TaskState.FAILED:
        return {"Code": "", "Message": ""}
    if error is None:
        return {"Code": words.INTERNAL, "Message": "The job has failed."}
    return {"Code": words.of_work(error), "Message": error.message}


def percent(record: TaskRecord) -> int:
    """0 to 100."""
    return 100 if record.state is TaskState.SUCCEEDED else min(99, int(record.progress * 100))


def listing(jobs: Sequence[Mapping[str, Any]], token: str | None) -> dict[str, Any]:
    """The answer of a listing; `token` is of its next page."""
    return {"Jobs": jobs} | ({} if token is None else {"NextPageToken": token})


def part_id(job_id: str, path: str) -> str:
    """The id of a part of a job: 32 digits that follow from what it is."""
    return hashlib.sha256(f"{job_id}/{path}".encode()).hexdigest()[:32]


def when(at: datetime) -> str:
    """Seconds of UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _together(states: Sequence[TaskState]) -> TaskState:
    for state in (TaskState.FAILED, TaskState.RUNNING, TaskState.CANCELED):
        if state in states:
            return state
    if all(state is TaskState.SUCCEEDED for state in states):
        return TaskState.SUCCEEDED
    return TaskState.RUNNING if TaskState.SUCCEEDED in states else TaskState.QUEUED
