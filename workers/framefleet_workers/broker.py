"""Dramatiq's RabbitMQ broker with its reproducible defects worked around. Pinned to dramatiq 2.2: see each note.

What is different from the stock broker:
- an acknowledgement goes only to the channel the message came from: delivery tags start at 1 again after a reconnect, and
  the stock consumer then acknowledges a stranger's message, which is lost when its worker dies;
- messages can be held (they return when the connection closes) and requeued, never dead-lettered in silence;
- envelopes are checked before Dramatiq sees them: a wrong `queue_name` kills its worker threads, `"options": null` blocks a
  queue for ever;
- no delay queue, no retries, no time limit, no callbacks: all of that is the scheduler's.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import dramatiq
import pika.exceptions
import structlog
from dramatiq.brokers.rabbitmq import RabbitmqBroker, _RabbitmqConsumer, _RabbitmqMessage
from dramatiq.errors import ConnectionClosed
from dramatiq.message import Message
from dramatiq.middleware import Middleware, SkipMessage

from framefleet.adapters.rabbitmq import INVALID_QUEUE, WORK_ARGUMENTS, parameters, persistent
from framefleet.domain.priority import BROKER_LEVELS

log = structlog.get_logger()

OPTIONS = frozenset({"broker_priority", "redelivered"})
"""Options an envelope may carry: others would change how Dramatiq treats the message."""
ERROR_PAUSE_SECONDS = 1.0
"""Before a message whose actor raised goes back: it must not spin."""


class FramefleetConsumer(_RabbitmqConsumer):
    """Owns its delivery tags and checks envelopes."""

    def __next__(self) -> Any:
        try:
            method, _, body = next(self.iterator)
        except (AssertionError, pika.exceptions.AMQPConnectionError, pika.exceptions.AMQPChannelError) as error:
            if getattr(error, "reply_code", None) == 404:
                self.broker.queues_pending.add(self.queue_name)
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        if method is None:
            return None
        message = envelope(body, self.queue_name, set(self.broker.actors))
        if message is None:
            log.error("order.invalid", queue=self.queue_name, body=body[:200].decode("utf-8", "replace"))
            self.channel.basic_publish("", INVALID_QUEUE, body, persistent())
            self.channel.basic_ack(method.delivery_tag)
            return None
        held: Any = _RabbitmqMessage(method.redelivered, method.delivery_tag, message)  # type: ignore[no-untyped-call]
        held.owner = self
        self.known_tags.add(method.delivery_tag)
        return held

    def ack(self, message: Any) -> None:
        """Acknowledge, unless the message belongs to a dead channel, is held, or is to be requeued."""
        if message.owner is not self or getattr(message, "hold", False):
            return
        if getattr(message, "requeue", False):
            self.known_tags.discard(message._tag)
            self.connection.add_callback_threadsafe(partial(self.channel.basic_reject, message._tag, requeue=True))
            return
        super().ack(message)  # type: ignore[no-untyped-call]

    def nack(self, message: Any) -> None:
        """Nothing of ours is dead-lettered: it goes back."""
        message.requeue = True
        self.ack(message)


class FramefleetBroker(RabbitmqBroker):
    """Declares one plain priority queue per name, with the arguments every part of the system uses."""

    @property
    def consumer_class(self) -> type[FramefleetConsumer]:
        """Consumers with our acknowledgements."""
        return FramefleetConsumer

    def declare_queue(self, queue_name: str, *, ensure: bool = False) -> None:
        """As the stock broker, without the delay queue."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.queues_pending.add(queue_name)
            self.emit_after("declare_queue", queue_name)
        if ensure:
            self._ensure_queue(queue_name)  # type: ignore[no-untyped-call]

    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        return dict(WORK_ARGUMENTS)

    def _declare_dq_queue(self, queue_name: str) -> None:
        return None

    def _declare_xq_queue(self, queue_name: str) -> None:
        self.channel.queue_declare(queue=INVALID_QUEUE, durable=True)


class Drain(Middleware):
    """After shutdown began, messages that idle threads still get are held: they return when the connection closes."""

    def __init__(self) -> None:
        self.draining = threading.Event()

    def before_worker_shutdown(self, broker: Any, worker: Any) -> None:
        """From now on nothing new is begun."""
        self.draining.set()

    def before_process_message(self, broker: Any, message: Any) -> None:
        """Hold what comes too late."""
        if self.draining.is_set():
            message.hold = True
            raise SkipMessage


class RequeueOnError(Middleware):
    """Whatever leaves an actor puts its message back, after a pause."""

    def __init__(self, pause: Callable[[float], object]) -> None:
        self._pause = pause

    def after_process_message(
        self, broker: Any, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        """Requeue after a failure that the executor did not report."""
        if exception is not None:
            log.warning("order.returned", sid=message.args[0], error=str(exception), kind=message.actor_name)
            message.requeue = True
            self._pause(ERROR_PAUSE_SECONDS)


def make_broker(url: str) -> FramefleetBroker:
    """A broker with our middleware and nothing else. Connects at the first use."""
    drain = Drain()
    checked = parameters(url)
    broker = FramefleetBroker(
        confirm_delivery=True,
        url=url,
        middleware=[drain, RequeueOnError(drain.draining.wait)],
        max_priority=BROKER_LEVELS,
    )
    broker.parameters = checked
    dramatiq.set_broker(broker)
    return broker


def envelope(body: bytes, queue_name: str, actors: set[str]) -> Message[Any] | None:
    """The message in a body, if it is one that Dramatiq survives and one of our actors takes; else None."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    args, options = data.get("args"), data.get("options")
    good = (
        data.get("queue_name") == queue_name
        and data.get("actor_name") in actors
        and isinstance(args, list)
        and len(args) == 1
        and isinstance(args[0], str)
        and data.get("kwargs") == {}
        and isinstance(options, dict)
        and set(options) <= OPTIONS
        and isinstance(data.get("message_id", ""), str)
        and isinstance(data.get("message_timestamp", 0), int)
        and set(data) <= {"queue_name", "actor_name", "args", "kwargs", "options", "message_id", "message_timestamp"}
    )
    if not good:
        return None
    return Message(
        queue_name=queue_name,
        actor_name=str(data["actor_name"]),
        args=tuple(data["args"]),
        kwargs={},
        options=dict(data["options"]),
        message_id=str(data.get("message_id", "")),
        message_timestamp=int(data.get("message_timestamp", 0)),
    )
