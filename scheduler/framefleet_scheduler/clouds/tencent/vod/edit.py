"""PullUpload and EditMedia: tasks that make new media files."""

from __future__ import annotations

import time as clock
from typing import Annotated, Any

from pydantic import Field

from framefleet.domain.access import Role
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.states import TaskState
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import LOOK_SECONDS, Engine
from framefleet_scheduler.clouds.fields import Ignored, Refused, Wire, Works
from framefleet_scheduler.clouds.tencent import elements, results
from framefleet_scheduler.clouds.tencent.models import Tehd
from framefleet_scheduler.clouds.tencent.vod import procedures
from framefleet_scheduler.clouds.tencent.vod.answers import Told
from framefleet_scheduler.clouds.tencent.vod.library import (
    NEVER,
    Library,
    extension_of,
    name_of,
    new_file_id,
    new_task_id,
)
from framefleet_scheduler.clouds.tencent.vod.process import Order, Source, checked, length_of, process, submitted
from framefleet_scheduler.clouds.tencent.vod.requests import App, Context, Offset, Priority, Reserved, Session, Tasks
from framefleet_scheduler.clouds.tencent.vod.templates import VodTranscode
from framefleet_scheduler.clouds.tencent.vod.words import VOD, VodPicture
from framefleet_scheduler.clouds.tencent.words import read

TARGET = "file"
"""Name of the one target."""
MOST_FILES = 11
LOOKS_SECONDS = 30.0
"""For looks into all files that are joined: an SDK waits 60 s for an answer."""
_FILMS = {"mp4": "mp4", "m4v": "mp4", "mov": "mov", "mkv": "mkv", "webm": "webm", "ts": "ts", "flv": "flv"}
_OTHER_FILMS = frozenset({"avi", "wmv", "mpg", "mpeg", "3gp", "asf", "rm", "rmvb", "f4v", "mxf", "vob", "mts", "m2ts"})
_SOUNDS = {"m4a": "m4a", "aac": "m4a"}
_OTHER_SOUNDS = frozenset({"mp3", "wav", "flac", "ogg", "ape", "amr", "wma", "ac3"})


class PullUpload(Wire):
    """Fetch what lies at an address into the registry."""

    MediaUrl: Annotated[str | None, Works("packets are copied into a file of the same container")] = None
    MediaType: Annotated[
        str | None, Works("its extension; what we have no writer for becomes Matroska: `mkv`, `mka`")
    ] = None
    SubAppId: App = None
    MediaName: Annotated[str | None, Field(max_length=256), Works()] = None
    CoverUrl: Annotated[str | None, Field(max_length=2048), Works("kept as an address")] = None
    Procedure: Annotated[str | None, Works("runs on the same address at once")] = None
    ExpireTime: Annotated[str | None, Refused("media stay until they are deleted")] = None
    StorageRegion: Annotated[str | None, Ignored("there is one place")] = None
    ClassId: Annotated[int | None, Works("comes back")] = None
    TasksPriority: Priority = None
    SessionContext: Context = None
    SessionId: Session = None
    ExtInfo: Reserved = None
    SourceContext: Annotated[str | None, Field(max_length=250), Works("comes back")] = None
    MediaStoragePath: Annotated[str | None, Refused("where it lies follows from its FileId")] = None


def pull_upload(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, PullUpload, call.parameters)
    common = _common(asked)
    call.caller.need(Role.PRODUCER)
    library = Library(engine, call, asked.SubAppId or 0)
    uri = library.address(asked.MediaUrl, "InvalidParameterValue.MediaUrl")
    settings, extension = _copied((asked.MediaType or extension_of(asked.MediaUrl or "")).lower())
    needed = procedures.find(library, asked.Procedure) if asked.Procedure else None
    file_id, name = new_file_id(), asked.MediaName or name_of(asked.MediaUrl or "")
    made = f"{library.folder(file_id)}original.{extension}"
    body = {
        "name": name,
        "sources": [{"uri": uri}],
        "targets": [{"name": TARGET, "uri": made, "overrides": settings}],
    }
    notes: dict[str, Any] = {"name": name, "made": made, "type": extension, "class": asked.ClassId or 0}
    if needed is not None:
        notes["procedure"] = new_task_id("Procedure")
    task_id = submitted(library, Order("PullUpload", file_id, common, body, notes=notes))
    more = {"cover": asked.CoverUrl or "", "class": asked.ClassId or 0, "context": asked.SourceContext or ""}
    library.add(file_id, made, name, source="Upload", task=task_id, **more)
    if needed is not None:
        process(
            library,
            common.model_copy(update={"SessionId": None}),
            needed,
            Source(file_id, uri, name),
            task_id=notes["procedure"],
        )
    return {"TaskId": task_id}


