"""Logs: structlog, one rich line per unit of work, JSON unless on a terminal, secrets taken out.

Events are constants, `noun.past_participle`; docs/events.md lists them.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

_SECRET_KEYS = re.compile(r"secret|password|token|authorization|credential|access_key", re.IGNORECASE)
# To the last @ before a slash: a password may hold an @ that nobody has encoded.
_USERINFO = re.compile(r"://[^\s/'\"]*@")
_ADDRESS = re.compile(r"https?://[^\s'\"]+", re.IGNORECASE)
_SIGNED = re.compile(r"X-Amz-|Signature|sig=|token=", re.IGNORECASE)


def configure(level: str = "info", layout: str = "auto", stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's logging on one stream (default stderr).

    A line that cannot be written, because the disk is full or whoever read is gone, is lost; the work goes on.
    """
    out = _Lossy(stream or sys.stderr)
    console = layout == "console" or (layout == "auto" and out.isatty())
    renderer: Any = _console_renderer(out) if console else structlog.processors.JSONRenderer()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        add_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        *([] if console else [_tracebacks()]),
        redact,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, out)),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer], foreign_pre_chain=shared
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # pika logs every lost connection with a traceback; our own loops say it once, with what follows from it.
    logging.getLogger("pika").setLevel(logging.CRITICAL)


class _Lossy:
    """A stream whose failures nobody notices."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):  # ValueError: it is closed
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        with suppress(OSError, ValueError):
            return self._stream.isatty()
        return False


def _console_renderer(out: _Lossy) -> Callable[[Any, str, MutableMapping[str, Any]], str]:
    """For people. Tracebacks become text only here, after `redact`, so the text is cleaned once more."""
    render = structlog.dev.ConsoleRenderer(
        colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=24
    )
    return lambda logger, method, event: str(_clean(render(logger, method, event)))


def _tracebacks() -> structlog.processors.ExceptionRenderer:
    """Tracebacks as data. Without the frames' variables: they hold settings, presigned addresses, whole requests."""
    return structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def get_logger() -> Any:
    """A logger."""
    return structlog.get_logger()


class _Traces:
    """Trace ids of the tasks this process dealt with lately."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, task_id: str, trace_id: str) -> None:
        with self._lock:
            self._known[task_id] = trace_id
            self._known.move_to_end(task_id)
            while len(self._known) > self._most:
                self._known.popitem(last=False)

    def find(self, task_id: str) -> str | None:
        return self._known.get(task_id)


_traces = _Traces(most=20_000)


def remember_trace(task_id: str, trace_id: str) -> None:
    """Lines about this task have this `trace_id` from now on."""
    _traces.remember(task_id, trace_id)


def knows_trace(task_id: str) -> bool:
    """Whether they have one already."""
    return _traces.find(task_id) is not None


def add_trace(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put the trace's id into a line that has the id of a task or of a subtask."""
    task_id = event.get("task_id") or str(event.get("sid", "")).split(".", 1)[0]
    trace_id = _traces.find(str(task_id))
    if trace_id is not None:
        event.setdefault("trace_id", trace_id)
    return event


def redact(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take secrets out of a record: by the name of the field, and out of addresses in any text."""
    for key, value in event.items():
        if _SECRET_KEYS.search(key):
            event[key] = "***"
        else:
            event[key] = _clean(value)
    return event


def _without_signature(found: re.Match[str]) -> str:
    address, question, query = found[0].partition("?")
    return f"{address}?***" if question and _SIGNED.search(query) else found[0]


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        # In time that grows with the text only: what FFmpeg or a sender says may be long.
        return _ADDRESS.sub(_without_signature, _USERINFO.sub("://***@", value)) if "://" in value else value
    if isinstance(value, dict):
        return {k: "***" if _SECRET_KEYS.search(str(k)) else _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v) for v in value]
    return value
