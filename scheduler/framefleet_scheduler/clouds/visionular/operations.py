"""What each of Visionular's operations does."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.requests import Request

from framefleet.domain.access import Role
from framefleet.domain.address import target_address
from framefleet.domain.errors import UnknownTemplate
from framefleet.domain.records import TaskRecord
from framefleet.domain.template import predefined, validated
from framefleet.domain.webhook import parsed_url
from framefleet_scheduler.api.audit import note
from framefleet_scheduler.clouds import addresses
from framefleet_scheduler.clouds.call import Call, Note, Refusal
from framefleet_scheduler.clouds.engine import Engine, Known, Wanted
from framefleet_scheduler.clouds.fields import Wire, first_refused
from framefleet_scheduler.clouds.origin import ID_TAG
from framefleet_scheduler.clouds.visionular import answers, templates
from framefleet_scheduler.clouds.visionular.requests import (
    CreateTask,
    ListTasks,
    NamedTemplate,
    QueryTask,
    Storage,
    StorageId,
    Template,
)

DOOR = "visionular"
BAD_PARAM = 40000
AUTH_FAIL = 40100
EMPTY_RESULT = 40400
INTERNAL = 50000
_MOST_DOCUMENTS = 1_000
_MOST_COUNTED = 10_000
_LISTED = 20

_W = TypeVar("_W", bound=Wire)


# --- tasks ------------------------------------------------------------------------------------


def create_task(engine: Engine, call: Call) -> dict[str, Any]:
    """A task from a template, an input, an output and a storage; its id."""
    call.caller.need(Role.PRODUCER)
    asked = _read(CreateTask, call)
    storage = _document(engine, call, "storages", asked.storage_id, "storage")
    source = _address(engine, asked.input, storage["bucket"], "input")
    film, stills, template = _target(engine, call, asked.template_name, storage["bucket"])
    output = _output(storage, asked.output, template["format"])
    uri = _object(engine, storage["bucket"], output, "output")
    targets = [{"name": "film", "uri": uri, **film}]
    if stills is not None:
        stem = re.sub(r"\.[^./]*$", "", uri)
        targets.append({"name": "thumbs", "uri": f"{stem}_thumb_{{index:04d}}.jpg", "overrides": stills})
    request: dict[str, Any] = {
        "name": asked.output.rpartition("/")[2][:256],
        "sources": [{"uri": source}],
        "targets": targets,
    }
    if asked.custom_info:
        request["user_data"] = asked.custom_info
    if storage.get("notify"):
        request["notification"] = {"webhook": {"url": storage["notify"]}}
    wanted = Wanted(
        id=secrets.token_hex(16),
        request=request,
        form=DOOR if storage.get("notify") else None,
        asked=asked.model_dump(exclude_none=True, exclude={"extra_options"}),
        notes={
            "region": storage.get("region", ""),
            "format": template["format"],
            "encrypted": "AES-128" if template.get("encryption") else "",
        },
    )
    origin, _ = engine.submit(DOOR, call, wanted)
    return {"task_id": origin.id}


def query_task(engine: Engine, call: Call) -> dict[str, Any]:
    """One task."""
    asked = _read(QueryTask, call)
    known = engine.find(DOOR, call, asked.task_id)
    if known is None:
        raise Refusal(str(EMPTY_RESULT), f"there is no task {asked.task_id}", status=404)
    return shown(engine, known)


def list_task(engine: Engine, call: Call) -> dict[str, Any]:
    """Some tasks, the newest first; `total` counts at most 10,000."""
    asked = _read(ListTasks, call)
    records = _matching(engine, call, asked)
    page = records[asked.start_num : asked.start_num + (asked.count or _LISTED)]
    found = [engine.find(DOOR, call, record.tags[ID_TAG]) for record in page]
    listed = [shown(engine, known) for known in found if known is not None]
    return {"total": len(records), "num": len(listed), "list": listed}


def shown(engine: Engine, known: Known) -> dict[str, Any]:
    """A task object, with what its source is."""
    media = engine.media(known.record)
    return answers.task(known.origin, known.record, media[0] if media else None)


def _matching(engine: Engine, call: Call, asked: ListTasks) -> list[TaskRecord]:
    since, until = (
        None if at is None else datetime.fromtimestamp(at, UTC) for at in (asked.start_time, asked.end_time)
    )
    states = [None] if asked.status is None else list(answers.OF_STATUS[asked.status])
    found = [
        record
        for state in states
        for record in engine.listed(DOOR, call, state=state, since=since, until=until, most=_MOST_COUNTED)
    ]
    return sorted(found, key=lambda record: record.created_at, reverse=True) if len(states) > 1 else found


# --- templates --------------------------------------------------------------------------------


def query_template(engine: Engine, call: Call) -> dict[str, Any]:
    """One template."""
    return _shown_template(engine, call, _read(NamedTemplate, call).template_name)


def list_template(engine: Engine, call: Call) -> dict[str, Any]:
    """The tenant's, then the predefined ones."""
    names = engine.documents.names(DOOR, call.tenant, "templates", _MOST_DOCUMENTS)
    listed = [_shown_template(engine, call, name) for name in names]
    listed += [templates.shown_system(name) for name in templates.system_names()]
    return {"num": len(listed), "list": listed}


