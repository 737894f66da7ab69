"""What became of tasks and their elements, in the words that both dialects share. Pure.

Addresses are not among it: VOD tells URLs, MPS paths in a bucket.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from framefleet.domain.errors import ErrorInfo
from framefleet.domain.media_info import AudioStream, MediaInfo, VideoStream
from framefleet.domain.records import TargetRecord, TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.subtask import Kind
from framefleet_scheduler.clouds.codecs import codec_name

_DOWNLOAD = "SourceFileError.DownloadNotAccessible"
_MALFORMED = "SourceFileError.ContentMalformed"
_INTERNAL = "InternalError"
_FAILURES: Mapping[str, str] = {
    "source_not_found": _DOWNLOAD,
    "source_forbidden": _DOWNLOAD,
    "source_unavailable": _DOWNLOAD,
    "source_changed": _DOWNLOAD,
    "invalid_source": _DOWNLOAD,
    "source_empty": _MALFORMED,
    "source_not_media": _MALFORMED,
    "source_truncated": _MALFORMED,
    "source_clock": _MALFORMED,
    "source_too_long": "SourceFileError.ContentUnsupported",
    "source_too_large": "SourceFileError.ContentUnsupported",
    "source_no_video": "SourceFileError.NoVideoMedia",
    "source_no_audio": "SourceFileError",
    "source_no_subtitles": "SourceFileError",
    "copy_impossible": "InvalidInput.ConfigurationUnsupported",
    "invalid_template": "InvalidInput",
    "invalid_target": "InvalidInput",
    "invalid_request": "InvalidInput",
    "unsupported_feature": "InvalidInput",
    "unknown_template": "InvalidInput.DefinitionNotExist",
    "invalid_watermark": "InvalidInput",
    "target_not_writable": "InvalidInput.PermissionDenied",
    "memory_limit": _INTERNAL,
}
FIELDS = {
    "Transcode": "TranscodeTask",
    "AnimatedGraphics": "AnimatedGraphicTask",
    "SnapshotByTimeOffset": "SnapshotByTimeOffsetTask",
    "SampleSnapshot": "SampleSnapshotTask",
    "ImageSprites": "ImageSpriteTask",
    "AdaptiveDynamicStreaming": "AdaptiveDynamicStreamingTask",
}
"""Type of a result -> the field that holds it."""
_NUMBERS = {"SourceFileError": 60000, "InvalidInput": 40000, "InternalError": 70000}
_LAST_STEPS = frozenset({Kind.CONCAT, Kind.SNAPSHOT, Kind.SPRITE, Kind.ANIMATION})
"""Kinds of subtasks that publish a target, and are labelled with its name."""
CANCELED = ("InternalError", 70000, "the task was aborted")

_CONTAINERS = {"mov": "mov,mp4,m4a,3gp,3g2,mj2", "matroska": "matroska,webm"}
"""FFmpeg's whole names, as the vendor's answers have them."""
_PLACES = (".times[", ".start", ".end", ".duration")


def failure(error: ErrorInfo) -> tuple[str, int, str]:
    """(ErrCodeExt, ErrCode, Message) of an error of ours."""
    code = _FAILURES.get(error.code, _INTERNAL)
    if code == "InvalidInput" and error.field is not None and any(place in error.field for place in _PLACES):
        code = "InvalidInput.InvalidTimeOffset"
    if code == "InvalidInput" and error.hint is not None and "source_below" in error.hint:
        code = "InvalidInput.ConfigurationUnsupported"
    return code, _NUMBERS[code.partition(".")[0]], error.message


def time(at: datetime | None, unset: str = "") -> str:
    """ISO, whole seconds, UTC."""
    return unset if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def is_waiting(record: TaskRecord) -> bool:
    """Whether no work of it has begun."""
    return record.state is TaskState.QUEUED


def outcome(record: TaskRecord, targets: Sequence[TargetRecord], unset: str = "") -> dict[str, Any]:
    """State of an element that these targets make: what every kind of result has."""
    states = {one.state for one in targets}
    began, ended = _times(record, targets, unset)
    if states == {TaskState.SUCCEEDED}:
        return _state("SUCCESS", ("", 0, "SUCCESS"), 100, began, ended)
    if TaskState.FAILED in states or (record.state is TaskState.FAILED):
        error = next((one.error for one in targets if one.error is not None), None) or record.error
        said = failure(error) if error is not None else (_INTERNAL, 70000, "it failed")
        return _state("FAIL", said, 0, began, ended)
    if TaskState.CANCELED in states or record.state is TaskState.CANCELED:
        return _state("FAIL", CANCELED, 0, began, ended)
    done = min(99, int(record.progress * 100))
    return _state("PROCESSING", ("", 0, ""), done, began, unset)


def _times(record: TaskRecord, targets: Sequence[TargetRecord], unset: str) -> tuple[str, str]:
    """When the work for these targets began, and when the last of them was published; else the task's own times.

    Films begin with their task: chunks and sound may be for several.
    """
    names = {one.name for one in targets}
    steps = [one for one in record.subtasks if one.label in names and one.kind in _LAST_STEPS]
    begun = [one.started_at for one in steps if one.started_at is not None]
    done = [one.finished_at for one in steps if one.finished_at is not None]
    is_film = any(one.kind == Kind.CONCAT for one in steps)
    is_done = bool(done) and len(done) == len(steps)
    began = min(begun) if begun and not is_film else record.started_at
    return time(began, unset), time(max(done) if is_done else record.finished_at, unset)


def targets_of(record: TaskRecord, names: Sequence[str]) -> list[TargetRecord]:
    """Of a task, by name, in order."""
    known = {one.name: one for one in record.targets}
    return [known[name] for name in names if name in known]


def states(record: TaskRecord, notes: Mapping[str, Any]) -> list[str]:
    """Of a task's elements: what mode Change tells; `notes`: of its origin."""
    return [outcome(record, targets_of(record, note["targets"]))["Status"] for note in notes.get("elements", ())]


