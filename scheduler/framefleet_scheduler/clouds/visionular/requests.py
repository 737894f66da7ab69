"""What Visionular's operations take. Names and values are those of the vendor's document and of its public Go SDK."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field

from framefleet_scheduler.clouds.fields import OR_NONE, Ignored, Refused, Wire, Works

_RESOLUTION = r"^([0-9]{2,4}x([0-9]{2,4})?|x[0-9]{2,4})$"
_FOLDER = r"^[^{}\x00-\x1f\x7f]*$"
"""Braces would be placeholders of ours."""
_FILE = r"^[^{}\x00-\x1f\x7f]*[^{}\x00-\x1f\x7f/]$"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,127}$"
MOST_LISTED = 200

_Name = Annotated[str, Field(pattern=NAME)]
_Text = Annotated[str, Field(max_length=2048)]
Status = Literal["pending", "downloading", "running", "uploading", "succeeded", "failed"]


def _unsaid(value: Any) -> Any:
    return None if value in ("", "0", 0, [], {}) else value


UNSAID = BeforeValidator(_unsaid)
"""For fields that are None when they are empty or 0: so SDKs of typed languages send what was not set."""


def _seconds(value: Any) -> Any:
    """A time may be in seconds or in milliseconds: the vendor's documents do not say. Later than the year 5138: milliseconds."""
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    return value // 1000 if isinstance(value, int) and value > 100_000_000_000 else value


Time = Annotated[int, BeforeValidator(_seconds), Field(ge=0, le=100_000_000_000)]
"""Seconds since 1970."""


class CreateTask(Wire):
    """`POST create_task`."""

    template_name: Annotated[_Name, Works("one of yours, one of ours (`mp4-h264-720p`), or `System_...`")]
    input: Annotated[str, Field(min_length=1, max_length=8192), Works("an address, or a path in the storage's bucket")]
    output: Annotated[str, Field(min_length=1, max_length=1024, pattern=_FILE), Works("below the storage's prefix")]
    storage_id: Annotated[str, Field(pattern="^[0-9a-f]{16}$"), Works()]
    custom_info: Annotated[
        str | None, Field(max_length=2048), OR_NONE, Works("comes back with the task; 2048 bytes")
    ] = None
    extra_options: Annotated[Any, Refused("what may be in it is not public")] = None


class QueryTask(Wire):
    """`GET query_task`."""

    task_id: Annotated[str, Field(pattern="^[0-9a-z-]{1,64}$"), Works()]


class ListTasks(Wire):
    """`GET list_task`."""

    start_num: Annotated[
        int, Field(ge=0, le=10_000, validation_alias=AliasChoices("start_num", "skip")), Works("also `skip`")
    ] = 0
    count: Annotated[
        int | None,
        Field(ge=1, le=MOST_LISTED, validation_alias=AliasChoices("count", "limit")),
        UNSAID,
        Works("1 to 200, without it 20; also `limit`"),
    ] = None
    start_time: Annotated[Time | None, UNSAID, Works("created then or later; seconds or milliseconds")] = None
    end_time: Annotated[Time | None, UNSAID, Works("created then or earlier; seconds or milliseconds")] = None
    status: Annotated[Status | None, OR_NONE, Works()] = None


class Stream(Wire):
    """One of a template's `adaptive_streams`. What it does not say is as the template says."""

    resolution: Annotated[str | None, Field(pattern=_RESOLUTION), UNSAID, Works("as the template's")] = None
    video_bitrate: Annotated[int | None, Field(ge=1, le=400_000), UNSAID, Works("kbit/s")] = None
    framerate: Annotated[float | None, Field(ge=1, le=120), UNSAID, Works()] = None


class Encryption(Wire):
    """A template's `encryption`."""

    key: Annotated[
        str | None, Field(pattern="^[0-9a-fA-F]{32}$", repr=False), UNSAID, Works("AES-128 of HLS; never shown again")
    ] = None
    key_uri: Annotated[str | None, Field(max_length=2048), UNSAID, Works("where players get the key")] = None
    drm: Annotated[Any, Refused("DRM is not offered")] = None


class Thumbnail(Wire):
    """A template's `thumbnail`: still pictures beside the film."""

    start_point: Annotated[float | None, Field(ge=0), UNSAID, Works("seconds")] = None
    interval: Annotated[
        float | None, Field(ge=0.02, le=86_400), UNSAID, Works("seconds; without one they are evenly spaced")
    ] = None
    number: Annotated[int | None, Field(ge=1, le=1_000), UNSAID, Works("without one: 1")] = None
    width: Annotated[int | None, Field(ge=16, le=8192), UNSAID, Works()] = None
    height: Annotated[int | None, Field(ge=16, le=8192), UNSAID, Works()] = None


