"""What the operations of VOD that make or look at tasks take, field by field."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from framefleet_scheduler.clouds.fields import Ignored, Refused, Wire, Works
from framefleet_scheduler.clouds.tencent.models import Override, SoundUpdate, Tehd
from framefleet_scheduler.clouds.tencent.vod.words import VodPicture

_AI = "there is no AI here"
_MARKS = "stills bear no watermarks here"
_SIGNS = "invisible watermarks are not made here"
Objects = Annotated[list[dict[str, Any]] | None, Refused(_MARKS)]
Blind = Annotated[dict[str, Any] | None, Refused(_SIGNS)]
App = Annotated[
    int | None, Field(ge=0, lt=1 << 53), Works("any number: each has its own tasks, media, templates and events")
]
Offset = Annotated[float | None, Works("seconds; below 0 from the end")]
Priority = Annotated[int | None, Works("-10 to 10")]
Session = Annotated[str | None, Works("up to 50 characters; the same one within 3 days is refused")]
Context = Annotated[str | None, Works("up to 1,000 characters")]
Reserved = Annotated[str | None, Ignored("reserved by the vendor")]
Number = Annotated[int | None, Works()]
_Number = Annotated[float, Field(ge=-1e9, le=1e9)]


class WatermarkInput(Wire):
    """A watermark of an element."""

    Definition: Number = None
    TextContent: Annotated[str | None, Field(max_length=100), Works("up to 100 characters")] = None
    SvgContent: Annotated[str | None, Refused("SVG is not drawn here")] = None
    StartTimeOffset: Offset = None
    EndTimeOffset: Offset = None


Watermarks = Annotated[list[WatermarkInput] | None, Works("up to 10, the first lowest")]


class VodOverride(Override):
    """As of VOD."""

    VideoTemplate: Annotated[VodPicture | None, Works()] = None
    AudioTemplate: Annotated[SoundUpdate | None, Works()] = None
    TEHDConfig: Annotated[Tehd | None, Works()] = None


class TranscodeTask(Wire):
    """One file."""

    Definition: Number = None
    WatermarkSet: Watermarks = None
    TraceWatermark: Blind = None
    CopyRightWatermark: Blind = None
    BlindWatermark: Blind = None
    MosaicSet: Annotated[list[dict[str, Any]] | None, Refused("mosaics are not made here")] = None
    HeadTailSet: Annotated[
        list[dict[str, Any]] | None, Refused("opening and closing parts are not laid around a film; use EditMedia")
    ] = None
    StartTimeOffset: Offset = None
    EndTimeOffset: Annotated[
        float | None, Works("seconds; below 0 from the end; up to 10 different parts in a request")
    ] = None
    OverrideParameter: Annotated[VodOverride | None, Works("laid over the template, field by field")] = None
    SubtitleInfoSet: Annotated[
        list[dict[str, Any]] | None, Refused("there is no registry of subtitles; a native task burns them in")
    ] = None


class AnimatedGraphicTask(Wire):
    """One moving picture."""

    Definition: Number = None
    StartTimeOffset: Offset = None
    EndTimeOffset: Annotated[float | None, Works("seconds; below 0 from the end; up to 120 s in all")] = None


class SnapshotByTimeOffsetTask(Wire):
    """Pictures of some moments."""

    Definition: Number = None
    ExtTimeOffsetSet: Annotated[list[str] | None, Works("`3.5s` or `10%`; up to 100")] = None
    TimeOffsetSet: Annotated[list[_Number] | None, Works("milliseconds, where ExtTimeOffsetSet is not given")] = None
    WatermarkSet: Objects = None


class SampleSnapshotTask(Wire):
    """Pictures at even distances."""

    Definition: Number = None
    WatermarkSet: Objects = None


class ImageSpriteTask(Wire):
    """Sheets."""

    Definition: Number = None


class CoverBySnapshotTask(Wire):
    """One picture that becomes the cover."""

    Definition: Number = None
    PositionType: Annotated[str | None, Works("`Time` or `Percent`")] = None
    PositionValue: Annotated[_Number | None, Works("seconds, or percent")] = None
    WatermarkSet: Objects = None


class AdaptiveDynamicStreamingTask(Wire):
    """One ladder."""

    Definition: Number = None
    WatermarkSet: Watermarks = None
    TraceWatermark: Blind = None
    CopyRightWatermark: Blind = None
    BlindWatermark: Blind = None
    SubtitleSet: Annotated[list[str] | None, Refused("there is no registry of subtitles")] = None
    SubtitleInfoSet: Annotated[list[dict[str, Any]] | None, Refused("there is no registry of subtitles")] = None
    DrmInfo: Annotated[dict[str, Any] | None, Refused("there is no DRM here")] = None


class MediaProcess(Wire):
    """What is to be made of one source."""

    TranscodeTaskSet: Annotated[list[TranscodeTask] | None, Works()] = None
    AnimatedGraphicTaskSet: Annotated[list[AnimatedGraphicTask] | None, Works()] = None
    SnapshotByTimeOffsetTaskSet: Annotated[list[SnapshotByTimeOffsetTask] | None, Works()] = None
    SampleSnapshotTaskSet: Annotated[list[SampleSnapshotTask] | None, Works()] = None
    ImageSpriteTaskSet: Annotated[list[ImageSpriteTask] | None, Works()] = None
    CoverBySnapshotTaskSet: Annotated[list[CoverBySnapshotTask] | None, Works()] = None
    AdaptiveDynamicStreamingTaskSet: Annotated[list[AdaptiveDynamicStreamingTask] | None, Works()] = None


class Tasks(Wire):
    """What all requests for tasks have."""

    SubAppId: App = None
    TasksPriority: Priority = None
    TasksNotifyMode: Annotated[str | None, Works("`Finish` (default), `Change` or `None`")] = None
    SessionContext: Context = None
    SessionId: Session = None
    ExtInfo: Reserved = None


class ProcessMedia(Tasks):
    """Process a media file of the registry, a file of the storage, or one at an address."""

    FileId: Annotated[str | None, Works()] = None
    MediaStoragePath: Annotated[str | None, Works("below the tenant's folder in the storage `vod`")] = None
    Url: Annotated[str | None, Works("where there is no FileId: it gets one")] = None
    MediaProcessTask: Annotated[MediaProcess | None, Works()] = None
    AiContentReviewTask: Annotated[dict[str, Any] | None, Refused(_AI)] = None
    AiAnalysisTask: Annotated[dict[str, Any] | None, Refused(_AI)] = None
    AiRecognitionTask: Annotated[dict[str, Any] | None, Refused(_AI)] = None
    OutputAsIndependentMedia: Annotated[str | None, Works("`ON`: each transcoded file gets a FileId")] = None


class UrlInput(Wire):
    """A source by address."""

    Url: Annotated[str | None, Works()] = None
    Name: Annotated[str | None, Field(max_length=256), Works("comes back as FileName")] = None
    Id: Annotated[str | None, Field(max_length=256), Works("comes back as FileId")] = None


class BucketOutput(Wire):
    """Where outputs go."""

    Region: Annotated[str | None, Ignored("a bucket is found by its name")] = None
    Bucket: Annotated[str | None, Works("a storage of that name, else a bucket of the S3 server")] = None
    Dir: Annotated[str | None, Works("ends with `/`")] = None


class ProcessMediaByUrl(Tasks):
    """Process what lies at an address, into a bucket. The vendor's newer SDKs have no MediaProcessTask here any more."""

    InputInfo: Annotated[UrlInput | None, Works()] = None
    OutputInfo: Annotated[BucketOutput | None, Works()] = None
    MediaProcessTask: Annotated[MediaProcess | None, Works("of older SDKs")] = None
    AiContentReviewTask: Annotated[dict[str, Any] | None, Refused(_AI)] = None
    AiAnalysisTask: Annotated[dict[str, Any] | None, Refused(_AI)] = None
    AiRecognitionTask: Annotated[dict[str, Any] | None, Refused(_AI)] = None


