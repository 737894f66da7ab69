"""The operations of Alibaba ICE (Intelligent Cloud Editing), API of 2020-11-09: which there are, and what answers each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framefleet.domain.errors import FramefleetError
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.gate import PER_SECOND

_Operation = Callable[[Engine, Call], dict[str, Any]]
_OPERATIONS: dict[str, _Operation] = {}


class Ice:
    """Implements `framefleet_scheduler.clouds.call.Front`."""

    name = "ice"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def knows(self, action: str) -> bool:
        """Whether it is offered."""
        return action in _OPERATIONS

    def meter(self, call: Call) -> tuple[str, float]:
        """Each operation by key."""
        return f"{self.name} {call.action} {call.caller.id}", PER_SECOND

    def answer(self, call: Call) -> dict[str, Any]:
        """What the operation answers."""
        return _OPERATIONS[call.action](self._engine, call)

    def refused(self, error: FramefleetError) -> Refusal:
        """In their words."""
        return Refusal("InvalidArgument", error.message)
