"""The worker's broker against a private node: every defect of stock Dramatiq it works around, and the private names it
needs for that. Long, because it holds one file's workarounds together; to be deleted with them.

An acknowledgement timeout (`consumer_timeout`) shorter than the work gives an order to somebody else meanwhile; only a
setting of the broker prevents it: see docs/rabbitmq.md. What such a second delivery meets is the claim.
"""

from __future__ import annotations

import inspect
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self, cast

import dramatiq
import dramatiq.brokers.rabbitmq as stock
import pika
import pytest
from dramatiq.middleware import CurrentMessage, ShutdownNotifications
from dramatiq.middleware.shutdown import Shutdown
from structlog.testing import capture_logs

from framefleet.adapters.rabbitmq import RabbitPublisher
from framefleet.adapters.rabbitmq.topology import INVALID_QUEUE, declare_topology, work_queue_arguments
from framefleet.domain.errors import BrokerUnavailable, HostError
from framefleet.messages import Order, work_queue
from framefleet_workers import broker as broker_module
from framefleet_workers import slot_loop
from framefleet_workers.broker import Drain, FramefleetConsumer, RequeueOnError, make_broker
from framefleet_workers.slot_loop import run_slot
from tests.services import RabbitMQ
from tests.waiting import eventually

QUEUE = work_queue("cpu")


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Short pauses; and quiet, as pika and Dramatiq tell of every lost connection with a traceback."""
    monkeypatch.setattr(dramatiq.worker, "CONSUMER_RESTART_DELAY_SECS", 0.1)
    monkeypatch.setattr(broker_module, "ERROR_PAUSE_SECONDS", 0.05)
    before = {name: logging.getLogger(name).level for name in ("pika", "dramatiq")}
    for name in before:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def channel(rabbitmq_url: str) -> Iterator[Any]:
    """A channel beside the slot's, with everything declared."""
    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        declare_topology(channel)
        yield channel


class Actor:
    """What a slot runs: each order waits until it is let go, unless told otherwise."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.finished: list[str] = []
        self.interrupted: list[str] = []
        self.let_go = threading.Event()
        """All of them."""
        self.let_go_of: set[str] = set()
        self.failures: list[BaseException] = []
        """Raised by the next runs, one each."""

    def run(self, sid: str) -> None:
        self.started.append(sid)
        if self.failures:
            raise self.failures.pop(0)
        try:
            while not self.let_go.wait(0.02) and sid not in self.let_go_of:
                pass
        except Shutdown:
            self.interrupted.append(sid)
            raise
        self.finished.append(sid)


class Slot:
    """A slot in a thread of this process."""

    def __init__(self, url: str, actor: Actor) -> None:
        self.actor = actor
        self.stop = threading.Event()
        self.broker = make_broker(url)
        self.consumers: list[FramefleetConsumer] = []
        self.failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)
        dramatiq.actor(actor_name="transcode", queue_name=QUEUE, broker=self.broker)(actor.run)
        consume = self.broker.consume

        def consume_noted(*arguments: Any, **options: Any) -> Any:
            self.consumers.append(cast(FramefleetConsumer, consume(*arguments, **options)))
            return self.consumers[-1]

        vars(self.broker)["consume"] = consume_noted

    def _run(self) -> None:
        try:
            run_slot(self.broker, QUEUE, self.stop)
        except HostError as error:
            self.failures.append(error)

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: bool(self.consumers), "the slot to consume")
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Tell it to stop, let running work go, and wait."""
        self.stop.set()
        self.actor.let_go.set()
        self.join()

    def join(self) -> None:
        """Wait until the slot has ended."""
        self._thread.join(30)
        assert not self._thread.is_alive(), "the slot did not stop"

    def cut(self) -> FramefleetConsumer:
        """Break the consumer's connection as a network does, and wait for the next consumer."""
        before = len(self.consumers)
        self.consumers[-1].connection._impl._transport._sock.shutdown(socket.SHUT_RDWR)
        eventually(lambda: len(self.consumers) > before, "the slot to reconnect")
        return self.consumers[-1]


@pytest.fixture
def actor() -> Actor:
    return Actor()


