"""RabbitMQ: the topology, confirmed publishing, and the loops that consume submissions, reports and events.

Names, arguments and formats are documented in docs/rabbitmq.md. pika's errors leave this module as BrokerUnavailable.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pika
import pika.exceptions

from framefleet.domain.errors import BrokerUnavailable
from framefleet.domain.priority import BROKER_LEVELS
from framefleet.messages import (
    EVENTS_EXCHANGE,
    EXCHANGE,
    REJECTED_QUEUE,
    RESULTS_QUEUE,
    SUBMIT_KEY,
    SUBMIT_QUEUE,
    Order,
    Report,
    decode_report,
    work_queue,
)
from framefleet.ports import Event, Submission

TAGS = ("cpu", "gpu")
INVALID_QUEUE = "framefleet.v1.invalid"
"""Messages on work and results queues that nobody understands, unchanged."""
WORK_ARGUMENTS: dict[str, Any] = {"x-max-priority": BROKER_LEVELS}
"""Of the work queues. They cannot be changed later: hence the version in the names."""

HEARTBEAT_SECONDS = 15
TRIES = 3
"""A connection that was idle may be dead: the first use finds out, the next opens a new one."""
INACTIVE_SECONDS = 0.25

Channel = Any
"""pika's blocking channel; pika has no types."""


def parameters(url: str) -> pika.URLParameters:
    """Connection parameters with bounded waits; raises BrokerUnavailable when the address is not one."""
    try:
        found = pika.URLParameters(url)
    except (ValueError, IndexError, TypeError) as error:
        raise BrokerUnavailable(f"the broker's address is not usable: {error}") from None
    found.heartbeat = HEARTBEAT_SECONDS
    found.blocked_connection_timeout = 15
    found.socket_timeout = 5
    found.stack_timeout = 10
    found.connection_attempts = 1
    return found


@contextmanager
def channel(url: str) -> Iterator[Channel]:
    """A channel on a connection of its own, closed at the end; pika's errors become BrokerUnavailable."""
    connection = None
    try:
        connection = pika.BlockingConnection(parameters(url))
        yield connection.channel()
    except (pika.exceptions.AMQPError, OSError) as error:
        raise BrokerUnavailable(_words(error)) from error
    finally:
        if connection is not None:
            with suppress(pika.exceptions.AMQPError, OSError):
                connection.close()


def declare_topology(on: Channel) -> None:
    """Declare everything; harmless when it is there already."""
    on.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
    on.exchange_declare(EVENTS_EXCHANGE, exchange_type="topic", durable=True)
    on.queue_declare(SUBMIT_QUEUE, durable=True)
    on.queue_bind(SUBMIT_QUEUE, EXCHANGE, SUBMIT_KEY)
    for name in (REJECTED_QUEUE, RESULTS_QUEUE, INVALID_QUEUE):
        on.queue_declare(name, durable=True)
    for tag in TAGS:
        on.queue_declare(work_queue(tag), durable=True, arguments=WORK_ARGUMENTS)


