"""SubmitMediaConvertJob, GetMediaConvertJob, ListMediaConvertJobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from framefleet.domain.access import Role
from framefleet.domain.states import TaskState
from framefleet_scheduler.clouds.alibaba.ice import answers, submitting
from framefleet_scheduler.clouds.alibaba.ice.convert import SubmitMediaConvertJob
from framefleet_scheduler.clouds.alibaba.ice.listing import GetJob, ListMediaConvertJobs, asked_of
from framefleet_scheduler.clouds.alibaba.ice.pipelines import lane
from framefleet_scheduler.clouds.alibaba.ice.reading import found, page, taken
from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.clouds.engine import Engine, Known

SCOPE = "convert"
FILTER: Mapping[str, frozenset[TaskState]] = {
    "inited": frozenset({TaskState.QUEUED}),
    "running": frozenset({TaskState.RUNNING}),
    "complete": frozenset({TaskState.SUCCEEDED}),
    "success": frozenset({TaskState.SUCCEEDED}),
    "error": frozenset({TaskState.FAILED}),
    "failed": frozenset({TaskState.FAILED}),
    "cancelled": frozenset({TaskState.CANCELED}),
    "canceled": frozenset({TaskState.CANCELED}),
}
"""Words of the filter in lower case, those of both of their pages."""


def submit(engine: Engine, call: Call) -> dict[str, Any]:
    """SubmitMediaConvertJob: the same client token gives the same job, whatever else is asked for."""
    call.caller.need(Role.PRODUCER)
    asked = taken(call, SubmitMediaConvertJob)
    submitting.check_user_data(asked.UserData)
    job, before = submitting.before(engine, call, asked.ClientToken)
    if before is not None:
        return {"Job": answers.job(view(before), states=answers.SUBMITTED)}
    where = lane(engine, call, asked.PipelineId)
    planned = submitting.planner(engine, call, where).plan(asked.Config)
    groups = [one.Name or "" for one in asked.Config.OutputGroups or []]
    known = submitting.submit(
        engine,
        call,
        planned,
        job=job,
        scope=SCOPE,
        where=where,
        name=asked.Config.JobName,
        user_data=asked.UserData,
        asked=submitting.documented(call, SubmitMediaConvertJob),
        notes={"token": asked.ClientToken, "groups": groups},
    )
    return {"Job": answers.job(view(known), states=answers.SUBMITTED)}


def get(engine: Engine, call: Call) -> dict[str, Any]:
    """GetMediaConvertJob."""
    call.caller.need(Role.VIEWER)
    asked = taken(call, GetJob)
    return {"Job": answers.job(view(found(engine, call, asked.JobId, SCOPE)))}


def listed(engine: Engine, call: Call) -> dict[str, Any]:
    """ListMediaConvertJobs."""
    call.caller.need(Role.VIEWER)
    jobs, token = page(engine, call, SCOPE, asked_of(taken(call, ListMediaConvertJobs)), FILTER)
    return answers.listing([answers.job(view(one), details=False) for one in jobs], token)


def view(known: Known) -> answers.JobView:
    """A job as the answers tell it."""
    origin = known.origin
    return answers.JobView(
        id=origin.id,
        record=known.record,
        request_id=origin.request_id,
        created_at=origin.created_at,
        config=submitting.asked(origin, "Config"),
        pipeline_id=origin.notes["pipeline"],
        client_token=origin.notes.get("token"),
        elements=submitting.elements(origin),
        groups=origin.notes.get("groups", []),
    )