@pytest.fixture
def slot(rabbitmq_url: str, channel: Any, actor: Actor) -> Iterator[Slot]:
    with Slot(rabbitmq_url, actor) as slot:
        yield slot


@pytest.fixture
def publish(rabbitmq_url: str) -> Iterator[Callable[..., None]]:
    publisher = RabbitPublisher(rabbitmq_url)

    def publish(*sids: str, priority: int = 5) -> None:
        for sid in sids:
            publisher.order(Order(sid=sid, kind="transcode", tag="cpu", priority=priority))

    yield publish
    publisher.close()


def waiting(channel: Any, queue: str = QUEUE) -> int:
    return int(channel.queue_declare(queue, passive=True).method.message_count)


def sid_of(body: bytes) -> str:
    return str(json.loads(body)["args"][0])


# --- acknowledgements --------------------------------------------------------------------------


def test_t1_i2_a_late_acknowledgement_does_not_settle_a_strangers_message(
    rabbitmq_url: str, channel: Any, actor: Actor, slot: Slot, publish: Callable[..., None]
) -> None:
    publish("a")
    eventually(lambda: actor.started == ["a"], "a to start")
    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url)) as other:
        # Another worker gets a as soon as the first one's connection is gone, before that is back.
        elsewhere = other.channel()
        elsewhere.basic_qos(prefetch_count=1)
        got: list[str] = []
        elsewhere.basic_consume(QUEUE, lambda *message: got.append(sid_of(message[3])))
        consumer = slot.cut()
        eventually(lambda: other.process_data_events(0.02) or got == ["a"], "a to be given to another worker")
        publish("b")
        eventually(lambda: consumer.known_tags == {1}, "b to arrive with the tag that a had")

        with capture_logs() as logs:
            actor.let_go_of.add("a")
            eventually(lambda: "b" in actor.started, "b to start, after the acknowledgement of a")

        slot.broker.drain.begin()  # what comes again now is held
        slot.cut()
        slot.end()

    # Neither was settled. With the stock consumer RabbitMQ had counted b as done when a ended, and b is lost.
    left = [channel.basic_get(QUEUE, auto_ack=True) for _ in range(3)]
    assert sorted(sid_of(body) for method, _, body in left if method) == ["a", "b"]
    assert [entry["event"] for entry in logs] == ["ack.suppressed"]


def test_t1_the_stock_consumer_still_acknowledges_by_number_only() -> None:
    """When this fails, Dramatiq has mended it: look whether our `ack` is still needed."""
    assert "self.known_tags.remove(message._tag)" in inspect.getsource(stock._RabbitmqConsumer.ack)
    assert "owner" not in inspect.getsource(stock._RabbitmqConsumer)


def test_i2_an_order_that_broke_comes_again_after_a_pause(
    channel: Any, actor: Actor, slot: Slot, publish: Callable[..., None]
) -> None:
    actor.failures += [BrokerUnavailable("gone"), ZeroDivisionError()]
    actor.let_go.set()

    with capture_logs() as logs:
        publish("a")
        eventually(lambda: actor.finished == ["a"], "the third try")

    assert actor.started == ["a", "a", "a"]
    requeued = [entry for entry in logs if entry["event"] == "order.returned"]
    assert [entry["error"] for entry in requeued] == ["BrokerUnavailable", "ZeroDivisionError"]
    slot.end()
    assert (waiting(channel), waiting(channel, INVALID_QUEUE)) == (0, 0)


def test_i2_an_order_is_acknowledged_only_when_its_actor_returned(
    channel: Any, actor: Actor, slot: Slot, publish: Callable[..., None]
) -> None:
    publish("a", "b")
    eventually(lambda: actor.started == ["a"], "a to start")
    assert waiting(channel) == 1, "the slot took more than the order it works on"

    actor.let_go.set()

    eventually(lambda: actor.finished == ["a", "b"], "both orders")
    slot.end()
    assert waiting(channel) == 0


# --- priorities --------------------------------------------------------------------------------


