"""Loops that consume submissions and reports. They outlive the broker; what they could not handle comes again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pika
import structlog

from framefleet.adapters.rabbitmq.connection import BROKEN, close, parameters, unavailable
from framefleet.adapters.rabbitmq.odd_headers import tolerate_odd_headers
from framefleet.adapters.rabbitmq.publisher import PERSISTENT
from framefleet.adapters.rabbitmq.topology import INVALID_QUEUE, declare_topology
from framefleet.domain.errors import BrokerUnavailable, FramefleetError, ServiceError
from framefleet.messages import REJECTED_QUEUE, RESULTS_QUEUE, SUBMIT_QUEUE, Report, decode_report
from framefleet.ports import Submission

if TYPE_CHECKING:
    from pika.adapters.blocking_connection import BlockingChannel

log = structlog.get_logger()

RECONNECT_SECONDS = 0.7
"""Pause after any failure. Long enough not to spin, short enough that nobody notices."""
SUBMISSIONS_AT_ONCE = 2
"""One in work and one on its way: a body may have RabbitMQ's 128 MB, and all of them are held in memory."""
REPORTS_AT_ONCE = 200
GATHERING_SECONDS = 0.005
"""Rest after some reports, in which more come: entering and acknowledging many costs little more than one."""
_LOOK_AT_STOP_SECONDS = 0.25
_COPIED = (
    "content_type",
    "content_encoding",
    "correlation_id",
    "reply_to",
    "message_id",
    "timestamp",
    "type",
    "app_id",
)
"""Properties a message put aside keeps. Not `user_id` (RabbitMQ checks it) nor `expiration` (it would vanish)."""


def consume_submissions(
    url: str,
    handler: Callable[[Submission], None],
    stop: threading.Event,
    prefetch: int = SUBMISSIONS_AT_ONCE,
) -> None:
    """Hand every message of the submit queue to `handler`, in this thread, until `stop` is set.

    A message comes again when the handler raises ServiceError, returns without `ack`, or the broker is lost before it.
    One that breaks the handler in another way is put on the rejected queue.
    """

    def take(session: _Session, deliveries: list[_Delivery]) -> None:
        for delivery in deliveries:
            take_one(session, delivery)

    def take_one(session: _Session, delivery: _Delivery) -> None:
        settled = False

        def ack() -> None:
            nonlocal settled
            session.ack(delivery)
            settled = True

        submission = Submission(
            body=delivery.body,
            message_id=_text(delivery.properties.message_id),
            priority=delivery.properties.priority,
            answer=lambda body: session.answer(delivery, body),
            reject=lambda code, message, field: session.put_aside(REJECTED_QUEUE, delivery, code, message, field),
            ack=ack,
            traceparent=_text((delivery.properties.headers or {}).get("traceparent")),
        )
        try:
            handler(submission)
        except ServiceError:
            raise
        except Exception as error:  # the shell of the loop: a defect must neither lose a message nor bring it for ever
            log.exception("submission.broken")
            if settled:
                return
            session.put_aside(REJECTED_QUEUE, delivery, FramefleetError.code, type(error).__name__, None)
            session.ack(delivery)
        else:
            if not settled:
                raise ServiceError("a submission was handled but not acknowledged")

    tolerate_odd_headers()
    _Consumer(url, SUBMIT_QUEUE, prefetch, stop).run(take)


