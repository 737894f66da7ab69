"""CreateMediaConvertTask, GetTask, ListTasks and DetectMediaMeta as they are asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from framefleet_scheduler.clouds.alibaba.imm.image import Image
from framefleet_scheduler.clouds.alibaba.imm.streams import Audio, Subtitle, Video
from framefleet_scheduler.clouds.alibaba.imm.wire import Credentials, ImmWire, ProjectName, Streams, Tags, Uri
from framefleet_scheduler.clouds.fields import OR_NONE, Ignored, Truth, Works

MOST_TARGETS = 50
"""Of one request, groups' included: what a task of ours may have."""
MOST_USER_DATA = 2048
"""Bytes of UTF-8."""


class SourceSubtitle(ImmWire):
    """A file with subtitles of a source."""

    uri: Annotated[Uri, Works("srt, vtt and ass; files of mov_text, dvd_sub and pgs fail the task")] = Field(
        alias="URI"
    )
    time_offset: Annotated[float, Works(), Field(ge=-86_400, le=86_400)] = 0.0
    language: Annotated[
        Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None, OR_NONE, Works()
    ] = None


def _word(value: Any) -> Any:
    """`false` is a word here; a program may write the boolean."""
    return "false" if value is False else value.lower() if isinstance(value, str) else value


class Source(ImmWire):
    """A file to convert, or one of those that are joined."""

    uri: Annotated[Uri, Works()] = Field(alias="URI")
    start_time: Annotated[float, Works(), Field(ge=0, le=1_000_000)] = 0.0
    duration: Annotated[float, Works("0: to the end"), Field(ge=0, le=1_000_000)] = 0.0
    subtitles: Annotated[tuple[SourceSubtitle, ...], Works(), Field(max_length=32)] = ()
    attached: Annotated[Truth, Works("its sound is laid beside the film; its picture is not used")] = False
    align_mode: Annotated[Literal["false", "loop", "pad"], BeforeValidator(_word), Works()] = "false"
    disable_video: Annotated[Truth, Works()] = False
    disable_audio: Annotated[Truth, Works()] = False


class Segment(ImmWire):
    """Cutting into segments."""

    format: Annotated[Literal["hls", "dash"], Works()]
    duration: Annotated[float, Works("1 to 60 s; 10 s where nothing is said"), Field(gt=0, le=3600)] = 10.0
    start_number: Annotated[int, Works(), Field(ge=0, le=1_000_000)] = 0


class Kept(ImmWire):
    """Streams that are neither picture, sound nor subtitles."""

    stream: Annotated[Streams, Works("none, or all of them: what is there goes along")] = None


class Target(ImmWire):
    """One thing to make."""

    uri: Annotated[Uri | None, OR_NONE, Works()] = Field(default=None, alias="URI")
    container: Annotated[
        Annotated[str, Field(max_length=16)] | None,
        OR_NONE,
        Works("mp4, mkv, mov, ts, flv; mp3, aac, flac, oga, ac3, opus. asf, avi and mxf are refused"),
    ] = None
    video: Annotated[Video | None, Works("absent: copied")] = None
    audio: Annotated[Audio | None, Works("absent: copied, where sources are neither trimmed nor joined")] = None
    subtitle: Annotated[Subtitle | None, Works("absent: the first one goes along, where the container takes it")] = None
    image: Annotated[Image | None, Works()] = None
    segment: Annotated[Segment | None, Works("at the address is a master playlist, the segments lie below it")] = None
    speed: Annotated[
        float, Works("a mark in mp4 and mov; other containers have no place for it"), Field(ge=0.5, le=1)
    ] = 1.0
    strip_metadata: Annotated[Truth, Works()] = False
    attached_picture: Annotated[Kept | None, Works("one cover, in mp4 and mkv")] = None
    data: Annotated[Kept | None, Works("where nothing is encoded, in mp4")] = None


