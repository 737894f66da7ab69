"""One suite for every `Publisher`: what was published arrives, in the right order, and nothing is lost."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pika
import pytest

from framefleet.adapters.inprocess import InProcessBroker
from framefleet.adapters.rabbitmq import RabbitPublisher, declare_topology, events
from framefleet.domain.errors import BrokerUnavailable, ErrorInfo
from framefleet.messages import (
    EVENTS_EXCHANGE,
    RESULTS_QUEUE,
    Done,
    Failed,
    Order,
    Report,
    decode_report,
    work_queue,
)
from framefleet.ports import Event, Publisher
from tests.services import RabbitMQ
from tests.services.ports import reserve
from tests.waiting import eventually


@dataclass(frozen=True)
class Seam:
    """A publisher, and what its consumers see."""

    publisher: Publisher
    take_order: Callable[[str], str | None]
    """The sid of the most urgent order of a tag; None when there is none."""
    take_report: Callable[[], Report | None]
    events: list[dict[str, str]]
    """Events seen so far by somebody who listened from the beginning."""


@pytest.fixture(params=["inprocess", "rabbitmq"])
def seam(request: pytest.FixtureRequest) -> Iterator[Seam]:
    if request.param == "inprocess":
        yield _in_process()
    else:
        yield from _over_rabbitmq(request.getfixturevalue("rabbitmq_url"))


def _in_process() -> Seam:
    broker = InProcessBroker()
    seen: list[dict[str, str]] = []
    broker.subscribe(lambda event: seen.append(json.loads(event.body)))

    def take_order(tag: str) -> str | None:
        order = broker.take_order(tag, 0)
        return None if order is None else order.sid

    return Seam(broker, take_order, lambda: broker.take_report(0), seen)


def _over_rabbitmq(url: str) -> Iterator[Seam]:
    seen: list[dict[str, str]] = []
    ready, stop = threading.Event(), threading.Event()
    publisher = RabbitPublisher(url)

    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        declare_topology(channel)

        def listen() -> None:
            for event in events(url, ["#"], stop, ready=ready.set):
                seen.append(event)  # noqa: PERF402 - one by one, as they come

        listener = threading.Thread(target=listen)
        listener.start()
        assert ready.wait(20)

        def take_order(tag: str) -> str | None:
            method, _, body = channel.basic_get(work_queue(tag), auto_ack=True)
            return None if method is None else str(json.loads(body)["args"][0])

        def take_report() -> Report | None:
            method, _, body = channel.basic_get(RESULTS_QUEUE, auto_ack=True)
            return None if method is None else decode_report(body)

        try:
            yield Seam(publisher, take_order, take_report, seen)
        finally:
            stop.set()
            listener.join(20)
            publisher.close()


def order(sid: str, *, priority: int = 5, tag: str = "cpu") -> Order:
    return Order(sid=sid, kind="transcode", tag=tag, priority=priority)


def all_orders(seam: Seam, tag: str = "cpu") -> list[str]:
    return list(iter(lambda: seam.take_order(tag), None))


def test_an_order_goes_to_its_tag_and_nowhere_else(seam: Seam) -> None:
    seam.publisher.order(order("a", tag="gpu"))

    assert all_orders(seam, "cpu") == []
    assert all_orders(seam, "gpu") == ["a"]
    assert all_orders(seam, "gpu") == []


def test_higher_priorities_come_first_and_equal_ones_in_order_of_arrival(seam: Seam) -> None:
    for sid, priority in [("low", 0), ("first", 5), ("second", 5), ("highest", 10), ("high", 9), ("third", 5)]:
        seam.publisher.order(order(sid, priority=priority))

    assert all_orders(seam) == ["highest", "high", "first", "second", "third", "low"]


def test_an_order_published_twice_comes_twice(seam: Seam) -> None:
    seam.publisher.order(order("a"))
    seam.publisher.order(order("a"))

    assert all_orders(seam) == ["a", "a"]


@pytest.mark.parametrize(
    "report",
    [
        Done(sid="task.1.2"),
        Failed(
            sid="task.1.2",
            fence=7,
            nonce="abc",
            worker="host:1:1",
            error=ErrorInfo(code="ffmpeg_failed", message="é", log=("last", "lines")),
            cpu_seconds=1.5,
        ),
    ],
    ids=["done", "failed"],
)
def test_a_report_arrives_as_it_was_sent(seam: Seam, report: Report) -> None:
    seam.publisher.report(report)

    assert seam.take_report() == report
    assert seam.take_report() is None


def test_reports_come_in_order_of_arrival(seam: Seam) -> None:
    for i in range(5):
        seam.publisher.report(Done(sid=str(i)))

    reports = [seam.take_report() for _ in range(6)]
    assert reports == [*(Done(sid=str(i)) for i in range(5)), None]


def test_an_event_reaches_who_listens(seam: Seam) -> None:
    seam.publisher.event(Event("e1", "task.running.default", b'{"event_id": "e1"}'))
    seam.publisher.event(Event("e2", "subtask.running.probe", b'{"event_id": "e2"}'))

    eventually(lambda: [event["event_id"] for event in seam.events] == ["e1", "e2"], "both events")


def test_i2_nothing_is_lost_when_many_threads_publish_at_once(seam: Seam) -> None:
    sids = [f"{i}" for i in range(200)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda sid: seam.publisher.order(order(sid, priority=int(sid) % 10)), sids))

    taken = all_orders(seam)
    assert sorted(taken) == sorted(sids)
    assert [int(sid) % 10 for sid in taken] == sorted((int(sid) % 10 for sid in sids), reverse=True)


# --- the in-process broker's own side ----------------------------------------------------------


def test_a_waiting_slot_gets_the_next_order_at_once() -> None:
    broker = InProcessBroker()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(broker.take_order, "cpu", 20)

        broker.order(order("other", tag="gpu"))
        broker.order(order("mine"))

        taken = waiting.result(20)
        assert taken is not None
        assert taken.sid == "mine"


def test_each_order_is_taken_by_one_slot() -> None:
    broker = InProcessBroker()

    def work() -> list[str]:
        taken: list[str] = []
        while (found := broker.take_order("cpu", 0.2)) is not None:
            taken.append(found.sid)
        return taken

    with ThreadPoolExecutor(4) as pool:
        slots = [pool.submit(work) for _ in range(4)]
        for i in range(300):
            broker.order(order(str(i)))
        taken = [sid for slot in slots for sid in slot.result(20)]

    assert sorted(taken, key=int) == [str(i) for i in range(300)]


def test_taking_gives_up_after_the_time_asked_for() -> None:
    broker = InProcessBroker()

    assert broker.take_order("cpu", 0.01) is None
    assert broker.take_report(0.01) is None


# --- RabbitMQ's own side -----------------------------------------------------------------------

ORDER = Order(sid="t1.1.2", kind="transcode", tag="cpu", priority=7)


@pytest.fixture
def quiet_pika() -> Iterator[None]:
    """As our services do: pika tells of every lost connection with a traceback."""
    logger = logging.getLogger("pika")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


@pytest.fixture
def channel(rabbitmq_url: str) -> Iterator[Any]:
    """A channel beside the publisher's, with everything declared."""
    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url)) as connection:
        channel = connection.channel()
        declare_topology(channel)
        yield channel


