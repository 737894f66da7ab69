"""Spans to a collector by OTLP over HTTP. The only module that imports OpenTelemetry (extra `otel`)."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from framefleet.domain.trace import TraceContext

_BILLION = 1_000_000_000


class OtlpExporter:
    """Sends spans in batches, from a thread of its own. What cannot be sent is logged and dropped, never waited for."""

    def __init__(self, endpoint: str, service: str, version: str, flush_seconds: float) -> None:
        """`endpoint` is the collector's, without a path; `service` is who we are."""
        # Not a tracer: that would make up its own ids.
        self._sender = BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces"))
        self._resource = Resource({"service.name": service, "service.version": version})
        self._flush_seconds = flush_seconds

    def add(
        self,
        name: str,
        span: TraceContext,
        parent: TraceContext | None,
        began: float,
        ended: float,
        attributes: Mapping[str, str | int | float | bool],
        error: str | None,
    ) -> None:
        """See `tracing.Exporter`."""
        self._sender.on_end(
            ReadableSpan(
                name,
                context=_context(span),
                parent=None if parent is None else _context(parent),
                resource=self._resource,
                attributes=dict(attributes),
                status=Status() if error is None else Status(StatusCode.ERROR, error),
                start_time=int(began * _BILLION),
                end_time=int(ended * _BILLION),
            )
        )

    def close(self) -> None:
        """Send what is left. When that takes too long, this returns, and what is not sent by the end of the process is lost."""
        # It sends, too. How long it waits for a collector that refuses or does not answer cannot be told to it.
        ending = threading.Thread(target=self._sender.shutdown, name="otlp-close", daemon=True)
        ending.start()
        ending.join(self._flush_seconds)


def _context(span: TraceContext) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if span.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(span.trace_id, 16), int(span.span_id, 16), is_remote=False, trace_flags=flags)
