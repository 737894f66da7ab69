"""ICE's custom templates, kept for a tenant, and its system templates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from framefleet.domain.access import Role
from framefleet_scheduler.clouds.alibaba.ice import system, words
from framefleet_scheduler.clouds.alibaba.ice.answers import when
from framefleet_scheduler.clouds.alibaba.ice.blocks import Transcode
from framefleet_scheduler.clouds.alibaba.ice.checks import TYPES, checked, subtype_name
from framefleet_scheduler.clouds.alibaba.ice.features import ImageMark, TextMark
from framefleet_scheduler.clouds.alibaba.ice.kept import (
    CreateCustomTemplate,
    GetCustomTemplate,
    ListCustomTemplates,
    ListSystemTemplates,
    TemplateNamed,
    UpdateCustomTemplate,
)
from framefleet_scheduler.clouds.alibaba.ice.reading import DOOR, MOST_PAGE, PAGE, named, taken
from framefleet_scheduler.clouds.alibaba.ice.types import merged
from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.fields import Wire

_KIND = "template"
_DEFAULTS = "default-template"
MOST_TEMPLATES = 500
_MOST_NAME = 128


@dataclass(frozen=True, slots=True)
class Kept:
    """The templates of a tenant, as jobs ask for them. Implements `plan.Templates`."""

    engine: Engine
    tenant: str

    def transcode(self, template_id: str, path: str) -> Transcode:
        """A template of type 1. Raises Refusal."""
        own = system.find(template_id)
        if own is not None:
            return Transcode.model_validate(own.config)
        if template_id.startswith("S00000"):
            raise words.unsupported(path, f"the system template {template_id[:40]} is not offered")
        kept = self.config(template_id, 1, path)
        found = Transcode.model_validate(kept.config)
        if kept.subtype == 3:
            copies = {"Video": system.COPY, "Audio": system.COPY}
            return Transcode.model_validate(found.model_dump(exclude_unset=True, include={"Container"}) | copies)
        if kept.subtype == 2:
            silent = {"Video": {"Remove": True}}
            return Transcode.model_validate(found.model_dump(exclude_unset=True) | silent)
        return found

    def mark(self, template_id: str, path: str) -> ImageMark | TextMark:
        """A template of type 4 or 5. Raises Refusal."""
        document = find(self.engine, self.tenant, template_id)
        if document is None or document["Type"] not in {4, 5}:
            raise words.unknown(f"the watermark template {template_id} of {path}")
        model: type[ImageMark | TextMark] = ImageMark if document["Type"] == 4 else TextMark
        return model.model_validate(json.loads(document["TemplateConfig"]))

    def config(self, template_id: str, kind: int, path: str) -> Config:
        """The config of a custom template of a type. Raises Refusal."""
        document = find(self.engine, self.tenant, template_id)
        if document is None:
            raise words.unknown(f"the template {template_id} of {path}")
        if document["Type"] != kind:
            raise words.unfit(path, f"the template is one of type {document['Type']}, not {kind}")
        return Config(json.loads(document["TemplateConfig"]), document.get("Subtype"))


@dataclass(frozen=True, slots=True)
class Config:
    """What a custom template says."""

    config: Mapping[str, Any]
    subtype: int | None


def find(engine: Engine, tenant: str, template_id: str) -> dict[str, Any] | None:
    """A custom template's document."""
    return engine.documents.get(DOOR, tenant, _KIND, template_id) if len(template_id) <= _MOST_NAME else None


def create(engine: Engine, call: Call) -> dict[str, Any]:
    """CreateCustomTemplate."""
    call.caller.need(Role.PRODUCER)
    asked = taken(call, CreateCustomTemplate)
    name = named("Name", asked.Name, _MOST_NAME)
    if asked.Type is None:
        raise words.missing("Type")
    config = checked(asked.Type, asked.Subtype, asked.TemplateConfig)
    if len(engine.documents.names(DOOR, call.tenant, _KIND)) >= MOST_TEMPLATES:
        raise words.beyond("Name", f"there are {MOST_TEMPLATES} templates already")
    # Of its type and its time: so listings read only what they show.
    template_id = f"{asked.Type:x}{int(call.at.timestamp() * 1000):011x}{uuid4().hex[:20]}"
    now = when(call.at)
    document = {
        "TemplateId": template_id,
        "TemplateName": name,
        "Type": asked.Type,
        "Subtype": asked.Subtype,
        "TemplateConfig": config,
        "CreateTime": now,
        "ModifiedTime": now,
    }
    engine.documents.put(DOOR, call.tenant, _KIND, template_id, document)
    call.note("template.create", f"ice/{template_id}")
    told = _shown(engine, call, document)
    # The one answer that has the name in this place.
    told["Subtype"] = told.pop("SubtypeName", None)
    return {"CustomTemplate": {key: value for key, value in told.items() if value is not None}}


