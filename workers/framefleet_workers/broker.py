"""Dramatiq's RabbitMQ broker with its reproducible defects worked around. Knows nothing of FFmpeg or of claims.

Different from the stock broker of dramatiq 2.2.1:

- An acknowledgement goes only to the consumer that delivered the message. Delivery tags start at 1 again after a
  reconnect; the stock consumer then acknowledges a stranger's message, which is lost when its worker dies.
- A message can be held (it returns when the connection closes) or requeued. None is acknowledged because of an error.
- Envelopes are checked before Dramatiq acts on them: a wrong `queue_name` kills its worker thread for ever, and
  `"options": null` blocks the queue for everyone. What is no order is dead-lettered to `framefleet.v1.invalid`.
- No delay queue, retries, time limit, age limit, callbacks or pipelines: those are the scheduler's.

All of this touches private names, so dramatiq is pinned to 2.2; tests/integration/test_broker_traps.py holds each one.
"""

from __future__ import annotations

import threading
from collections.abc import Container
from functools import partial
from typing import Any

import pika
import structlog
from dramatiq.brokers.rabbitmq import RabbitmqBroker, _RabbitmqConsumer
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import CurrentMessage, Middleware, ShutdownNotifications, SkipMessage
from dramatiq.middleware.threading import Interrupt

from framefleet.adapters.rabbitmq.connection import BROKEN, close, parameters
from framefleet.adapters.rabbitmq.topology import ensure_work_queue, work_queue_arguments
from framefleet.domain.priority import BROKER_LEVELS

log = structlog.get_logger()

ERROR_PAUSE_SECONDS = 1.0
"""Before a message whose actor raised goes back, so that it does not spin."""
ALLOWED_OPTIONS = frozenset({"broker_priority"})
"""Any other would change what Dramatiq does with the message: retry, delay, call back."""


class FramefleetConsumer(_RabbitmqConsumer):
    """Checks envelopes, and settles only messages of its own connection."""

    def __next__(self) -> Any:
        """The next order; None when there was none for a while, or it was refused."""
        message: Any = super().__next__()  # type: ignore[no-untyped-call]
        if message is None:
            return None
        wrong = defect(message, self.queue_name, self.broker.actors)
        if wrong is not None:
            log.error("order.invalid", queue=self.queue_name, reason=wrong)
            self.known_tags.discard(message._tag)
            self._nack(message._tag)  # type: ignore[no-untyped-call]
            return None
        message.owner = self
        return message

    def ack(self, message: Any) -> None:
        """Settle a message as its marks say: not at all (`hold`), back to the queue (`requeue`), or done."""
        if message.owner is not self:
            # Its connection is gone and RabbitMQ has given it to someone else; here its tag means another message.
            log.info("ack.suppressed", sid=message.args[0])
            return
        if getattr(message, "hold", False):
            return
        try:
            if getattr(message, "requeue", False):
                self.known_tags.discard(message._tag)
                self.connection.add_callback_threadsafe(partial(self.channel.basic_reject, message._tag, requeue=True))
            else:
                super().ack(message)  # type: ignore[no-untyped-call]
        except (ConnectionClosed, *BROKEN):
            # The message is on its way back already. Dramatiq would wait five seconds here to try it again.
            log.info("ack.suppressed", sid=message.args[0])

    def nack(self, message: Any) -> None:
        """To Dramatiq a failed message is a dead one; ours goes back."""
        message.requeue = True
        self.ack(message)