@pytest.fixture
def publisher(rabbitmq_url: str, quiet_pika: None) -> Iterator[RabbitPublisher]:
    publisher = RabbitPublisher(rabbitmq_url)
    yield publisher
    publisher.close()


def waiting(channel: Any, queue: str) -> int:
    return int(channel.queue_declare(queue, passive=True).method.message_count)


def test_an_order_is_a_dramatiq_envelope(channel: Any, publisher: RabbitPublisher) -> None:
    publisher.order(ORDER)

    _, properties, body = channel.basic_get(work_queue("cpu"), auto_ack=True)
    envelope = json.loads(body)
    message_id, timestamp = envelope.pop("message_id"), envelope.pop("message_timestamp")
    assert envelope == {
        "queue_name": "framefleet.v1.cpu",
        "actor_name": "transcode",
        "args": ["t1.1.2"],
        "kwargs": {},
        "options": {"broker_priority": 7},
    }
    assert timestamp > 1_700_000_000_000
    assert (properties.message_id, properties.priority, properties.delivery_mode) == (message_id, 7, 2)
    assert properties.content_type == "application/json"


def test_an_event_carries_its_id_and_needs_no_listener(channel: Any, publisher: RabbitPublisher) -> None:
    publisher.event(Event("e0", "task.running.default", b"{}"))
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, EVENTS_EXCHANGE, "task.*.default")

    publisher.event(Event("e1", "task.succeeded.default", b'{"state": "succeeded"}'))

    _, properties, body = channel.basic_get(queue, auto_ack=True)
    assert body == b'{"state": "succeeded"}'
    assert (properties.message_id, properties.content_type) == ("e1", "application/json")
    assert properties.delivery_mode == 2
    assert waiting(channel, queue) == 0


