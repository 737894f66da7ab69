"""DescribeMediaInfos and DeleteMedia."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from framefleet.domain.access import Role
from framefleet.domain.address import source_address
from framefleet.domain.errors import FramefleetError
from framefleet.domain.states import TaskState
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.fields import Wire, Works
from framefleet_scheduler.clouds.tencent import results
from framefleet_scheduler.clouds.tencent.vod import answers, parts, tasks
from framefleet_scheduler.clouds.tencent.vod.answers import Told
from framefleet_scheduler.clouds.tencent.vod.edit import TARGET
from framefleet_scheduler.clouds.tencent.vod.library import DOOR, NEVER, Library, extension_of
from framefleet_scheduler.clouds.tencent.vod.requests import App
from framefleet_scheduler.clouds.tencent.vod.words import VOD
from framefleet_scheduler.clouds.tencent.words import read

MOST_FILES = 20
MOST_TASKS_READ = 20
"""Latest tasks of a file whose results are told."""
MOST_DELETED = 10_000
MOST_LOOKS = 3
"""Into files that no task has read yet, by one call of a producer; MetaData of others is null until the next one."""
_LOOK_SECONDS = 4.0
_SOUNDS = frozenset({"m4a", "mka", "mp3", "flac", "ogg", "wav"})
_FILTERS = {
    "basicInfo": "BasicInfo",
    "metaData": "MetaData",
    "transcodeInfo": "TranscodeInfo",
    "animatedGraphicsInfo": "AnimatedGraphicsInfo",
    "sampleSnapshotInfo": "SampleSnapshotInfo",
    "imageSpriteInfo": "ImageSpriteInfo",
    "snapshotByTimeOffsetInfo": "SnapshotByTimeOffsetInfo",
    "keyFrameDescInfo": "KeyFrameDescInfo",
    "adaptiveDynamicStreamingInfo": "AdaptiveDynamicStreamingInfo",
    "miniProgramReviewInfo": "MiniProgramReviewInfo",
    "subtitleInfo": "SubtitleInfo",
    "reviewInfo": "ReviewInfo",
    "mpsAiMediaInfo": "MPSAiMediaInfo",
    "knowledgeBasesInfo": "KnowledgeBasesInfo",
}
_SETS = {
    "Transcode": ("TranscodeInfo", "TranscodeSet"),
    "AnimatedGraphics": ("AnimatedGraphicsInfo", "AnimatedGraphicsSet"),
    "SampleSnapshot": ("SampleSnapshotInfo", "SampleSnapshotSet"),
    "ImageSprites": ("ImageSpriteInfo", "ImageSpriteSet"),
    "SnapshotByTimeOffset": ("SnapshotByTimeOffsetInfo", "SnapshotByTimeOffsetSet"),
    "AdaptiveDynamicStreaming": ("AdaptiveDynamicStreamingInfo", "AdaptiveDynamicStreamingSet"),
}
_PROCESSED = frozenset({"Transcode", "EditMedia"})
_PARTS = {"TranscodeFiles": "transcode", "AdaptiveDynamicStreamingFiles": "adaptive"}


class DescribeMediaInfos(Wire):
    """Up to 20 files."""

    FileIds: Annotated[list[str] | None, Works("up to 20")] = None
    SubAppId: App = None
    Filters: Annotated[
        list[str] | None,
        Works("what there is nothing of here is null; so is `metaData` for a viewer until a task has read the file"),
    ] = None


class MediaDeleteItem(Wire):
    """A part of a file's things."""

    Type: Annotated[
        str | None, Works("`OriginalFiles`, `TranscodeFiles`, `AdaptiveDynamicStreamingFiles`; others are refused")
    ] = None
    Definition: Annotated[int | None, Works("0: all of them")] = None


class DeleteMedia(Wire):
    """Forget a file, and remove what is kept of it."""

    FileId: Annotated[str | None, Works("what it was pulled from stays")] = None
    SubAppId: App = None
    DeleteParts: Annotated[list[MediaDeleteItem] | None, Works("without it everything")] = None


