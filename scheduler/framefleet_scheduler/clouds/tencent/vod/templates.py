"""VOD's templates: the models with its own fields, and the operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.fields import Ignored, Refused, Wire, Works
from framefleet_scheduler.clouds.tencent import templates as shared
from framefleet_scheduler.clouds.tencent.models import (
    AdaptiveStreams,
    Animated,
    Sample,
    Sound,
    Sprite,
    Still,
    Stream,
    Transcode,
)
from framefleet_scheduler.clouds.tencent.templates import Kind, Shelf
from framefleet_scheduler.clouds.tencent.vod.requests import App
from framefleet_scheduler.clouds.tencent.vod.words import VOD, VodPicture
from framefleet_scheduler.clouds.tencent.words import read

Operation = Callable[[Engine, Call], dict[str, Any]]
_NO_DRM = "there is no DRM here"


class VodTranscode(Transcode):
    """A transcoding template."""

    VideoTemplate: Annotated[VodPicture | None, Works()] = None


class VodStream(Stream):
    """One stream."""

    Video: Annotated[VodPicture | None, Works()] = None


class VodAdaptive(AdaptiveStreams):
    """A template of adaptive streams."""

    StreamInfos: Annotated[tuple[VodStream, ...] | None, Works("up to 10; the first one's frame rate counts")] = None
    DrmType: Annotated[str | None, Refused(_NO_DRM)] = None
    DrmKeyProvider: Annotated[str | None, Refused(_NO_DRM)] = None
    DrmEncryptType: Annotated[str | None, Refused(_NO_DRM)] = None


class _App(Wire):
    SubAppId: App = None


class _Numbered(Wire):
    Definition: Annotated[int | None, Works()] = None


class CreateTranscodeTemplate(VodTranscode, _App):
    """New."""


class ChangedSound(Sound):
    """The sound of a template that is changed."""

    StreamSelects: Annotated[list[int] | None, Ignored("it counts in OverrideParameter only, as with the vendor")] = (
        None
    )


class ModifyTranscodeTemplate(VodTranscode, _App, _Numbered):
    """Changed where it is said."""

    AudioTemplate: Annotated[ChangedSound | None, Works()] = None


class CreateSampleSnapshotTemplate(Sample, _App):
    """New."""


class ModifySampleSnapshotTemplate(Sample, _App, _Numbered):
    """Changed where it is said."""


class CreateImageSpriteTemplate(Sprite, _App):
    """New."""


class ModifyImageSpriteTemplate(Sprite, _App, _Numbered):
    """Changed where it is said."""


class CreateSnapshotByTimeOffsetTemplate(Still, _App):
    """New."""


class ModifySnapshotByTimeOffsetTemplate(Still, _App, _Numbered):
    """Changed where it is said."""


class CreateAnimatedGraphicsTemplate(Animated, _App):
    """New."""


class ModifyAnimatedGraphicsTemplate(Animated, _App, _Numbered):
    """Changed where it is said."""


class CreateAdaptiveDynamicStreamingTemplate(VodAdaptive, _App):
    """New."""


class ModifyAdaptiveDynamicStreamingTemplate(VodAdaptive, _App, _Numbered):
    """Changed where it is said."""


class DeleteTemplate(_Numbered, _App):
    """Which."""


class DescribeTemplates(_App):
    """Which are shown."""

    Definitions: Annotated[list[int] | None, Works("up to 100")] = None
    Type: Annotated[str | None, Works("`Preset` or `Custom`")] = None
    Offset: Annotated[int | None, Works()] = None
    Limit: Annotated[int | None, Works("10, up to 100")] = None


class DescribeTranscodeTemplates(DescribeTemplates):
    """Which are shown."""

    ContainerType: Annotated[str | None, Works("`Video` or `PureAudio`")] = None
    TEHDType: Annotated[str | None, Works("`Common`; of `TEHD` there are none")] = None
    EnhanceType: Annotated[str | None, Refused("there is no enhancement by AI here")] = None
    EnhanceScenarioType: Annotated[str | None, Refused("there is no enhancement by AI here")] = None


TRANSCODE = Kind("transcode", VodTranscode, shared.TRANSCODE.presets, shared.check_transcode)
ADAPTIVE = Kind("adaptive", VodAdaptive, shared.ADAPTIVE.presets, shared.ADAPTIVE.check)


@dataclass(frozen=True, slots=True)
class Family:
    """The operations on one kind: `CreateXTemplate`, `ModifyXTemplate`, `DeleteXTemplate`, `DescribeXTemplates`."""

    name: str
    """X."""
    kind: Kind
    create: type[Wire]
    modify: type[Wire]
    shown: str
    """Name of the answer's list."""
    describe: type[DescribeTemplates] = DescribeTemplates

    def operations(self) -> dict[str, tuple[type[Wire], Operation]]:
        """Name -> (what it takes, what answers it)."""
        return {
            f"Create{self.name}Template": (self.create, self._create),
            f"Modify{self.name}Template": (self.modify, self._modify),
            f"Delete{self.name}Template": (DeleteTemplate, self._delete),
            f"Describe{self.name}Templates": (self.describe, self._describe),
        }

    def _create(self, engine: Engine, call: Call) -> dict[str, Any]:
        asked: Any = read(VOD, self.create, call.parameters)
        return shelf(engine, call, asked.SubAppId).create(self.kind, asked)

    def _modify(self, engine: Engine, call: Call) -> dict[str, Any]:
        asked: Any = read(VOD, self.modify, call.parameters)
        return shelf(engine, call, asked.SubAppId).modify(self.kind, asked.Definition, asked)

    def _delete(self, engine: Engine, call: Call) -> dict[str, Any]:
        asked = read(VOD, DeleteTemplate, call.parameters)
        return shelf(engine, call, asked.SubAppId).delete(self.kind, asked.Definition)

    def _describe(self, engine: Engine, call: Call) -> dict[str, Any]:
        asked = read(VOD, self.describe, call.parameters)
        at = shelf(engine, call, asked.SubAppId)
        found = at.listed(self.kind, asked.Definitions or [], asked.Type)
        if isinstance(asked, DescribeTranscodeTemplates):
            found = _transcoding(found, asked)
        page = at.page(found, asked.Offset, asked.Limit)
        return {"TotalCount": page["TotalCount"], self.shown: page["Set"]}