class Drain(Middleware):
    """Holds what arrives after the end of the slot has begun, and knows whether an actor runs.

    Dramatiq's idle threads still take messages for up to a second after its shutdown began, and never interrupt those.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()
        self.draining = threading.Event()

    def begin(self) -> None:
        """No message is started from now on."""
        with self._lock:
            self.draining.set()

    def wait_idle(self, seconds: float) -> bool:
        """Wait for the running actor to return; False when it did not in time."""
        return self._idle.wait(seconds)

    def before_worker_shutdown(self, broker: Any, worker: Any) -> None:
        """However the end began."""
        self.begin()

    def before_process_message(self, broker: Any, message: Any) -> None:
        """Let the message through, or hold it."""
        with self._lock:
            if self.draining.is_set():
                message.hold = True
                raise SkipMessage("draining")
            self._idle.clear()

    def after_process_message(
        self, broker: Any, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        """The actor has returned or raised."""
        self._idle.set()


class RequeueOnError(Middleware):
    """Puts the message of an actor that raised back, after a pause that the end of the slot cuts short."""

    def __init__(self, over: threading.Event) -> None:
        self._over = over

    def after_process_message(
        self, broker: Any, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        """Mark it; the consumer acts on the mark."""
        if exception is None:
            return
        message.requeue = True
        log.warning("order.returned", sid=message.args[0], kind=message.actor_name, error=type(exception).__name__)
        if not isinstance(exception, Interrupt):
            self._over.wait(ERROR_PAUSE_SECONDS)


class FramefleetBroker(RabbitmqBroker):
    """One classic priority queue per name and nothing beside it. Connects when its worker starts."""

    def __init__(self, url: str) -> None:
        """Raises BrokerUnavailable when `url` is no address."""
        connect_with = parameters(url, "framefleet slot")
        self.drain = Drain()
        # The complete list: nothing of Dramatiq's defaults. Hooks named after_* run from the last to the first, so a
        # slot counts as idle only when the message is marked.
        middleware = [
            self.drain,
            ShutdownNotifications(notify_shutdown=True),
            RequeueOnError(self.drain.draining),
            CurrentMessage(),
        ]
        super().__init__(url=url, confirm_delivery=True, max_priority=BROKER_LEVELS, middleware=middleware)
        self.parameters = connect_with

    @property
    def consumer_class(self) -> type[FramefleetConsumer]:
        """The consumer above."""
        return FramefleetConsumer

    def declare_queue(self, queue_name: str, *, ensure: bool = False) -> None:
        """As the stock broker does, without the delay queue, whose consumer would keep messages in memory."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.queues_pending.add(queue_name)
            self.emit_after("declare_queue", queue_name)
        if ensure:
            self._ensure_queue(queue_name)

    def _ensure_queue(self, queue_name: str) -> None:
        """Over a connection of its own that ends here; the stock broker keeps one open that nobody services."""
        if queue_name not in self.queues_pending:
            return
        connection: pika.BlockingConnection | None = None
        try:
            connection = pika.BlockingConnection(self.parameters)
            ensure_work_queue(connection, queue_name)
        except BROKEN as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        finally:
            close(connection)
        self.queues_pending.discard(queue_name)

    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        return work_queue_arguments()


def make_broker(url: str) -> FramefleetBroker:
    """A broker for one slot. Connects when its worker starts; raises BrokerUnavailable when `url` is no address."""
    return FramefleetBroker(url)


def defect(message: Any, queue_name: str, actors: Container[str]) -> str | None:
    """What is wrong with a decoded envelope; None when Dramatiq can be trusted with it and an actor takes it."""
    kind, args, options = message.actor_name, message.args, message.options
    match message:
        case _ if message.queue_name != queue_name:
            return "queue_name is not the queue it came from"
        case _ if not isinstance(kind, str) or kind not in actors:
            return "there is no such actor here"
        case _ if len(args) != 1 or not isinstance(args[0], str):
            return "args is not one subtask id"
        case _ if message.kwargs != {}:
            return "kwargs is not an empty object"
        case _ if not isinstance(options, dict) or not ALLOWED_OPTIONS.issuperset(options):
            return "options has something beside broker_priority"
        case _ if not all(type(value) is int for value in options.values()):
            return "broker_priority is not a number"
        case _ if not isinstance(message.message_id, str) or type(message.message_timestamp) is not int:
            return "message_id or message_timestamp is of the wrong type"
        case _:
            return None