def describe(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, DescribeMediaInfos, call.parameters)
    call.caller.need(Role.VIEWER)
    file_ids = asked.FileIds or []
    if not file_ids:
        raise Refusal("InvalidParameterValue.FileIdsEmpty", "FileIds are missing")
    if len(file_ids) > MOST_FILES:
        raise Refusal("InvalidParameterValue.FileIdsTooMany", f"FileIds are up to {MOST_FILES}")
    unknown = [one for one in asked.Filters or () if one not in _FILTERS]
    if unknown:
        raise Refusal("InvalidParameterValue", f"Filters have {unknown[0][:40]!r}")
    wanted = {_FILTERS[one] for one in asked.Filters} if asked.Filters else set(_FILTERS.values())
    library = Library(engine, call, asked.SubAppId or 0)
    may_look = call.caller.role.covers(Role.PRODUCER)  # a look is work for the cluster
    looks = iter(range(MOST_LOOKS if may_look else 0))
    found, missing = [], []
    for file_id in dict.fromkeys(file_ids):
        document = library.get(file_id)
        if document is None or not _is_there(library, document):
            missing.append(file_id)
        else:
            found.append(_info(library, file_id, document, wanted, looks))
    return {"MediaInfoSet": found, "NotExistFileIdSet": missing}


def _is_there(library: Library, document: dict[str, Any]) -> bool:
    """Whether the task that makes the file is done."""
    if "task" not in document or "meta" in document:
        return True
    made = library.engine.find(DOOR, library.call, document["task"])
    return made is None or parts.merged(parts.all_of(library.engine, made)).record.state is TaskState.SUCCEEDED


def _info(
    library: Library, file_id: str, document: dict[str, Any], wanted: set[str], looks: Iterator[int]
) -> dict[str, Any]:
    """A MediaInfo; `looks`: one for each look into a file that may be taken."""
    info: dict[str, Any] = {"FileId": file_id, **dict.fromkeys(_FILTERS.values())}
    reads = wanted & {"BasicInfo", *(name for name, _ in _SETS.values())} or (
        "MetaData" in wanted and "meta" not in document
    )
    made = list(_told(library, file_id)) if reads else []
    outputs = _outputs(made)
    if "BasicInfo" in wanted:
        info["BasicInfo"] = _basic(library, document, outputs.get("CoverBySnapshot", []))
    if "MetaData" in wanted:
        info["MetaData"] = _meta(library, file_id, document, made, looks)
    for kind, (name, below) in _SETS.items():
        if name in wanted and outputs.get(kind):
            info[name] = {below: outputs[kind]}
    return info


def _told(library: Library, file_id: str) -> Iterator[Told]:
    """The latest tasks of a file, the oldest of them first."""
    for name in reversed(library.tasks(file_id)[:MOST_TASKS_READ]):
        found = library.engine.find(DOOR, library.call, name.partition(".")[2])
        if found is not None:
            yield tasks.told(library.engine, found, library.call.base)


