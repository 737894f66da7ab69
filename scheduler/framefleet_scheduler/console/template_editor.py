"""`/templates/new` and `/templates/{name}/edit`: writing a template, checked as it will be when it is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from framefleet.domain.access import Role
from framefleet.domain.errors import InvalidRequest, RequestError, TemplateChanged, UnknownTemplate
from framefleet.domain.template import predefined
from framefleet_scheduler.api.audit import note
from framefleet_scheduler.api.template_draft import Mistake, Verdict, parsed, verdict
from framefleet_scheduler.console.page import HEADERS, Sent, Submitted, Visit, Visitor, to, version_in
from framefleet_scheduler.console.settings_table import tables
from framefleet_scheduler.console.template_list import Reference, as_yaml, differences

router = APIRouter()

_BEGINNING = {"base": "mp4-h264-720p", "description": "What it makes, in a sentence.", "video": {"crf": 23}}


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the editor."""

    name: str
    text: str
    version: int | None = None
    """The one it was made from, which must still be the latest; None: the template is new."""
    newer: int | None = None
    """Somebody has made this version meanwhile."""
    difference: tuple[tuple[str, str], ...] = ()
    """From that version to the draft."""

    @property
    def new(self) -> bool:
        """Whether there is no such template yet."""
        return self.version is None


@router.get("/templates/new")
def new(request: Request, visitor: Visit) -> Response:
    """A new one, perhaps beginning with the settings of another."""
    visitor.caller.need_all(Role.ADMIN)
    like = request.query_params.get("like", "")
    settings: Mapping[str, Any] = _BEGINNING
    if like:
        named = visitor.desk.templates.find(like)
        if named is None:
            raise UnknownTemplate(f"there is no template named {like[:80]!r}", field="like")
        settings = named[1]
    draft = Draft(f"{like.partition('@')[0]}-copy" if like else "", as_yaml(dict(settings)))
    return visitor.show("template_editor.html", **_judged(visitor, draft, untouched=True))


@router.get("/templates/{name}/edit")
def edit(name: Reference, visitor: Visit) -> Response:
    """The latest version of one, or an earlier one to go back to."""
    visitor.caller.need_all(Role.ADMIN)
    if name in predefined():
        return to(f"/templates/new?like={name}")
    chosen = visitor.desk.templates.get(name)
    latest = visitor.desk.templates.get(chosen.name)
    return _editor(visitor, Draft(chosen.name, as_yaml(chosen.settings), latest.version))


@router.post("/templates/check")
def check(sent: Submitted) -> Response:
    """What is wrong, or what it would make: the part of the editor below the text."""
    sent.visitor.caller.need_all(Role.ADMIN)
    draft = _draft(sent)
    return HTMLResponse(sent.visitor.render("template_verdict.html", **_judged(sent.visitor, draft)), headers=HEADERS)


@router.post("/templates/edit")
def send(sent: Submitted) -> Response:
    """Keep it, or write it in the other way."""
    visitor, draft, action = sent.visitor, _draft(sent), sent.one("action")
    visitor.caller.need_all(Role.ADMIN)
    if action == "check":
        return _editor(visitor, draft)
    if action in {"yaml", "json"}:
        return _editor(visitor, _written(draft, action))
    if action != "keep":
        raise InvalidRequest("there is no such action", field="action", hint="Keep or check it.")
    return _kept(visitor, draft)


def _kept(visitor: Visitor, draft: Draft) -> Response:
    templates = visitor.desk.templates
    try:
        document = parsed(draft.text)
        if draft.new:
            made = templates.create(draft.name, document)
        else:
            made = templates.update(draft.name, document, version=draft.version)
    except TemplateChanged as error:
        latest = templates.get(draft.name)
        lines = tuple(differences(latest.settings, verdict(draft.text, templates).settings))
        changed = replace(draft, newer=latest.version, difference=lines)
        return _editor(visitor, changed, status=error.status)
    except RequestError as error:
        found = verdict(draft.text, templates, name=draft.name)
        if not found.mistakes:  # as `template_exists`: nothing that can be seen in the text
            found = Verdict((Mistake(error.message, error.field, error.hint_text),))
        return _editor(visitor, draft, found, status=error.status)
    note(visitor.request, "template.create" if draft.new else "template.change", made.name)
    return to(f"/templates/{made.reference}")


def _editor(visitor: Visitor, draft: Draft, found: Verdict | None = None, *, status: int = 200) -> Response:
    return visitor.show("template_editor.html", status=status, **_judged(visitor, draft, found))


def _judged(visitor: Visitor, draft: Draft, found: Verdict | None = None, *, untouched: bool = False) -> dict[str, Any]:
    """What the templates of the editor need. `untouched`: nobody has typed anything, so that a name is not missing yet."""
    templates = visitor.desk.templates
    found = found or verdict(draft.text, templates, name=draft.name or "new")
    mistakes = list(found.mistakes)
    nameless = draft.new and not draft.name
    if nameless and not untouched:
        mistakes.insert(0, Mistake("the template needs a name", "name"))
    elif draft.new and draft.name and _taken(visitor, draft.name):
        mistakes.insert(0, Mistake(f"there is a template named {draft.name} already", "name", "Choose another name."))
    whole = [] if found.template is None else tables(found.template, found.settings or {})
    return {"draft": draft, "mistakes": mistakes, "tables": whole, "begun": not (nameless and untouched)}


def _taken(visitor: Visitor, name: str) -> bool:
    try:
        return visitor.desk.templates.find(name) is not None
    except UnknownTemplate:
        return False  # it was deleted, and may be made again


def _written(draft: Draft, form: str) -> Draft:
    try:
        document = parsed(draft.text)
    except RequestError:
        return draft  # the editor says what is wrong with it
    if form == "json":
        return replace(draft, text=json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")
    return replace(draft, text=as_yaml(document))


def _draft(sent: Sent) -> Draft:
    version = sent.one("over") or sent.one("version")
    text = sent.one("text").replace("\r\n", "\n")
    return Draft(sent.one("name").strip(), text, version_in(version) if version else None)