def test_an_urgent_order_is_next_whatever_waits(actor: Actor, slot: Slot, publish: Callable[..., None]) -> None:
    publish("low0", "low1", "low2", priority=1)
    eventually(lambda: actor.started == ["low0"], "the first to start")

    publish("urgent", priority=9)
    publish("retried", priority=10)
    actor.let_go.set()

    eventually(lambda: len(actor.finished) == 5, "all orders")
    assert actor.started == ["low0", "retried", "urgent", "low1", "low2"]


# --- the end of a slot -------------------------------------------------------------------------


def test_t4_i2_an_order_that_comes_after_the_end_began_is_not_started(
    channel: Any, actor: Actor, slot: Slot, publish: Callable[..., None]
) -> None:
    slot.broker.drain.begin()

    publish("late")
    eventually(lambda: slot.consumers[-1].known_tags == {1}, "the order to arrive")
    slot.end()

    assert actor.started == []
    assert waiting(channel) == 1


def test_i2_running_work_is_told_and_may_give_itself_back(
    channel: Any, actor: Actor, slot: Slot, publish: Callable[..., None]
) -> None:
    publish("a", "b")
    eventually(lambda: actor.started == ["a"], "a to start")

    slot.stop.set()
    eventually(slot.broker.drain.draining.is_set, "the drain to begin")
    actor.let_go.set()  # as an executor does that watches the stop event
    slot.join()

    assert (actor.started, actor.finished, actor.interrupted) == (["a"], ["a"], [])
    assert waiting(channel) == 1


def test_i2_work_that_does_not_listen_is_interrupted_and_goes_back(
    channel: Any, actor: Actor, slot: Slot, publish: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot_loop, "RELEASE_SECONDS", 0.1)
    publish("a")
    eventually(lambda: actor.started == ["a"], "a to start")

    slot.stop.set()
    slot.join()

    assert (actor.interrupted, actor.finished) == (["a"], [])
    assert waiting(channel) == 1


