"""W3C trace context: which trace a task belongs to, and the ids of its spans. Pure.

Span ids follow from what they are about, so every process knows them without asking another, and a thing that is told
twice is the same span.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_HEADER = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_SAMPLED = 1
"""The only flag of the first version (W3C Trace Context, 3.2.2.5)."""


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span, and the trace it belongs to."""

    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits."""
    sampled: bool = True
    """Whether anybody wants to see the spans."""

    @property
    def header(self) -> str:
        """As `traceparent`."""
        return f"00-{self.trace_id}-{self.span_id}-{_SAMPLED if self.sampled else 0:02x}"

    def child(self, name: str) -> TraceContext:
        """The span of that name in the same trace."""
        return TraceContext(self.trace_id, _digits(f"{self.trace_id}/{name}", 16), self.sampled)


def parse(header: str | None) -> TraceContext | None:
    """What a `traceparent` says; None when it is missing or not valid, and then it is to be ignored.

    A later version may have more fields behind those of the first, which has none.
    """
    found = _HEADER.fullmatch(header or "")
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or set(trace_id) == {"0"} or set(span_id) == {"0"}:
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def of_task(task_id: str, traceparent: str | None) -> TraceContext:
    """The span of a task: in the trace of who asked for it, else in one of its own."""
    asked = parse(traceparent)
    trace = TraceContext(_digits(task_id, 32), "") if asked is None else asked
    return trace.child(f"task/{task_id}")


def of_run(task: TraceContext, task_id: str, run: int) -> TraceContext:
    """The span of a run after the first, whose span is the task's."""
    return task.child(f"task/{task_id}/run/{run}")


def of_subtask(task: TraceContext, sid: str) -> TraceContext:
    """The span of a subtask that waits for its claim."""
    return task.child(f"subtask/{sid}")


def of_attempt(task: TraceContext, sid: str, fence: int) -> TraceContext:
    """The span of an attempt."""
    return task.child(f"attempt/{sid}/{fence}")


def _digits(text: str, number: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:number]
