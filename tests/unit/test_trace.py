"""Trace context: what is taken from a sender, and the ids that follow from it."""

from __future__ import annotations

import io
import json
import re

import pytest
import structlog

from framefleet import logging
from framefleet.adapters.rabbitmq.publisher import _event
from framefleet.domain.task import Task, accept, parse_request
from framefleet.domain.trace import TraceContext, of_attempt, of_subtask, of_task, parse
from framefleet.ports import Event
from tests.factories import NOW, request

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = f"00-{TRACE}-{SPAN}-01"


def test_a_header_is_read_and_written() -> None:
    assert parse(HEADER) == TraceContext(TRACE, SPAN, sampled=True)
    assert parse(HEADER) is not None
    assert parse(f"00-{TRACE}-{SPAN}-00") == TraceContext(TRACE, SPAN, sampled=False)
    assert TraceContext(TRACE, SPAN).header == HEADER
    assert parse(f"cc-{TRACE}-{SPAN}-03-what.comes.later") == TraceContext(TRACE, SPAN)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        HEADER.upper(),
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"{HEADER}-more",
        f"{HEADER}\n",
        f"00-{TRACE}-{SPAN}-0",
        "٠" * 2 + HEADER[2:],
    ],
)
def test_what_is_no_header_is_ignored(header: str | None) -> None:
    assert parse(header) is None


def test_a_task_is_in_its_senders_trace_or_in_one_of_its_own() -> None:
    asked, alone = of_task("t1", HEADER), of_task("t1", None)

    assert asked.trace_id == TRACE
    assert asked.span_id != SPAN
    assert alone.trace_id != TRACE
    assert alone == of_task("t1", "nonsense")
    assert alone != of_task("t2", None)
    assert not of_task("t1", f"00-{TRACE}-{SPAN}-00").sampled
    for span in (asked, alone):
        assert parse(span.header) == span


def test_every_subtask_and_attempt_has_a_span_of_its_own() -> None:
    task = of_task("t1", HEADER)
    spans = [task, of_subtask(task, "t1.1.2"), of_attempt(task, "t1.1.2", 7), of_attempt(task, "t1.1.2", 8)]

    assert {span.trace_id for span in spans} == {TRACE}
    assert len({span.span_id for span in spans}) == 4
    assert of_attempt(task, "t1.1.2", 7) == spans[2], "also in another process"


def test_a_task_keeps_what_its_sender_said_and_nothing_else() -> None:
    body = parse_request(request())
    task = accept(body, now=NOW, traceparent=HEADER)

    assert Task.model_validate_json(task.model_dump_json()).trace.trace_id == TRACE
    assert accept(body, now=NOW, traceparent="<script>").traceparent is None
    assert task.fingerprint == accept(body, now=NOW).fingerprint, "the same request is the same, whoever traces it"


@pytest.mark.parametrize(("said", "header"), [(HEADER, HEADER), ("", None), ("film", None), (f"{HEADER}\r\nx", None)])
def test_an_event_has_the_header_of_a_trace_and_of_nothing_else(said: str, header: str | None) -> None:
    body = json.dumps({"name": "a", "traceparent": said}, separators=(",", ":")).encode()

    properties = _event(Event("id", "task.planned", body)).properties

    assert (properties.headers or {}).get("traceparent") == header


def test_lines_about_a_task_have_its_trace() -> None:
    out = io.StringIO()
    logging.configure(layout="json", stream=out)
    logging.remember_trace("t06known", TRACE)
    log = structlog.get_logger()

    log.info("task.planned", task_id="t06known")
    log.info("subtask.postponed", sid="t06known.1.2")
    log.info("task.planned", task_id="t06unknown")
    log.info("leader.changed")

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line.get("trace_id") for line in lines] == [TRACE, TRACE, None, None]
    assert re.fullmatch("[0-9a-f]{32}", lines[0]["trace_id"])


def test_traces_are_not_remembered_without_end() -> None:
    known = logging._Traces(most=2)
    for number in range(3):
        known.remember(f"t{number}", TRACE)

    assert [known.find(f"t{number}") for number in range(3)] == [None, TRACE, TRACE]