def _outputs(made: list[Told]) -> dict[str, list[dict[str, Any]]]:
    """What was made, by kind; of one template the latest."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for told in made:
        for note in told.known.origin.notes.get("elements", ()):
            item = answers.element(told, note)
            output = next((one["Output"] for one in item.values() if isinstance(one, dict)), None)
            if output is not None:
                definition = int(note["input"].get("Definition", 0))
                found.setdefault(note["type"], {})[definition] = output
    return {kind: list(items.values()) for kind, items in found.items()}


def _basic(library: Library, document: dict[str, Any], covers: list[dict[str, Any]]) -> dict[str, Any]:
    kind = extension_of(document["uri"])
    origin = "VideoProcessing" if document.get("source") in _PROCESSED else "Upload"
    return {
        "Name": document["name"],
        "Description": "",
        "CreateTime": document["created"],
        "UpdateTime": document["updated"],
        "ExpireTime": NEVER,
        "ClassId": document.get("class", 0),
        "ClassName": "Other",
        "ClassPath": "Other",
        "CoverUrl": covers[-1]["CoverUrl"] if covers else document.get("cover", ""),
        "Type": "hls" if kind == "m3u8" else kind,
        "MediaUrl": parts.read_link(
            library.engine, library.call.base, library.call.tenant, document["uri"], document.get("task", "")
        ),
        "SourceInfo": {"SourceType": origin, "SourceContext": document.get("context", "")},
        "StorageRegion": "",
        "StoragePath": document.get("path", ""),
        "TagSet": [],
        "Vid": "",
        "Category": "Audio" if kind in _SOUNDS else "Video",
        "Status": "Normal",
        "StorageClass": "STANDARD",
    }


def _meta(
    library: Library, file_id: str, document: dict[str, Any], made: list[Told], looks: Iterator[int]
) -> dict[str, Any] | None:
    """What the file holds; looked up once, and kept with it."""
    if "meta" in document:
        kept: dict[str, Any] = document["meta"]
        return kept
    found = _of_its_task(library, document) or next(
        (results.meta_data(one.media) for one in reversed(made) if one.media is not None), None
    )
    if found is None:
        if next(looks, None) is None:
            return None
        try:
            found = results.meta_data(library.engine.look(library.call, {"uri": document["uri"]}, _LOOK_SECONDS))
        except FramefleetError:
            return None
    library.change(file_id, {**document, "meta": found})
    return found


def _of_its_task(library: Library, document: dict[str, Any]) -> dict[str, Any] | None:
    """As the task says that has made the file."""
    if document.get("source") not in {"Upload", "EditMedia"}:
        return None
    found = library.engine.find(DOOR, library.call, document["task"])
    target = None if found is None else next((one for one in found.record.targets if one.name == TARGET), None)
    return None if target is None or target.media is None else results.media_of(target)


# --- deleting -------------------------------------------------------------------------------


def delete(engine: Engine, call: Call) -> dict[str, Any]:
    """The operation."""
    asked = read(VOD, DeleteMedia, call.parameters)
    call.caller.need(Role.PRODUCER)
    library = Library(engine, call, asked.SubAppId or 0)
    document = library.find(asked.FileId)
    file_id = asked.FileId or ""
    items = asked.DeleteParts or []
    for item in items:
        if item.Type not in {"OriginalFiles", *_PARTS}:
            raise Refusal("InvalidParameterValue.Type", f"there are no {(item.Type or '')[:40]} here")
    folder = library.folder(file_id)
    if not items:
        _remove(library, folder, lambda _: True)
        _remove_own(library, document)
        library.forget(file_id)
    for item in items:
        if item.Type == "OriginalFiles":
            _remove(library, folder, lambda name: name.startswith("original"))
            _remove_own(library, document)
        else:
            kind = f"{_PARTS[item.Type or '']}-" + (f"{item.Definition}-" if item.Definition else "")
            _remove(library, folder, lambda name, kind=kind: name.partition("/")[2].startswith(kind))
    call.note("media.delete", file_id)
    return {}


def _remove_own(library: Library, document: dict[str, Any]) -> None:
    """The file itself, where it lies in the application's folder and was not only named by its address."""
    if document["uri"].startswith(library.root) and document.get("source") != "Url":
        _remove(library, document["uri"], lambda name: not name)


def _remove(library: Library, prefix: str, which: Any) -> None:
    """Files below an address of ours whose further names fit."""
    place = library.engine.desk.locate(source_address(prefix + "x", "uri"))
    start = place.key[:-1]
    gone: list[str] = []
    for info in place.store.list(start):
        if len(gone) >= MOST_DELETED:
            break
        if which(info.key.removeprefix(start)):
            gone.append(info.key)
    if gone:
        place.store.delete(gone)