def _state(status: str, said: tuple[str, int, str], progress: int, began: str, ended: str) -> dict[str, Any]:
    return {
        "Status": status,
        "ErrCodeExt": said[0],
        "ErrCode": said[1],
        "Message": said[2],
        "Progress": progress,
        "BeginProcessTime": began,
        "FinishTime": ended,
    }


# --- media ----------------------------------------------------------------------------------


def meta_data(media: MediaInfo) -> dict[str, Any]:
    """Of a source or of a file that was made."""
    pictures = [one for one in media.video if not one.attached_picture]
    first = media.main_video
    return {
        "Size": media.size_bytes or 0,
        "Container": _CONTAINERS.get(media.container, media.container),
        "Bitrate": media.bitrate or _sum(one.bitrate for one in pictures) + _sum(one.bitrate for one in media.audio),
        "Height": max((one.height for one in pictures), default=0),
        "Width": max((one.width for one in pictures), default=0),
        "Duration": float(media.duration or 0),
        "Rotate": first.rotation if first is not None else 0,
        "VideoStreamSet": [_picture(one) for one in pictures],
        "AudioStreamSet": [_sound(one) for one in media.audio],
        "VideoDuration": _longest(pictures, media),
        "AudioDuration": _longest(media.audio, media),
        "Md5": "",
    }


def _sum(found: Iterable[int | None]) -> int:
    return sum(one or 0 for one in found)


def _longest(streams: Iterable[VideoStream | AudioStream], media: MediaInfo) -> float:
    found = [float(one.duration or media.duration or 0) for one in streams]
    return max(found, default=0.0)


def _picture(stream: VideoStream) -> dict[str, Any]:
    return {
        "Bitrate": stream.bitrate or 0,
        "Height": stream.height,
        "Width": stream.width,
        "Codec": stream.codec,
        "Fps": round(stream.average_rate or stream.nominal_rate or 0),
        "CodecTag": "",
        "DynamicRangeInfo": {"Type": "HDR" if stream.hdr else "SDR", "HDRType": ""},
    }


def _sound(stream: AudioStream) -> dict[str, Any]:
    return {
        "Bitrate": stream.bitrate or 0,
        "SamplingRate": stream.sample_rate,
        "Codec": stream.codec,
        "Channel": stream.channels,
    }


def size_of(target: TargetRecord) -> int:
    """Bytes of all its files."""
    return sum(file.bytes for file in target.files)


def media_of(target: TargetRecord) -> dict[str, Any]:
    """`meta_data` of what a target has made; of HLS and DASH by their renditions."""
    found = target.media or {}
    if "size_bytes" in found:
        try:
            return meta_data(MediaInfo.model_validate(found))
        except ValidationError:
            return {}
    pictures = [_rendition(one) for one in found.get("video", ())]
    sounds: list[dict[str, Any]] = [
        {
            "Bitrate": int(one.get("bitrate", 0)),
            "SamplingRate": int(one.get("sample_rate", 0)),
            "Codec": codec_name(one.get("codec", "")),
            "Channel": int(one.get("channels", 0)),
        }
        for one in found.get("audio", ())
    ]
    largest = max((one["Bitrate"] for one in pictures), default=0)
    return {
        "Size": size_of(target),
        "Container": found.get("container", ""),
        "Bitrate": largest + max((one["Bitrate"] for one in sounds), default=0),
        "Height": max((one["Height"] for one in pictures), default=0),
        "Width": max((one["Width"] for one in pictures), default=0),
        "Duration": float(found.get("duration", 0)),
        "VideoStreamSet": pictures,
        "AudioStreamSet": sounds,
        "Md5": "",
    }


def moving_of(target: TargetRecord) -> dict[str, Any]:
    """What a moving picture is."""
    found, size = target.media or {}, size_of(target)
    seconds = float(found.get("duration", 0))
    return {
        "Container": found.get("format", ""),
        "Height": found.get("height", 0),
        "Width": found.get("width", 0),
        "Bitrate": round(size * 8 / seconds) if seconds else 0,
        "Size": size,
        "Md5": "",
    }


def grid_of(target: TargetRecord) -> dict[str, Any]:
    """What the sheets of a sprite are."""
    found = target.media or {}
    return {
        "Height": found.get("height", 0),
        "Width": found.get("width", 0),
        "TotalCount": int(found.get("columns", 0)) * int(found.get("rows", 0)),
    }


def _rendition(one: Mapping[str, Any]) -> dict[str, Any]:
    number, _, below = str(one.get("frame_rate", "0")).partition("/")
    return {
        "Bitrate": int(one.get("bitrate", 0)),
        "Height": int(one.get("height", 0)),
        "Width": int(one.get("width", 0)),
        "Codec": codec_name(one.get("codec", "")),
        "Fps": round(float(number) / float(below or 1)),
        "CodecTag": "",
    }


def pictures_of(target: TargetRecord) -> list[tuple[str, float]]:
    """(address, second of the film) of each snapshot, in order."""
    found = (target.media or {}).get("pictures", ())
    return [(str(one["uri"]), float(one["time"])) for one in found]


def sheets_of(target: TargetRecord) -> tuple[list[str], str]:
    """Addresses of a sprite's sheets, and of its map."""
    sheets = [file.uri for file in target.files if file.kind == "picture"]
    maps = [file.uri for file in target.files if file.kind == "map"]
    return sheets, (maps[0] if maps else "")