def _transcoding(found: list[dict[str, Any]], asked: DescribeTranscodeTemplates) -> list[dict[str, Any]]:
    if asked.ContainerType not in {None, "", "Video", "PureAudio"}:
        raise VOD.wrong("ContainerType", "ContainerType is Video or PureAudio")
    if asked.TEHDType not in {None, "", "Common", "TEHD"}:
        raise VOD.wrong("TEHDType", "TEHDType is Common or TEHD")
    if asked.ContainerType:
        found = [one for one in found if one["ContainerType"] == asked.ContainerType]
    if asked.TEHDType == "TEHD":
        found = []
    # Their answer has this one number as a text.
    return [{**one, "Definition": str(one["Definition"])} for one in found]


def shelf(engine: Engine, call: Call, app: int | None) -> Shelf:
    """The templates of an application."""
    return Shelf(engine, call, VOD, str(app or ""))


FAMILIES = (
    Family(
        "Transcode",
        TRANSCODE,
        CreateTranscodeTemplate,
        ModifyTranscodeTemplate,
        "TranscodeTemplateSet",
        DescribeTranscodeTemplates,
    ),
    Family(
        "SampleSnapshot",
        shared.SAMPLE,
        CreateSampleSnapshotTemplate,
        ModifySampleSnapshotTemplate,
        "SampleSnapshotTemplateSet",
    ),
    Family(
        "ImageSprite", shared.SPRITE, CreateImageSpriteTemplate, ModifyImageSpriteTemplate, "ImageSpriteTemplateSet"
    ),
    Family(
        "SnapshotByTimeOffset",
        shared.TIMED,
        CreateSnapshotByTimeOffsetTemplate,
        ModifySnapshotByTimeOffsetTemplate,
        "SnapshotByTimeOffsetTemplateSet",
    ),
    Family(
        "AnimatedGraphics",
        shared.ANIMATED,
        CreateAnimatedGraphicsTemplate,
        ModifyAnimatedGraphicsTemplate,
        "AnimatedGraphicsTemplateSet",
    ),
    Family(
        "AdaptiveDynamicStreaming",
        ADAPTIVE,
        CreateAdaptiveDynamicStreamingTemplate,
        ModifyAdaptiveDynamicStreamingTemplate,
        "AdaptiveDynamicStreamingTemplateSet",
    ),
)
