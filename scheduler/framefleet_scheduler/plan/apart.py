"""Targets that cannot be made of their sources do not keep the others from being made."""

from __future__ import annotations

from collections.abc import Sequence

from framefleet.domain.errors import ErrorInfo, FramefleetError
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.subtask import Plan
from framefleet.domain.task import Task
from framefleet_scheduler.plan.grids import UNKNOWN, Grids
from framefleet_scheduler.plan.planner import PlanSettings, plan_task


def plan_possible(task: Task, media: Sequence[MediaInfo], settings: PlanSettings, grids: Grids = UNKNOWN) -> Plan:
    """The plan of the targets that can be made, with what refuses the rest.

    Raises a FramefleetError where none can be, or they cannot be together.
    """
    try:
        return plan_task(task, media, settings, grids)
    except FramefleetError:
        refused = _refused(task, media, settings)
        if len(refused) in {0, len(task.targets)}:
            raise
    plan = plan_task(task, media, settings, grids, without=refused)
    return plan.model_copy(update={"refused": refused})


def _refused(task: Task, media: Sequence[MediaInfo], settings: PlanSettings) -> dict[str, ErrorInfo]:
    """Each target that is refused by itself."""
    names = {target.name for target in task.targets}
    found: dict[str, ErrorInfo] = {}
    for name in (target.name for target in task.targets):
        try:
            plan_task(task, media, settings, without=names - {name})
        except FramefleetError as error:
            found[name] = error.info()
    return found
