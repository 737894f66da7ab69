"""Tasks in VOD's words. Pure: how files are addressed, and what the source holds, is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from framefleet.domain.media_info import MediaInfo
from framefleet.domain.records import TargetRecord, TaskRecord
from framefleet.domain.states import TaskState
from framefleet_scheduler.clouds.engine import Known
from framefleet_scheduler.clouds.tencent import results
from framefleet_scheduler.clouds.tencent.results import time

Address = Callable[[str, str], str]
"""(target, its file's address with us) -> as users are told."""

BLOCKS = (
    "ProcedureTask",
    "EditMediaTask",
    "WechatPublishTask",
    "ComposeMediaTask",
    "SplitMediaTask",
    "WechatMiniProgramPublishTask",
    "PullUploadTask",
    "TranscodeTask",
    "ConcatTask",
    "ClipTask",
    "CreateImageSpriteTask",
    "SnapshotByTimeOffsetTask",
    "RemoveWatermarkTask",
    "RebuildMediaTask",
    "ExtractTraceWatermarkTask",
    "ExtractCopyRightWatermarkTask",
    "ReviewAudioVideoTask",
    "ReduceMediaBitrateTask",
    "DescribeFileAttributesTask",
    "QualityInspectTask",
    "QualityEnhanceTask",
)
"""Of DescribeTaskDetail; all but one are null."""

_FIELD = {**results.FIELDS, "CoverBySnapshot": "CoverBySnapshotTask"}
_STATES = {
    TaskState.QUEUED: "WAITING",
    TaskState.RUNNING: "PROCESSING",
    TaskState.SUCCEEDED: "FINISH",
    TaskState.FAILED: "FINISH",
    TaskState.CANCELED: "ABORTED",
}


@dataclass(frozen=True, slots=True)
class Told:
    """A task with what its answer needs beside its record."""

    known: Known
    media: MediaInfo | None
    """Of its source; None before it was probed."""
    address: Address
    source_url: str = ""
    """Its source as users are told."""

    @property
    def record(self) -> TaskRecord:
        """As it is now."""
        return self.known.record


def state(record: TaskRecord) -> str:
    """In their words."""
    return _STATES[record.state]


def detail(told: Told, block: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeTaskDetail's answer; `block`: its one object that is not null, by its name."""
    return {
        "TaskType": told.known.origin.notes["kind"],
        "Status": state(told.record),
        "CreateTime": time(told.record.created_at),
        "BeginProcessTime": time(told.record.started_at),
        "FinishTime": time(told.record.finished_at),
        **dict.fromkeys(BLOCKS),
        **block,
    }


def procedure(told: Told) -> dict[str, Any]:
    """A ProcedureTask."""
    notes, asked = told.known.origin.notes, told.known.origin.request
    made = [element(told, one) for one in notes.get("elements", ())]
    return {
        "TaskId": told.known.origin.id,
        "Status": "FINISH" if told.record.state.final else "PROCESSING",
        "ErrCode": 0,
        "Message": "",
        "FileId": notes.get("file", ""),
        "FileName": notes.get("name", ""),
        "FileUrl": told.source_url,
        "MetaData": None if told.media is None else results.meta_data(told.media),
        "MediaProcessResultSet": made,
        "AiContentReviewResultSet": [],
        "AiAnalysisResultSet": [],
        "AiRecognitionResultSet": [],
        "TasksPriority": asked.get("TasksPriority", 0),
        "TasksNotifyMode": asked.get("TasksNotifyMode", "Finish"),
        "SessionContext": asked.get("SessionContext", ""),
        "SessionId": asked.get("SessionId", ""),
        "Operator": "",
        "OperationType": "",
    }


def element(told: Told, note: Mapping[str, Any]) -> dict[str, Any]:
    """An item of MediaProcessResultSet."""
    targets = results.targets_of(told.record, note["targets"])
    found = results.outcome(told.record, targets)
    output = None
    if found["Status"] == "SUCCESS":
        output = _OUTPUTS[note["type"]](note, targets, told.address)
    field = _FIELD[note["type"]]
    return {
        "Type": note["type"],
        **dict.fromkeys(_FIELD.values()),
        field: {**found, "Input": note["input"], "Output": output},
    }


# --- outputs --------------------------------------------------------------------------------

_Note = Mapping[str, Any]


def _definition(note: _Note) -> int:
    return int(note["input"].get("Definition", 0))


def transcoded(note: _Note, targets: list[TargetRecord], address: Address) -> dict[str, Any]:
    """A MediaTranscodeItem."""
    (target,) = targets
    media = results.media_of(target)
    shown = {name: media.get(name) for name in ("Bitrate", "Height", "Width", "Duration", "Md5")}
    return {
        "Url": address(target.name, target.uri),
        "Definition": _definition(note),
        **shown,
        "Size": results.size_of(target),
        "Container": note["container"],
        "VideoStreamSet": media.get("VideoStreamSet", []),
        "AudioStreamSet": media.get("AudioStreamSet", []),
        "DigitalWatermarkType": "None",
        "CopyRightWatermarkText": "",
        "FileId": note.get("file", ""),
    }


def animated(note: _Note, targets: list[TargetRecord], address: Address) -> dict[str, Any]:
    """A MediaAnimatedGraphicsItem."""
    (target,) = targets
    seconds = float((target.media or {}).get("duration", 0))
    return {
        "Url": address(target.name, target.uri),
        "Definition": _definition(note),
        **results.moving_of(target),
        "StartTimeOffset": note["start"],
        "EndTimeOffset": round(note["start"] + seconds, 3),
    }


def timed(note: _Note, targets: list[TargetRecord], address: Address) -> dict[str, Any]:
    """A MediaSnapshotByTimeOffsetItem."""
    pictures = {target.name: results.pictures_of(target) for target in targets}
    shown = []
    for name, i, asked in note["order"]:
        uri, second = pictures[name][i]
        offset = round((second if asked is None else asked) * 1000, 3)
        shown.append({"TimeOffset": offset, "Url": address(name, uri), "WaterMarkDefinition": []})
    return {"Definition": _definition(note), "PicInfoSet": shown}


def sampled(note: _Note, targets: list[TargetRecord], address: Address) -> dict[str, Any]:
    """A MediaSampleSnapshotItem."""
    (target,) = targets
    return {
        "Definition": _definition(note),
        "SampleType": note["sample"],
        "Interval": note["interval"],
        "ImageUrlSet": [address(target.name, uri) for uri, _ in results.pictures_of(target)],
        "WaterMarkDefinition": [],
    }


def sheets(note: _Note, targets: list[TargetRecord], address: Address) -> dict[str, Any]:
    """A MediaImageSpriteItem."""
    (target,) = targets
    pictures, text = results.sheets_of(target)
    return {
        "Definition": _definition(note),
        **results.grid_of(target),
        "ImageUrlSet": [address(target.name, uri) for uri in pictures],
        "WebVttUrl": address(target.name, text) if text else "",
    }


def cover(note: _Note, targets: list[TargetRecord], address: Address) -> dict[str, Any]:
    """A CoverBySnapshotTaskOutput."""
    (target,) = targets
    return {"CoverUrl": address(target.name, target.uri)}


def ladder(note: _Note, targets: list[TargetRecord], address: Address) -> dict[str, Any]:
    """An AdaptiveDynamicStreamingInfoItem."""
    (target,) = targets
    return {
        "Definition": _definition(note),
        "Package": note["package"],
        "DrmType": "",
        "Url": address(target.name, target.uri),
        "Size": results.size_of(target),
        "DigitalWatermarkType": "None",
        "CopyRightWatermarkText": "",
        "SubStreamSet": [_sub_stream(target, one) for one in (target.media or {}).get("video", ())],
        "SubtitleSet": [],
        "DefaultSubtitleId": "",
    }


def _sub_stream(target: TargetRecord, stream: Mapping[str, Any]) -> dict[str, Any]:
    """Of a rendition, with the bytes of the files in its folder."""
    folder = f"/{stream['name']}/"
    size = sum(one.bytes for one in target.files if folder in one.uri)
    return {"Type": "video", "Width": stream["width"], "Height": stream["height"], "Size": size}


_OUTPUTS: Mapping[str, Callable[[_Note, list[TargetRecord], Address], dict[str, Any]]] = {
    "Transcode": transcoded,
    "AnimatedGraphics": animated,
    "SnapshotByTimeOffset": timed,
    "SampleSnapshot": sampled,
    "ImageSprites": sheets,
    "CoverBySnapshot": cover,
    "AdaptiveDynamicStreaming": ladder,
}