def add_template(engine: Engine, call: Call) -> dict[str, Any]:
    """Keep a new one."""
    return _keep_template(engine, call, is_new=True)


def update_template(engine: Engine, call: Call) -> dict[str, Any]:
    """Keep one in place of another of its name."""
    return _keep_template(engine, call, is_new=False)


def del_template(engine: Engine, call: Call) -> dict[str, Any]:
    """Forget one; tasks that were made from it go on."""
    call.caller.need(Role.PRODUCER)
    name = _read(NamedTemplate, call).template_name
    _document(engine, call, "templates", name, "template")
    engine.documents.delete(DOOR, call.tenant, "templates", name)
    call.note("cloud_template.delete", name)
    return {}


def _keep_template(engine: Engine, call: Call, *, is_new: bool) -> dict[str, Any]:
    call.caller.need(Role.PRODUCER)
    asked = _template(engine, call)
    if templates.system(asked.template_name) is not None or asked.template_name in predefined():
        raise Refusal(str(BAD_PARAM), f"template_name: {asked.template_name} is a predefined template")
    documents, created = engine.documents, int(call.at.timestamp())
    if is_new:
        if len(documents.names(DOOR, call.tenant, "templates", _MOST_DOCUMENTS)) >= _MOST_DOCUMENTS:
            raise Refusal(str(BAD_PARAM), f"there are {_MOST_DOCUMENTS} templates already")
        document = {"settings": templates.as_kept(asked), "created": created}
        if not documents.create(DOOR, call.tenant, "templates", asked.template_name, document):
            raise Refusal(str(BAD_PARAM), f"template_name: there is a template {asked.template_name} already")
    else:
        before = _document(engine, call, "templates", asked.template_name, "template")
        asked = templates.with_key_of(asked, templates.kept(asked.template_name, before["settings"]))
        document = {"settings": templates.as_kept(asked), "created": before["created"]}
        documents.put(DOOR, call.tenant, "templates", asked.template_name, document)
    call.note("cloud_template.create" if is_new else "cloud_template.change", asked.template_name)
    return {}


def _template(engine: Engine, call: Call) -> Template:
    """One that can be used, as far as can be known without a film. Raises Refusal, RequestError."""
    asked = _read(Template, call)
    found = templates.contradiction(asked)
    if found is not None:
        raise Refusal(str(BAD_PARAM), f"{found[0]}: {found[1]}")
    logo = None if asked.logo_path is None else _address(engine, asked.logo_path, "bucket", "logo_path")
    validated(templates.settings(asked, logo), "")
    stills = templates.pictures(asked)
    if stills is not None:
        validated(stills, "targets[1].overrides")
    return asked


def _shown_template(engine: Engine, call: Call, name: str) -> dict[str, Any]:
    if templates.system(name) is not None:
        return templates.shown_system(name)
    kept = _document(engine, call, "templates", name, "template")
    return templates.as_shown(name, kept["settings"], kept["created"])


def _target(
    engine: Engine, call: Call, name: str, bucket: str
) -> tuple[dict[str, Any], dict[str, Any] | None, Mapping[str, Any]]:
    """The film's target, the pictures' settings, and the template as the vendor writes it."""
    made = templates.system(name)
    if made is not None:
        return made, None, templates.shown_system(name)
    kept = engine.documents.get(DOOR, call.tenant, "templates", name)
    if kept is not None:
        template = templates.kept(name, kept["settings"])
        logo = None if template.logo_path is None else _address(engine, template.logo_path, bucket, "logo_path")
        shown = {"format": template.format, "encryption": template.encryption is not None}
        return {"overrides": templates.settings(template, logo)}, templates.pictures(template), shown
    try:
        found = engine.desk.templates.find(name)
    except UnknownTemplate:
        found = None
    if found is None:
        raise Refusal(str(BAD_PARAM), f"template_name: there is no template {name}")
    settings = found[1]
    form = settings.get("packaging") if settings.get("kind") == "ladder" else settings.get("container")
    return {"template": name}, None, {"format": form or settings.get("format", "mp4")}