def _copied(kind: str) -> tuple[dict[str, Any], str]:
    """(settings, extension) of a copy of a file of this extension. Raises Refusal."""
    if kind in _FILMS or kind in _OTHER_FILMS:
        container = _FILMS.get(kind, "mkv")
        return {"kind": "remux", "container": container}, container
    if kind in _SOUNDS or kind in _OTHER_SOUNDS:
        container = _SOUNDS.get(kind, "mka")
        return {"kind": "audio", "container": container, "audio": {"codec": "copy", "channels": None}}, container
    raise Refusal("InvalidParameterValue.MediaType", f"MediaType {kind[:20]!r} is not known; say it, such as mp4")


def _common(asked: Any) -> Tasks:
    found = Tasks(
        SubAppId=asked.SubAppId,
        TasksPriority=asked.TasksPriority,
        SessionContext=asked.SessionContext,
        SessionId=asked.SessionId,
    )
    checked(found)
    return found


# --- EditMedia ------------------------------------------------------------------------------


class EditMediaFileInfo(Wire):
    """A part of a file."""

    FileId: Annotated[str | None, Works()] = None
    StartTimeOffset: Offset = None
    EndTimeOffset: Offset = None


class EditMediaVideoStream(Wire):
    """The picture."""

    Codec: Annotated[str | None, Works("other codecs are refused")] = None
    Bitrate: Annotated[int | None, Works("kbit/s")] = None
    ResolutionAdaptive: Annotated[str | None, Works()] = None
    Width: Annotated[int | None, Works("0: the reference's")] = None
    Height: Annotated[int | None, Works("0: the reference's")] = None
    Fps: Annotated[int | None, Works("0: the reference's")] = None


class EditMediaOutputConfig(Wire):
    """The new file."""

    MediaName: Annotated[str | None, Field(max_length=64), Works("up to 64 characters")] = None
    Type: Annotated[str | None, Works("`mp4` (default) or `hls`")] = None
    ClassId: Annotated[int | None, Works("comes back")] = None
    ExpireTime: Annotated[str | None, Refused("media stay until they are deleted")] = None
    VideoStream: Annotated[EditMediaVideoStream | None, Works()] = None
    TEHDConfig: Annotated[Tehd | None, Works("`OFF`; `TEHD-100` is refused")] = None


class EditMedia(Wire):
    """Cut and join files."""

    InputType: Annotated[str | None, Works("`File`; `Stream` is refused")] = None
    SubAppId: App = None
    FileInfos: Annotated[list[EditMediaFileInfo] | None, Works("up to 11")] = None
    StreamInfos: Annotated[list[dict[str, Any]] | None, Refused("there are no live streams here")] = None
    Definition: Annotated[int | None, Works("10 (default): the largest is the reference; 20: that of most bits")] = None
    ProcedureName: Annotated[str | None, Refused("call ProcessMediaByProcedure when the task has ended")] = None
    OutputConfig: Annotated[EditMediaOutputConfig | None, Works()] = None
    SessionContext: Context = None
    TasksPriority: Priority = None
    SessionId: Session = None
    ExtInfo: Reserved = None


def edit_media(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, EditMedia, call.parameters)
    common = _common(asked)
    call.caller.need(Role.PRODUCER)
    library = Library(engine, call, asked.SubAppId or 0)
    if asked.InputType != "File":
        raise Refusal("InvalidParameterValue", "InputType is File")
    files = asked.FileInfos or []
    if not 1 <= len(files) <= MOST_FILES:
        raise Refusal("InvalidParameterValue.FileIds", f"FileInfos are 1 to {MOST_FILES}")
    if asked.Definition not in {None, 0, 10, 20}:
        raise VOD.wrong("Definition", "Definition is 10 or 20")
    sources, uris = [], []
    for one in files:
        uri = library.find(one.FileId)["uri"]
        uris.append(uri)
        start, duration = elements.part(one.StartTimeOffset, one.EndTimeOffset, length_of(library, uri), VOD)
        sources.append({"uri": uri, "start": start, "duration": duration})
    output = asked.OutputConfig or EditMediaOutputConfig()
    made = _edited(output)
    file_id = new_file_id()
    name = output.MediaName or f"edited-{file_id}"
    uri = f"{library.folder(file_id)}original/file.{made.extension}"
    body = {
        "name": name,
        "sources": sources,
        "align": {"index": _reference(library, uris, asked.Definition or 10)},
        "targets": [{"name": TARGET, "uri": uri, "overrides": made.settings}],
    }
    notes = {
        "name": name,
        "made": uri,
        "type": output.Type or "mp4",
        "class": output.ClassId or 0,
        "input": [one.model_dump(exclude_none=True) for one in files],
    }
    task_id = submitted(library, Order("EditMedia", file_id, common, body, notes=notes))
    library.add(file_id, uri, name, source="EditMedia", task=task_id, **{"class": output.ClassId or 0})
    return {"TaskId": task_id}


