"""The operations of Tencent MPS (Media Processing Service), API of 2019-06-12: which there are, and what answers each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from framefleet.domain.errors import FramefleetError
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.gate import PER_SECOND
from framefleet_scheduler.clouds.tencent.mps import process, tasks, workflows
from framefleet_scheduler.clouds.tencent.mps.asking import DOOR
from framefleet_scheduler.clouds.tencent.mps.refusals import refusal
from framefleet_scheduler.clouds.tencent.mps.template_calls import FAMILIES

_Operation = Callable[[Engine, Call], dict[str, Any]]
OPERATIONS: Mapping[str, _Operation] = {
    "ProcessMedia": process.process_media,
    "DescribeTaskDetail": tasks.describe_detail,
    "DescribeTasks": tasks.describe_tasks,
    "ManageTask": tasks.manage,
    "DescribeMediaMetaData": tasks.describe_meta_data,
    "ParseNotification": tasks.parse_notification,
    "CreateWorkflow": workflows.create,
    "ResetWorkflow": workflows.reset,
    "EnableWorkflow": workflows.enable,
    "DisableWorkflow": workflows.disable,
    "DeleteWorkflow": workflows.delete,
    "DescribeWorkflows": workflows.describe,
    **{name: operation for family in FAMILIES for name, operation in family.operations.items()},
}
_SELDOM = frozenset({"ManageTask", "ParseNotification"})
_SELDOM_PER_SECOND = 20.0


class Mps:
    """Implements `framefleet_scheduler.clouds.call.Front`."""

    name = DOOR

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def knows(self, action: str) -> bool:
        """Whether it is offered."""
        return action in OPERATIONS

    def meter(self, call: Call) -> tuple[str, float]:
        """Each operation by key."""
        rate = _SELDOM_PER_SECOND if call.action in _SELDOM else PER_SECOND
        return f"{self.name} {call.action} {call.caller.id}", rate

    def answer(self, call: Call) -> dict[str, Any]:
        """What the operation answers."""
        return OPERATIONS[call.action](self._engine, call)

    def refused(self, error: FramefleetError) -> Refusal:
        """In their words."""
        return refusal(error)
