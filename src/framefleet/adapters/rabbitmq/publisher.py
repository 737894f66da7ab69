"""Publishing: persistent, confirmed, and refused when no queue takes it."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Sequence

import pika

from framefleet.adapters.rabbitmq.batch import ConfirmedChannel, Message
from framefleet.adapters.rabbitmq.connection import BROKEN, close, is_lasting, is_missing, parameters, unavailable
from framefleet.adapters.rabbitmq.topology import RESULTS_EXCHANGE, declare_topology
from framefleet.domain.trace import parse
from framefleet.messages import EVENTS_EXCHANGE, RESULTS_QUEUE, Order, Report, work_queue
from framefleet.ports import Event

PERSISTENT = 2
_TRACEPARENT = b'"traceparent":"'
_TRIES = 3
_PAUSE_SECONDS = 0.25
"""Between tries, so that a broker that restarts its listener is not given up within milliseconds."""


class RabbitPublisher:
    """Implements `Publisher` over one connection, made when first needed and again after a loss.

    Safe for threads, one at a time; give each thread that must not wait for another a publisher of its own. A message
    may be published twice when the connection breaks before its confirmation.
    """

    def __init__(self, url: str) -> None:
        """Does not connect. Raises BrokerUnavailable when `url` is no address."""
        self._parameters = parameters(url, "framefleet publisher")
        self._lock = threading.Lock()
        self._connection: pika.BlockingConnection | None = None
        self._channel: ConfirmedChannel | None = None

    def order(self, order: Order) -> None:
        """To the tag's work queue, as a Dramatiq envelope."""
        self._publish([_order(order)])

    def report(self, report: Report) -> None:
        """To the results queue."""
        body = report.model_dump_json().encode()
        properties = _properties(uuid.uuid4().hex, traceparent=report.traceparent)
        self._publish([Message(RESULTS_EXCHANGE, RESULTS_QUEUE, body, properties, True)])

    def event(self, event: Event) -> None:
        """To the events exchange, where perhaps nobody listens."""
        self._publish([_event(event)])

    def batch(self, messages: Sequence[Order | Event]) -> None:
        """All of them in this order, confirmed together."""
        if messages:
            self._publish([_order(m) if isinstance(m, Order) else _event(m) for m in messages])

    def close(self) -> None:
        """Close the connection. The next message opens another."""
        with self._lock:
            self._drop()

    def _publish(self, messages: list[Message]) -> None:
        with self._lock:
            declare = False
            for tries_left in reversed(range(_TRIES)):
                fresh = self._channel is None
                try:
                    self._opened(declare=declare).publish(messages)
                except BROKEN as error:
                    self._drop()
                    if not tries_left or is_lasting(error):
                        raise unavailable(error) from error
                    declare = is_missing(error)
                    # The first failure of a connection that had been idle says nothing about the broker.
                    if fresh and not declare:
                        time.sleep(_PAUSE_SECONDS)
                else:
                    return

    def _opened(self, *, declare: bool) -> ConfirmedChannel:
        if self._channel is None:
            self._connection = pika.BlockingConnection(self._parameters)
            self._channel = ConfirmedChannel(self._connection.channel())
        if declare:
            declare_topology(self._channel.channel)
        return self._channel

    def _drop(self) -> None:
        close(self._connection)
        self._connection = None
        self._channel = None


def _order(order: Order) -> Message:
    message_id = uuid.uuid4().hex
    properties = _properties(message_id, order.priority, order.traceparent)
    return Message("", work_queue(order.tag), order_envelope(order, message_id), properties, True)


def _event(event: Event) -> Message:
    properties = _properties(event.id, traceparent=_traceparent(event.body))
    return Message(EVENTS_EXCHANGE, event.key, event.body, properties, False)


def _traceparent(body: bytes) -> str | None:
    """What an event says of its trace. Nobody's text can look like it: a quote inside a JSON string has a backslash."""
    at = body.rfind(_TRACEPARENT)
    said = None if at < 0 else parse(body[at + len(_TRACEPARENT) :].split(b'"', 1)[0].decode(errors="replace"))
    return None if said is None else said.header


def order_envelope(order: Order, message_id: str) -> bytes:
    """An order as Dramatiq 2.2 reads it: exactly these keys. The scheduler does not need Dramatiq for that."""
    envelope = {
        "queue_name": work_queue(order.tag),
        "actor_name": order.kind,
        "args": [order.sid],
        "kwargs": {},
        "options": {"broker_priority": order.priority},
        "message_id": message_id,
        "message_timestamp": time.time_ns() // 1_000_000,
    }
    return json.dumps(envelope, separators=(",", ":")).encode()


def _properties(message_id: str, priority: int | None = None, traceparent: str | None = None) -> pika.BasicProperties:
    return pika.BasicProperties(
        headers=None if traceparent is None else {"traceparent": traceparent},
        content_type="application/json",
        delivery_mode=PERSISTENT,
        message_id=message_id,
        priority=priority,
        timestamp=int(time.time()),
    )
