"""Whether the config of a custom template can be used. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from framefleet_scheduler.clouds.alibaba.ice import words
from framefleet_scheduler.clouds.alibaba.ice.blocks import Transcode
from framefleet_scheduler.clouds.alibaba.ice.features import ImageMark, TextMark
from framefleet_scheduler.clouds.alibaba.ice.settings import made
from framefleet_scheduler.clouds.alibaba.ice.stills import Animation, Snapshot, animation, snapshot
from framefleet_scheduler.clouds.alibaba.ice.transcode import Subtitle
from framefleet_scheduler.clouds.alibaba.parameters import nested
from framefleet_scheduler.clouds.fields import Wire

TYPES: Mapping[int, str] = {
    1: "TranscodeTemplate",
    2: "SnapshotTemplate",
    3: "AnimationTemplate",
    4: "ImageWatermarkTemplate",
    5: "TextWatermarkTemplate",
    6: "SubtitleTemplate",
}
_AI = range(7, 12)
_SUBTYPES: Mapping[int, Mapping[int, str]] = {
    1: {1: "Normal", 2: "AudioTranscode", 3: "Remux", 4: "NarrowBandV1", 5: "NarrowBandV2"},
    2: {1: "Normal", 2: "Sprite", 3: "WebVtt"},
}
_MODELS: Mapping[int, type[Wire]] = {1: Transcode, 2: Snapshot, 3: Animation, 4: ImageMark, 5: TextMark, 6: Subtitle}
_MOST_CHARACTERS = 32_768


def subtype_name(kind: int, subtype: int | None) -> str | None:
    """`Normal`, `Sprite`, ...; None where a type has no subtypes, or none was given."""
    return None if subtype is None else _SUBTYPES.get(kind, {}).get(subtype)


def checked(kind: int, subtype: int | None, config: str | None) -> str:
    """The config as it is kept: the text itself. Raises Refusal for one that no job could use."""
    if kind in _AI:
        raise words.unsupported("Type", "templates of types 7 to 11 are of AI features")
    if kind not in TYPES:
        raise words.beyond("Type", "it has to be from 1 to 6")
    if subtype is not None and subtype not in _SUBTYPES.get(kind, {}):
        raise words.beyond("Subtype", f"templates of type {kind} have none of that number")
    if config is None:
        raise words.missing("TemplateConfig")
    if len(config) > _MOST_CHARACTERS:
        raise words.beyond("TemplateConfig", f"it may have {_MOST_CHARACTERS} characters")
    try:
        said = nested(config)
        if not isinstance(said, dict):
            raise words.unfit("TemplateConfig", "it is no JSON object")
        found = _MODELS[kind].model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise words.unfit(f"TemplateConfig.{where}", str(first["msg"])) from None
    except ValueError as error:
        raise words.unfit("TemplateConfig", str(error)) from None
    words.check_supported(found, "TemplateConfig.")
    match found:
        case Transcode() if subtype not in {2, 3}:
            made(found, "TemplateConfig")
        case Snapshot():
            snapshot(found, "jpg")
        case Animation():
            animation(found)
    return config
