"""Spans: told to a collector where there is one, and to nobody else."""

from __future__ import annotations

import builtins
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from framefleet import tracing
from framefleet.adapters.otlp import OtlpExporter
from framefleet.domain.errors import ClientTokenConflict
from framefleet.domain.records import SubtaskRecord, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState
from framefleet.domain.trace import TraceContext, of_task
from framefleet.settings import SettingsError
from framefleet_scheduler import traces
from framefleet_scheduler.accept import Acceptor
from tests import factories
from tests.fakes import FakeClock, FakeState, MemoryStore
from tests.services.collector import Collector

SPAN = of_task("t1", None)


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    tracing.close()
    made.close()


def test_a_span_arrives_with_its_parent_its_times_and_what_it_is_about(collector: Collector) -> None:
    tracing.configure(collector.url, "framefleet-test")
    began, ended = datetime(2026, 1, 1, 0, 0, 0, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 2, 500_000, tzinfo=UTC)

    tracing.tell("attempt", SPAN.child("a"), SPAN, began, ended, {"kind": "probe", "attempt": 2}, "failed")
    tracing.close()

    (span,) = collector.spans
    assert (span.service, span.name, span.trace_id) == ("framefleet-test", "attempt", SPAN.trace_id)
    assert (span.span_id, span.parent_id) == (SPAN.child("a").span_id, SPAN.span_id)
    assert span.seconds == pytest.approx(2.5)
    assert (span.attributes, span.error) == ({"kind": "probe", "attempt": 2}, "failed")


def test_what_fails_inside_a_span_is_its_error(collector: Collector) -> None:
    tracing.configure(collector.url, "framefleet-test")

    with pytest.raises(ValueError, match="no"), tracing.telling("plan", SPAN.child("p"), SPAN):
        raise ValueError("no")
    tracing.close()

    assert [span.error for span in collector.spans] == ["ValueError"]


def test_a_trace_that_nobody_wants_to_see_is_not_told(collector: Collector) -> None:
    tracing.configure(collector.url, "framefleet-test")

    tracing.tell("task", TraceContext(SPAN.trace_id, SPAN.span_id, sampled=False), None, 1.0, 2.0, {})
    tracing.close()

    assert collector.spans == []
    assert not tracing.enabled()


def test_a_collector_that_never_answers_holds_up_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = OtlpExporter(f"http://127.0.0.1:{listener.getsockname()[1]}", "framefleet-test", "1", 0.2)
        silent.add("task", SPAN, None, 1.0, 2.0, {}, None)

        silent.close()

        # Still on its way: the connection is open, and nobody waits for the answer.
        listener.accept()[0].close()
        (sending,) = [thread for thread in threading.enumerate() if thread.name == "otlp-close"]
        assert sending.daemon


def test_accepting_is_told_once_however_often_it_is_asked_for(collector: Collector) -> None:
    clock = FakeClock()
    acceptor = Acceptor(MemoryStore(clock), FakeState(clock), clock, lambda: None)
    asked = factories.request(client_token="once")
    tracing.configure(collector.url, "framefleet-test")

    task = acceptor.accept(asked)
    assert acceptor.accept(asked).id == task.id
    with pytest.raises(ClientTokenConflict):
        acceptor.accept(asked | {"name": "another"})
    tracing.close()

    assert [(span.name, span.parent_id) for span in collector.spans] == [("accept", task.trace.span_id)]


def test_a_restart_has_a_span_of_its_own_below_that_of_the_task(collector: Collector) -> None:
    task = factories.task()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    again = SubtaskRecord(n=1, kind="probe", tag="cpu", state=SubtaskState.SUCCEEDED, queued_at=at + timedelta(hours=1))
    first = TaskRecord(
        id=task.id,
        state=TaskState.FAILED,
        pipeline="p",
        priority=5,
        created_at=at,
        finished_at=at + timedelta(seconds=9),
    )
    second = first.model_copy(
        update={"run": 2, "state": TaskState.SUCCEEDED, "subtasks": (again,), "finished_at": at + timedelta(hours=2)}
    )
    tracing.configure(collector.url, "framefleet-test")

    traces.tell(task, first)
    traces.tell(task, second)
    tracing.close()

    told = [(span.name, span.parent_id, span.seconds, span.error) for span in collector.spans]
    assert told == [("task", "", 9, "failed"), ("run", task.trace.span_id, 3600, None)]
    assert len({span.span_id for span in collector.spans}) == 2


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "framefleet.adapters.otlp":
            raise ImportError("no", name="opentelemetry")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)

    with pytest.raises(SettingsError, match=r"framefleet\[otel\]"):
        tracing.configure("http://127.0.0.1:1", "framefleet-test")
    tracing.configure("", "framefleet-test")