def get(engine: Engine, call: Call) -> dict[str, Any]:
    """GetCustomTemplate."""
    call.caller.need(Role.VIEWER)
    asked = taken(call, GetCustomTemplate)
    template_id = asked.TemplateId
    if template_id is None:
        if asked.Type is None:
            raise words.missing("TemplateId")
        template_id = _default(engine, call, asked.Type, asked.Subtype)
        if template_id is None:
            raise words.unknown(f"a default template of type {asked.Type}")
    return {"CustomTemplate": _shown(engine, call, _must(engine, call, template_id))}


def update(engine: Engine, call: Call) -> dict[str, Any]:
    """UpdateCustomTemplate."""
    call.caller.need(Role.PRODUCER)
    asked = taken(call, UpdateCustomTemplate)
    document = _must(engine, call, asked.TemplateId)
    if asked.Name is not None:
        document["TemplateName"] = named("Name", asked.Name, _MOST_NAME)
    if asked.TemplateConfig is not None:
        document["TemplateConfig"] = checked(document["Type"], document["Subtype"], asked.TemplateConfig)
    document["ModifiedTime"] = when(call.at)
    engine.documents.put(DOOR, call.tenant, _KIND, document["TemplateId"], document)
    call.note("template.change", f"ice/{document['TemplateId']}")
    return {"Success": True}


def delete(engine: Engine, call: Call) -> dict[str, Any]:
    """DeleteCustomTemplate."""
    call.caller.need(Role.PRODUCER)
    document = _must(engine, call, taken(call, TemplateNamed).TemplateId)
    if _default(engine, call, document["Type"], document["Subtype"]) == document["TemplateId"]:
        engine.documents.delete(DOOR, call.tenant, _DEFAULTS, _slot(document["Type"], document["Subtype"]))
    engine.documents.delete(DOOR, call.tenant, _KIND, document["TemplateId"])
    call.note("template.delete", f"ice/{document['TemplateId']}")
    return {"Success": True}


def set_default(engine: Engine, call: Call) -> dict[str, Any]:
    """SetDefaultCustomTemplate: of its type and subtype."""
    call.caller.need(Role.PRODUCER)
    document = _must(engine, call, taken(call, TemplateNamed).TemplateId)
    slot = _slot(document["Type"], document["Subtype"])
    engine.documents.put(DOOR, call.tenant, _DEFAULTS, slot, {"TemplateId": document["TemplateId"]})
    call.note("template.change", f"ice/{document['TemplateId']}")
    return {"Success": True}


def listed(engine: Engine, call: Call) -> dict[str, Any]:
    """ListCustomTemplates."""
    call.caller.need(Role.VIEWER)
    asked = taken(call, ListCustomTemplates)
    kinds = _kinds(asked.Type)
    if asked.OrderBy not in {None, "CreationTime:Desc", "CreationTime:Asc"}:
        raise words.unfit("OrderBy", "it is none of CreationTime:Desc and CreationTime:Asc")
    names = engine.documents.names(DOOR, call.tenant, _KIND, MOST_TEMPLATES)
    names = [name for name in names if (not kinds or int(name[0], 16) in kinds) and asked.TemplateId in {None, name}]
    names.sort(key=lambda name: name[1:], reverse=asked.OrderBy != "CreationTime:Asc")
    number, size = _page(asked.PageNumber, asked.PageSize)
    if asked.Name is None and asked.Subtype is None:
        shown = [find(engine, call.tenant, name) for name in names[(number - 1) * size : number * size]]
        return {"Total": len(names), "CustomTemplateList": [_shown(engine, call, one) for one in shown if one]}
    subtypes = _numbers(asked.Subtype, "Subtype")
    everything = [find(engine, call.tenant, name) for name in names]
    fitting = [
        one
        for one in everything
        if one and (asked.Name or "") in one["TemplateName"] and (not subtypes or one["Subtype"] in subtypes)
    ]
    page = fitting[(number - 1) * size : number * size]
    return {"Total": len(fitting), "CustomTemplateList": [_shown(engine, call, one) for one in page]}