def test_i5_a_slot_whose_thread_died_ends(
    actor: Actor, slot: Slot, publish: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(threading, "excepthook", lambda _: None)  # pytest's would fail the test for it
    monkeypatch.setattr(dramatiq.worker.ConsumerThread, "post_process_message", die)
    actor.let_go.set()
    publish("a")
    slot.join()

    assert [type(error) for error in slot.failures] == [HostError]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_slot_process_ends_with_0_on_a_signal_in_the_middle_of_work(
    rabbitmq_url: str, channel: Any, publish: Callable[..., None], number: signal.Signals
) -> None:
    script = (
        "import sys, threading, dramatiq\n"
        "from framefleet_workers.broker import make_broker\n"
        "from framefleet_workers.slot_loop import run_slot\n"
        "broker, stop = make_broker(sys.argv[1]), threading.Event()\n"
        "def run(sid):\n"
        "    print('started', sid, flush=True)\n"
        "    stop.wait(60)\n"
        "    print('given back', sid, flush=True)\n"
        "dramatiq.actor(run, actor_name='transcode', queue_name=sys.argv[2], broker=broker)\n"
        "run_slot(broker, sys.argv[2], stop)\n"
    )
    publish("a", "b")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "dramatiq_queue_prefetch": "7"}
    with subprocess.Popen(
        [sys.executable, "-c", script, rabbitmq_url, QUEUE],
        cwd=Path(__file__).parents[2],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started a\n"
        assert waiting(channel) == 1, "the environment's prefetch was heeded"

        process.send_signal(number)

        assert process.wait(20) == 0
        assert process.stdout.read() == "given back a\n"
    assert waiting(channel) == 1


# --- envelopes ---------------------------------------------------------------------------------


def envelope(**changes: Any) -> bytes:
    """A good envelope, changed; a value of ... leaves the key out."""
    good = {
        "queue_name": QUEUE,
        "actor_name": "transcode",
        "args": ["bad"],
        "kwargs": {},
        "options": {},
        "message_id": "m",
        "message_timestamp": 1,
    }
    return json.dumps({key: value for key, value in (good | changes).items() if value is not ...}).encode()


INVALID = {
    "empty": b"",
    "not JSON": b"{",
    "not UTF-8": b'{"queue_name": "\xff"}',
    "nested too deep": b"[" * 100_000,
    "list": b"[]",
    "null": b"null",
    "other queue": envelope(queue_name="framefleet.v1.gpu"),
    "queue is null": envelope(queue_name=None),
    "unknown actor": envelope(actor_name="rm"),
    "actor is a list": envelope(actor_name=["transcode"]),
    "args null": envelope(args=None),
    "args empty": envelope(args=[]),
    "args two": envelope(args=["bad", "bad"]),
    "args number": envelope(args=[1]),
    "args object": envelope(args={"a": 1, "b": 2}),
    "kwargs null": envelope(kwargs=None),
    "kwargs used": envelope(kwargs={"sid": "bad"}),
    "options null": envelope(options=None),
    "options missing": envelope(options=...),
    "options list": envelope(options=["eta"]),
    "options eta": envelope(options={"eta": 1}),
    "options retries": envelope(options={"max_retries": 5}),
    "options callback": envelope(options={"on_success": "transcode"}),
    "options pipe": envelope(options={"pipe_target": {}}),
    "priority text": envelope(options={"broker_priority": "5"}),
    "extra key": envelope(surprise=1),
    "id null": envelope(message_id=None),
    "time text": envelope(message_timestamp="now"),
}


def test_i5_no_envelope_stops_a_slot_and_all_are_kept_unchanged(
    channel: Any, actor: Actor, slot: Slot, publish: Callable[..., None]
) -> None:
    actor.let_go.set()

    for body in INVALID.values():
        channel.basic_publish("", QUEUE, body, mandatory=True)
    publish("good")

    eventually(lambda: actor.finished == ["good"], "the good order behind them")
    eventually(lambda: waiting(channel, INVALID_QUEUE) == len(INVALID), "all invalid ones to be put aside")
    kept = [channel.basic_get(INVALID_QUEUE, auto_ack=True) for _ in INVALID]
    assert sorted(body for _, _, body in kept) == sorted(INVALID.values())
    assert {properties.headers["x-death"][0]["queue"] for _, properties, _ in kept} == {QUEUE}
    assert len(slot.consumers) == 1, "an envelope cost the slot its connection"
    assert actor.started == ["good"]


@pytest.mark.parametrize(
    "body",
    [
        envelope(args=["good"]),
        envelope(args=["good"], options={"broker_priority": 5}),
        envelope(args=["good"], message_id=..., message_timestamp=...),
    ],
    ids=["plain", "priority", "no id"],
)
def test_a_foreign_envelope_that_is_right_runs(channel: Any, actor: Actor, slot: Slot, body: bytes) -> None:
    actor.let_go.set()

    channel.basic_publish("", QUEUE, body, mandatory=True)

    eventually(lambda: actor.finished == ["good"], "the order")


# --- losses ------------------------------------------------------------------------------------


def test_a_slot_outlives_its_queue(channel: Any, actor: Actor, slot: Slot, publish: Callable[..., None]) -> None:
    actor.let_go.set()

    channel.queue_delete(QUEUE)
    publish("a")

    eventually(lambda: actor.finished == ["a"], "the order on the new queue")


def test_i2_a_slot_outlives_a_crash_of_the_broker_and_its_work_comes_again(
    rabbitmq: RabbitMQ, rabbitmq_url: str, actor: Actor, publish: Callable[..., None]
) -> None:
    with Slot(rabbitmq_url, actor):
        publish("running")
        eventually(lambda: actor.started == ["running"], "the order to start")

        rabbitmq.kill()
        rabbitmq.start()
        actor.let_go.set()

        # Not acknowledged when the broker died, so delivered again. The claim refuses such a second run.
        eventually(lambda: actor.finished == ["running", "running"], "the order to come again")
        publish("next")
        eventually(lambda: "next" in actor.finished, "the next order")


def test_a_slot_that_comes_first_declares_the_queues(
    rabbitmq_url: str, actor: Actor, publish: Callable[..., None]
) -> None:
    actor.let_go.set()

    with Slot(rabbitmq_url, actor):
        publish("a")
        eventually(lambda: actor.finished == ["a"], "the order")

    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url)) as connection:
        declare_topology(connection.channel())  # refused if the arguments differed


