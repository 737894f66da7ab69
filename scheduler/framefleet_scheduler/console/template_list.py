"""`/templates` and `/templates/{name}`: what there is to make, and each with its settings and versions."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import BaseModel

from framefleet.domain.access import Role
from framefleet.domain.custom import TemplateVersion
from framefleet.domain.errors import FramefleetError
from framefleet.domain.sound import AudioSettings
from framefleet.domain.template import AudioTemplate, FileTemplate, LadderTemplate, RemuxTemplate, predefined, validated
from framefleet_scheduler.api.audit import note
from framefleet_scheduler.console.page import Submitted, Visit, to
from framefleet_scheduler.console.settings_table import tables

router = APIRouter()

_MOST_VERSIONS = 20
Reference = Annotated[str, Path(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(@[1-9][0-9]{0,5})?$")]


@dataclass(frozen=True, slots=True)
class Card:
    """A template in the list."""

    name: str
    kind: str
    description: str
    outline: list[str]
    version: int | None = None
    broken: str = ""
    """Why this version of Framefleet cannot use it."""

    @property
    def path(self) -> str:
        """Its page. `/templates/new` is another one."""
        return f"/templates/{self.name}@{self.version}" if self.name == "new" else f"/templates/{self.name}"


@dataclass(frozen=True, slots=True)
class Change:
    """A version, and how it differs from the one before."""

    version: int
    created_at: datetime
    lines: list[tuple[str, str]] | None
    """`+`, `-` or nothing, and the line; None for the oldest that may be named."""


@router.get("/templates")
def page(visitor: Visit) -> Response:
    """All of them."""
    ready = [_card(name, settings) for name, settings in predefined().items()]
    own = [_card(one.name, one.settings or {}, one) for one in visitor.desk.templates.all()]
    return visitor.show("templates.html", own=own, predefined=ready)


@router.post("/templates/delete")
def delete(sent: Submitted) -> Response:
    """Take one out of use, if nobody has changed it since."""
    visitor, name = sent.visitor, sent.one("name")
    visitor.caller.need_all(Role.ADMIN)
    visitor.desk.templates.delete(name, version=sent.version())
    note(visitor.request, "template.delete", name)
    return to("/templates")


@router.get("/templates/{name}")
def show(name: Reference, visitor: Visit) -> Response:
    """One, as it is now or as a version of it was."""
    templates, latest, versions = visitor.desk.templates, None, []
    version: TemplateVersion | None = None
    if name in predefined():
        settings: Mapping[str, Any] = predefined()[name]
    else:
        version = templates.get(name)
        settings = version.settings or {}
        versions = _changes(templates.versions(version.name, _MOST_VERSIONS + 1))
        latest = versions[0].version
    template, broken = _usable(settings)
    return visitor.show(
        "template.html",
        card=_card(version.name if version else name, settings, version),
        document=as_yaml(settings),
        tables=[] if template is None else tables(template, settings),
        broken=broken,
        versions=versions,
        latest=latest,
    )


def as_yaml(settings: Any) -> str:
    """As people write them."""
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=100, default_flow_style=False)


def differences(before: Any, after: Any) -> list[tuple[str, str]]:
    """Lines of two templates, with a `-` or a `+` where they differ, and some of those around."""
    lines = difflib.unified_diff(as_yaml(before).splitlines(), as_yaml(after).splitlines(), lineterm="", n=2)
    shown = list(lines)[2:]  # without the names of files
    return [("", "…") if line.startswith("@@") else (line[0].strip(), line[1:]) for line in shown]


def _changes(versions: list[TemplateVersion]) -> list[Change]:
    """The latest first, so many as are shown."""
    found = []
    for before, one in zip([None, *versions], versions, strict=False):
        lines = None if before is None else differences(before.settings, one.settings)
        found.append(Change(one.version, one.created_at, lines))
    return found[: -_MOST_VERSIONS - 1 : -1]


def _card(name: str, settings: Mapping[str, Any], version: TemplateVersion | None = None) -> Card:
    template, broken = _usable(settings)
    return Card(
        name=name,
        kind=str(settings.get("kind", "")),
        description=str(settings.get("description", "")),
        outline=[] if template is None else _outline(template),
        version=None if version is None else version.version,
        broken=broken,
    )


def _usable(settings: Mapping[str, Any]) -> tuple[BaseModel | None, str]:
    """What was kept may have been written for another version of Framefleet."""
    try:
        return validated(settings, ""), ""
    except FramefleetError as error:
        return None, error.message


def _outline(template: BaseModel) -> list[str]:
    """What it makes, in a few words for people who know them."""
    match template:
        case FileTemplate(container=container, video=video, audio=audio):
            return [container, video.codec, *_box(video), audio.codec if audio else "silent"]
        case LadderTemplate(packaging=packaging, renditions=rungs, auto=auto, audio=audio):
            codecs = sorted({rung.video.codec for rung in rungs} | ({auto.video.codec} if auto else set()))
            made = [rung.name for rung in rungs[:6]] if rungs else ["rungs by the film"]
            return [packaging, *codecs, *made, audio.codec if audio else "silent"]
        case AudioTemplate(container=container, audio=audio):
            return [container, audio.codec]
        case RemuxTemplate(container=container, audio=audio):
            return [container, "copy", *([audio.codec] if isinstance(audio, AudioSettings) else [])]
        case _:
            said = [str(getattr(template, "format", ""))]
            return [part for part in (*said, *_box(template)) if part]


def _box(sized: Any) -> list[str]:
    if sized.width and sized.height:
        return [f"{sized.width}×{sized.height}"]
    side = sized.width or sized.height or sized.long_edge or sized.short_edge
    return [f"{side} px"] if side else []
