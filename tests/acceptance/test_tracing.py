"""One task from its sender's trace to its final event: headers, log lines, and the spans that a collector gets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pika
import pytest

from framefleet.adapters.rabbitmq import declare_topology
from framefleet.domain.trace import of_task
from tests.acceptance.cluster import Cluster, eventually
from tests.acceptance.test_cluster import file_task
from tests.acceptance.test_http import Http
from tests.media import sources
from tests.services.collector import Collector

TRACE, SENDER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = f"00-{TRACE}-{SENDER}-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def submit(cluster: Cluster, body: dict[str, Any], traceparent: str) -> None:
    """As a program that is traced does."""
    connection = pika.BlockingConnection(pika.URLParameters(cluster.amqp_url))
    channel = connection.channel()
    declare_topology(channel)
    properties = pika.BasicProperties(delivery_mode=2, headers={"traceparent": traceparent})
    channel.basic_publish("framefleet", "task.submit", json.dumps(body).encode(), properties)
    connection.close()


class Listener(threading.Thread):
    """Keeps the headers and bodies of all events until the final one."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(daemon=True)
        self.seen: list[tuple[str | None, dict[str, Any]]] = []
        self.connection = pika.BlockingConnection(pika.URLParameters(cluster.amqp_url))
        self.channel = self.connection.channel()
        declare_topology(self.channel)
        self.queue = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.queue_bind(self.queue, "framefleet.events", "#")

    def run(self) -> None:
        for method, properties, body in self.channel.consume(self.queue, auto_ack=True):
            assert method is not None
            event = json.loads(body)
            self.seen.append(((properties.headers or {}).get("traceparent"), event))
            if event["event"] == "task.succeeded":
                break
        self.connection.close()


@pytest.mark.timeout(900)
def test_a_task_is_followed_from_its_sender_to_its_last_event(cluster: Cluster, collector: Collector) -> None:
    cluster.environment["FRAMEFLEET_OTLP_ENDPOINT"] = collector.url
    scheduler = cluster.scheduler()
    worker = cluster.worker(slots=1)
    cluster.wait_for_slots(1)
    listener = Listener(cluster)
    listener.start()
    uri = cluster.upload(sources.make("pal.mp4"), "in/pal.mp4")
    body = file_task(cluster, uri, "film", client_token="traced")
    body["sources"] = [{"uri": uri, "duration": 3}]

    submit(cluster, body, HEADER)
    listener.join(400)
    assert not listener.is_alive(), cluster.logs()
    task_id = listener.seen[-1][1]["task_id"]
    for process in (worker, scheduler):
        process.terminate()
        process.wait(60)

    task = of_task(task_id, HEADER)
    assert {header for header, _ in listener.seen} == {task.header}, "in the header of every event"
    assert {event["traceparent"] for _, event in listener.seen} == {task.header}, "and in its body"
    lines = [json.loads(line) for line in cluster.logs().splitlines() if line.startswith("{")]
    about = [line for line in lines if line.get("task_id") == task_id or str(line.get("sid", "")).startswith(task_id)]
    assert {line["event"] for line in about} >= {"task.accepted", "task.planned", "subtask.finished", "task.finished"}
    assert {line.get("trace_id") for line in about} == {TRACE}, "in every line about it"
    eventually(lambda: collector.named("task") or None, "the span of the task")

    by_id = {span.span_id: span for span in collector.spans}
    assert {span.trace_id for span in collector.spans} == {TRACE}
    (root,) = collector.named("task")
    assert (root.span_id, root.parent_id, root.error) == (task.span_id, SENDER, None)
    assert {span.name for span in collector.spans} >= {"task", "accept", "plan", "wait", "attempt", "publish", "ffmpeg"}
    for span in collector.spans:
        parents = {"task": {""}, "publish": {"attempt"}, "ffmpeg": {"attempt"}, "ffprobe": {"attempt"}}
        parent = by_id[span.parent_id].name if span.parent_id in by_id else ""
        assert parent in parents.get(span.name, {"task"}), span
        assert span.seconds >= 0
    kinds = [span.attributes["kind"] for span in collector.named("attempt")]
    assert set(kinds) == {"probe", "transcode", "concat"}
    assert {span.service for span in collector.named("attempt")} == {"framefleet-worker"}
    assert len(by_id) == len(collector.spans), "no id twice"


def test_a_request_over_http_brings_its_trace_along(cluster: Cluster) -> None:
    scheduler = cluster.scheduler()
    api = Http(cluster.api_ports[scheduler.pid])
    eventually(lambda: api.there() or None, "the API")
    uri = cluster.upload(sources.make("pal.mp4"), "in/pal.mp4")

    status, answer = api.ask("POST", "/v1/tasks", file_task(cluster, uri, "film"), traceparent=HEADER)
    assert status == 202, answer
    stored = cluster.store.get(f"tasks/{json.loads(answer)['id']}/request.json")
    assert stored is not None

    assert json.loads(stored)["traceparent"] == HEADER
