"""Spans for an OpenTelemetry collector, over OTLP/HTTP, where `FRAMEFLEET_OTLP_ENDPOINT` names one; else this does nothing.

The ids of spans are those of `domain/trace.py`, so a parent may be told by another process, later, or never. What a process
had not sent when it was killed is missing from the picture and from nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from framefleet import __version__
from framefleet.domain.trace import TraceContext
from framefleet.settings import PREFIX, SettingsError

Attributes = Mapping[str, str | int | float | bool]
_FLUSH_SECONDS = 5.0


class Exporter(Protocol):
    """Takes spans that have ended."""

    def add(
        self,
        name: str,
        span: TraceContext,
        parent: TraceContext | None,
        began: float,
        ended: float,
        attributes: Attributes,
        error: str | None,
    ) -> None:
        """Times are seconds since 1970; `error` is what went wrong."""

    def close(self) -> None:
        """Send what is left."""


class _Nobody:
    def add(self, *_: object) -> None:
        """Nobody listens."""

    def close(self) -> None:
        """Nothing is left."""


_exporter: Exporter = _Nobody()


def configure(endpoint: str, service: str) -> None:
    """Send the spans of this process to a collector (`http://host:4318`); an empty endpoint: to nobody.

    Raises SettingsError when the extra `otel` is not installed.
    """
    global _exporter  # noqa: PLW0603 - as of logging: one for each process
    _exporter.close()
    _exporter = _otlp(endpoint, service) if endpoint else _Nobody()


def enabled() -> bool:
    """Whether anybody is told."""
    return not isinstance(_exporter, _Nobody)


def close() -> None:
    """Send what is left; for the end of a process."""
    configure("", "")


def tell(
    name: str,
    span: TraceContext,
    parent: TraceContext | None,
    began: datetime | float,
    ended: datetime | float,
    attributes: Attributes,
    error: str | None = None,
) -> None:
    """A span that has ended, if its trace is sampled. Times are UTC, or seconds since 1970."""
    if span.sampled:
        first, last = (at.timestamp() if isinstance(at, datetime) else at for at in (began, ended))
        _exporter.add(name, span, parent, first, max(first, last), attributes, error)


@contextmanager
def telling(
    name: str, span: TraceContext, parent: TraceContext | None, **attributes: str | float | bool
) -> Iterator[None]:
    """A span for what is done inside; an exception is its error."""
    began = time.time()
    try:
        yield
    except BaseException as error:
        tell(name, span, parent, began, time.time(), attributes, type(error).__name__)
        raise
    tell(name, span, parent, began, time.time(), attributes)


def _otlp(endpoint: str, service: str) -> Exporter:
    try:
        from framefleet.adapters.otlp import OtlpExporter
    except ImportError as missing:
        raise SettingsError(
            f"{PREFIX}OTLP_ENDPOINT is set, and {missing.name} is not installed: pip install 'framefleet[otel]'"
        ) from None
    return OtlpExporter(endpoint, service, __version__, _FLUSH_SECONDS)
