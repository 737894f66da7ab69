"""SubmitTranscodeJob, GetTranscodeJob, ListTranscodeJobs: the older calls, with a job for each output below one for all."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from framefleet.domain.access import Role
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet_scheduler.clouds.alibaba.ice import answers, submitting, words
from framefleet_scheduler.clouds.alibaba.ice.convert import HlsGroup
from framefleet_scheduler.clouds.alibaba.ice.features import ImageMark, TextMark
from framefleet_scheduler.clouds.alibaba.ice.listing import GetParentJob, ListTranscodeJobs, asked_of
from framefleet_scheduler.clouds.alibaba.ice.marks import MOST_MARKS, image_mark, text_mark
from framefleet_scheduler.clouds.alibaba.ice.pipelines import lane
from framefleet_scheduler.clouds.alibaba.ice.plan import MOST_OUTPUTS, Asked, Element, Planned, Planner, mark, place
from framefleet_scheduler.clouds.alibaba.ice.reading import found, named, page, taken
from framefleet_scheduler.clouds.alibaba.ice.settings import Made
from framefleet_scheduler.clouds.alibaba.ice.stills import Schedule
from framefleet_scheduler.clouds.alibaba.ice.templates import Kept, laid
from framefleet_scheduler.clouds.alibaba.ice.transcode import (
    Locked,
    OutputOf,
    Process,
    SubmitTranscodeJob,
    Subtitle,
    SubtitleConfig,
)
from framefleet_scheduler.clouds.alibaba.parameters import nested
from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.clouds.engine import Engine, Known

SCOPE = "transcode"
STATES: Mapping[TaskState, str] = {
    TaskState.QUEUED: "Init",
    TaskState.RUNNING: "Processing",
    TaskState.SUCCEEDED: "Success",
    TaskState.FAILED: "Fail",
    TaskState.CANCELED: "Deleted",
}
"""Of the jobs of outputs."""
FILTER: Mapping[str, frozenset[TaskState]] = {
    "init": frozenset({TaskState.QUEUED, TaskState.RUNNING}),
    "success": frozenset({TaskState.SUCCEEDED, TaskState.FAILED}),
    "fail": frozenset({TaskState.FAILED, TaskState.CANCELED}),
}
"""What a filter may find; a job is shown when its state is the one that was asked for, see `parent_state`."""
_MOST_USER_DATA = 512
_MOST_NAME = 128
_LOCKABLE = frozenset({"m3u8", "hls", "hls-fmp4"})
_ENCODINGS = frozenset({"utf-8", "utf8", "auto"})


def submit(engine: Engine, call: Call) -> dict[str, Any]:
    """SubmitTranscodeJob: the same client token gives the same job."""
    call.caller.need(Role.PRODUCER)
    asked = taken(call, SubmitTranscodeJob)
    submitting.check_user_data(asked.UserData, _MOST_USER_DATA)
    if asked.Name is not None:
        named("Name", asked.Name, _MOST_NAME)
    job, before = submitting.before(engine, call, asked.ClientToken)
    if before is not None:
        return {"TranscodeParentJob": told(before)}
    schedule = asked.ScheduleConfig or Schedule()
    where = lane(engine, call, schedule.PipelineId)
    plans = submitting.planner(engine, call, where)
    planned = Planned(plans.sources(list(asked.InputGroup or []), "InputGroup"))
    outputs = asked.OutputGroup or []
    if not outputs:
        raise words.missing("OutputGroup")
    if len(outputs) > MOST_OUTPUTS:
        raise words.beyond("OutputGroup", f"there may be {MOST_OUTPUTS}")
    kept = Kept(engine, call.tenant)
    for i, one in enumerate(outputs):
        plans.add(planned, f"o{i}", _asked(plans, kept, one, f"OutputGroup[{i}]"), None, None)
    _burn(plans, kept, planned, [one.ProcessConfig for one in outputs])
    planned.priority = plans.highest([schedule.Priority])
    known = submitting.submit(
        engine,
        call,
        planned,
        job=job,
        scope=SCOPE,
        where=where,
        name=asked.Name,
        user_data=asked.UserData,
        asked=without_keys(submitting.documented(call, SubmitTranscodeJob)),
        notes={"token": asked.ClientToken, "name": asked.Name},
        inputs="InputGroup",
    )
    return {"TranscodeParentJob": told(known)}


def get(engine: Engine, call: Call) -> dict[str, Any]:
    """GetTranscodeJob."""
    call.caller.need(Role.VIEWER)
    asked = taken(call, GetParentJob)
    return {"TranscodeParentJob": told(found(engine, call, asked.ParentJobId, SCOPE, "ParentJobId"))}


def listed(engine: Engine, call: Call) -> dict[str, Any]:
    """ListTranscodeJobs."""
    call.caller.need(Role.VIEWER)
    asked = taken(call, ListTranscodeJobs)
    jobs, token = page(engine, call, SCOPE, asked_of(asked), FILTER)
    wanted = (asked.Status or "").lower()
    shown = [one for one in jobs if wanted in {"", parent_state(one.record).lower()}]
    return answers.listing([told(one, details=False) for one in shown], token)


def parent_state(record: TaskRecord) -> str:
    """Success as soon as one of several outputs is one, when all have ended."""
    if not record.state.final:
        return "Init"
    some = any(target.state is TaskState.SUCCEEDED for target in record.targets)
    return "Success" if some or record.state is TaskState.SUCCEEDED else "Fail"


# --- asking ----------------------------------------------------------------------------------


def _asked(plans: Planner, kept: Kept, one: OutputOf, path: str) -> Asked:
    process = one.ProcessConfig
    if process is None or process.Transcode is None:
        raise words.missing(f"{path}.ProcessConfig.Transcode")
    media = place(one.Output, f"{path}.Output")
    at = f"{path}.ProcessConfig"
    transcode = process.Transcode
    made = plans.made(transcode.TemplateId, transcode.OverwriteParams, f"{at}.Transcode", media)
    marks = _marks(plans, kept, process, at)
    if marks:
        mark(made, marks, f"{at}.ImageWatermarks")
    settings = (
        {} if process.Encryption is None else {"encryption": locked(process.Encryption, made, f"{at}.Encryption")}
    )
    return Asked(path=path, made=made, clip=None, name="", media=media, group=HlsGroup(), settings=settings)


def locked(asked: Locked, made: Made, path: str) -> dict[str, Any]:
    """`encryption` of a ladder. Raises Refusal."""
    if made.form not in _LOCKABLE:
        raise words.unsupported(path, "only HLS is encrypted")
    if (asked.EncryptType or "").lower().startswith("private"):
        raise words.unsupported(f"{path}.EncryptType", "there is no private encryption")
    if (asked.KeyServiceType or "KMS").lower() != "base64":
        raise words.unsupported(
            f"{path}.KeyServiceType", "keys of KMS cannot be opened here: give the key itself as Base64"
        )
    if asked.CipherText is None:
        raise words.missing(f"{path}.CipherText")
    try:
        key = base64.b64decode(asked.CipherText, validate=True)
    except ValueError:
        key = b""
    if len(key) != 16:
        raise words.unfit(f"{path}.CipherText", "it has to be 16 bytes as Base64")
    return {"key": key.hex(), **({"key_uri": asked.DecryptKeyUri} if asked.DecryptKeyUri else {})}


def without_keys(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The call's parameters as they may be kept."""
    held = parameters.get("OutputGroup")
    outputs = nested(held) if isinstance(held, str) else held
    for output in outputs if isinstance(outputs, list) else ():
        encryption = output.get("ProcessConfig", {}).get("Encryption")
        if isinstance(encryption, dict):
            encryption.pop("CipherText", None)
    return {**parameters, "OutputGroup": json.dumps(outputs, separators=(",", ":"))}


