"""What ProcessMedia takes, field by field; workflows keep the same."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from framefleet_scheduler.clouds.fields import Ignored, Refused, Truth, Wire, Works
from framefleet_scheduler.clouds.tencent.models import Override, Tehd, Text, Whole
from framefleet_scheduler.clouds.tencent.mps.paths import NumberFormat
from framefleet_scheduler.clouds.tencent.mps.places import Input, Output
from framefleet_scheduler.clouds.tencent.mps.subtitles import AddOn, Burnt
from framefleet_scheduler.clouds.tencent.mps.watermarks import Mark
from framefleet_scheduler.clouds.tencent.mps.words import MpsPicture, MpsSound, MpsStream

Number = Annotated[int | None, Works()]
Storage = Annotated[Output | None, Works("the one above if it is left out")]
Path = Annotated[
    str | None,
    Works("variables: inputName, inputFormat, definition, format, and number where there are several pictures"),
]
Format = Annotated[NumberFormat | None, Works()]
Anything = dict[str, object]
NoMarks = Annotated[list[Anything] | None, Refused("pictures have no watermarks")]
_AI = "there is no AI here"
_ENHANCE = "there is no enhancement by AI here"
_BLIND = "there are no invisible watermarks here"
_EXTENDED = "its meaning is not public"
_NAMES = "segments have numbers, in a folder beside the manifest that has its name"


class HeadTail(Wire):
    """Films before and after the film."""

    HeadSet: Annotated[list[Input] | None, Field(max_length=10), Works("with the film and the tails up to 11")] = None
    TailSet: Annotated[list[Input] | None, Field(max_length=10), Works("likewise")] = None


class Raw(Wire):
    """`RawParameter` of a transcoding element: a whole template."""

    Container: Text = None
    RemoveVideo: Whole = None
    RemoveAudio: Whole = None
    VideoTemplate: Annotated[MpsPicture | None, Works()] = None
    AudioTemplate: Annotated[MpsSound | None, Works()] = None
    TEHDConfig: Annotated[Tehd | None, Works()] = None
    StdExtInfo: Annotated[str | None, Refused("its meaning is not public")] = None
    EnhanceConfig: Annotated[dict[str, object] | None, Refused(_ENHANCE)] = None
    SubtitleTemplate: Annotated[Burnt | None, Works()] = None


class MpsOverride(Override):
    """`OverrideParameter`: laid over the template, field by field."""

    VideoTemplate: Annotated[MpsPicture | None, Works()] = None
    SubtitleTemplate: Annotated[Burnt | None, Works()] = None
    AddonAudioStream: Annotated[list[dict[str, object]] | None, Refused("no sound is added to the source's")] = None
    AddOnSubtitles: Annotated[list[AddOn] | None, Field(max_length=16), Works("of MP4, MOV, MKV, WebM and HLS")] = None


_ONE_TIMELINE = "the same in all elements of a request, and then all of them transcode; otherwise it is refused"


class TranscodeElement(Wire):
    """One of `TranscodeTaskSet`."""

    Definition: Annotated[int | None, Works("0: RawParameter")] = None
    RawParameter: Annotated[Raw | None, Works("with Definition 0")] = None
    OverrideParameter: Annotated[MpsOverride | None, Works("with another Definition")] = None
    WatermarkSet: Annotated[list[Mark] | None, Field(max_length=10), Works("up to 10")] = None
    BlindWatermark: Annotated[Anything | None, Refused(_BLIND)] = None
    MosaicSet: Annotated[list[Anything] | None, Refused("parts of the picture are not blurred")] = None
    StartTimeOffset: Annotated[float | None, Works(_ONE_TIMELINE)] = None
    EndTimeOffset: Annotated[float | None, Works(_ONE_TIMELINE)] = None
    OutputStorage: Storage = None
    OutputObjectPath: Path = None
    SegmentObjectName: Annotated[str | None, Ignored(_NAMES)] = None
    ObjectNumberFormat: Annotated[NumberFormat | None, Ignored(_NAMES)] = None
    HeadTailParameter: Annotated[HeadTail | None, Works(_ONE_TIMELINE)] = None


class AnimatedElement(Wire):
    """One of `AnimatedGraphicTaskSet`."""

    Definition: Number = None
    StartTimeOffset: Annotated[float | None, Works()] = None
    EndTimeOffset: Annotated[float | None, Works("at most 120 s after StartTimeOffset")] = None
    OutputStorage: Storage = None
    OutputObjectPath: Path = None
    ExtInfo: Annotated[str | None, Refused(_EXTENDED)] = None


class TimedElement(Wire):
    """One of `SnapshotByTimeOffsetTaskSet`."""

    Definition: Number = None
    ExtTimeOffsetSet: Annotated[list[str] | None, Works("`3.5s`, `10%`; up to 100 places")] = None
    TimeOffsetSet: Annotated[list[float] | None, Works("seconds")] = None
    WatermarkSet: NoMarks = None
    OutputStorage: Storage = None
    OutputObjectPath: Path = None
    ObjectNumberFormat: Format = None
    ExtInfo: Annotated[str | None, Refused(_EXTENDED)] = None


class SampleElement(Wire):
    """One of `SampleSnapshotTaskSet`."""

    Definition: Number = None
    WatermarkSet: NoMarks = None
    OutputStorage: Storage = None
    OutputObjectPath: Path = None
    ObjectNumberFormat: Format = None
    ExtInfo: Annotated[str | None, Refused(_EXTENDED)] = None


class SpriteElement(Wire):
    """One of `ImageSpriteTaskSet`."""

    Definition: Number = None
    OutputStorage: Storage = None
    OutputObjectPath: Path = None
    WebVttObjectName: Annotated[str | None, Works("a name; the map lies beside the sheets")] = None
    ObjectNumberFormat: Format = None
    ExtInfo: Annotated[str | None, Refused(_EXTENDED)] = None


class AdaptiveElement(Wire):
    """One of `AdaptiveDynamicStreamingTaskSet`."""

    Definition: Number = None
    WatermarkSet: Annotated[list[Mark] | None, Field(max_length=10), Works("up to 10")] = None
    BlindWatermark: Annotated[Anything | None, Refused(_BLIND)] = None
    OutputStorage: Storage = None
    OutputObjectPath: Path = None
    SubStreamObjectName: Annotated[str | None, Ignored(_NAMES)] = None
    SegmentObjectName: Annotated[str | None, Ignored(_NAMES)] = None
    AddOnSubtitles: Annotated[list[AddOn] | None, Field(max_length=16), Works()] = None
    DrmInfo: Annotated[Anything | None, Refused("there is no DRM here")] = None
    DefinitionType: Annotated[str | None, Works("`Common`; `PureAudio` is refused")] = None
    SubtitleTemplate: Annotated[Burnt | None, Works()] = None
    StdExtInfo: Annotated[str | None, Refused(_EXTENDED)] = None
    KeyPTSList: Annotated[list[int] | None, Refused("keyframes are evenly apart")] = None
    AddOnAudios: Annotated[list[Anything] | None, Refused("no sound is added to the source's")] = None
    StdExtStreamInfos: Annotated[
        list[MpsStream] | None, Field(max_length=10), Works("in place of the template's StreamInfos")
    ] = None


class Elements(Wire):
    """`MediaProcessTask`."""

    TranscodeTaskSet: Annotated[list[TranscodeElement] | None, Works()] = None
    AnimatedGraphicTaskSet: Annotated[list[AnimatedElement] | None, Works()] = None
    SnapshotByTimeOffsetTaskSet: Annotated[list[TimedElement] | None, Works()] = None
    SampleSnapshotTaskSet: Annotated[list[SampleElement] | None, Works()] = None
    ImageSpriteTaskSet: Annotated[list[SpriteElement] | None, Works()] = None
    AdaptiveDynamicStreamingTaskSet: Annotated[list[AdaptiveElement] | None, Works()] = None


class Notify(Wire):
    """`TaskNotifyConfig`."""

    NotifyType: Annotated[str | None, Works("`URL`; queues of the cloud are refused")] = None
    NotifyMode: Annotated[str | None, Works("`Finish` (default) or `Change`")] = None
    NotifyUrl: Annotated[str | None, Field(max_length=2048), Works("http or https")] = None
    NotifyKey: Annotated[str | None, Field(max_length=256), Works("kept apart from the task, and never shown")] = None
    CmqModel: Annotated[str | None, Ignored("of queues")] = None
    CmqRegion: Annotated[str | None, Ignored("of queues")] = None
    TopicName: Annotated[str | None, Ignored("of queues")] = None
    QueueName: Annotated[str | None, Ignored("of queues")] = None
    AwsSQS: Annotated[Anything | None, Ignored("of queues")] = None


class ProcessMedia(Wire):
    """The operation's parameters."""

    InputInfo: Annotated[Input, Works()]
    OutputStorage: Annotated[Output | None, Works("the source's bucket if it is left out; needed with a URL")] = None
    OutputDir: Annotated[str | None, Works("the source's folder if it is left out")] = None
    ScheduleId: Annotated[int | None, Works("the number of a workflow: what it keeps is done with this source")] = None
    MediaProcessTask: Annotated[Elements | None, Works("up to 50 outputs")] = None
    AiContentReviewTask: Annotated[Anything | None, Refused(_AI)] = None
    AiAnalysisTask: Annotated[Anything | None, Refused(_AI)] = None
    AiRecognitionTask: Annotated[Anything | None, Refused(_AI)] = None
    AiQualityControlTask: Annotated[Anything | None, Refused(_AI)] = None
    SmartSubtitlesTask: Annotated[Anything | None, Refused(_AI)] = None
    SmartEraseTask: Annotated[Anything | None, Refused(_AI)] = None
    AIDubbingTask: Annotated[Anything | None, Refused(_AI)] = None
    TaskNotifyConfig: Annotated[Notify | None, Works()] = None
    TasksPriority: Annotated[int | None, Works("-10 to 10, as 0 to 9 of ours")] = None
    SessionId: Annotated[str | None, Works("refused when it was used within 3 days")] = None
    SessionContext: Annotated[str | None, Works("up to 1000 characters")] = None
    TaskType: Annotated[str | None, Works("`Online`, or `Offline`: with the lowest priority")] = None
    ResourceId: Annotated[str | None, Ignored("no resources are bought here")] = None
    Activities: Annotated[list[Anything] | None, Refused("orchestrations are not offered; see the workflows")] = None
    SkipMateData: Annotated[int | None, Works("1: MetaData stays empty")] = None


class TaskId(Wire):
    """DescribeTaskDetail's parameters."""

    TaskId: Annotated[str, Works()]


class ManageTask(Wire):
    """The operation's parameters."""

    OperationType: Annotated[str, Works("`Abort`, of a task that waits")]
    TaskId: Annotated[str, Works()]


class DescribeTasks(Wire):
    """The operation's parameters."""

    Status: Annotated[str | None, Works("`WAITING`, `PROCESSING`, `FINISH`; all if it is left out")] = None
    SubTaskHasFailed: Annotated[Truth | None, Works("of tasks that have ended")] = None
    Limit: Annotated[int | None, Works("1 to 100; 10 if it is left out")] = None
    ScrollToken: Annotated[str | None, Works()] = None
    StartTime: Annotated[str | None, Works("of creation; within the last 168 h")] = None
    EndTime: Annotated[str | None, Works()] = None


class DescribeMediaMetaData(Wire):
    """The operation's parameters."""

    InputInfo: Annotated[Input, Works()]
    Mode: Annotated[str | None, Works("`slow`: a look may take 50 s instead of 8")] = None


class ParseNotification(Wire):
    """The operation's parameters."""

    Content: Annotated[str, Works("what was posted to NotifyUrl")]