class ProcessMediaByProcedure(Tasks):
    """Process as a template of the kind Procedure says."""

    ProcedureName: Annotated[str | None, Works()] = None
    FileId: Annotated[str | None, Works()] = None
    MediaStoragePath: Annotated[str | None, Works("as in ProcessMedia")] = None


class DescribeTaskDetail(Wire):
    """One task."""

    TaskId: Annotated[str | None, Works("of the last 3 days")] = None
    SubAppId: App = None


class TimeRange(Wire):
    """From `After` on, before `Before`."""

    After: Annotated[str | None, Works("ISO 8601")] = None
    Before: Annotated[str | None, Works("ISO 8601")] = None


class Sorting(Wire):
    """Order of a list."""

    Field: Annotated[str | None, Works("`CreateTime` or `FinishTime`")] = None
    Order: Annotated[str | None, Works("`Asc` or `Desc`")] = None


class DescribeTasks(Wire):
    """Tasks of the last 72 hours."""

    SubAppId: App = None
    Status: Annotated[str | None, Works("`WAITING`, `PROCESSING`, `FINISH` (aborted ones, too), `ABORTED`")] = None
    FileId: Annotated[str | None, Works()] = None
    CreateTime: Annotated[TimeRange | None, Works()] = None
    FinishTime: Annotated[TimeRange | None, Works()] = None
    Sort: Annotated[Sorting | None, Works("newest first without it; other orders look at 10,000 tasks at most")] = None
    Limit: Annotated[int | None, Works("10, up to 100")] = None
    ScrollToken: Annotated[str | None, Works()] = None


class ManageTask(Wire):
    """End a task that waits."""

    TaskId: Annotated[str | None, Works()] = None
    OperationType: Annotated[str | None, Works("`Abort`, of tasks that wait")] = None
    SubAppId: App = None