def test_i3_a_slot_needs_no_right_but_to_read_its_queue(
    rabbitmq: RabbitMQ, rabbitmq_url: str, channel: Any, actor: Actor, publish: Callable[..., None]
) -> None:
    rights = {"configure": "^$", "write": "^$", "read": r"^framefleet\.v1\.cpu$"}
    rabbitmq.api("PUT", "users/slot", {"password": "pw", "tags": ""})
    rabbitmq.api("PUT", f"permissions/{rabbitmq_url.rsplit('/', 1)[1]}/slot", rights)
    actor.let_go.set()

    with Slot(rabbitmq_url.replace("guest:guest", "slot:pw"), actor):
        channel.basic_publish("", QUEUE, b"invalid", mandatory=True)
        publish("a")
        eventually(lambda: actor.finished == ["a"], "the order")
        eventually(lambda: waiting(channel, INVALID_QUEUE) == 1, "the invalid one to be put aside")
    rabbitmq.api("DELETE", "users/slot")


def test_one_queue_one_connection_and_nothing_of_dramatiqs_own(
    rabbitmq: RabbitMQ, rabbitmq_url: str, slot: Slot
) -> None:
    vhost = rabbitmq_url.rsplit("/", 1)[1]

    assert not [q["name"] for q in rabbitmq.api("GET", f"queues/{vhost}") if q["name"].endswith((".DQ", ".XQ"))]
    assert slot.broker.get_declared_queues() == {QUEUE}
    assert slot.broker.get_declared_delay_queues() == set()
    assert slot.broker.connections == set()


# --- what we rely on ---------------------------------------------------------------------------


def test_the_middleware_is_ours_and_complete() -> None:
    broker = make_broker("amqp://127.0.0.1/")

    assert [type(m) for m in broker.middleware] == [Drain, ShutdownNotifications, RequeueOnError, CurrentMessage]
    assert (broker.confirm_delivery, broker.max_priority) == (True, 10)
    parameters: Any = broker.parameters
    assert (parameters.heartbeat, parameters.blocked_connection_timeout) == (15, 15)
    assert (parameters.socket_timeout, parameters.stack_timeout) == (5, 10)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(BrokerUnavailable):
        make_broker("garbage")


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (stock._RabbitmqConsumer, "__init__", ["self", "broker", "queue_name", "prefetch", "timeout"]),
        (stock._RabbitmqConsumer, "__next__", ["self"]),
        (stock._RabbitmqConsumer, "ack", ["self", "message"]),
        (stock._RabbitmqConsumer, "nack", ["self", "message"]),
        (stock._RabbitmqConsumer, "_nack", ["self", "tag"]),
        (stock._RabbitmqMessage, "__init__", ["self", "redelivered", "tag", "message"]),
        (stock.RabbitmqBroker, "_build_queue_arguments", ["self", "queue_name"]),
        (stock.RabbitmqBroker, "_ensure_queue", ["self", "canonical_queue_name"]),
        (stock.RabbitmqBroker, "declare_queue", ["self", "queue_name", "ensure"]),
        (dramatiq.Worker, "_add_consumer", ["self", "queue_name", "delay"]),
    ],
)
def test_dramatiq_still_has_the_private_names_we_override(owner: type, name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters


def test_dramatiq_still_has_the_private_attributes_we_use(slot: Slot) -> None:
    broker, consumer = slot.broker, slot.consumers[0]

    assert isinstance(broker.queues, set)
    assert isinstance(broker.queues_pending, set)
    assert consumer.known_tags == set()
    assert consumer.connection.is_open
    assert stock._RabbitmqMessage(False, 7, None)._tag == 7  # type: ignore[no-untyped-call]
    assert broker._build_queue_arguments(QUEUE) == work_queue_arguments()
    assert "self.queue_prefetch" in inspect.getsource(dramatiq.Worker._add_consumer)
    assert "self.consumer_class(" in inspect.getsource(stock.RabbitmqBroker.consume)
