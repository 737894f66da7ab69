"""Tasks in MPS's words. Pure: what the source holds is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from framefleet.domain.media_info import MediaInfo
from framefleet.domain.records import TargetRecord, TaskRecord
from framefleet.domain.states import TaskState
from framefleet_scheduler.clouds.engine import Known
from framefleet_scheduler.clouds.origin import ID_TAG, Origin
from framefleet_scheduler.clouds.tencent import results
from framefleet_scheduler.clouds.tencent.mps.places import Bucket, path_of
from framefleet_scheduler.clouds.tencent.results import time

NOT_YET = "0000-00-00T00:00:00Z"
"""What has not happened, in times of tasks."""
TASK_TYPE = "WorkflowTask"
_OTHER_TASKS = (
    "EditMediaTask",
    "LiveStreamProcessTask",
    "ExtractBlindWatermarkTask",
    "ScheduleTask",
    "LiveScheduleTask",
)
_STATES = {TaskState.QUEUED: "WAITING", TaskState.RUNNING: "PROCESSING"}


@dataclass(frozen=True, slots=True)
class Told:
    """A task with what its answer needs beside its record."""

    known: Known
    media: MediaInfo | None
    """Of its source; None before it was probed."""

    @property
    def record(self) -> TaskRecord:
        """As it is now."""
        return self.known.record

    @property
    def request(self) -> Mapping[str, Any]:
        """As it was asked for, without secrets."""
        return self.known.origin.request


def state(record: TaskRecord) -> str:
    """In their words."""
    return _STATES.get(record.state, "FINISH")


def detail(told: Told) -> dict[str, Any]:
    """DescribeTaskDetail's answer."""
    record, asked = told.record, told.request
    return {
        "TaskType": TASK_TYPE,
        "Status": state(record),
        # A restart makes the record anew.
        "CreateTime": time(told.known.origin.created_at),
        "BeginProcessTime": time(record.started_at, NOT_YET),
        "FinishTime": time(record.finished_at, NOT_YET),
        **dict.fromkeys(_OTHER_TASKS),
        "WorkflowTask": workflow_task(told),
        "TaskNotifyConfig": asked.get("TaskNotifyConfig"),
        "TasksPriority": asked.get("TasksPriority", 0),
        "SessionId": asked.get("SessionId", ""),
        "SessionContext": asked.get("SessionContext", ""),
        "ExtInfo": "",
    }


def meta_data(media: MediaInfo) -> dict[str, Any]:
    """Of a source: without `Md5`, at which MPS's SDK would warn."""
    return {name: value for name, value in results.meta_data(media).items() if name != "Md5"}


def workflow_task(told: Told) -> dict[str, Any]:
    """A WorkflowTask, of answers and of notifications."""
    code, message = _source_failed(told.record)
    notes = told.known.origin.notes
    shown = None if told.media is None or notes.get("skip") else meta_data(told.media)
    return {
        "TaskId": told.known.origin.id,
        "Status": "FINISH" if told.record.state.final else "PROCESSING",
        "ErrCode": code,
        "Message": message,
        "InputInfo": told.request.get("InputInfo"),
        "MetaData": shown,
        "MediaProcessResultSet": [element(told, one) for one in notes.get("elements", ())],
        "AiContentReviewResultSet": [],
        "AiAnalysisResultSet": [],
        "AiRecognitionResultSet": [],
        "AiQualityControlTaskResult": None,
        "SmartSubtitlesTaskResult": None,
        "SmartEraseTaskResult": None,
        "AiDubbingTaskResult": None,
    }


def simple(record: TaskRecord, origin: Origin | None) -> dict[str, Any]:
    """A TaskSimpleInfo."""
    elements = [] if origin is None else origin.notes.get("elements", [])
    return {
        "TaskId": record.tags[ID_TAG],
        "TaskType": TASK_TYPE,
        "CreateTime": time(record.created_at if origin is None else origin.created_at),
        "BeginProcessTime": time(record.started_at, NOT_YET),
        "FinishTime": time(record.finished_at, NOT_YET),
        "SubTaskTypes": list(dict.fromkeys(str(one["type"]) for one in elements)),
    }


