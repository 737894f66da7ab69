"""Publishing: persistent, confirmed, and refused when no queue takes it."""

from __future__ import annotations

import json
import threading
import time
import uuid
from typing import TYPE_CHECKING

import pika

from framefleet.adapters.rabbitmq.connection import BROKEN, close, is_lasting, is_missing, parameters, unavailable
from framefleet.adapters.rabbitmq.topology import RESULTS_EXCHANGE, declare_topology
from framefleet.messages import EVENTS_EXCHANGE, RESULTS_QUEUE, Order, Report, work_queue
from framefleet.ports import Event

if TYPE_CHECKING:
    from pika.adapters.blocking_connection import BlockingChannel

PERSISTENT = 2
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
        self._channel: BlockingChannel | None = None

    def order(self, order: Order) -> None:
        """To the tag's work queue, as a Dramatiq envelope."""
        message_id = uuid.uuid4().hex
        properties = _properties(message_id, priority=order.priority)
        self._publish("", work_queue(order.tag), order_envelope(order, message_id), properties, mandatory=True)

    def report(self, report: Report) -> None:
        """To the results queue."""
        body = report.model_dump_json().encode()
        self._publish(RESULTS_EXCHANGE, RESULTS_QUEUE, body, _properties(uuid.uuid4().hex), mandatory=True)

    def event(self, event: Event) -> None:
        """To the events exchange, where perhaps nobody listens."""
        self._publish(EVENTS_EXCHANGE, event.key, event.body, _properties(event.id), mandatory=False)

    def close(self) -> None:
        """Close the connection. The next message opens another."""
        with self._lock:
            self._drop()

    def _publish(
        self, exchange: str, key: str, body: bytes, properties: pika.BasicProperties, *, mandatory: bool
    ) -> None:
        with self._lock:
            declare = False
            for tries_left in reversed(range(_TRIES)):
                fresh = self._channel is None
                try:
                    self._opened(declare=declare).basic_publish(exchange, key, body, properties, mandatory=mandatory)
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

    def _opened(self, *, declare: bool) -> BlockingChannel:
        if self._channel is None:
            self._connection = pika.BlockingConnection(self._parameters)
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        if declare:
            declare_topology(self._channel)
        return self._channel

    def _drop(self) -> None:
        close(self._connection)
        self._connection = None
        self._channel = None


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


def _properties(message_id: str, priority: int | None = None) -> pika.BasicProperties:
    return pika.BasicProperties(
        content_type="application/json",
        delivery_mode=PERSISTENT,
        message_id=message_id,
        priority=priority,
        timestamp=int(time.time()),
    )
