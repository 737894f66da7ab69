"""Targets that cannot be made of their sources do not keep the others from being made."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from framefleet.domain.errors import ErrorInfo, FramefleetError
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.subtask import Plan
from framefleet.domain.task import Task
from framefleet_scheduler.plan.grids import UNKNOWN, Grids
from framefleet_scheduler.plan.planner import PlanSettings, plan_task

_TARGET = re.compile(r"targets\[(\d+)\]")


def plan_possible(task: Task, media: Sequence[MediaInfo], settings: PlanSettings, grids: Grids = UNKNOWN) -> Plan:
    """The plan of the targets that can be made, with what refuses the rest.

    Raises a FramefleetError where none can be, or they cannot be together.
    """
    refused: dict[str, ErrorInfo] = {}
    while True:
        try:
            plan = plan_task(task, media, settings, grids, without=refused)
        except FramefleetError as error:
            found = _named(task, error) or _each(task, media, settings, refused)
            refused |= found
            if not found or len(refused) == len(task.targets):
                raise
        else:
            return plan.model_copy(update={"refused": refused}) if refused else plan


def _named(task: Task, error: FramefleetError) -> dict[str, ErrorInfo]:
    """The target that an error names."""
    match = _TARGET.match(error.field or "")
    return {} if match is None else {task.targets[int(match[1])].name: error.info()}


def _each(
    task: Task, media: Sequence[MediaInfo], settings: PlanSettings, refused: Collection[str]
) -> dict[str, ErrorInfo]:
    """Each further target that is refused by itself: where an error names the source, it is not said for which of them."""
    names = {target.name for target in task.targets}
    found: dict[str, ErrorInfo] = {}
    for name in (target.name for target in task.targets if target.name not in refused):
        try:
            plan_task(task, media, settings, without=names - {name})
        except FramefleetError as error:
            found[name] = error.info()
    return found