def _source_failed(record: TaskRecord) -> tuple[int, str]:
    """(ErrCode, Message) of a task whose source was bad, so that nothing came of it."""
    if record.state is not TaskState.FAILED or any(one.state is TaskState.SUCCEEDED for one in record.targets):
        return 0, ""
    errors = [record.error, *(one.error for one in record.targets)]
    found = next((one for one in errors if one is not None), None)
    if found is None:
        return 0, ""
    code, number, message = results.failure(found)
    return (number, message) if code.startswith("SourceFileError") else (0, "")


def has_failed(record: TaskRecord) -> bool:
    """Whether an element of a task that has ended did not succeed."""
    return record.state.final and record.state is not TaskState.SUCCEEDED


# --- elements -------------------------------------------------------------------------------

_Note = Mapping[str, Any]


def element(told: Told, note: _Note) -> dict[str, Any]:
    """An item of MediaProcessResultSet."""
    targets = results.targets_of(told.record, note["targets"])
    found = results.outcome(told.record, targets)
    output = _OUTPUTS[note["type"]](note, targets) if found["Status"] == "SUCCESS" else None
    asked = (told.request.get("MediaProcessTask") or {}).get(note["set"]) or []
    given = asked[note["place"]] if note["place"] < len(asked) else None
    shown = {**found, "Input": given, "Output": output}
    return {"Type": note["type"], **dict.fromkeys(results.FIELDS.values()), results.FIELDS[note["type"]]: shown}


def _storage(note: _Note) -> dict[str, Any]:
    return Bucket(**note["bucket"]).shown()


def _transcoded(note: _Note, targets: list[TargetRecord]) -> dict[str, Any]:
    (target,) = targets
    media = results.media_of(target)
    return {
        "OutputStorage": _storage(note),
        "Path": path_of(target.uri),
        "Definition": note["definition"],
        **{name: media.get(name, 0) for name in ("Bitrate", "Height", "Width", "Duration")},
        "Size": results.size_of(target),
        "Container": note["container"],
        "Md5": "",
        "AudioStreamSet": media.get("AudioStreamSet", []),
        "VideoStreamSet": media.get("VideoStreamSet", []),
    }


def _animated(note: _Note, targets: list[TargetRecord]) -> dict[str, Any]:
    (target,) = targets
    return {
        "Storage": _storage(note),
        "Path": path_of(target.uri),
        "Definition": note["definition"],
        **results.moving_of(target),
        "StartTimeOffset": note["start"],
        "EndTimeOffset": note["end"],
    }


def _timed(note: _Note, targets: list[TargetRecord]) -> dict[str, Any]:
    found = [picture for target in targets for picture in results.pictures_of(target)]
    pictures: list[dict[str, Any]] = [
        {
            "TimeOffset": value if kind == "times" else round(second, 3),
            "Path": path_of(uri),
            "WaterMarkDefinition": [],
        }
        for (kind, value), (uri, second) in zip(note["places"], found, strict=False)
    ]
    return {"Definition": note["definition"], "PicInfoSet": pictures, "Storage": _storage(note)}


def _sampled(note: _Note, targets: list[TargetRecord]) -> dict[str, Any]:
    (target,) = targets
    return {
        "Definition": note["definition"],
        "SampleType": note["sample"],
        "Interval": note["interval"],
        "Storage": _storage(note),
        "ImagePathSet": [path_of(uri) for uri, _ in results.pictures_of(target)],
        "WaterMarkDefinition": [],
    }


def _sheets(note: _Note, targets: list[TargetRecord]) -> dict[str, Any]:
    (target,) = targets
    pictures, text = results.sheets_of(target)
    return {
        "Definition": note["definition"],
        **results.grid_of(target),
        "ImagePathSet": [path_of(uri) for uri in pictures],
        "WebVttPath": path_of(text) if text else "",
        "Storage": _storage(note),
    }


def _streams(note: _Note, targets: list[TargetRecord]) -> dict[str, Any]:
    (target,) = targets
    return {
        "Definition": note["definition"],
        "Package": note["package"],
        "Path": path_of(target.uri),
        "Storage": _storage(note),
    }


_OUTPUTS: Mapping[str, Callable[[_Note, list[TargetRecord]], dict[str, Any]]] = {
    "Transcode": _transcoded,
    "AnimatedGraphics": _animated,
    "SnapshotByTimeOffset": _timed,
    "SampleSnapshot": _sampled,
    "ImageSprites": _sheets,
    "AdaptiveDynamicStreaming": _streams,
}