class RabbitPublisher:
    """Implements `Publisher` with one connection, opened at the first use and again when it was lost. Safe for threads."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._connection: Any = None
        self._channel: Channel = None

    def order(self, order: Order) -> None:
        """To the tag's work queue, as Dramatiq's envelope."""
        envelope = {
            "queue_name": work_queue(order.tag),
            "actor_name": order.kind,
            "args": [order.sid],
            "kwargs": {},
            "options": {"broker_priority": order.priority},
            "message_id": str(uuid.uuid4()),
            "message_timestamp": 0,
        }
        self._publish("", work_queue(order.tag), _encode(envelope), persistent(priority=order.priority))

    def report(self, report: Report) -> None:
        """To the results queue."""
        self._publish("", RESULTS_QUEUE, report.model_dump_json().encode(), persistent())

    def event(self, event: Event) -> None:
        """To the events exchange; nobody needs to listen."""
        self._publish(EVENTS_EXCHANGE, event.key, event.body, persistent(message_id=event.id), mandatory=False)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _publish(self, exchange: str, key: str, body: bytes, properties: Any, *, mandatory: bool = True) -> None:
        with self._lock:
            for left in reversed(range(TRIES)):
                try:
                    self._open().basic_publish(exchange, key, body, properties, mandatory=mandatory)
                except (pika.exceptions.AMQPError, OSError) as error:
                    self._drop()
                    if not left:
                        raise BrokerUnavailable(_words(error)) from error
                else:
                    return

    def _open(self) -> Channel:
        if self._channel is None:
            self._connection = pika.BlockingConnection(parameters(self._url))
            self._channel = self._connection.channel()
            declare_topology(self._channel)
            self._channel.confirm_delivery()
        return self._channel

    def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            with suppress(pika.exceptions.AMQPError, OSError):
                connection.close()


# --- consuming ------------------------------------------------------------------------------


def consume_submissions(
    url: str, handler: Callable[[Submission], None], stop: threading.Event, *, prefetch: int = 20
) -> None:
    """Hand every submission to `handler`, which settles it, until `stop`.

    Raises BrokerUnavailable when the broker is away, and what the handler raises; what was not acknowledged comes again.
    """
    with channel(url) as on:
        declare_topology(on)
        on.basic_qos(prefetch_count=prefetch)
        on.confirm_delivery()
        for method, properties, body in _messages(on, SUBMIT_QUEUE, stop):
            handler(_submission(on, method, properties, body))


def consume_reports(url: str, handler: Callable[[Report], None], stop: threading.Event, *, prefetch: int = 50) -> None:
    """Hand every report to `handler` until `stop`; acknowledged when it returns.

    Raises BrokerUnavailable when the broker is away, and what the handler raises; then the report comes again.
    """
    with channel(url) as on:
        declare_topology(on)
        on.basic_qos(prefetch_count=prefetch)
        for method, _, body in _messages(on, RESULTS_QUEUE, stop):
            try:
                report = decode_report(body)
            except ValueError:
                on.basic_publish("", INVALID_QUEUE, body, persistent())
            else:
                handler(report)
            on.basic_ack(method.delivery_tag)


def events(
    url: str, keys: Sequence[str], stop: threading.Event, *, ready: Callable[[], None] | None = None
) -> Iterator[dict[str, Any]]:
    """Every event whose routing key matches one of `keys` (`*` one word, `#` any), from when `ready` is called until `stop`."""
    with channel(url) as on:
        on.exchange_declare(EVENTS_EXCHANGE, exchange_type="topic", durable=True)
        queue = on.queue_declare("", exclusive=True, auto_delete=True).method.queue
        for key in keys:
            on.queue_bind(queue, EVENTS_EXCHANGE, key)
        if ready is not None:
            ready()
        for method, _, body in _messages(on, queue, stop):
            on.basic_ack(method.delivery_tag)
            event: dict[str, Any] = json.loads(body)
            yield event


def check(url: str) -> str:
    """A line about the broker for `doctor`; raises BrokerUnavailable."""
    with channel(url) as on:
        declare_topology(on)
        server = on.connection._impl.server_properties or {}  # pika has no public way to ask
        return f"{server.get('product', 'AMQP broker')} {server.get('version', '')}".strip()


def waiting(url: str) -> int:
    """Orders that lie in the work queues; raises BrokerUnavailable."""
    with channel(url) as on:
        return sum(int(on.queue_declare(work_queue(tag), passive=True).method.message_count) for tag in TAGS)


def _messages(on: Channel, queue: str, stop: threading.Event) -> Iterator[tuple[Any, Any, bytes]]:
    for method, properties, body in on.consume(queue, inactivity_timeout=INACTIVE_SECONDS):
        if stop.is_set():
            return
        if method is not None:
            yield method, properties, body


def _submission(on: Channel, method: Any, properties: Any, body: bytes) -> Submission:
    def answer(reply: bytes) -> None:
        if properties.reply_to:
            # Nobody may be waiting any more: not mandatory.
            answered = pika.BasicProperties(correlation_id=properties.correlation_id, content_type="application/json")
            on.basic_publish("", properties.reply_to, reply, answered)

    def reject(code: str, message: str, field: str | None) -> None:
        headers = {"x-error-code": code, "x-error-message": message, "x-error-field": field or ""}
        kept = pika.BasicProperties(
            content_type=properties.content_type, delivery_mode=2, headers=headers, message_id=properties.message_id
        )
        on.basic_publish("", REJECTED_QUEUE, body, kept, mandatory=True)

    return Submission(
        body=body,
        message_id=properties.message_id,
        priority=properties.priority,
        answer=answer,
        reject=reject,
        ack=lambda: on.basic_ack(method.delivery_tag),
    )


def persistent(**more: Any) -> Any:
    """Properties of a JSON message that survives a restart of the broker."""
    return pika.BasicProperties(content_type="application/json", delivery_mode=2, **more)


def _encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _words(error: BaseException) -> str:
    text = str(error) or repr(error)
    return f"RabbitMQ: {type(error).__name__}: {text}"[:300]