class Template(Wire):
    """`POST add_template` and `PUT update_template`."""

    template_name: Annotated[_Name, Works()]
    format: Annotated[Literal["mp4", "hls", "dash", "mkv", "webm", "mov", "ts", "flv"], Works()] = "mp4"
    vcodec: Annotated[Literal["h264", "h265", "hevc", "av1", "vp9"], Works()] = "h264"
    acodec: Annotated[
        Literal["aac", "mp3", "opus", "flac", "ac3", "copy", "none"], Works("`none` leaves sound out")
    ] = "aac"
    trans_mode: Annotated[
        Literal["crf", "abr", "cbr", "2pass"] | None,
        UNSAID,
        Works("without one: `crf`, or `2pass` where there is a `video_bitrate` and no `quality`; `cbr` is H.264 only"),
    ] = None
    resolution: Annotated[
        str | None,
        Field(pattern=_RESOLUTION),
        UNSAID,
        Works("`1280x720` (films of another shape get borders), `1280x` or `x720` (the other side follows)"),
    ] = None
    framerate: Annotated[float | None, Field(ge=1, le=120), UNSAID, Works()] = None
    quality: Annotated[float | None, Field(ge=0, le=63), UNSAID, Works("the CRF; up to 51 for H.264 and H.265")] = None
    video_bitrate: Annotated[
        int | None, Field(ge=1, le=400_000), UNSAID, Works("kbit/s; the most there may be where there is a `quality`")
    ] = None
    gop_size: Annotated[int | None, Field(ge=1, le=600), UNSAID, Works("frames")] = None
    gop_seconds: Annotated[float | None, Field(ge=0.5, le=10), UNSAID, Works()] = None
    seg_type: Annotated[Literal["ts", "fmp4"] | None, UNSAID, Works("`ts`: HLS with H.264 only")] = None
    seg_time: Annotated[float | None, Field(ge=1, le=10), UNSAID, Works("1 to 10 seconds")] = None
    audio_bitrate: Annotated[int | None, Field(ge=8, le=1_024), UNSAID, Works("kbit/s")] = None
    audio_sample_rate: Annotated[int | None, Field(ge=8_000, le=192_000), UNSAID, Works("Hz")] = None
    audio_channels: Annotated[int | None, Field(ge=1, le=8), UNSAID, Works("at most; without it 2")] = None
    logo_path: Annotated[_Text | None, UNSAID, Works("an address, or a path in the storage's bucket")] = None
    logo_size: Annotated[str | None, Field(pattern=r"^[1-9][0-9]{0,3}x[1-9][0-9]{0,3}$"), UNSAID, Works("pixels")] = (
        None
    )
    logo_offset: Annotated[
        str | None,
        Field(pattern=r"^[0-9]{1,4}[x,:][0-9]{1,4}$"),
        UNSAID,
        Works("`16x9`, `16,9` or `16:9`: pixels from the upper left corner"),
    ] = None
    adaptive_streams: Annotated[tuple[Stream, ...] | None, Field(max_length=15), UNSAID, Works("of HLS and DASH")] = (
        None
    )
    encryption: Annotated[Encryption | None, UNSAID, Works("of HLS")] = None
    thumbnail: Annotated[Thumbnail | None, UNSAID, Works("pictures beside the film: `NAME_thumb_0001.jpg`")] = None
    description: Annotated[_Text | None, UNSAID, Works()] = None
    created_at: Annotated[Any, Ignored("it is when we kept it")] = None
    built_in: Annotated[Any, Ignored("only ours are")] = None


class NamedTemplate(Wire):
    """`GET query_template` and `DELETE del_template`."""

    template_name: Annotated[_Name, Works()]


class Storage(Wire):
    """`POST add_storage`."""

    type: Annotated[str, Field(max_length=32), Ignored("a bucket is one of our storages, or of our S3 server")] = ""
    region: Annotated[str, Field(max_length=64), Works("comes back with the task")] = ""
    bucket: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$"), Works()]
    prefix: Annotated[str, Field(max_length=512, pattern=_FOLDER), Works()] = ""
    notify: Annotated[str, Field(max_length=2048), Works("is told the end of each task")] = ""
    name_rule: Annotated[Any, Refused("what may be in it is not public")] = None
    storage_ak: Annotated[Any, Ignored("never kept: who may write to a bucket is said by our storages")] = None
    storage_sk: Annotated[Any, Ignored("as `storage_ak`")] = None


class StorageId(Wire):
    """`DELETE del_storage`."""

    storage_id: Annotated[str, Field(pattern="^[0-9a-f]{16}$"), Works()]
