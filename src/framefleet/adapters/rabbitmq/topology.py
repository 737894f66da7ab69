"""Exchanges and queues: names, arguments, bindings. The only place that declares shared ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pika
import pika.exceptions

from framefleet.domain.priority import BROKER_LEVELS
from framefleet.domain.subtask import Tag
from framefleet.messages import (
    EVENTS_EXCHANGE,
    EXCHANGE,
    REJECTED_QUEUE,
    RESULTS_QUEUE,
    SUBMIT_KEY,
    SUBMIT_QUEUE,
    work_queue,
)

if TYPE_CHECKING:
    from pika.adapters.blocking_connection import BlockingChannel

RESULTS_EXCHANGE = RESULTS_QUEUE
"""Workers report through an exchange of their own: who may write to the default exchange may write to every queue."""
INVALID_QUEUE = "framefleet.v1.invalid"
"""Orders and reports that nobody can read, unchanged, for a person to look at."""
CONSUMER_TIMEOUT_MS = 24 * 3600 * 1000
"""How long a worker may keep an order. RabbitMQ before 3.12 knows only the broker-wide setting and ignores this."""


def work_queue_arguments() -> dict[str, Any]:
    """Arguments of every work queue. They cannot change later: that is what the version in the queue's name is for."""
    return {
        # Said although it is the default: a virtual host may have another, and quorum queues refuse priorities.
        "x-queue-type": "classic",
        "x-max-priority": BROKER_LEVELS,
        "x-consumer-timeout": CONSUMER_TIMEOUT_MS,
        # A worker rejects what is not an order; RabbitMQ itself puts it aside, in one step.
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": INVALID_QUEUE,
    }


def declare_topology(channel: BlockingChannel) -> None:
    """Make all that does not exist yet. Needs the right to configure `framefleet*`; safe to repeat.

    Raises pika's ChannelClosedByBroker: 403 without that right, 406 when one exists with other arguments.
    """
    channel.exchange_declare(EXCHANGE, "topic", durable=True)
    channel.exchange_declare(EVENTS_EXCHANGE, "topic", durable=True)
    channel.exchange_declare(RESULTS_EXCHANGE, "direct", durable=True)
    # Without arguments, so that limits stay an operator's policy.
    for name in (SUBMIT_QUEUE, REJECTED_QUEUE, RESULTS_QUEUE, INVALID_QUEUE):
        channel.queue_declare(name, durable=True)
    channel.queue_bind(SUBMIT_QUEUE, EXCHANGE, SUBMIT_KEY)
    channel.queue_bind(RESULTS_QUEUE, RESULTS_EXCHANGE, RESULTS_QUEUE)
    for tag in Tag:
        channel.queue_declare(work_queue(tag), durable=True, arguments=work_queue_arguments())


def ensure_work_queue(connection: pika.BlockingConnection, name: str) -> None:
    """Make sure that a work queue is there; asks first, so that a worker needs no right to configure where it is."""
    try:
        connection.channel().queue_declare(name, passive=True)
    except pika.exceptions.ChannelClosedByBroker as error:
        if error.reply_code != 404:
            raise
        channel = connection.channel()
        declare_topology(channel)
        channel.queue_declare(name, durable=True, arguments=work_queue_arguments())
