"""What travels over RabbitMQ between our own processes: orders out, reports back. Ids, never specifications."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from framefleet.domain.errors import ErrorInfo
from framefleet.domain.summary import Summary
from framefleet.domain.value import Value

EXCHANGE = "framefleet"
SUBMIT_KEY = "task.submit"
SUBMIT_QUEUE = "framefleet.submit"
REJECTED_QUEUE = "framefleet.submit.rejected"
EVENTS_EXCHANGE = "framefleet.events"
RESULTS_QUEUE = "framefleet.v1.results"


def work_queue(tag: str) -> str:
    """The Dramatiq queue of a tag. The version is in the name because a queue's arguments cannot change."""
    return f"framefleet.v1.{tag}"


class Order(Value):
    """To a worker: look at this subtask now. May come twice, late, or never."""

    sid: str
    kind: str
    tag: str
    priority: int
    """On the broker's scale, 0..10."""
    traceparent: str | None = None
    """Of its task: travels as a header."""


class Done(Value):
    """From a worker: the DONE record of this subtask exists."""

    outcome: Literal["done"] = "done"
    sid: str
    summary: Summary | None = None
    """Of the record, from the worker that created it: then nobody has to read it. None from one that found it there."""
    traceparent: str | None = Field(default=None, exclude=True)
    """Of the attempt: travels as a header."""


class Failed(Value):
    """From a worker: this attempt failed."""

    outcome: Literal["failed"] = "failed"
    sid: str
    fence: int
    nonce: str
    worker: str
    error: ErrorInfo
    cpu_seconds: float = 0.0
    traceparent: str | None = Field(default=None, exclude=True)
    """As of Done."""


Report = Annotated[Done | Failed, Field(discriminator="outcome")]

_REPORT: TypeAdapter[Report] = TypeAdapter(Report)


def decode_report(body: bytes) -> Report:
    """Raises ValueError when the body is not a report."""
    return _REPORT.validate_json(body)
