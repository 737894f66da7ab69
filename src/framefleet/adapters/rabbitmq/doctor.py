"""What can be said about a broker from outside, for `framefleet doctor`."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pika
import pika.exceptions

from framefleet.adapters.rabbitmq.connection import BROKEN, close, parameters, unavailable
from framefleet.domain.errors import BrokerUnavailable
from framefleet.domain.priority import BROKER_LEVELS
from framefleet.domain.subtask import Tag
from framefleet.messages import work_queue

if TYPE_CHECKING:
    from pika.adapters.blocking_connection import BlockingChannel

_TIMEOUT_UNSEEN = (
    "the acknowledgement timeout cannot be seen over AMQP: consumer_timeout has to be above the longest subtask"
)


def check(url: str) -> str:
    """One line: version, whether priorities work, the work queues, and what cannot be known from here.

    Raises BrokerUnavailable when nobody answers, or when priorities do not work.
    """
    connection: pika.BlockingConnection | None = None
    try:
        connection = pika.BlockingConnection(parameters(url, "framefleet doctor"))
        facts = [_server(connection), _priorities(connection)]
        facts += [_work_queue(connection, tag) for tag in Tag]
    except BROKEN as error:
        raise unavailable(error) from error
    finally:
        close(connection)
    return "; ".join([*facts, _TIMEOUT_UNSEEN])


def _server(connection: pika.BlockingConnection) -> str:
    # pika keeps what the server says of itself in the connection under the blocking one.
    properties: dict[str, Any] = connection._impl.server_properties or {}
    return f"{properties.get('product', 'AMQP server')} {properties.get('version', 'of unknown version')}"


def _priorities(connection: pika.BlockingConnection) -> str:
    """Seen at work in a queue of our own, not believed: some servers accept the argument and ignore it."""
    name = f"framefleet.client.doctor-{uuid.uuid4().hex}"
    channel: BlockingChannel = connection.channel()
    try:
        channel.queue_declare(name, exclusive=True, auto_delete=True, arguments={"x-max-priority": BROKER_LEVELS})
        channel.confirm_delivery()
        for priority in (0, BROKER_LEVELS):
            channel.basic_publish("", name, str(priority).encode(), pika.BasicProperties(priority=priority))
        _, _, first = channel.basic_get(name, auto_ack=True)
    except pika.exceptions.ChannelClosedByBroker as error:
        if error.reply_code != 403:
            raise
        return "priorities not tried, as this user may not make a queue"
    channel.queue_delete(name)
    if first != str(BROKER_LEVELS).encode():
        raise BrokerUnavailable("the broker ignores priorities", hint="Use RabbitMQ 3.8 or later with classic queues.")
    return "priorities work"


def _work_queue(connection: pika.BlockingConnection, tag: str) -> str:
    try:
        found = connection.channel().queue_declare(work_queue(tag), passive=True).method
    except pika.exceptions.ChannelClosedByBroker as error:
        if error.reply_code not in {403, 404}:
            raise
        return f"{tag}: no queue yet" if error.reply_code == 404 else f"{tag}: this user may not look"
    return f"{tag}: {found.message_count} waiting, {found.consumer_count} slots"