# --- storages ---------------------------------------------------------------------------------


def add_storage(engine: Engine, call: Call) -> dict[str, Any]:
    """A place for outputs; its id. Accounts of the bucket are never kept."""
    call.caller.need(Role.PRODUCER)
    asked = _read(Storage, call)
    if len(engine.documents.names(DOOR, call.tenant, "storages", _MOST_DOCUMENTS)) >= _MOST_DOCUMENTS:
        raise Refusal(str(BAD_PARAM), f"there are {_MOST_DOCUMENTS} storages already")
    target_address(_object(engine, asked.bucket, _output(asked.model_dump(), "film", "mp4"), "prefix"), "prefix")
    if asked.notify:
        parsed_url(asked.notify, "notify")
        engine.desk.acceptor.check_webhook(asked.notify, "notify")
    storage_id = secrets.token_hex(8)
    kept = asked.model_dump(include={"type", "region", "bucket", "prefix", "notify"})
    document = {**kept, "created": int(call.at.timestamp())}
    engine.documents.create(DOOR, call.tenant, "storages", storage_id, document)
    call.note("cloud_storage.create", storage_id)
    return {"storage_id": storage_id}


def list_storage(engine: Engine, call: Call) -> dict[str, Any]:
    """All of the tenant's."""
    listed = []
    for storage_id in engine.documents.names(DOOR, call.tenant, "storages", _MOST_DOCUMENTS):
        kept = engine.documents.get(DOOR, call.tenant, "storages", storage_id)
        if kept is not None:
            created = kept.pop("created")
            listed.append({"storage_id": storage_id, **kept, "name_rule": "", "created_time": created})
    return {"num": len(listed), "list": listed}


def del_storage(engine: Engine, call: Call) -> dict[str, Any]:
    """Forget one; what is in it stays."""
    call.caller.need(Role.PRODUCER)
    storage_id = _read(StorageId, call).storage_id
    _document(engine, call, "storages", storage_id, "storage")
    engine.documents.delete(DOOR, call.tenant, "storages", storage_id)
    call.note("cloud_storage.delete", storage_id)
    return {}


# --- parameters -------------------------------------------------------------------------------


def noting(about: Request) -> Note:
    """For the audit log."""
    return lambda what, which: note(about, what, which)


def _read(model: type[_W], call: Call) -> _W:
    """The parameters. Raises Refusal."""
    try:
        found = model.model_validate({name: value for name, value in call.parameters.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        raise Refusal(str(BAD_PARAM), f"{path}: {first['msg']}") from None
    never = first_refused(found)
    if never is not None:
        raise Refusal(str(BAD_PARAM), f"{never[0]} is not supported: {never[1]}")
    return found


def _document(engine: Engine, call: Call, kind: str, name: str, what: str) -> dict[str, Any]:
    found = engine.documents.get(DOOR, call.tenant, kind, name)
    if found is None:
        raise Refusal(str(EMPTY_RESULT), f"there is no {what} {name}", status=404)
    return found


def _address(engine: Engine, text: str, bucket: str, field: str) -> str:
    """An address, or a path in the storage's bucket."""
    try:
        if "://" not in text:
            return addresses.of_object(bucket, text, engine.is_storage)
        return addresses.of_text(text, engine.is_storage)
    except addresses.NoAddress as error:
        raise Refusal(str(BAD_PARAM), f"{field}: {error}") from None


def _object(engine: Engine, bucket: str, key: str, field: str) -> str:
    try:
        return addresses.of_object(bucket, key, engine.is_storage)
    except addresses.NoAddress as error:
        raise Refusal(str(BAD_PARAM), f"{field}: {error}") from None


def _output(storage: Mapping[str, Any], output: str, form: str) -> str:
    """The output's key; a name without an ending gets the format's."""
    prefix = str(storage.get("prefix", "")).strip("/")
    key = f"{prefix}/{output.lstrip('/')}" if prefix else output.lstrip("/")
    if "." in key.rpartition("/")[2]:
        return key
    return key + templates.MANIFESTS.get(form, f".{form}")
