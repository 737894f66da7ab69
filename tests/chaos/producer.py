"""The outside of the cluster: publishes until the broker has it, keeps every answer and every event in durable queues."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pika
import pika.exceptions

from framefleet.adapters.rabbitmq import declare_topology
from framefleet.domain.task import token_task_id
from tests.chaos.fleet import Fleet

_REPLIES = "framefleet.client.chaos-replies"
_EVENTS = "framefleet.client.chaos-events"
_BROKEN = (pika.exceptions.AMQPError, OSError, AssertionError)
_AGAIN_SECONDS = 0.3
_EPOCH = 1_000_000
"""Fences of one generation of Redis begin so far after those of the one before."""


@dataclass(frozen=True)
class Began:
    """A claim, as its event told."""

    at: datetime
    """By Redis' clock."""
    worker: str
    pipeline: str
    epoch: int
    """The generation of Redis in which it was made."""


@dataclass
class Said:
    """What the cluster told the outside."""

    accepted: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """correlation -> task ids it was accepted as."""
    rejected: dict[str, str] = field(default_factory=dict)
    """correlation -> code."""
    finals: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """task id -> its final events."""
    claims: dict[tuple[str, int], set[int]] = field(default_factory=lambda: defaultdict(set))
    """(task id, subtask) -> fences it was claimed under, as events told."""
    began: dict[str, Began] = field(default_factory=dict)
    """Event id -> the claim. Told again, after a loss of Redis, it is the same claim."""
    events: int = 0


class Producer:
    """Publishes in a thread of its own, in order, each message until it is confirmed."""

    def __init__(self, fleet: Fleet) -> None:
        self._url = fleet.amqp_url
        self._wanted: queue.Queue[tuple[str, bytes, str] | None] = queue.Queue()
        self.sent: dict[str, str | None] = {}
        """correlation -> the task id it must be accepted as; None: it must be rejected."""
        self._thread = threading.Thread(target=self._run, name="producer", daemon=True)
        connection = pika.BlockingConnection(pika.URLParameters(self._url))
        channel = connection.channel()
        declare_topology(channel)
        for name in (_REPLIES, _EVENTS):
            channel.queue_declare(name, durable=True)
        for key in ("task.succeeded.#", "task.failed.#", "task.canceled.#", "subtask.running.#"):
            channel.queue_bind(_EVENTS, "framefleet.events", key)
        connection.close()
        self._thread.start()

    def task(self, body: dict[str, Any]) -> str:
        """Publish a request; the id its task will have."""
        task_id = token_task_id(body["client_token"])
        self.request(json.dumps(body).encode(), task_id)
        return task_id

    def request(self, body: bytes, expected: str | None) -> None:
        """Publish bytes as a request; the id of the task they must become, or None when they must be refused."""
        correlation = f"{len(self.sent)}"
        self.sent[correlation] = expected
        self._wanted.put(("task.submit", body, correlation))

    def raw(self, queue_name: str, body: bytes) -> None:
        """Publish bytes to a queue, as a stranger might."""
        self._wanted.put((queue_name, body, ""))

    def flush(self, seconds: float) -> None:
        """Until the broker has confirmed everything."""
        deadline = time.monotonic() + seconds
        while self._wanted.unfinished_tasks:
            assert time.monotonic() < deadline, "the broker does not take what is submitted"
            time.sleep(0.05)

    def close(self) -> None:
        """Publish no more. Everything must have been confirmed."""
        self._wanted.put(None)
        self._thread.join(10)

    def said(self) -> Said:
        """Everything that was answered and told so far; the queues are kept."""
        said = Said()
        connection = pika.BlockingConnection(pika.URLParameters(self._url))
        try:
            self._read(connection.channel(), said)
        finally:
            connection.close()  # unacknowledged: it all goes back
        return said

    def _read(self, channel: Any, said: Said) -> None:
        while True:
            method, properties, data = channel.basic_get(_REPLIES)
            if method is None:
                break
            answer = json.loads(data)
            if answer["status"] == "accepted":
                said.accepted[properties.correlation_id].add(answer["task"]["id"])
            else:
                said.rejected[properties.correlation_id] = answer["error"]["code"]
        while True:
            method, _, data = channel.basic_get(_EVENTS)
            if method is None:
                break
            said.events += 1
            event = json.loads(data)
            if event["event"].startswith("subtask."):
                fence = int(event["event_id"].rsplit(".", 1)[1])
                said.claims[event["task_id"], event["subtask"]].add(fence)
                claim = Began(
                    datetime.fromisoformat(event["at"]), event["worker"] or "", event["pipeline"], fence // _EPOCH
                )
                known = said.began.get(event["event_id"])
                said.began[event["event_id"]] = claim if known is None or claim.at < known.at else known
            else:
                said.finals[event["task_id"]].append(event)

    def _run(self) -> None:
        connection: pika.BlockingConnection | None = None
        while True:
            wanted = self._wanted.get()
            if wanted is None:
                if connection is not None:
                    _drop(connection)
                return
            key, body, correlation = wanted
            while True:
                try:
                    if connection is None:
                        parameters = pika.URLParameters(self._url)
                        parameters.blocked_connection_timeout = 3
                        parameters.socket_timeout = 3
                        connection = pika.BlockingConnection(parameters)
                    _publish(connection, key, body, correlation)
                    break
                except _BROKEN:
                    _drop(connection)
                    connection = None
                    time.sleep(_AGAIN_SECONDS)
            self._wanted.task_done()


def _publish(connection: pika.BlockingConnection, key: str, body: bytes, correlation: str) -> None:
    channel = connection.channel()
    channel.confirm_delivery()
    if correlation:
        properties = pika.BasicProperties(
            content_type="application/json", delivery_mode=2, reply_to=_REPLIES, correlation_id=correlation
        )
        channel.basic_publish("framefleet", key, body, properties, mandatory=True)
    else:
        channel.basic_publish("", key, body, pika.BasicProperties(delivery_mode=2))
    channel.close()


def _drop(connection: pika.BlockingConnection | None) -> None:
    try:
        if connection is not None and connection.is_open:
            connection.close()
    except _BROKEN:
        pass
