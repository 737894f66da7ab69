"""What a producer does with a cluster, over RabbitMQ (`client.py`) or over HTTP (`http_client/`): the verbs both have, with
the same answers and the same errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from framefleet.domain.errors import FramefleetError, RequestError

if TYPE_CHECKING:
    from framefleet.domain.task import TaskRequest

FINAL_STATES = ("succeeded", "failed", "canceled")
SUMMARY = ("id", "name", "state", "pipeline", "priority", "created_at", "user_data", "tags")
"""What the answer to a submission says about the task."""


class Rejected(RequestError):
    """The scheduler refused the request."""

    hint = None  # the scheduler's, where it gave one

    def __init__(
        self,
        code: str,
        message: str,
        field: str | None = None,
        hint: str | None = None,
        *,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, field=field, hint=hint)
        self.code = code  # type: ignore[misc]  # the scheduler's, whatever its class was there
        self.request_id = request_id
        """Over HTTP: what the server's log calls the request."""


class NotEnded(FramefleetError):
    """The task has not ended within the time given. It goes on."""

    code = "not_ended"
    status = 504
    hint = "Wait longer, or look at it with `framefleet status`."


@dataclass(frozen=True, slots=True)
class SubmittedTask:
    """What the scheduler answered, or (without an answer) what is known of the request."""

    id: str | None
    """None when no answer was waited for."""
    client_token: str
    """The request's own, or the one made for it. Submitting again with it gives the same task back."""
    task: dict[str, Any]
    """id, name, state, pipeline, priority, created_at, user_data, tags; empty when no answer was waited for."""


class Producer(Protocol):
    """The verbs. For one thread."""

    def submit(self, request: TaskRequest | Mapping[str, Any]) -> SubmittedTask:
        """Returns when the task is stored durably. Makes a client_token where there is none. Raises Rejected."""

    def submit_and_wait(self, request: TaskRequest | Mapping[str, Any], timeout: float | None = None) -> dict[str, Any]:
        """The final event, with the full record. Raises Rejected, NotEnded after `timeout` seconds."""

    def events(
        self, task_id: str | None = None, pipeline: str | None = None, *, timeout: float | None = None
    ) -> Iterator[dict[str, Any]]:
        """Events from now on, of one task or of all; ends `timeout` seconds from now."""

    def close(self) -> None:
        """Close what is open."""


def plain(request: TaskRequest | Mapping[str, Any]) -> dict[str, Any]:
    """A request as JSON's types."""
    if isinstance(request, Mapping):
        return dict(request)
    return request.model_dump(mode="json", exclude_unset=True)
