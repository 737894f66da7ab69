"""What the form of a new task says, as the request of a task. Knows templates, and no store and no HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, assert_never
from urllib.parse import unquote, urlsplit

from framefleet.domain.errors import InvalidRequest
from framefleet.domain.stills import AnimationTemplate, SnapshotTemplate, SpriteTemplate
from framefleet.domain.template import (
    AudioTemplate,
    FileTemplate,
    Known,
    LadderTemplate,
    RemuxTemplate,
    Template,
    resolve_named,
)

Fields = Mapping[str, Sequence[str]]

OVERRIDES = "overrides:"
"""Before a template's name: the field with its overrides."""
_LONGEST_NAME = 256
_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def request_of(fields: Fields, templates: Known | None) -> dict[str, Any]:
    """The request. Raises a RequestError whose field is one of the form, or a path into the request."""
    source, folder = _one(fields, "source"), _one(fields, "folder").rstrip("/")
    chosen = list(dict.fromkeys(fields.get("template", ())))
    if not source:
        raise InvalidRequest("a task needs a source", field="source", hint="For example s3://bucket/film.mov.")
    if not chosen:
        raise InvalidRequest("nothing is chosen to be made", field="template", hint="Choose a template.")
    if not folder:
        raise InvalidRequest("the output has no folder", field="folder", hint="For example storage://outputs/film.")
    made: dict[str, Any] = {
        "sources": [{"uri": source}],
        "targets": [_target(fields, name, f"targets[{i}]", folder, templates) for i, name in enumerate(chosen)],
    }
    if name := _one(fields, "name") or _file_in(source):
        made["name"] = name
    if _one(fields, "pipeline") not in {"", "default"}:
        made["pipeline"] = _one(fields, "pipeline")
    if _one(fields, "priority"):
        made["priority"] = _whole(_one(fields, "priority"))
    if tags := _tags(_one(fields, "tags")):
        made["tags"] = tags
    if _one(fields, "webhook"):
        made["notification"] = {"webhook": {"url": _one(fields, "webhook")}}
    if _one(fields, "client_token"):
        made["client_token"] = _one(fields, "client_token")
    return made


def file_of(name: str, settings: Template) -> str:
    """Where below the folder a target of this template goes: each ladder in a folder of its own."""
    plain = _NAME.sub("-", name).strip("-.") or "target"
    match settings:
        case LadderTemplate():
            return f"{plain}/main.{'mpd' if settings.packaging == 'dash' else 'm3u8'}"
        case FileTemplate() | RemuxTemplate() | AudioTemplate():
            return f"{plain}.{settings.container}"
        case SnapshotTemplate():
            return f"{plain}{'_{index:03d}' if settings.several else ''}.{settings.format}"
        case SpriteTemplate():
            return f"{plain}_{{index:03d}}.{settings.format}"
        case AnimationTemplate():
            return f"{plain}.{settings.format}"
        case _:
            assert_never(settings)


def _file_in(source: str) -> str:
    """The name of the file at an address: what a task is called that nobody has given a name."""
    try:
        last = unquote(urlsplit(source).path).rpartition("/")[2]
    except ValueError:
        return ""  # it is refused as an address
    return "".join(c for c in last if c.isprintable()).strip()[:_LONGEST_NAME]


def _target(fields: Fields, name: str, field: str, folder: str, templates: Known | None) -> dict[str, Any]:
    overrides = _overrides(_one(fields, OVERRIDES + name), f"{field}.overrides")
    _, settings = resolve_named(name, overrides, known=templates, field=field)
    made = {"name": _NAME.sub("-", name), "template": name, "uri": f"{folder}/{file_of(name, settings)}"}
    return made | ({"overrides": overrides} if overrides else {})


def _overrides(text: str, field: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidRequest(
            f"that is no JSON: {error}", field=field, hint='For example {"video": {"crf": 21}}.'
        ) from None
    if not isinstance(found, dict):
        raise InvalidRequest("overrides are a JSON object", field=field, hint='For example {"video": {"crf": 21}}.')
    return found


def _tags(text: str) -> dict[str, str]:
    found = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, equals, value = line.partition("=")
        if not (name and equals):
            raise InvalidRequest(f"{line[:60]!r} is no tag", field="tags", hint="One on each line, as name=value.")
        found[name.strip()] = value.strip()
    return found


def _whole(text: str) -> int:
    if len(text) == 1 and text.isdecimal():
        return int(text)
    raise InvalidRequest("a priority is 0 to 9", field="priority", hint="9 is first.")


def _one(fields: Fields, name: str) -> str:
    return next(iter(fields.get(name, ())), "").strip()
