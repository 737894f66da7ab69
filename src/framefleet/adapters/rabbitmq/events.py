"""Listening to events, for a client that wants what happens from now on and no more."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pika

from framefleet.adapters.rabbitmq.connection import BROKEN, close, parameters, unavailable
from framefleet.domain.errors import BrokerUnavailable
from framefleet.messages import EVENTS_EXCHANGE

_AT_ONCE = 50
_LOOK_AT_STOP_SECONDS = 0.25


def events(
    url: str,
    routing_keys: Sequence[str],
    stop: threading.Event | None = None,
    *,
    ready: Callable[[], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """Events with these routing keys (`*` one word, `#` any number) from now on, until `stop` is set.

    `ready` is called when nothing can be missed any more. The queue lives as long as the connection: when that breaks,
    events may be missed, so BrokerUnavailable is raised. An event may come twice, with the same `event_id`.
    """
    connection: pika.BlockingConnection | None = None
    try:
        connection = pika.BlockingConnection(parameters(url, "framefleet events"))
        channel = connection.channel()
        queue = f"framefleet.client.{uuid.uuid4().hex}"
        channel.queue_declare(queue, exclusive=True, auto_delete=True)
        for key in routing_keys:
            channel.queue_bind(queue, EVENTS_EXCHANGE, key)
        channel.basic_qos(prefetch_count=_AT_ONCE)
        if ready is not None:
            ready()
        for method, _properties, body in channel.consume(queue, inactivity_timeout=_LOOK_AT_STOP_SECONDS):
            if stop is not None and stop.is_set():
                return
            if method is not None:
                channel.basic_ack(method.delivery_tag)
                yield json.loads(body)
        raise BrokerUnavailable("RabbitMQ has removed the queue of events")
    except BROKEN as error:
        raise unavailable(error) from error
    finally:
        close(connection)
