"""The operations of Alibaba IMM (Intelligent Media Management), API of 2020-09-30: which there are, and what answers each."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from framefleet.domain.errors import FramefleetError
from framefleet_scheduler.clouds.alibaba.imm import detecting, projects, tasks
from framefleet_scheduler.clouds.alibaba.imm.reading import refused
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.gate import PER_SECOND

_Operation = Callable[[Engine, Call], dict[str, Any]]
OPERATIONS: dict[str, _Operation] = {
    "CreateMediaConvertTask": tasks.create,
    "GetTask": tasks.get,
    "ListTasks": tasks.listed,
    "CreateProject": projects.create,
    "GetProject": projects.get,
    "ListProjects": projects.listed,
    "UpdateProject": projects.update,
    "DeleteProject": projects.delete,
    "DetectMediaMeta": detecting.detect,
}
_PROJECT = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Imm:
    """Implements `framefleet_scheduler.clouds.call.Front`."""

    name = "imm"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def knows(self, action: str) -> bool:
        """Whether it is offered."""
        return action in OPERATIONS

    def meter(self, call: Call) -> tuple[str, float]:
        """All operations of a project together; what names none, by key. Lists that look at many tasks have a rate of their own."""
        slow = tasks.per_second(call) if call.action == "ListTasks" else None
        if slow is not None:
            return f"{self.name} ListTasks {slow:g} {call.tenant}", slow
        project = call.parameters.get("ProjectName")
        if isinstance(project, str) and _PROJECT.fullmatch(project):
            return f"{self.name} {call.tenant}/{project}", projects.QUERIES_PER_SECOND
        return f"{self.name} {call.action} {call.caller.id}", PER_SECOND

    def answer(self, call: Call) -> dict[str, Any]:
        """What the operation answers."""
        return OPERATIONS[call.action](self._engine, call)

    def refused(self, error: FramefleetError) -> Refusal:
        """In their words."""
        return refused(error)
