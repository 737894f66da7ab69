"""What all of ICE's submits have in common: ids, pipelines, callbacks, and refusals that name the parameter."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from framefleet.domain.access import Role
from framefleet.domain.errors import FramefleetError, ServiceError
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet_scheduler.clouds.alibaba.ice import callbacks, priorities, words
from framefleet_scheduler.clouds.alibaba.ice.pipelines import Lane
from framefleet_scheduler.clouds.alibaba.ice.plan import Element, Planned, Planner
from framefleet_scheduler.clouds.alibaba.ice.reading import DOOR
from framefleet_scheduler.clouds.alibaba.ice.templates import Kept
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine, Known, Wanted
from framefleet_scheduler.clouds.fields import Wire
from framefleet_scheduler.clouds.origin import Origin

MOST_USER_DATA = 2048
_TARGET = re.compile(r"targets\[(\d{1,3})\]")
_SOURCE = re.compile(r"sources\[(\d{1,3})\]")


def planner(engine: Engine, call: Call, where: Lane, priority: int | None = None) -> Planner:
    """One that knows the tenant's templates and our storages."""
    return Planner(Kept(engine, call.tenant), engine.is_storage, where.priority if priority is None else priority)


def job_id(call: Call, token: str | None) -> str:
    """A new id; the one of a client token, of which each operation has its own."""
    if token is None:
        return uuid4().hex
    if len(token) > 64:
        raise words.beyond("ClientToken", "it may have 64 characters")
    return hashlib.sha256(f"ice/{call.tenant}/{call.action}/{token}".encode()).hexdigest()[:32]


def before(engine: Engine, call: Call, token: str | None) -> tuple[str, Known | None]:
    """The id of a job that is to be submitted, and the job that its client token has made before."""
    job = job_id(call, token)
    return job, None if token is None else engine.find(DOOR, call, job)


def submit(
    engine: Engine,
    call: Call,
    planned: Planned,
    *,
    job: str,
    scope: str,
    where: Lane,
    name: str | None,
    user_data: str | None,
    asked: Mapping[str, Any],
    notes: Mapping[str, Any],
    inputs: str = "Inputs",
) -> Known:
    """Make the task. `asked`: the parameters as they may be kept. Raises Refusal, with the parameter that our refusal is about."""
    call.caller.need(Role.PRODUCER)
    request: dict[str, Any] = {
        "name": name or "",
        "sources": planned.sources,
        "targets": planned.targets,
        "priority": priorities.ours(planned.priority),
    }
    if user_data is not None:
        request["user_data"] = user_data
    callback = callbacks.of(engine, call, user_data, scope)
    if callback is not None:
        request["notification"] = {"webhook": callback}
    wanted = Wanted(
        id=job,
        request=request,
        scope=scope,
        pipeline=where.pipeline,
        form=DOOR if callback is not None else None,
        asked=asked,
        notes={
            "elements": [asdict(one) for one in planned.elements],
            "pipeline": where.id,
            "priority": planned.priority,
            **notes,
        },
    )
    try:
        origin, _ = engine.submit(DOOR, call, wanted)
    except ServiceError:
        raise
    except FramefleetError as error:
        raise refused(error, planned, inputs) from error
    return known(engine, call, origin)


def documented(call: Call, model: type[Wire]) -> dict[str, Any]:
    """The parameters as they came, without those that there are none of: programs send what they like."""
    return {name: held for name, held in call.parameters.items() if name in model.model_fields}


def known(engine: Engine, call: Call, origin: Origin) -> Known:
    """A job that has just been submitted."""
    found = engine.find(DOOR, call, origin.id)
    if found is not None:
        return found
    record = TaskRecord(
        id=origin.id, state=TaskState.QUEUED, pipeline=call.tenant, priority=0, created_at=origin.created_at
    )
    return Known(origin, record)


def refused(error: FramefleetError, planned: Planned, inputs: str) -> Refusal:
    """Our refusal with the vendor's parameter in place of our field."""
    field = error.field or ""
    source, target = _SOURCE.search(field), _TARGET.search(field)
    where = None
    if source is not None:
        where = f"{inputs}[{source[1]}]"
    elif target is not None and int(target[1]) < len(planned.paths):
        where = planned.paths[int(target[1])]
        rest = field.rsplit("overrides", 1)[-1].strip(".") if "overrides" in field else ""
        where += f" ({rest})" if rest else ""
    return words.refused(error, where)


def elements(origin: Origin) -> Sequence[Element]:
    """The outputs of a job."""
    return [Element(**one) for one in origin.notes.get("elements", [])]


def asked(origin: Origin, name: str) -> Any:
    """A parameter of the submit: what its JSON says, or the text."""
    held = origin.request.get(name)
    if isinstance(held, str) and held[:1] in {"{", "["}:
        return json.loads(held)
    return held


def check_user_data(text: str | None, most: int = MOST_USER_DATA) -> None:
    """Refuse a longer one."""
    words.check_bytes("UserData", text, most)
