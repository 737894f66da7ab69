"""What ICE keeps beside jobs: custom templates, pipelines, the callback."""

from __future__ import annotations

from typing import Annotated

from framefleet_scheduler.clouds.alibaba.ice.types import Text, Whole
from framefleet_scheduler.clouds.fields import Ignored, Refused, Wire, Works


class CreateCustomTemplate(Wire):
    """The operation."""

    Name: Annotated[Text, Works("up to 128 characters")] = None
    Type: Annotated[
        Whole, Works("1 transcoding, 2 snapshots, 3 animations, 4 and 5 watermarks, 6 subtitles; 7 to 11 are refused")
    ] = None
    Subtype: Annotated[Whole, Works("of type 1: 1 to 5; of type 2: 1 to 3")] = None
    TemplateConfig: Annotated[Text, Works("JSON in a text; checked when the template is made")] = None


class UpdateCustomTemplate(Wire):
    """The operation."""

    TemplateId: Annotated[Text, Works("required")] = None
    Name: Annotated[Text, Works()] = None
    TemplateConfig: Annotated[Text, Works()] = None


class GetCustomTemplate(Wire):
    """The operation."""

    TemplateId: Annotated[Text, Works()] = None
    Type: Annotated[Whole, Works("gives the default template where there is no TemplateId")] = None
    Subtype: Annotated[Whole, Works()] = None


class TemplateNamed(Wire):
    """DeleteCustomTemplate, SetDefaultCustomTemplate, GetSystemTemplate."""

    TemplateId: Annotated[Text, Works("required")] = None


class ListCustomTemplates(Wire):
    """The operation."""

    Type: Annotated[Text, Works("one, or several with commas; all where nothing is said")] = None
    Subtype: Annotated[Text, Works()] = None
    Name: Annotated[Text, Works("a part of the name")] = None
    TemplateId: Annotated[Text, Works()] = None
    OrderBy: Annotated[Text, Works("CreationTime:Desc (default), CreationTime:Asc")] = None
    PageNumber: Annotated[Whole, Works("from 1")] = None
    PageSize: Annotated[Whole, Works("1 to 100 (20)")] = None


class ListSystemTemplates(Wire):
    """The operation."""

    Type: Annotated[Text, Works("with commas; there are such of type 1")] = None
    Subtype: Annotated[Text, Works()] = None
    Name: Annotated[Text, Works("a part of the name")] = None
    TemplateId: Annotated[Text, Works()] = None
    Status: Annotated[Text, Works("Normal, Invisible (none are), All")] = None
    PageNumber: Annotated[Whole, Works("from 1")] = None
    PageSize: Annotated[Whole, Works("1 to 100 (20)")] = None


class CreatePipeline(Wire):
    """The operation."""

    Name: Annotated[Text, Works("up to 128 characters")] = None
    Speed: Annotated[Text, Works("Standard, Boost, NarrowBandHDV2: kept and told; all work at the same speed")] = None
    Priority: Annotated[Whole, Works("1 to 10 (6): of outputs that say none")] = None


class UpdatePipeline(Wire):
    """The operation."""

    PipelineId: Annotated[Text, Works("required")] = None
    Name: Annotated[Text, Works()] = None
    Priority: Annotated[Whole, Works()] = None
    Status: Annotated[Text, Works("Active; Paused: its work stays queued")] = None


class PipelineNamed(Wire):
    """GetPipeline, DeletePipeline."""

    PipelineId: Annotated[Text, Works("required")] = None


class ListPipelines(Wire):
    """The operation."""

    Speed: Annotated[Text, Works()] = None


class SetEventCallback(Wire):
    """The operation."""

    CallbackType: Annotated[Text, Works("HTTP; MNS is refused")] = None
    CallbackURL: Annotated[Text, Works("up to 256 bytes")] = None
    CallbackQueueName: Annotated[Text, Refused("there is no message queue here: use CallbackType HTTP")] = None
    EventTypeList: Annotated[Text, Works("with commas; empty: all that there are here")] = None
    AuthSwitch: Annotated[Text, Works("on, off")] = None
    AuthKey: Annotated[Text, Works("up to 32 characters, with upper case, lower case and digits; kept sealed")] = None


class Nothing(Wire):
    """GetEventCallback."""

    RegionId: Annotated[Text, Ignored("there is one installation")] = None
