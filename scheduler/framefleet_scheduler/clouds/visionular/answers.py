"""Our records as Visionular's task objects. Pure. Times are seconds since 1970, sizes bytes, bit rates bits/s."""

from __future__ import annotations

from datetime import datetime
from math import gcd
from typing import Any

from framefleet.domain.errors import ErrorInfo
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.records import TargetRecord, TaskRecord
from framefleet.domain.states import TaskState
from framefleet_scheduler.clouds.codecs import codec_name
from framefleet_scheduler.clouds.origin import Origin

STATES = {
    TaskState.QUEUED: "pending",
    TaskState.RUNNING: "running",
    TaskState.SUCCEEDED: "succeeded",
    TaskState.FAILED: "failed",
    TaskState.CANCELED: "failed",
}
OF_STATUS: dict[str, tuple[TaskState, ...]] = {
    "pending": (TaskState.QUEUED,),
    "downloading": (),
    "uploading": (),
    "running": (TaskState.RUNNING,),
    "succeeded": (TaskState.SUCCEEDED,),
    "failed": (TaskState.FAILED, TaskState.CANCELED),
}
"""Our states of a status; we have none of its own for fetching and publishing."""
_CODES = {
    "source_not_found": 2,
    "source_forbidden": 2,
    "source_unavailable": 2,
    "source_empty": 3,
    "source_not_media": 3,
    "source_truncated": 3,
    "source_no_video": 3,
    "source_no_audio": 3,
    "source_no_subtitles": 3,
    "copy_impossible": 3,
    "source_clock": 3,
    "source_changed": 3,
    "source_too_long": 4,
    "source_too_large": 4,
    "invalid_source": 4,
    "invalid_template": 4,
    "invalid_watermark": 4,
    "quality_too_low": 4,
    "target_not_writable": 5,
}
CANCELED = 6
OURS = 9


def error_code(error: ErrorInfo | None, state: TaskState) -> int:
    """Why a task failed: 0 it did not, 2 source not reached, 3 source unusable, 4 parameters, 5 store, 6 canceled, 9 our fault."""
    if state is TaskState.CANCELED:
        return CANCELED
    if state is not TaskState.FAILED:
        return 0
    return OURS if error is None else _CODES.get(error.code, OURS)


def task(origin: Origin, record: TaskRecord, source: MediaInfo | None) -> dict[str, Any]:
    """A task object."""
    asked, notes = origin.request, origin.notes
    film = next((one for one in record.targets if one.name == "film"), None)
    error = record.error or next((one.error for one in record.targets if one.error is not None), None)
    shown: dict[str, Any] = {
        "task_id": origin.id,
        "input": asked.get("input", ""),
        "output": asked.get("output", ""),
        "template_name": asked.get("template_name", ""),
        "storage_id": asked.get("storage_id", ""),
        "region": notes.get("region", ""),
        "created_time": _seconds(origin.created_at),
        "started_time": _seconds(record.started_at),
        "finished_time": _seconds(record.finished_at),
        "status": STATES[record.state],
        "progress": 100 if record.state is TaskState.SUCCEEDED else min(99, int(record.progress * 100)),
        "code": error_code(error, record.state),
        "message": error.message if error is not None and record.state is TaskState.FAILED else "",
        "format": notes.get("format", ""),
        "encrypt_info": notes.get("encrypted", ""),
        "custom_info": asked.get("custom_info", ""),
        "spend_time": _spent(record),
    }
    if record.state is TaskState.CANCELED:
        shown["message"] = "the task was canceled"
    return {**shown, **_source(source), **_output(film)}


def _source(media: MediaInfo | None) -> dict[str, Any]:
    if media is None:
        return {}
    video, audio = media.main_video, media.main_audio
    rate = None if video is None else video.average_rate or video.nominal_rate
    return {
        "duration": round(float(media.duration or 0), 3),
        "source_bitrate": media.bitrate or 0,
        "source_size": media.size_bytes or 0,
        "source_resolution": "" if video is None else f"{video.display_width}x{video.display_height}",
        "source_framerate": 0 if rate is None else round(float(rate), 3),
        "source_video_bitrate": 0 if video is None else video.bitrate or 0,
        "source_audio_bitrate": 0 if audio is None else audio.bitrate or 0,
        "source_video_codec": "" if video is None else video.codec,
        "source_audio_codec": "" if audio is None else audio.codec,
        "ratio": "" if video is None else _ratio(video.display_width, video.display_height),
    }


def _ratio(width: int, height: int) -> str:
    """`16:9`."""
    by = gcd(width, height) or 1
    return f"{width // by}:{height // by}"


def _output(film: TargetRecord | None) -> dict[str, Any]:
    if film is None or film.state is not TaskState.SUCCEEDED:
        return {}
    media = film.media or {}
    video = _first(media.get("video"))
    audio = _first(media.get("audio"))
    rate = video.get("average_rate") or video.get("frame_rate") or video.get("nominal_rate")
    return {
        "output_size": sum(file.bytes for file in film.files),
        "output_media_size": sum(file.bytes for file in film.files if file.kind in {"media", "segment", "init"}),
        "output_resolution": f"{video['width']}x{video['height']}" if video.get("width") else "",
        "output_framerate": _number(rate),
        "output_bitrate": int(media.get("bitrate") or video.get("bitrate") or 0),
        "output_video_codec": codec_name(str(video.get("codec") or "")),
        "output_audio_codec": codec_name(str(audio.get("codec") or "")),
        "output_audio_samplerate": int(audio.get("sample_rate") or 0),
    }


def _first(value: Any) -> dict[str, Any]:
    return value[0] if isinstance(value, list | tuple) and value and isinstance(value[0], dict) else {}


def _number(value: Any) -> float:
    """`30000/1001`, 25 or None."""
    upper, _, lower = str(value or 0).partition("/")
    try:
        return round(float(upper) / float(lower or 1), 3)
    except (ValueError, ZeroDivisionError):
        return 0.0


def _seconds(moment: datetime | None) -> int:
    return 0 if moment is None else int(moment.timestamp())


def _spent(record: TaskRecord) -> int:
    """Seconds of work."""
    if record.started_at is None or record.finished_at is None:
        return 0
    return max(0, int((record.finished_at - record.started_at).total_seconds()))