def _marks(plans: Planner, kept: Kept, process: Process, at: str) -> list[dict[str, Any]]:
    images, texts = process.ImageWatermarks or [], process.TextWatermarks or []
    if len(images) + len(texts) > MOST_MARKS:
        raise words.beyond(f"{at}.ImageWatermarks", f"there may be {MOST_MARKS} watermarks")
    found = []
    for i, image in enumerate(images):
        path = f"{at}.ImageWatermarks[{i}]"
        base = kept.config(image.TemplateId, 4, f"{path}.TemplateId").config if image.TemplateId else {}
        found.append(image_mark(laid(ImageMark, base, image.OverwriteParams, path), plans.named, path))
    for i, text in enumerate(texts):
        path = f"{at}.TextWatermarks[{i}]"
        base = kept.config(text.TemplateId, 5, f"{path}.TemplateId").config if text.TemplateId else {}
        found.append(text_mark(laid(TextMark, base, text.OverwriteParams, path), path))
    return found


def _burn(plans: Planner, kept: Kept, planned: Planned, processes: Sequence[Process | None]) -> None:
    """Subtitles come with the first source; outputs that have them draw them."""
    files: set[str] = set()
    drawn = []
    for i, process in enumerate(processes):
        for k, one in enumerate((process.Subtitles if process else None) or []):
            path = f"OutputGroup[{i}].ProcessConfig.Subtitles[{k}]"
            files.add(_subtitle(plans, kept, one, path))
            drawn.append(i)
            if len(files) > 1 or drawn.count(i) > 1:
                raise words.unsupported(path, "one file of subtitles is drawn, the same for all outputs")
            settings = planned.targets[i]["overrides"]
            if settings["kind"] not in {"file", "ladder"}:
                raise words.unsupported(path, "there is no picture that is encoded")
            # Numbers count the source's own text tracks first, so it is found by a language that nothing else has.
            settings["subtitles"] = {"mode": "burn", "tracks": [_DRAWN]}
    if files:
        planned.sources[0]["subtitles"] = [{"uri": files.pop(), "language": _DRAWN}]