def get_system(engine: Engine, call: Call) -> dict[str, Any]:
    """GetSystemTemplate."""
    call.caller.need(Role.VIEWER)
    template_id = taken(call, TemplateNamed).TemplateId
    if template_id is None:
        raise words.missing("TemplateId")
    found = system.find(template_id)
    if found is None:
        raise words.unknown(f"the system template {template_id}")
    return {"SystemTemplate": _system(found)}


def listed_system(engine: Engine, call: Call) -> dict[str, Any]:
    """ListSystemTemplates."""
    call.caller.need(Role.VIEWER)
    asked = taken(call, ListSystemTemplates)
    kinds, subtypes = _kinds(asked.Type), _numbers(asked.Subtype, "Subtype")
    if asked.Status not in {None, "Normal", "Invisible", "All"}:
        raise words.unfit("Status", "it is none of Normal, Invisible and All")
    found = [
        one
        for one in system.everything()
        if (not kinds or 1 in kinds)
        and (not subtypes or one.subtype in subtypes)
        and asked.TemplateId in {None, one.id}
        and (asked.Name or "") in one.name
        and asked.Status != "Invisible"
    ]
    number, size = _page(asked.PageNumber, asked.PageSize)
    page = found[(number - 1) * size : number * size]
    return {"Total": len(found), "SystemTemplateList": [_system(one) for one in page]}


def laid(model: type[Wire], base: Mapping[str, Any], over: Wire | None, path: str) -> Any:
    """A template's config of a model with other values. Raises Refusal."""
    above = {} if over is None else over.model_dump(exclude_unset=True, exclude_none=True)
    try:
        return model.model_validate(merged(dict(base), above))
    except ValidationError as error:
        raise words.unfit(path, str(error.errors(include_url=False, include_input=False)[0]["msg"])) from None


def _must(engine: Engine, call: Call, template_id: str | None) -> dict[str, Any]:
    document = find(engine, call.tenant, named("TemplateId", template_id, _MOST_NAME))
    if document is None:
        raise words.unknown(f"the template {template_id}")
    return document


def _shown(engine: Engine, call: Call, document: Mapping[str, Any]) -> dict[str, Any]:
    kind, subtype = document["Type"], document["Subtype"]
    found = {
        **document,
        "TypeName": TYPES[kind],
        "SubtypeName": subtype_name(kind, subtype),
        "Status": "Normal",
        "IsDefault": _default(engine, call, kind, subtype) == document["TemplateId"],
    }
    return {key: value for key, value in found.items() if value is not None}


def _system(template: system.SystemTemplate) -> dict[str, Any]:
    return {
        "TemplateId": template.id,
        "TemplateName": template.name,
        "Type": 1,
        "TypeName": TYPES[1],
        "Subtype": template.subtype,
        "SubtypeName": template.subtype_name,
        "Status": "Normal",
        "TemplateConfig": json.dumps(template.config, separators=(",", ":")),
    }


def _default(engine: Engine, call: Call, kind: int, subtype: int | None) -> str | None:
    kept = engine.documents.get(DOOR, call.tenant, _DEFAULTS, _slot(kind, subtype))
    return None if kept is None else str(kept["TemplateId"])


def _slot(kind: int, subtype: int | None) -> str:
    return f"{kind}-{subtype or 0}"


def _kinds(text: str | None) -> frozenset[int]:
    return _numbers(text, "Type")


def _numbers(text: str | None, path: str) -> frozenset[int]:
    parts = [part.strip() for part in (text or "").split(",") if part.strip()]
    if len(parts) > 20 or not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
        raise words.unfit(path, "it has to be a number, or some with commas")
    return frozenset(int(part) for part in parts)


def _page(number: int | None, size: int | None) -> tuple[int, int]:
    number, size = 1 if number is None else number, PAGE if size is None else size
    words.check_within("PageNumber", number, 1, 100_000)
    words.check_within("PageSize", size, 1, MOST_PAGE)
    return number, size
