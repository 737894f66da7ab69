"""ProcessMedia, ProcessMediaByUrl and ProcessMediaByProcedure: a request becomes a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from framefleet.domain.access import Role
from framefleet.domain.errors import FramefleetError
from framefleet_scheduler.clouds.addresses import NoAddress, of_object
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine, Wanted
from framefleet_scheduler.clouds.origin import PARTS_TAG, lane
from framefleet_scheduler.clouds.tencent.elements import Length
from framefleet_scheduler.clouds.tencent.vod import procedures
from framefleet_scheduler.clouds.tencent.vod.events import told_at
from framefleet_scheduler.clouds.tencent.vod.library import DOOR, Library, name_of, new_file_id, new_task_id
from framefleet_scheduler.clouds.tencent.vod.parts import SCOPE, part_id
from framefleet_scheduler.clouds.tencent.vod.plan import Placing, plan
from framefleet_scheduler.clouds.tencent.vod.requests import (
    MediaProcess,
    ProcessMedia,
    ProcessMediaByProcedure,
    ProcessMediaByUrl,
    Tasks,
)
from framefleet_scheduler.clouds.tencent.vod.templates import shelf
from framefleet_scheduler.clouds.tencent.vod.words import VOD
from framefleet_scheduler.clouds.tencent.words import read

MOST_CONTEXT = 1000
"""Characters of SessionContext."""
MOST_SESSION = 50
"""Characters of SessionId."""
FILE_TAG = "vod:file"
KIND_TAG = "vod:type"


@dataclass(frozen=True, slots=True)
class Order:
    """A task as VOD asks for it, whatever operation does."""

    kind: str
    """Its TaskType: `Procedure`, `PullUpload`, `EditMedia`."""
    file_id: str
    asked: Tasks
    body: Mapping[str, Any]
    """Of a task of ours: sources and targets."""
    further: Sequence[Mapping[str, Any]] = ()
    """Of the tasks that use other parts of the source."""
    notes: Mapping[str, Any] = field(default_factory=dict)


_IN_ID = {"Procedure": "Procedure", "PullUpload": "Pull", "EditMedia": "EditMedia"}


def process_media(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, ProcessMedia, call.parameters)
    checked(asked)
    library = Library(engine, call, asked.SubAppId or 0)
    if asked.OutputAsIndependentMedia not in {None, "", "ON", "OFF"}:
        raise Refusal("InvalidParameterValue", "OutputAsIndependentMedia is ON or OFF")
    needed = asked.MediaProcessTask
    if needed is None:
        raise Refusal("MissingParameter", "MediaProcessTask is missing")
    call.caller.need(Role.PRODUCER)
    own = asked.OutputAsIndependentMedia == "ON"
    return {"TaskId": process(library, asked, needed, _file(library, asked), own_media=own)}


def by_procedure(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, ProcessMediaByProcedure, call.parameters)
    checked(asked)
    call.caller.need(Role.PRODUCER)
    library = Library(engine, call, asked.SubAppId or 0)
    needed = procedures.find(library, asked.ProcedureName)
    return {"TaskId": process(library, asked, needed, _file(library, asked)), "ReviewAudioVideoTaskId": ""}


@dataclass(frozen=True, slots=True)
class Source:
    """What is processed."""

    file_id: str
    uri: str
    name: str
    is_new: bool = False
    """It is entered once its task is there."""
    made_by: str = ""
    """The task that has made it."""


def _file(library: Library, asked: ProcessMedia | ProcessMediaByProcedure) -> Source:
    """What a request names. Raises Refusal."""
    if asked.FileId:
        found = library.find(asked.FileId)
        return Source(asked.FileId, found["uri"], found["name"], made_by=found.get("task", ""))
    if asked.MediaStoragePath:
        file_id, found = library.by_path(asked.MediaStoragePath)
        return Source(file_id, found["uri"], found["name"])
    if isinstance(asked, ProcessMedia) and asked.Url:
        uri = library.address(asked.Url, "InvalidParameterValue.Url")
        return Source(new_file_id(), uri, name_of(asked.Url), is_new=True)
    raise Refusal("MissingParameter", "FileId, MediaStoragePath or Url is needed")


def process(
    library: Library,
    asked: Tasks,
    needed: MediaProcess,
    source: Source,
    *,
    own_media: bool = False,
    task_id: str | None = None,
) -> str:
    """Make the task; its id."""
    folder = f"{library.folder(source.file_id)}{uuid4().hex[:12]}/"

    def place(below: str, name: str) -> str:
        return f"{folder}{below}/{name}"

    order = _order(library, asked, needed, source, place)
    if own_media:
        for element in order.notes["elements"]:
            if element["type"] == "Transcode":
                element["file"] = new_file_id()
    task_id = submitted(library, order, task_id)
    if source.is_new:
        library.add(source.file_id, source.uri, source.name, source="Url")
    library.note_task(source.file_id, task_id)
    uris = {target["name"]: target["uri"] for body in (order.body, *order.further) for target in body["targets"]}
    for element in order.notes["elements"]:
        if "file" in element:
            library.add(element["file"], uris[element["targets"][0]], source.name, source="Transcode", task=task_id)
    return task_id


def _order(library: Library, asked: Tasks, needed: MediaProcess, source: Source, place: Placing) -> Order:
    at = shelf(library.engine, library.call, asked.SubAppId)
    found = plan(needed, at.find, length_of(library, source.uri), place)
    bodies = [
        {
            "name": source.name,
            "sources": [{"uri": source.uri, "start": start, "duration": duration}],
            "targets": targets,
        }
        for (start, duration), targets in found.parts.items()
    ]
    notes = {"elements": found.elements, "name": source.name, "uri": source.uri, "made_by": source.made_by}
    return Order("Procedure", source.file_id, asked, bodies[0], bodies[1:], {**notes, "parts": len(bodies) - 1})


def by_url(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, ProcessMediaByUrl, call.parameters)
    checked(asked)
    call.caller.need(Role.PRODUCER)
    library = Library(engine, call, asked.SubAppId or 0)
    given, output = asked.InputInfo, asked.OutputInfo
    if given is None or output is None:
        raise Refusal("MissingParameter", "InputInfo and OutputInfo are needed")
    if asked.MediaProcessTask is None:
        raise Refusal("InvalidParameter", "MediaProcessTask asks for nothing")
    if output.Dir is None or not output.Dir.endswith("/") or ".." in output.Dir.split("/"):
        raise Refusal("InvalidParameterValue", "OutputInfo.Dir ends with /")
    uri = library.address(given.Url, "InvalidParameterValue.Url")
    folder = output.Dir.strip("/")
    name = name_of(given.Url or "")
    task_id = new_task_id("Procedure")
    unique = task_id[-14:-2]

    def place(below: str, file: str) -> str:
        key = "/".join(part for part in (folder, f"{name}_{unique}", below, file) if part)
        try:
            made = of_object(output.Bucket or "", key, engine.is_storage)
            return library.theirs(made, "InvalidParameterValue")
        except NoAddress as error:
            raise Refusal("InvalidParameterValue", f"OutputInfo: {error}") from None

    source = Source(given.Id or "", uri, given.Name or name)
    order = _order(library, asked, asked.MediaProcessTask, source, place)
    return {"TaskId": submitted(library, order, task_id)}


def length_of(library: Library, uri: str) -> Length:
    """Seconds of a source, looked up when they are asked for, once. Raises Refusal, or what fails the look."""
    known: list[float] = []

    def length() -> float:
        if not known:
            found = library.engine.look(library.call, {"uri": uri})
            if found.duration is None:
                raise Refusal(
                    "InvalidParameterValue", "the source does not say how long it is, so nothing counts from its end"
                )
            known.append(float(found.duration))
        return known[0]

    return length


def checked(asked: Tasks) -> None:
    """What all requests have. Raises Refusal."""
    if asked.TasksPriority is not None and not -10 <= asked.TasksPriority <= 10:
        raise Refusal("InvalidParameterValue", "TasksPriority is -10 to 10")
    if asked.TasksNotifyMode not in {None, "", "Finish", "Change", "None"}:
        raise Refusal("InvalidParameterValue", "TasksNotifyMode is Finish, Change or None")
    if len(asked.SessionContext or "") > MOST_CONTEXT:
        raise Refusal(
            "InvalidParameterValue.SessionContextTooLong", f"SessionContext is up to {MOST_CONTEXT} characters long"
        )
    if len(asked.SessionId or "") > MOST_SESSION:
        raise Refusal("InvalidParameterValue.SessionIdTooLong", f"SessionId is up to {MOST_SESSION} characters long")


def priority(theirs: int | None) -> int:
    """-10..10 as 0..9."""
    return int(((theirs or 0) * 5 + 50) / 100 * 9 + 0.5)


def submitted(library: Library, order: Order, task_id: str | None = None) -> str:
    """Make the task; its id. Raises Refusal, and what refuses a task of ours."""
    engine, call, asked = library.engine, library.call, order.asked
    made = task_id or new_task_id(_IN_ID[order.kind])
    session = asked.SessionId or ""
    place = f"{library.app}/{session}"
    if session:
        held = engine.sessions.take(DOOR, call.tenant, place, made)
        if held is not None:
            raise Refusal("InvalidParameterValue.SessionId", f"SessionId was used within the last 3 days, for {held}")
    try:
        _enter(library, order, made)
    except (FramefleetError, Refusal):
        if session:
            engine.sessions.free(DOOR, call.tenant, place)
        raise
    return made


def _enter(library: Library, order: Order, made: str) -> None:
    """The tasks of an order; the first one, by which it is known, comes last, so that it is whole when it is seen."""
    engine, call, asked = library.engine, library.call, order.asked
    tags = {KIND_TAG: order.kind, **({FILE_TAG: order.file_id} if order.file_id else {})}
    common = {
        "priority": priority(asked.TasksPriority),
        **told_at(asked.TasksNotifyMode or "Finish", call.tenant, library.app),
    }
    begun = []
    try:
        for i, body in enumerate(order.further, 1):
            one = part_id(made, i)
            further = Wanted(id=one, request={**body, **common}, scope=SCOPE, form=DOOR, notes={"of": made})
            engine.submit(DOOR, call, further)
            begun.append(one)
        if order.further:
            tags[PARTS_TAG] = lane(DOOR, call.tenant, library.scope)
        notes = {"kind": order.kind, "file": order.file_id, "base": call.base, **order.notes}
        first = Wanted(
            id=made,
            request={**order.body, **common, "tags": tags},
            scope=library.scope,
            form=DOOR,
            asked=asked.model_dump(exclude_none=True),
            notes=notes,
        )
        engine.submit(DOOR, call, first)
    except (FramefleetError, Refusal):
        for one in begun:
            found = engine.find(DOOR, call, one)
            if found is not None and not found.record.state.final:
                engine.cancel(call, found)
        raise