_DRAWN = "qaa"
"""ISO 639-2: kept free for such uses."""


def _subtitle(plans: Planner, kept: Kept, one: SubtitleConfig, path: str) -> str:
    base = kept.config(one.TemplateId, 6, f"{path}.TemplateId").config if one.TemplateId else {}
    wanted: Subtitle = laid(Subtitle, base, one.OverwriteParams, path)
    if (wanted.CharEnc or "auto").lower() not in _ENCODINGS:
        raise words.unsupported(f"{path}.OverwriteParams.CharEnc", "texts are UTF-8")
    if wanted.File is None or wanted.File.Media is None:
        raise words.missing(f"{path}.OverwriteParams.File.Media")
    return plans.address(wanted.File.Media, f"{path}.OverwriteParams.File.Media")


# --- telling ---------------------------------------------------------------------------------


def told(known: Known, *, details: bool = True) -> dict[str, Any]:
    """The job of all outputs; `details`: with those of each."""
    origin, record = known.origin, known.record
    elements = submitting.elements(origin)
    created = answers.when(origin.created_at)
    found: dict[str, Any] = {
        "ParentJobId": origin.id,
        "RequestId": origin.request_id,
        "Name": origin.notes.get("name"),
        "Status": parent_state(record),
        "Percent": 100 if record.state.final else answers.percent(record),
        "JobCount": len(elements),
        "CreateTime": created,
        "SubmitTime": created,
        "TriggerSource": "API",
        "UserData": record.user_data,
        **answers.ended(record, record.state),
        **_as_asked(known),
    }
    if details:
        outputs = submitting.asked(origin, "OutputGroup") or []
        found["TranscodeJobList"] = [child(known, i, one, outputs[i]) for i, one in enumerate(elements)]
    return {key: value for key, value in found.items() if value is not None}


def child(known: Known, index: int, element: Element, output: Mapping[str, Any]) -> dict[str, Any]:
    """The job of one output."""
    origin, record = known.origin, known.record
    target = answers.target_of(record, element.target)
    state = answers.state_of(record, target)
    created = answers.when(origin.created_at)
    found: dict[str, Any] = {
        "JobId": answers.part_id(origin.id, element.path),
        "ParentJobId": origin.id,
        "JobIndex": index,
        "RequestId": origin.request_id,
        "Name": origin.notes.get("name"),
        "Status": STATES[state],
        "CreateTime": created,
        "SubmitTime": created,
        "InputGroup": submitting.asked(origin, "InputGroup"),
        "Output": output.get("Output"),
        "ProcessConfig": output.get("ProcessConfig"),
        "ScheduleConfig": _schedule(known),
        "UserData": record.user_data,
        **answers.ended(record, state),
        **answers.failure(state, target.error if target else None),
    }
    if state is TaskState.SUCCEEDED and target is not None:
        found["OutFileMeta"] = answers.file_meta(target, element.media)
    return {key: value for key, value in found.items() if value is not None}


def _as_asked(known: Known) -> dict[str, Any]:
    return {
        "InputGroup": submitting.asked(known.origin, "InputGroup"),
        "OutputGroup": submitting.asked(known.origin, "OutputGroup"),
        "ScheduleConfig": _schedule(known),
    }


def _schedule(known: Known) -> dict[str, Any]:
    return {"PipelineId": known.origin.notes["pipeline"], "Priority": known.origin.notes["priority"]}
