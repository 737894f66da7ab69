"""What SubmitMediaConvertJob takes: inputs, outputs, groups of outputs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from framefleet_scheduler.clouds.alibaba.ice.blocks import Transcode
from framefleet_scheduler.clouds.alibaba.ice.features import LISTED, Extras
from framefleet_scheduler.clouds.alibaba.ice.types import JSON_TEXT, Flag, Text, Whole
from framefleet_scheduler.clouds.fields import OR_NONE, Ignored, Refused, Wire, Works


def _addressed(value: Any) -> Any:
    """An address where an object is documented."""
    return {"Type": "OSS", "Media": value} if isinstance(value, str) and value else value


ADDRESSED = BeforeValidator(_addressed)


class MediaFile(Wire):
    """A file."""

    Type: Annotated[Text, Works("OSS, and ExternalURL for other http(s) addresses; Media is refused")] = None
    Media: Annotated[
        Text,
        Works(
            "`oss://bucket/object`, `https://bucket.oss-REGION.aliyuncs.com/object`: our storage of that name, else the bucket on "
            "the installation's S3 server. Other http(s) addresses are fetched"
        ),
    ] = None


class Input(Wire):
    """A source; several are joined in their order."""

    Name: Annotated[Text, Works("comes back")] = None
    InputFile: Annotated[MediaFile | None, ADDRESSED, Works()] = None


class HlsGroup(Wire):
    """What a stream is in an HLS manifest."""

    Type: Annotated[Text, Works("video, audio, hybrid; subtitle is refused")] = None
    Language: Annotated[Text, Works("of an audio stream: the source's track in this language is taken")] = None
    Group: Annotated[Text, Ignored("groups in our manifests have names of ours")] = None
    AudioGroup: Annotated[Text, Ignored("there is one group of sound, and all pictures go with it")] = None
    SubtitleGroup: Annotated[Text, Ignored("there is one group of subtitles, and all pictures go with it")] = None
    Name: Annotated[Text, Ignored("streams are named after their track's language")] = None
    IsDefault: Annotated[Flag, Ignored("the first track is the default")] = None
    AutoSelect: Annotated[Flag, Ignored("all streams may be selected")] = None
    Forced: Annotated[Flag, Refused("no stream of a manifest is forced")] = None


class Output(Wire):
    """One file of a job."""

    Name: Annotated[Text, Works()] = None
    OutputFile: Annotated[MediaFile | None, ADDRESSED, Works("required")] = None
    TemplateId: Annotated[Text, Works("a system template, or a custom one of type 1 or 3")] = None
    OverrideParams: Annotated[Transcode | None, JSON_TEXT, Works("laid over the template's config, field by field")] = (
        None
    )
    Features: Annotated[Extras | None, JSON_TEXT, Works()] = None
    Priority: Annotated[Whole, Works("1 to 10; the highest of its outputs counts for the job")] = None


class GroupOutput(Wire):
    """One stream of a group."""

    Name: Annotated[Text, Works()] = None
    OutputFileName: Annotated[
        Text, Works("below OutputFileBase; in an HLS or DASH group it names the folder of the stream")
    ] = None
    OutputFile: Annotated[Text, Works("an older name of OutputFileName")] = None
    TemplateId: Annotated[Text, Works("as of Outputs")] = None
    OverrideParams: Annotated[Transcode | None, JSON_TEXT, Works("as of Outputs")] = None
    Features: Annotated[
        Extras | None, JSON_TEXT, Works("as of Outputs; an HLS or DASH group has those of its first output")
    ] = None
    Priority: Annotated[Whole, Works("as of Outputs")] = None
    HlsGroupConfig: Annotated[HlsGroup | None, Works()] = None


class Excluded(Wire):
    """Streams of a manifest that are left out."""

    Type: Annotated[Text, Ignored("see ManifestExtend")] = None
    Name: Annotated[Text, Ignored("see ManifestExtend")] = None
    Language: Annotated[Text, Ignored("see ManifestExtend")] = None


class Extended(Wire):
    """A manifest that is extended."""

    InputRef: Annotated[Text, Ignored("see ManifestExtend")] = None
    Excludes: Annotated[list[Excluded] | None, OR_NONE, Ignored("see ManifestExtend")] = None


class GroupSettings(Wire):
    """What a group of outputs is."""

    Type: Annotated[Text, Works("File, Hls or Dash")] = None
    OutputFileBase: Annotated[MediaFile | None, ADDRESSED, Works("required")] = None
    ManifestName: Annotated[Text, Works("of Hls and Dash; the extension is added where it has none")] = None
    ManifestExtend: Annotated[Extended | None, Refused("manifests that are there already are not extended")] = None


class Group(Wire):
    """A group of outputs: files in one folder, or the streams of one manifest."""

    Name: Annotated[Text, Works()] = None
    GroupConfig: Annotated[GroupSettings | None, Works("required")] = None
    Outputs: Annotated[list[GroupOutput] | None, OR_NONE, Works("required")] = None


class Job(Wire):
    """A job."""

    JobName: Annotated[Text, Works("up to 64 bytes")] = None
    Inputs: Annotated[list[Input] | None, OR_NONE, Works("required; up to 11")] = None
    Outputs: Annotated[list[Output] | None, OR_NONE, Works("they or OutputGroups are required")] = None
    OutputGroups: Annotated[list[Group] | None, LISTED, OR_NONE, Works()] = None


class SubmitMediaConvertJob(Wire):
    """The operation."""

    Config: Annotated[Job, JSON_TEXT, Works("required; JSON in a text")]
    ClientToken: Annotated[Text, Works("up to 64 characters; the same one gives the same job")] = None
    PipelineId: Annotated[Text, Works("the tenant's own pipeline where nothing is said")] = None
    UserData: Annotated[Text, Works("up to 2048 bytes")] = None
