"""A call of a dialect's operation as a front gets it: who asks is known, and nothing is translated yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from framefleet.domain.errors import FramefleetError
from framefleet_scheduler.api.guard import Caller

AWAY = "a service that this needs is away; try again"
"""To callers, who are not told which."""
Note = Callable[[str, str], None]
"""Says for the audit log what was changed (`task.create`) and which."""


def _nothing(what: str, which: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Call:
    """One operation that is asked for."""

    caller: Caller
    action: str
    """The operation's name, e.g. `GetTask`."""
    parameters: dict[str, Any]
    """As they came: Alibaba's are texts, Tencent's of a JSON body have types."""
    request_id: str
    at: datetime
    """When it came, UTC."""
    base: str = ""
    """`http://host:port` as the caller wrote it, for links to us."""
    note: Note = field(default=_nothing, compare=False)

    @property
    def tenant(self) -> str:
        """Whose things are asked for: the first pipeline of the key. Keys for the same pipeline see the same."""
        return (self.caller.pipelines or ("default",))[0]


class Refusal(Exception):
    """A refusal in the words of a dialect."""

    def __init__(
        self, code: str, message: str, *, status: int = 400, retry_after: float | None = None, **more: Any
    ) -> None:
        """`status`: of HTTP, for dialects that tell errors by it. `retry_after`: seconds. `more`: further fields of the answer."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.more = more


class Front(Protocol):
    """One dialect. Stateless but for what its engine keeps; called from several threads at once."""

    name: str
    """`imm`, `ice`, `vod`, `mps` or `visionular`: of operations in keys' lists, of stored things, in logs."""

    def knows(self, action: str) -> bool:
        """Whether there is such an operation."""

    def meter(self, call: Call) -> tuple[str, float]:
        """Whose rate the call counts for, and how many of those may come per second."""

    def answer(self, call: Call) -> dict[str, Any]:
        """What the operation answers, without the envelope. Raises Refusal, or a FramefleetError for `refused`."""

    def refused(self, error: FramefleetError) -> Refusal:
        """An error of ours in the dialect's words."""
