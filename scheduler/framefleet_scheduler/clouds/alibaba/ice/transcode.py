"""What SubmitTranscodeJob takes: the older call, with a job for each output below one for all."""

from __future__ import annotations

from typing import Annotated

from framefleet_scheduler.clouds.alibaba.ice.blocks import Transcode
from framefleet_scheduler.clouds.alibaba.ice.convert import MediaFile
from framefleet_scheduler.clouds.alibaba.ice.features import LISTED, ImageMark, TextMark
from framefleet_scheduler.clouds.alibaba.ice.stills import Schedule
from framefleet_scheduler.clouds.alibaba.ice.types import JSON_TEXT, Flag, Number, Text
from framefleet_scheduler.clouds.fields import OR_NONE, Ignored, Refused, Wire, Works


class InputMedia(MediaFile):
    """A source; several are joined in their order."""

    InputUrl: Annotated[Text, Ignored("it is of media of a library, which are refused")] = None


class OutputMedia(MediaFile):
    """Where a file goes."""

    OutputUrl: Annotated[Text, Ignored("it is of media of a library, which are refused")] = None


class TranscodeConfig(Wire):
    """Template and overrides."""

    TemplateId: Annotated[Text, Works("a system template, or a custom one of type 1")] = None
    OverwriteParams: Annotated[
        Transcode | None, JSON_TEXT, Works("as OverrideParams of SubmitMediaConvertJob, all values as texts")
    ] = None


class ImageMarkConfig(Wire):
    """An image watermark."""

    TemplateId: Annotated[Text, Works("a custom template of type 4; not needed where OverwriteParams say all")] = None
    OverwriteParams: Annotated[ImageMark | None, Works()] = None


class TextMarkConfig(Wire):
    """A text watermark."""

    TemplateId: Annotated[Text, Works("a custom template of type 5; not needed where OverwriteParams say all")] = None
    OverwriteParams: Annotated[TextMark | None, Works()] = None


class Subtitle(Wire):
    """A subtitle template's config, or what is laid over it."""

    File: Annotated[MediaFile | None, Works("SRT, WebVTT or ASS")] = None
    Format: Annotated[Text, Ignored("the file says it")] = None
    CharEnc: Annotated[Text, Works("UTF-8 or auto; others are refused")] = None


class SubtitleConfig(Wire):
    """Subtitles that are drawn into the picture."""

    TemplateId: Annotated[Text, Works("a custom template of type 6; not needed where OverwriteParams say all")] = None
    OverwriteParams: Annotated[Subtitle | None, Works()] = None


class Locked(Wire):
    """Encryption of HLS segments."""

    EncryptType: Annotated[Text, Works("AES-128 of whole segments; PrivateEncryption is refused")] = None
    KeyServiceType: Annotated[Text, Works("Base64; KMS is refused: its keys cannot be opened here")] = None
    CipherText: Annotated[Text, Works("16 bytes as Base64; kept with the task only, and not told")] = None
    DecryptKeyUri: Annotated[Text, Works("where players get the key; nothing: it is published beside the manifest")] = (
        None
    )


class Combined(Wire):
    """Streams of several inputs."""

    AudioIndex: Annotated[Text, Ignored("see CombineConfigs")] = None
    VideoIndex: Annotated[Text, Ignored("see CombineConfigs")] = None
    Start: Annotated[Number, Ignored("see CombineConfigs")] = None
    Duration: Annotated[Number, Ignored("see CombineConfigs")] = None


class Process(Wire):
    """What is made."""

    Transcode: Annotated[TranscodeConfig | None, Works("required")] = None
    ImageWatermarks: Annotated[list[ImageMarkConfig] | None, LISTED, OR_NONE, Works()] = None
    TextWatermarks: Annotated[list[TextMarkConfig] | None, LISTED, OR_NONE, Works()] = None
    Subtitles: Annotated[list[SubtitleConfig] | None, LISTED, OR_NONE, Works("one, the same for all outputs")] = None
    Encryption: Annotated[Locked | None, Works("of m3u8 and hls-fmp4")] = None
    CombineConfigs: Annotated[list[Combined] | None, OR_NONE, Refused("inputs are joined one after the other")] = None
    IsInheritTags: Annotated[Flag, Ignored("tags are of media of a library")] = None


class OutputOf(Wire):
    """One output."""

    Output: Annotated[OutputMedia | None, Works("required")] = None
    ProcessConfig: Annotated[Process | None, Works("required")] = None


class SubmitTranscodeJob(Wire):
    """The operation."""

    Name: Annotated[Text, Works("up to 128 characters")] = None
    ClientToken: Annotated[Text, Works("up to 64 characters; the same one gives the same job")] = None
    InputGroup: Annotated[list[InputMedia] | None, OR_NONE, Works("required; up to 11")] = None
    OutputGroup: Annotated[list[OutputOf] | None, OR_NONE, Works("required; up to 50")] = None
    ScheduleConfig: Annotated[Schedule | None, Works()] = None
    UserData: Annotated[Text, Works("up to 512 bytes; NotifyAddress in it has precedence over the callback")] = None
