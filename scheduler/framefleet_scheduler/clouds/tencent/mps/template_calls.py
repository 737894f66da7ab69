"""The operations on templates: Create, Modify, Delete and Describe of each kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from framefleet.domain.access import Role
from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.fields import Ignored, Wire, Works
from framefleet_scheduler.clouds.tencent import models
from framefleet_scheduler.clouds.tencent.mps import words
from framefleet_scheduler.clouds.tencent.mps.asking import MARKS
from framefleet_scheduler.clouds.tencent.mps.watermarks import MarkTemplate
from framefleet_scheduler.clouds.tencent.mps.words import MPS
from framefleet_scheduler.clouds.tencent.templates import Kind, Shelf
from framefleet_scheduler.clouds.tencent.words import read

Operation = Callable[[Engine, Call], dict[str, Any]]
_NONE = "no template here has it"


class Numbered(Wire):
    """Which."""

    Definition: Annotated[int, Works()]


class DescribeTemplates(Wire):
    """Which are shown."""

    Definitions: Annotated[list[int] | None, Works("up to 100")] = None
    Type: Annotated[str | None, Works("`Preset` or `Custom`")] = None
    Name: Annotated[str | None, Works("part of it")] = None
    Offset: Annotated[int | None, Works()] = None
    Limit: Annotated[int | None, Works("10 if it is left out, up to 100")] = None


class DescribeTranscodeTemplates(DescribeTemplates):
    """Which are shown."""

    ContainerType: Annotated[str | None, Works("`Video` or `PureAudio`")] = None
    TEHDType: Annotated[str | None, Works("`Common`; of others there are none")] = None
    TranscodeType: Annotated[str | None, Works("likewise")] = None
    SceneType: Annotated[str | None, Ignored(_NONE)] = None
    CompressType: Annotated[str | None, Ignored(_NONE)] = None
    EnhanceSceneType: Annotated[str | None, Ignored(_NONE)] = None
    EnhanceTranscodeType: Annotated[str | None, Ignored(_NONE)] = None
    EnhanceType: Annotated[str | None, Ignored(_NONE)] = None


class DescribeAdaptiveTemplates(DescribeTemplates):
    """Which are shown."""

    PureAudio: Annotated[int | None, Works("0; of 1 there are none")] = None


class DescribeMarkTemplates(DescribeTemplates):
    """Which are shown."""

    Type: Annotated[str | None, Works("`text`; of others there are none")] = None


class ModifyTranscode(words.MpsTranscode, Numbered):
    """What is changed."""

    AudioTemplate: Annotated[words.MpsSoundUpdate | None, Works()] = None


class ModifySample(models.Sample, Numbered):
    """What is changed."""


class ModifySprite(models.Sprite, Numbered):
    """What is changed."""


class ModifyTimed(models.Still, Numbered):
    """What is changed."""


class ModifyAnimated(models.Animated, Numbered):
    """What is changed."""


class ModifyAdaptive(words.MpsAdaptive, Numbered):
    """What is changed."""


class ModifyMark(MarkTemplate, Numbered):
    """What is changed."""


@dataclass(frozen=True, slots=True)
class Family:
    """The operations on one kind."""

    name: str
    """As in `CreateXTemplate`."""
    kind: Kind
    modify: type[Wire]
    describe: type[DescribeTemplates] = DescribeTemplates

    @property
    def requests(self) -> dict[str, type[Wire]]:
        """Operation -> what it takes."""
        return {
            f"Create{self.name}Template": self.kind.model,
            f"Modify{self.name}Template": self.modify,
            f"Delete{self.name}Template": Numbered,
            f"Describe{self.name}Templates": self.describe,
        }

    @property
    def operations(self) -> dict[str, Operation]:
        """Operation -> what answers it."""
        answers = (self._create, self._modify, self._delete, self._describe)
        return dict(zip(self.requests, answers, strict=True))

    def _create(self, engine: Engine, call: Call) -> dict[str, Any]:
        asked = read(MPS, self.kind.model, call.parameters)
        made = Shelf(engine, call, MPS).create(self.kind, asked)
        return {**made, "ImageUrl": ""} if self.kind is MARKS else made

    def _modify(self, engine: Engine, call: Call) -> dict[str, Any]:
        asked: Any = read(MPS, self.modify, call.parameters)
        made = Shelf(engine, call, MPS).modify(self.kind, asked.Definition, asked)
        return {**made, "ImageUrl": ""} if self.kind is MARKS else made

    def _delete(self, engine: Engine, call: Call) -> dict[str, Any]:
        asked = read(MPS, Numbered, call.parameters)
        return Shelf(engine, call, MPS).delete(self.kind, asked.Definition)

    def _describe(self, engine: Engine, call: Call) -> dict[str, Any]:
        asked = read(MPS, self.describe, call.parameters)
        call.caller.need(Role.VIEWER)
        which = None if self.kind is MARKS else asked.Type
        shelf = Shelf(engine, call, MPS)
        found = shelf.listed(self.kind, asked.Definitions or [], which)
        found = [one for one in found if not asked.Name or asked.Name in one["Name"]]
        page = shelf.page([one for one in found if _fits(one, asked)], asked.Offset, asked.Limit)
        shown = page["Set"]
        if self.kind is words.TRANSCODE:  # this one number is a text in their answer
            shown = [{**one, "Definition": str(one["Definition"])} for one in shown]
        if self.kind is MARKS:  # their Type is of what is drawn
            shown = [{**one, "Type": "text"} for one in shown]
        return {"TotalCount": page["TotalCount"], f"{self.name}TemplateSet": shown}


def _fits(one: dict[str, Any], asked: DescribeTemplates) -> bool:
    if isinstance(asked, DescribeTranscodeTemplates):
        for name, known in (("ContainerType", {"Video", "PureAudio"}), ("TEHDType", None), ("TranscodeType", None)):
            given = getattr(asked, name)
            if known is not None and given and given not in known:
                raise MPS.wrong(name, f"{name} is {' or '.join(sorted(known))}")
        common = {None, "", "Common"}
        plain = asked.TEHDType in common and asked.TranscodeType in common
        return plain and asked.ContainerType in {None, "", one["ContainerType"]}
    if isinstance(asked, DescribeAdaptiveTemplates):
        return asked.PureAudio in {None, 0}
    if isinstance(asked, DescribeMarkTemplates):
        return asked.Type in {None, "", "text"}
    return True


FAMILIES = (
    Family("Transcode", words.TRANSCODE, ModifyTranscode, DescribeTranscodeTemplates),
    Family("SampleSnapshot", words.SAMPLE, ModifySample),
    Family("ImageSprite", words.SPRITE, ModifySprite),
    Family("SnapshotByTimeOffset", words.TIMED, ModifyTimed),
    Family("AnimatedGraphics", words.ANIMATED, ModifyAnimated),
    Family("AdaptiveDynamicStreaming", words.ADAPTIVE, ModifyAdaptive, DescribeAdaptiveTemplates),
    Family("Watermark", MARKS, ModifyMark, DescribeMarkTemplates),
)