def _edited(output: EditMediaOutputConfig) -> elements.Made:
    kind = output.Type or "mp4"
    if kind not in {"mp4", "hls"}:
        raise Refusal("InvalidParameterValue.Type", "OutputConfig.Type is mp4 or hls")
    stream = output.VideoStream
    picture = VodPicture() if stream is None else VodPicture.model_validate(stream.model_dump(exclude_none=True))
    return elements.transcode(VodTranscode(Container=kind, VideoTemplate=picture, TEHDConfig=output.TEHDConfig), VOD)


def _reference(library: Library, uris: list[str], definition: int) -> int:
    """The file to which the others are fitted. Raises what fails a look into one."""
    if len(set(uris)) == 1:
        return 0
    known: dict[str, MediaInfo] = {}
    ends = clock.monotonic() + LOOKS_SECONDS
    for uri in uris:
        if uri not in known:
            left = max(ends - clock.monotonic(), 0.1)
            known[uri] = library.engine.look(library.call, {"uri": uri}, min(left, LOOK_SECONDS))

    def weight(i: int) -> int:
        media = known[uris[i]]
        if definition == 20:
            return media.bitrate or 0
        picture = media.main_video
        return 0 if picture is None else picture.width * picture.height

    return max(range(len(uris)), key=weight)


# --- answers --------------------------------------------------------------------------------


def _made(told: Told) -> tuple[dict[str, Any], dict[str, Any] | None, str]:
    """(state, meta data, address) of the new file; such a task has a message only where it failed, unlike an element."""
    targets = results.targets_of(told.record, [TARGET])
    found = results.outcome(told.record, targets)
    if found["Status"] != "SUCCESS":
        return found, None, ""
    return {**found, "Message": ""}, results.media_of(targets[0]), told.address(TARGET, targets[0].uri)


def pulled(told: Told) -> dict[str, Any]:
    """A PullUploadTask."""
    notes, asked = told.known.origin.notes, told.known.origin.request
    found, meta, url = _made(told)
    done = found["Status"] == "SUCCESS"
    return {
        "TaskId": told.known.origin.id,
        "Status": "FINISH" if told.record.state.final else "PROCESSING",
        "ErrCode": found["ErrCode"],
        "Message": found["Message"],
        "FileId": notes["file"] if done else "",
        "MediaBasicInfo": basic(told, url) if done else None,
        "MetaData": meta,
        "FileUrl": url,
        "ProcedureTaskId": notes.get("procedure", ""),
        "ReviewAudioVideoTaskId": "",
        "SessionContext": asked.get("SessionContext", ""),
        "SessionId": asked.get("SessionId", ""),
        "Progress": found["Progress"],
    }


def basic(told: Told, url: str) -> dict[str, Any]:
    """A MediaBasicInfo of a file that was just made."""
    notes = told.known.origin.notes
    at = results.time(told.record.finished_at or told.record.created_at)
    return {
        "Name": notes["name"],
        "Description": "",
        "CreateTime": results.time(told.record.created_at),
        "UpdateTime": at,
        "ExpireTime": NEVER,
        "ClassId": notes.get("class", 0),
        "ClassName": "Other",
        "ClassPath": "Other",
        "CoverUrl": "",
        "Type": notes["type"],
        "MediaUrl": url,
        "StorageRegion": "",
        "TagSet": [],
        "Vid": "",
    }


def edited(told: Told) -> dict[str, Any]:
    """An EditMediaTask."""
    notes, asked = told.known.origin.notes, told.known.origin.request
    found, meta, url = _made(told)
    output = {
        "FileType": notes["type"],
        "FileUrl": url,
        "FileId": notes["file"],
        "MediaName": notes["name"],
        "ClassId": notes.get("class", 0),
        "ExpireTime": NEVER,
    }
    return {
        "TaskId": told.known.origin.id,
        "Status": "FINISH" if told.record.state.final else "PROCESSING",
        "ErrCode": found["ErrCode"],
        "ErrCodeExt": found["ErrCodeExt"],
        "Message": found["Message"],
        "Progress": found["Progress"],
        "Input": {"InputType": "File", "FileInfoSet": notes["input"], "StreamInfoSet": []},
        "Output": output if told.record.state is TaskState.SUCCEEDED else None,
        "MetaData": meta,
        "ProcedureTaskId": "",
        "ReviewAudioVideoTaskId": "",
        "SessionId": asked.get("SessionId", ""),
        "SessionContext": asked.get("SessionContext", ""),
    }