class GroupTarget(ImmWire):
    """One rendition of a master playlist."""

    uri: Annotated[
        Uri | None, OR_NONE, Works("names the rendition; its playlist is in a folder of that name beside the master")
    ] = Field(default=None, alias="URI")
    container: Annotated[Literal["mp4", "ts"], Works()] = "ts"
    video: Annotated[Video | None, Works("has to be encoded")] = None
    audio: Annotated[Audio | None, Works("the same for all of a group that have sound")] = None
    subtitle: Annotated[Subtitle | None, Works("ExtractSubtitle in vtt: all tracks are in the master playlist")] = None
    segment: Annotated[Segment | None, Works("the same for all of a group, hls")] = None
    speed: Annotated[float, Works("1 only: HLS has no place for it"), Field(ge=0.5, le=1)] = 1.0
    strip_metadata: Annotated[Truth, Ignored("streams carry no metadata here")] = False


class TargetGroup(ImmWire):
    """A master playlist."""

    uri: Annotated[Uri, Works()] = Field(alias="URI")
    targets: Annotated[tuple[GroupTarget, ...], Works(), Field(min_length=1, max_length=15)]


class Mns(ImmWire):
    """A topic of MNS."""

    topic_name: Annotated[str, Works("an address of FRAMEFLEET_CLOUD_TOPICS"), Field(max_length=256)] = ""


class RocketMq(ImmWire):
    """A topic of RocketMQ."""

    instance_id: Annotated[str, Ignored("topics have one name here"), Field(max_length=256)] = ""
    topic_name: Annotated[str, Works("an address of FRAMEFLEET_CLOUD_TOPICS"), Field(max_length=256)] = ""


class Notification(ImmWire):
    """Who is told of the end."""

    mns: Annotated[Mns | None, OR_NONE, Works()] = Field(default=None, alias="MNS")
    rocket_mq: Annotated[RocketMq | None, OR_NONE, Works()] = Field(default=None, alias="RocketMQ")
    extended_message_uri: Annotated[Uri | None, OR_NONE, Works("the message's content is written there")] = Field(
        default=None, alias="ExtendedMessageURI"
    )


class CreateMediaConvertTask(ImmWire):
    """A task."""

    project_name: ProjectName
    sources: Annotated[tuple[Source, ...], Works("1 to 11"), Field(min_length=1)]
    targets: Annotated[tuple[Target, ...], Works("these or TargetGroups")] = ()
    target_groups: Annotated[tuple[TargetGroup, ...], Works()] = ()
    alignment_index: Annotated[int, Works(), Field(ge=0)] = 0
    user_data: Annotated[str | None, Works("up to 2,048 bytes")] = None
    tags: Annotated[Tags, Works("up to 30")] = {}
    notification: Annotated[Notification | None, Works()] = None
    credential_config: Credentials = None


class GetTask(ImmWire):
    """One task."""

    project_name: ProjectName
    task_id: Annotated[str, Works(), Field(max_length=128)]
    task_type: Annotated[str, Works("MediaConvert"), Field(max_length=64)]
    request_definition: Annotated[Truth, Works()] = False


class TimeRange(ImmWire):
    """From when to when, both included."""

    start: Annotated[datetime | None, OR_NONE, Works()] = None
    end: Annotated[datetime | None, OR_NONE, Works()] = None


class ListTasks(ImmWire):
    """Tasks of a project."""

    project_name: ProjectName
    task_types: Annotated[tuple[str, ...], Works("there is MediaConvert only"), Field(max_length=100)] = ()
    status: Annotated[Literal["Running", "Succeeded", "Failed"] | None, Works()] = None
    tag_selector: Annotated[str | None, Works("`name=value`; several with & between them"), Field(max_length=4096)] = (
        None
    )
    start_time_range: Annotated[TimeRange | None, OR_NONE, Works()] = None
    end_time_range: Annotated[TimeRange | None, OR_NONE, Works()] = None
    sort: Annotated[
        Literal["TaskId", "StartTime", "EndTime"],
        Works("ids sort as starts do; by EndTime the latest 5,000 tasks are sorted, four times per second of a tenant"),
    ] = "TaskId"
    order: Annotated[Literal["asc", "desc"], Works()] = "asc"
    max_results: Annotated[int, Works("1 to 100"), Field(ge=1, le=100)] = 100
    next_token: Annotated[str | None, Works(), Field(max_length=256)] = None
    request_definition: Annotated[Truth, Works()] = False


class DetectMediaMeta(ImmWire):
    """What is in a file."""

    project_name: ProjectName
    source_uri: Annotated[Uri, Works()] = Field(alias="SourceURI")
    credential_config: Credentials = None
