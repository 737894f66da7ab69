"""The Python client: submit tasks over RabbitMQ and follow them. Needs only pika and pydantic.

with Client("amqp://user:password@host/") as client:
    task = client.submit({"sources": [...], "targets": [...]}, follow=True)
    final = client.wait(task.id)
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Container, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pika
import pika.exceptions

from framefleet.domain.errors import BrokerUnavailable, FramefleetError
from framefleet.messages import EVENTS_EXCHANGE, EXCHANGE, SUBMIT_KEY
from framefleet.producer import FINAL_STATES, NotEnded, Rejected, SubmittedTask, plain

if TYPE_CHECKING:
    from pika.adapters.blocking_connection import BlockingChannel

    from framefleet.domain.task import TaskRequest

ANSWER_SECONDS = 30.0
QUEUE_EXPIRES_SECONDS = 3600
"""How long the broker keeps a client's event queue that nobody reads: a shorter break loses no event."""
__all__ = ["FINAL_STATES", "Client", "EventsLost", "NoAnswer", "NotEnded", "Rejected", "SubmittedTask"]
_DIRECT_REPLY = "amq.rabbitmq.reply-to"
_RETRY_SECONDS = 2.0
_PROMPT_SECONDS = 2.0
_BROKEN = (pika.exceptions.AMQPError, OSError)

_T = TypeVar("_T")


class NoAnswer(FramefleetError):
    """No scheduler answered in time. The request is safe in the submit queue and will be accepted later."""

    code = "no_answer"
    status = 504
    hint = "Start framefleet-scheduler, or submit again with the same client_token: it makes no second task."


class EventsLost(FramefleetError):
    """The broker has removed this client's queue after an hour unread, or lost it: events are missing."""

    code = "events_lost"
    status = 410
    hint = "Look at the task with `framefleet status`."


