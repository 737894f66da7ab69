"""Snapshots, animations, and looks into sources: jobs of one output."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from framefleet.domain.access import Role
from framefleet.domain.errors import FramefleetError, ServiceError
from framefleet.domain.records import PublishedFile
from framefleet.domain.states import TaskState
from framefleet_scheduler.clouds.alibaba.ice import answers, metadata, submitting, words
from framefleet_scheduler.clouds.alibaba.ice.listing import GetJob, ListJobs, asked_of
from framefleet_scheduler.clouds.alibaba.ice.pipelines import lane
from framefleet_scheduler.clouds.alibaba.ice.plan import Element, Planned, place
from framefleet_scheduler.clouds.alibaba.ice.reading import found, named, page, taken
from framefleet_scheduler.clouds.alibaba.ice.stills import (
    Animation,
    GetSnapshotUrls,
    Schedule,
    Snapshot,
    SubmitDynamicImageJob,
    SubmitSnapshotJob,
    SubmitSyncMediaInfoJob,
    address,
    animation,
    kind_of,
    snapshot,
)
from framefleet_scheduler.clouds.alibaba.ice.templates import Kept, laid
from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.clouds.engine import Engine, Known

SNAPSHOT = "snapshot"
ANIMATION = "animation"
STATES: Mapping[TaskState, str] = {
    TaskState.QUEUED: "Init",
    TaskState.RUNNING: "Init",
    TaskState.SUCCEEDED: "Success",
    TaskState.FAILED: "Fail",
    TaskState.CANCELED: "Fail",
}
FILTER: Mapping[str, frozenset[TaskState]] = {
    "init": frozenset({TaskState.QUEUED, TaskState.RUNNING}),
    "success": frozenset({TaskState.SUCCEEDED}),
    "fail": frozenset({TaskState.FAILED, TaskState.CANCELED}),
}
_TARGET = "o0"
_CONFIG = "TemplateConfig.OverwriteParams"
_MOST_NAME = 128
_MOST_LINKS = 30
_LONGEST_LINK = 129_600


def submit_snapshot(engine: Engine, call: Call) -> dict[str, Any]:
    """SubmitSnapshotJob."""
    call.caller.need(Role.PRODUCER)
    asked = taken(call, SubmitSnapshotJob)
    template, over = asked.TemplateConfig.TemplateId, asked.TemplateConfig.OverwriteParams
    config, subtype = _template(engine, call, template, over is not None, 2)
    if "Type" not in config and subtype is not None:
        config = {"Type": {1: "Normal", 2: "Sprite", 3: "WebVtt"}[subtype], **config}
    wanted: Snapshot = laid(Snapshot, config, over, _CONFIG)
    media = place(asked.Output, "Output")
    extension = media.rsplit(".", 1)[-1].lower() if "." in media else ""
    settings = snapshot(wanted, extension)
    if kind_of(wanted) == "WebVtt":
        settings |= {"format": "jpg"}
    several = settings["kind"] == "sprite" or not (settings.get("count") == 1 or len(settings.get("times", ())) == 1)
    numbered = address(media, kind_of(wanted), several)
    notes = {"type": kind_of(wanted), "config": wanted.model_dump(exclude_unset=True, exclude_none=True)}
    job = _submit(engine, call, SNAPSHOT, asked, numbered, media, settings, notes)
    return {"JobId": job}


def submit_animation(engine: Engine, call: Call) -> dict[str, Any]:
    """SubmitDynamicImageJob."""
    call.caller.need(Role.PRODUCER)
    asked = taken(call, SubmitDynamicImageJob)
    template, over = asked.TemplateConfig.TemplateId, asked.TemplateConfig.OverwriteParams
    config, _ = _template(engine, call, template, over is not None, 3)
    wanted: Animation = laid(Animation, config, over, _CONFIG)
    media = place(asked.Output, "Output")
    notes = {"config": wanted.model_dump(exclude_unset=True, exclude_none=True)}
    return {"JobId": _submit(engine, call, ANIMATION, asked, media, media, animation(wanted), notes)}


def get_snapshot(engine: Engine, call: Call) -> dict[str, Any]:
    """GetSnapshotJob."""
    return {"SnapshotJob": told(_found(engine, call, SNAPSHOT))}


def get_animation(engine: Engine, call: Call) -> dict[str, Any]:
    """GetDynamicImageJob."""
    known = _found(engine, call, ANIMATION)
    job = told(known)
    if known.record.state is TaskState.SUCCEEDED:
        job["OutputUrl"] = engine.link(call, known.record, _TARGET, known.record.targets[0].uri)
    return {"DynamicImageJob": job}


def list_snapshots(engine: Engine, call: Call) -> dict[str, Any]:
    """ListSnapshotJobs."""
    return _listed(engine, call, SNAPSHOT)


def list_animations(engine: Engine, call: Call) -> dict[str, Any]:
    """ListDynamicImageJobs."""
    return _listed(engine, call, ANIMATION)


def snapshot_urls(engine: Engine, call: Call) -> dict[str, Any]:
    """GetSnapshotUrls: links to the pictures of a job that has succeeded."""
    call.caller.need(Role.VIEWER)
    asked = taken(call, GetSnapshotUrls)
    known = found(engine, call, asked.JobId, SNAPSHOT)
    number = 1 if asked.PageNumber is None else asked.PageNumber
    size = 10 if asked.PageSize is None else asked.PageSize
    timeout = 3600 if asked.Timeout is None else asked.Timeout
    words.check_within("PageNumber", number, 1, 100_000)
    words.check_within("PageSize", size, 1, _MOST_LINKS)
    words.check_within("Timeout", timeout, 1, _LONGEST_LINK)
    if asked.OrderBy not in {None, "Asc", "Desc"}:
        raise words.unfit("OrderBy", "it is none of Asc and Desc")
    files = _pictures(known)
    if asked.OrderBy == "Desc":
        files = files[::-1]
    shown = files[(number - 1) * size : number * size]
    told: dict[str, Any] = {
        "Total": len(files),
        "SnapshotUrls": [engine.link(call, known.record, _TARGET, one.uri, timeout) for one in shown],
    }
    maps = [one for target in known.record.targets for one in target.files if one.uri.endswith(".vtt")]
    if known.origin.notes.get("type") == "WebVtt" and maps:
        told["WebVTTUrl"] = engine.link(call, known.record, _TARGET, maps[0].uri, timeout)
    return told


def media_info(engine: Engine, call: Call) -> dict[str, Any]:
    """SubmitSyncMediaInfoJob: what is in a file, at once."""
    call.caller.need(Role.PRODUCER)
    asked = taken(call, SubmitSyncMediaInfoJob)
    submitting.check_user_data(asked.UserData)
    where = lane(engine, call, None)
    address = place(asked.Input, "Input")
    uri = submitting.planner(engine, call, where).address(address, "Input.Media")
    try:
        media = engine.look(call, {"uri": uri})
    except ServiceError:
        raise
    except FramefleetError as error:
        raise words.refused(error, "Input") from error
    now = answers.when(call.at)
    told: dict[str, Any] = {
        "JobId": uuid4().hex,
        "Status": "Success",
        "Async": False,
        "RequestId": call.request_id,
        "TriggerSource": "API",
        "SubmitTime": now,
        "FinishTime": answers.when(engine.desk.clock.now()),
        "Input": {"Type": "OSS", "Media": address},
        "ScheduleConfig": {"PipelineId": where.id},
        "MediaInfoProperty": metadata.of_file(
            media.model_dump(mode="json", exclude={"index"}), address, None, ours=False
        ),
    }
    own = {"Name": asked.Name, "UserData": asked.UserData}
    told |= {name: value for name, value in own.items() if value is not None}
    return {"MediaInfoJob": told}


# --- parts -----------------------------------------------------------------------------------


def _template(
    engine: Engine, call: Call, template_id: str | None, has_own: bool, kind: int
) -> tuple[Mapping[str, Any], int | None]:
    if template_id is None:
        if not has_own:
            raise words.missing("TemplateConfig.TemplateId")
        return {}, None
    kept = Kept(engine, call.tenant).config(template_id, kind, "TemplateConfig.TemplateId")
    return kept.config, kept.subtype


def _submit(
    engine: Engine,
    call: Call,
    scope: str,
    asked: SubmitSnapshotJob | SubmitDynamicImageJob,
    uri: str,
    media: str,
    settings: dict[str, Any],
    notes: Mapping[str, Any],
) -> str:
    submitting.check_user_data(asked.UserData)
    if asked.Name is not None:
        named("Name", asked.Name, _MOST_NAME)
    schedule = asked.ScheduleConfig or Schedule()
    where = lane(engine, call, schedule.PipelineId)
    plans = submitting.planner(engine, call, where)
    planned = Planned(
        sources=[{"uri": plans.address(place(asked.Input, "Input"), "Input.Media")}],
        targets=[{"name": _TARGET, "uri": plans.address(uri, "Output.Media"), "overrides": settings}],
        elements=[Element("Output", _TARGET, media)],
        paths=["TemplateConfig"],
        priority=plans.highest([schedule.Priority]),
    )
    job = submitting.job_id(call, None)
    submitting.submit(
        engine,
        call,
        planned,
        job=job,
        scope=scope,
        where=where,
        name=asked.Name,
        user_data=asked.UserData,
        asked=submitting.documented(call, type(asked)),
        notes={**notes, "name": asked.Name, "template": asked.TemplateConfig.TemplateId},
        inputs="Input",
    )
    return job


def _found(engine: Engine, call: Call, scope: str) -> Known:
    call.caller.need(Role.VIEWER)
    return found(engine, call, taken(call, GetJob).JobId, scope)


def _listed(engine: Engine, call: Call, scope: str) -> dict[str, Any]:
    call.caller.need(Role.VIEWER)
    jobs, token = page(engine, call, scope, asked_of(taken(call, ListJobs)), FILTER)
    return answers.listing([told(one, details=False) for one in jobs], token)


def told(known: Known, *, details: bool = True) -> dict[str, Any]:
    """A job as it is told; in listings without details."""
    origin, record = known.origin, known.record
    ended = answers.when(record.finished_at) if record.finished_at is not None else None
    found: dict[str, Any] = {
        "JobId": origin.id,
        "Name": origin.notes.get("name"),
        "Status": STATES[record.state],
        "CreateTime": answers.when(origin.created_at),
        "SubmitTime": answers.when(origin.created_at),
        "ModifiedTime": ended or answers.when(record.started_at or origin.created_at),
        "FinishTime": ended,
        "TriggerSource": "API",
        "PipelineId": origin.notes["pipeline"],
        "TemplateId": origin.notes.get("template"),
        "Input": _media(submitting.asked(origin, "Input"), details),
        "Output": _media(submitting.asked(origin, "Output"), details),
    }
    if origin.scope == SNAPSHOT:
        found |= {"Async": True, "Type": origin.notes.get("type")}
        if record.state is TaskState.SUCCEEDED and details:
            found["Count"] = _count(known)
    if details:
        found["UserData"] = record.user_data
        found["TemplateConfig"] = json.dumps(origin.notes.get("config", {}), separators=(",", ":"))
        found |= answers.failure(record.state, record.error)
    return {key: value for key, value in found.items() if value is not None}


def _media(held: Mapping[str, Any], details: bool) -> dict[str, Any]:
    text = str(held.get("Media", ""))
    told: dict[str, Any] = {"Type": held.get("Type", "OSS"), "Media": text}
    if details and text.startswith("oss://"):
        bucket, _, key = text.removeprefix("oss://").partition("/")
        told["OssFile"] = {"Bucket": bucket, "Object": key, "Location": ""}
    return told


def _count(known: Known) -> int:
    """Snapshots that were taken, also where they lie on sheets."""
    media = known.record.targets[0].media or {}
    return int(media.get("tiles") or len(_pictures(known)))


def _pictures(known: Known) -> Sequence[PublishedFile]:
    return [one for target in known.record.targets for one in target.files if one.kind == "picture"]