def test_a_publisher_declares_what_is_missing(rabbitmq_url: str, publisher: RabbitPublisher) -> None:
    publisher.event(Event("e1", "task.running.default", b"{}"))
    publisher.report(Done(sid="a"))

    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url)) as connection:
        channel = connection.channel()
        assert waiting(channel, RESULTS_QUEUE) == 1
        channel.queue_delete(work_queue("cpu"))
        publisher.order(ORDER)
        assert waiting(channel, work_queue("cpu")) == 1


def test_a_publisher_connects_again_after_a_cut(channel: Any, publisher: RabbitPublisher) -> None:
    publisher.order(ORDER)
    # As a network does it: nobody says goodbye.
    publisher._connection._impl._transport._sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

    publisher.order(ORDER)

    assert waiting(channel, work_queue("cpu")) == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda url: url.replace("guest:guest", "guest:wrong"), "user or the password"),
        (lambda url: url + "-missing", "virtual host"),
        (lambda _: f"amqp://127.0.0.1:{reserve()}/", "does not answer"),
    ],
    ids=["password", "vhost", "port"],
)
def test_a_publisher_that_gets_no_connection_says_why(
    rabbitmq_url: str, quiet_pika: None, change: Callable[[str], str], told: str
) -> None:
    publisher = RabbitPublisher(change(rabbitmq_url))

    with pytest.raises(BrokerUnavailable, match=told) as failed:
        publisher.order(ORDER)

    assert "guest" not in failed.value.message


@pytest.mark.parametrize("url", ["garbage", "amqp://user:secret@host:port/", "amqp://[::1/"])
def test_an_unusable_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(BrokerUnavailable) as refused:
        RabbitPublisher(url)

    assert "secret" not in refused.value.message


def test_a_full_queue_refuses_instead_of_dropping(
    rabbitmq: RabbitMQ, rabbitmq_url: str, channel: Any, publisher: RabbitPublisher
) -> None:
    vhost = rabbitmq_url.rsplit("/", 1)[1]
    limit = {"max-length": 1, "overflow": "reject-publish"}
    policy = {"pattern": "results$", "definition": limit, "apply-to": "queues"}
    rabbitmq.api("PUT", f"policies/{vhost}/full", policy)

    def refused() -> str | None:
        """The policy takes effect a moment after it was set."""
        try:
            publisher.report(Done(sid="a"))
        except BrokerUnavailable as error:
            return error.message
        return None

    assert eventually(refused, "a refusal") == "RabbitMQ refused the message"
    assert waiting(channel, RESULTS_QUEUE) >= 1


def test_a_batch_arrives_whole_and_in_its_order(seam: Seam) -> None:
    orders = [order(f"{i}") for i in range(120)]
    told = [Event(f"e{i}", "task.running.default", json.dumps({"event_id": f"e{i}"}).encode()) for i in range(3)]

    seam.publisher.batch([*orders, *told])
    seam.publisher.batch([])

    assert [seam.take_order("cpu") for _ in orders] == [o.sid for o in orders]
    eventually(lambda: [event["event_id"] for event in seam.events] == ["e0", "e1", "e2"], "the events")


def test_i2_a_batch_of_which_one_message_is_refused_is_not_called_published(
    rabbitmq: RabbitMQ, rabbitmq_url: str
) -> None:
    publisher = RabbitPublisher(rabbitmq_url)
    publisher.order(ORDER)
    limit = {"pattern": "^framefleet.v1.cpu$", "definition": {"max-length": 1, "overflow": "reject-publish"}}
    vhost = rabbitmq_url.rpartition("/")[2]
    rabbitmq.api("PUT", f"policies/{vhost}/limit", limit)
    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url)) as connection:
        queue = connection.channel()

        def refused() -> bool:
            try:
                publisher.batch([order("a"), order("b")])
            except BrokerUnavailable as error:
                return "refused" in error.message
            return False

        eventually(refused, "the policy")  # it takes effect a moment after it was set
        rabbitmq.api("DELETE", f"policies/{vhost}/limit")
        queue.queue_purge(work_queue("cpu"))
        eventually(lambda: _published(publisher), "the queue without a limit")
    publisher.close()


def _published(publisher: RabbitPublisher) -> bool:
    try:
        publisher.batch([order("c")])
    except BrokerUnavailable:
        return False
    return True


def test_a_batch_declares_the_queues_that_are_missing(rabbitmq_url: str) -> None:
    publisher = RabbitPublisher(rabbitmq_url)

    publisher.batch([order("a"), order("b")])
    publisher.close()

    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url)) as connection:
        waiting = connection.channel().queue_declare(work_queue("cpu"), passive=True).method.message_count
    assert waiting == 2