class Client:
    """A producer's connection. Connects when first used, and again after a loss. For one thread; make one for each."""

    def __init__(self, broker_url: str) -> None:
        self._parameters = pika.URLParameters(broker_url)
        self._connection: pika.BlockingConnection | None = None
        self._followed: dict[str, dict[str, Any]] = {}
        """What the scheduler answered about tasks whose end is to be waited for."""
        self._finals: _EventQueue | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and remove this client's queue."""
        if self._finals is not None:
            self._finals.close()
            self._finals = None
        _close(self._connection)
        self._connection = None

    def submit(
        self,
        request: TaskRequest | Mapping[str, Any],
        *,
        wait_answer: bool = True,
        timeout: float = ANSWER_SECONDS,
        follow: bool = False,
    ) -> SubmittedTask:
        """Submit a task; returns when the scheduler has accepted it (or, without `wait_answer`, the broker has it).

        A client_token is made when the request has none, so that a lost connection can be mended by sending again.
        `follow` binds a queue for the task's end before the request goes out: `wait` will then not miss it. Raises
        Rejected, NoAnswer after `timeout` seconds, BrokerUnavailable.
        """
        body = plain(request)
        token = str(body.get("client_token") or uuid.uuid4())
        if follow:
            self._follow(str(body.get("pipeline") or "default"))
        message = json.dumps(body, separators=(",", ":")).encode()
        answer = self._again_when_broken(lambda: self._send(message, token, timeout if wait_answer else None))
        if answer is None:
            return SubmittedTask(None, token, {})
        if answer.get("status") != "accepted":
            error = answer.get("error") or {}
            raise Rejected(
                str(error.get("code", "invalid_request")),
                str(error.get("message", "the request was refused")),
                error.get("field"),
                error.get("hint"),
            )
        task = dict(answer["task"])
        if follow:
            self._followed[task["id"]] = task
        return SubmittedTask(task["id"], token, task)

    def wait(self, task_id: str, timeout: float | None = None) -> dict[str, Any]:
        """The final event of a task, with its full record.

        Sure only for tasks submitted with `follow=True`: of others, an end before this call is not seen. For a
        client_token whose task had ended before, it is what the scheduler answered. Raises NotEnded after `timeout`
        seconds, EventsLost, BrokerUnavailable when the broker stays away.
        """
        if task_id not in self._followed or self._finals is None:
            for event in self.events(task_id, timeout=timeout):
                if event.get("state") in FINAL_STATES:
                    return event
            raise NotEnded
        answer = self._followed[task_id]
        try:
            if answer["state"] in FINAL_STATES:
                timeout = _PROMPT_SECONDS  # ended before or just now: only in the second case is there an event
            event = self._finals.final(task_id, self._followed, timeout)
        except NotEnded:
            if answer["state"] not in FINAL_STATES:
                raise
            event = {"event": f"task.{answer['state']}", "task_id": task_id, **answer}
        del self._followed[task_id]
        if not self._followed:
            self._finals.close()
            self._finals = None
        return event

    def submit_and_wait(self, request: TaskRequest | Mapping[str, Any], timeout: float | None = None) -> dict[str, Any]:
        """Submit and wait for the final event. Raises as `submit` and `wait` do."""
        task = self.submit(request, follow=True)
        assert task.id is not None
        return self.wait(task.id, timeout)

    def events(
        self,
        task_id: str | None = None,
        pipeline: str | None = None,
        *,
        subtasks: bool = False,
        timeout: float | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Events from now on, of one task or of all; ends `timeout` seconds from now.

        An event may come twice, with the same `event_id`. Raises BrokerUnavailable when the broker stays away.
        """
        queue = _EventQueue(self._parameters)
        queue.bind(f"task.*.{pipeline}" if pipeline else "task.#")
        if subtasks:
            queue.bind("subtask.#")
        queue.open()
        return self._filtered(queue, task_id, pipeline, timeout)

    @staticmethod
    def _filtered(
        queue: _EventQueue, task_id: str | None, pipeline: str | None, timeout: float | None
    ) -> Iterator[dict[str, Any]]:
        try:
            for event in queue.read(timeout):
                if task_id in {None, event.get("task_id")} and pipeline in {None, event.get("pipeline")}:
                    yield event
        finally:
            queue.close()

    # --- sending ---------------------------------------------------------------------------

    def _follow(self, pipeline: str) -> None:
        if self._finals is None:
            self._finals = _EventQueue(self._parameters)
        for state in FINAL_STATES:
            self._finals.bind(f"task.{state}.{pipeline}")
        self._finals.open()

    def _again_when_broken(self, do: Callable[[], _T]) -> _T:
        """Once more over a new connection: an idle one is closed by brokers. The token makes that safe."""
        had_connection = self._connection is not None
        try:
            return do()
        except _BROKEN as error:
            self._drop()
            if not had_connection:
                raise _translated(error) from error
        try:
            return do()
        except _BROKEN as error:
            self._drop()
            raise _translated(error) from error

    def _drop(self) -> None:
        _close(self._connection)
        self._connection = None

    def _send(self, message: bytes, token: str, timeout: float | None) -> dict[str, Any] | None:
        if self._connection is None or self._connection.is_closed:
            self._connection = pika.BlockingConnection(self._parameters)
        channel = self._connection.channel()
        try:
            return _exchange(self._connection, channel, message, token, timeout)
        finally:
            if channel.is_open and self._connection.is_open:
                channel.close()


def _exchange(
    connection: pika.BlockingConnection, channel: BlockingChannel, message: bytes, token: str, timeout: float | None
) -> dict[str, Any] | None:
    """Publish one request, confirmed; the answer when `timeout` says how long to wait for it."""
    correlation = uuid.uuid4().hex
    answers: list[dict[str, Any]] = []

    def take(_channel: Any, _method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        if properties.correlation_id == correlation:
            answers.append(json.loads(body))

    if timeout is not None:
        # Before the publication, as RabbitMQ demands of direct replies: no queue, nothing left behind.
        channel.basic_consume(_DIRECT_REPLY, take, auto_ack=True)
    channel.confirm_delivery()
    properties = pika.BasicProperties(
        content_type="application/json",
        delivery_mode=2,
        message_id=token,
        reply_to=None if timeout is None else _DIRECT_REPLY,
        correlation_id=correlation,
    )
    channel.basic_publish(EXCHANGE, SUBMIT_KEY, message, properties, mandatory=True)
    if timeout is None:
        return None
    deadline = time.monotonic() + timeout
    while not answers:
        left = deadline - time.monotonic()
        if left <= 0:
            raise NoAnswer(f"no scheduler answered within {timeout:g} s; the request waits in the queue ({token})")
        connection.process_data_events(min(left, 1.0))
    return answers[0]


class _EventQueue:
    """A queue of this client's own on the events exchange. It survives a lost connection for an hour."""

    def __init__(self, parameters: pika.URLParameters) -> None:
        self._parameters = parameters
        self._name = f"framefleet.client.{uuid.uuid4().hex}"
        self._keys: list[str] = []
        self._bound: set[str] = set()
        self._declared = False
        self._connection: pika.BlockingConnection | None = None
        self._channel: BlockingChannel | None = None
        self._kept: dict[str, dict[str, Any]] = {}

    def bind(self, key: str) -> None:
        """Receive what has this routing key, from the next `open` on."""
        if key not in self._keys:
            self._keys.append(key)

    def open(self) -> None:
        """Connect, declare and bind what is not yet; raises BrokerUnavailable or EventsLost."""
        try:
            if self._channel is None or not self._channel.is_open:
                self._channel = self._reopened()
            for key in self._keys:
                if key not in self._bound:
                    self._channel.queue_bind(self._name, EVENTS_EXCHANGE, key)
                    self._bound.add(key)
        except _BROKEN as error:
            self._channel = None
            _close(self._connection)
            self._connection = None
            if self._declared and _is_missing(error):
                raise EventsLost from error
            raise _translated(error) from error

    def _reopened(self) -> BlockingChannel:
        if self._connection is None or self._connection.is_closed:
            self._connection = pika.BlockingConnection(self._parameters)
        channel = self._connection.channel()
        channel.basic_qos(prefetch_count=50)
        # Only the first time: declared again, a queue that has expired would come back empty, and nobody would notice.
        arguments = {"x-expires": QUEUE_EXPIRES_SECONDS * 1000}
        channel.queue_declare(self._name, passive=self._declared, durable=True, arguments=arguments)
        self._declared = True
        return channel

    def read(self, timeout: float | None) -> Iterator[dict[str, Any]]:
        """Events as they come, until `timeout` seconds from now; reconnects, for as long as the queue would survive."""
        deadline = None if timeout is None else time.monotonic() + timeout
        lost_at: float | None = None
        while deadline is None or time.monotonic() < deadline:
            try:
                self.open()
                assert self._channel is not None
                lost_at = None
                for method, _properties, body in self._channel.consume(self._name, inactivity_timeout=0.5):
                    if method is not None:
                        event = json.loads(body)
                        self._channel.basic_ack(method.delivery_tag)
                        yield event
                    if deadline is not None and time.monotonic() >= deadline:
                        return
            except (BrokerUnavailable, pika.exceptions.AMQPError, OSError) as error:
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at > QUEUE_EXPIRES_SECONDS:
                    raise _translated(error) from error
                self._channel = None
                time.sleep(_RETRY_SECONDS)

    def final(self, task_id: str, wanted: Container[str], timeout: float | None) -> dict[str, Any]:
        """A task's final event; those of other `wanted` tasks are kept for their own calls. Raises NotEnded."""
        if task_id in self._kept:
            return self._kept.pop(task_id)
        for event in self.read(timeout):
            if event.get("task_id") == task_id:
                return event
            if event.get("task_id") in wanted:
                self._kept[event["task_id"]] = event
        raise NotEnded

    def close(self) -> None:
        """Remove the queue, if the broker is there."""
        try:
            if self._connection is not None and self._connection.is_open:
                self._connection.channel().queue_delete(self._name)
        except _BROKEN:
            pass  # it expires by itself
        _close(self._connection)
        self._connection = None
        self._channel = None


def _close(connection: pika.BlockingConnection | None) -> None:
    try:
        if connection is not None and connection.is_open:
            connection.close()
    except _BROKEN:
        pass  # it is closed then


def _translated(error: Exception) -> FramefleetError:
    """What pika's error means to the caller. Its texts are often empty, and may hold the address."""
    match error:
        case FramefleetError():
            return error
        case pika.exceptions.ProbableAuthenticationError() | pika.exceptions.AuthenticationError():
            return BrokerUnavailable("RabbitMQ refuses the user or the password", hint="Correct the broker's address.")
        case pika.exceptions.ProbableAccessDeniedError():
            return BrokerUnavailable("RabbitMQ refuses the virtual host", hint="Correct the broker's address.")
        case _ if isinstance(error, pika.exceptions.UnroutableError) or _is_missing(error):
            return BrokerUnavailable(
                "RabbitMQ has no Framefleet exchange or queue yet", hint="Start framefleet-scheduler: it declares them."
            )
        case _:
            return BrokerUnavailable(f"RabbitMQ does not answer ({type(error).__name__})")


def _is_missing(error: Exception) -> bool:
    return isinstance(error, pika.exceptions.ChannelClosedByBroker) and error.reply_code == 404