def consume_reports(
    url: str, handler: Callable[[Sequence[Report]], None], stop: threading.Event, prefetch: int = REPORTS_AT_ONCE
) -> None:
    """Hand all reports to `handler`, some at a time, in this thread, until `stop` is set; acknowledged when it returns.

    They come again when the handler raises ServiceError or the broker is lost before the acknowledgement. One that
    cannot be read, or breaks the handler in another way, is put aside in `framefleet.v1.invalid`.
    """

    def take(session: _Session, deliveries: list[_Delivery]) -> None:
        reports = [(delivery, report) for delivery in deliveries if (report := read(session, delivery)) is not None]
        try:
            handler([report for _, report in reports])
        except ServiceError:
            raise
        except Exception:  # noqa: BLE001 - whose fault that was is found out one by one
            for delivery, report in reports:
                take_one(session, delivery, report)
        session.ack(deliveries[-1], all_before=True)
        stop.wait(GATHERING_SECONDS)

    def read(session: _Session, delivery: _Delivery) -> Report | None:
        try:
            return decode_report(delivery.body)
        except ValueError:
            log.error("report.invalid", bytes=len(delivery.body))
            session.put_aside(INVALID_QUEUE, delivery, "invalid_report", "not a report", None)
            return None

    def take_one(session: _Session, delivery: _Delivery, report: Report) -> None:
        try:
            handler([report])
        except ServiceError:
            raise
        except Exception as error:  # as above; the sweep decides about the subtask when its lease runs out
            log.exception("report.broken", sid=report.sid)
            session.put_aside(INVALID_QUEUE, delivery, FramefleetError.code, type(error).__name__, None)

    _Consumer(url, RESULTS_QUEUE, prefetch, stop).run(take)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A message, good for the session it came in."""

    tag: int
    properties: pika.BasicProperties
    body: bytes


class _Session:
    """One connection's two channels: messages come in on one, confirmed publications go out on the other.

    Errors of the connection are BrokerUnavailable, so that a handler's own OSError is not taken for one.
    """

    def __init__(self, connection: pika.BlockingConnection, queue: str, prefetch: int) -> None:
        self._connection = connection
        self._incoming: BlockingChannel = connection.channel()
        self._arrived: list[_Delivery] = []
        self._removed = False
        declare_topology(self._incoming)
        self._incoming.basic_qos(prefetch_count=prefetch)
        self._incoming.add_on_cancel_callback(self._on_removed)
        self._incoming.basic_consume(queue, self._on_arrived)
        self._outgoing: BlockingChannel = connection.channel()
        self._outgoing.confirm_delivery()

    def arrived(self) -> list[_Delivery]:
        """What has come, in its order; waits for the first of them, but not long. Raises BrokerUnavailable when there will
        be no more.
        """
        if not self._arrived:
            if self._removed:
                raise BrokerUnavailable("its queue was removed")
            self._connection.process_data_events(_LOOK_AT_STOP_SECONDS)
        arrived, self._arrived = self._arrived, []
        return arrived

    def _on_arrived(self, _channel: Any, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        self._arrived.append(_Delivery(method.delivery_tag, properties, body))

    def _on_removed(self, _frame: Any) -> None:
        self._removed = True

    def ack(self, delivery: _Delivery, *, all_before: bool = False) -> None:
        """Settle a message, or it and all that came before it."""
        try:
            self._incoming.basic_ack(delivery.tag, multiple=all_before)
        except BROKEN as error:
            raise unavailable(error) from error

    def answer(self, delivery: _Delivery, body: bytes) -> None:
        """Answer the sender, if it asked for that. Whether it still listens is its own affair."""
        asked = delivery.properties
        reply_to = _text(asked.reply_to)
        if not reply_to:
            return
        if reply_to.startswith("framefleet.") and not reply_to.startswith("framefleet.client."):
            # We may write where the sender may not: it must not make us write to our own queues.
            log.warning("answer.refused", reply_to=reply_to)
            return
        properties = pika.BasicProperties(
            content_type="application/json", correlation_id=asked.correlation_id, delivery_mode=PERSISTENT
        )
        self._publish(reply_to, body, properties, mandatory=False)

    def put_aside(self, queue: str, delivery: _Delivery, code: str, message: str, field: str | None) -> None:
        """Publish the unchanged body with the reason in its headers."""
        headers = _plain(delivery.properties.headers) | {"x-error-code": code, "x-error-message": message}
        if field is not None:
            headers["x-error-field"] = field
        copied = {name: getattr(delivery.properties, name) for name in _COPIED}
        properties = pika.BasicProperties(
            **copied, headers=headers, delivery_mode=PERSISTENT, priority=delivery.properties.priority
        )
        self._publish(queue, delivery.body, properties, mandatory=True)

    def _publish(self, queue: str, body: bytes, properties: pika.BasicProperties, *, mandatory: bool) -> None:
        try:
            self._outgoing.basic_publish("", queue, body, properties, mandatory=mandatory)
        except BROKEN as error:
            raise unavailable(error) from error


class _Consumer:
    """Connects, consumes, and does so again after any failure, until told to stop."""

    def __init__(self, url: str, queue: str, prefetch: int, stop: threading.Event) -> None:
        self._parameters = parameters(url, f"framefleet {queue}")
        self._queue = queue
        self._prefetch = prefetch
        self._stop = stop
        self._lost = False

    def run(self, take: Callable[[_Session, list[_Delivery]], None]) -> None:
        """`take` acknowledges; what it raises closes the connection, and all unacknowledged messages come again."""
        while not self._stop.is_set():
            connection: pika.BlockingConnection | None = None
            try:
                connection = pika.BlockingConnection(self._parameters)
                self._consume(_Session(connection, self._queue, self._prefetch), take)
            except BROKEN as error:
                self._say_lost(unavailable(error))
            except BrokerUnavailable as error:
                self._say_lost(error)
            except ServiceError as error:
                log.warning("message.postponed", queue=self._queue, code=error.code, message=error.message)
            except Exception:  # the shell of the loop: pika has defects too, and a dead thread consumes nothing
                log.exception("consumer.broken", queue=self._queue)
            finally:
                close(connection)
            self._stop.wait(RECONNECT_SECONDS)

    def _consume(self, session: _Session, take: Callable[[_Session, list[_Delivery]], None]) -> None:
        if self._lost:
            log.info("broker.returned", queue=self._queue)
            self._lost = False
        while not self._stop.is_set():
            deliveries = session.arrived()
            if deliveries and not self._stop.is_set():
                take(session, deliveries)

    def _say_lost(self, error: BrokerUnavailable) -> None:
        if not self._lost:
            log.warning("broker.lost", queue=self._queue, code=error.code, message=error.message)
            self._lost = True


def _plain(headers: dict[Any, Any] | None) -> dict[str, Any]:
    """Headers that can be sent on: pika decodes more kinds of values than it encodes; CC and BCC would make copies."""
    return {
        key: value
        for key, value in (headers or {}).items()
        if isinstance(key, str) and key not in {"CC", "BCC"} and (value is None or isinstance(value, str | bool | int))
    }


def _text(value: Any) -> str | None:
    """A property's or a header's text: pika gives bytes where it is not UTF-8, and numbers where a header has one."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, str) else None
