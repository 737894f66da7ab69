"""The RabbitMQ adapter's consuming side against a private node: topology, submissions, reports, events, permissions and
`doctor`. Publishing is in tests/contract/test_publisher.py. Long because each fault of a stranger's message is one test.
"""

from __future__ import annotations

import json
import logging
import struct
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pika
import pika.data
import pytest
from structlog.testing import capture_logs

from framefleet.adapters.rabbitmq import (
    RabbitPublisher,
    check,
    consume_reports,
    consume_submissions,
    declare_topology,
    events,
)
from framefleet.adapters.rabbitmq.topology import INVALID_QUEUE
from framefleet.domain.errors import BrokerUnavailable, StoreUnavailable
from framefleet.messages import (
    EVENTS_EXCHANGE,
    EXCHANGE,
    REJECTED_QUEUE,
    RESULTS_QUEUE,
    SUBMIT_KEY,
    SUBMIT_QUEUE,
    Done,
    Order,
    Report,
    work_queue,
)
from framefleet.ports import Event, Submission
from tests.services import RabbitMQ
from tests.services.ports import reserve
from tests.waiting import eventually

ORDER = Order(sid="t1.1.2", kind="transcode", tag="cpu", priority=7)


@pytest.fixture(autouse=True)
def quiet_pika() -> Iterator[None]:
    """As our services do: pika tells of every lost connection with a traceback."""
    logger = logging.getLogger("pika")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


@pytest.fixture
def channel(rabbitmq_url: str) -> Iterator[Any]:
    """A producer's channel, with everything declared."""
    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        declare_topology(channel)
        yield channel


@pytest.fixture
def publisher(rabbitmq_url: str) -> Iterator[RabbitPublisher]:
    publisher = RabbitPublisher(rabbitmq_url)
    yield publisher
    publisher.close()


def take(channel: Any, queue: str) -> tuple[Any, bytes] | None:
    """Properties and body of the next message, which is removed."""
    method, properties, body = channel.basic_get(queue, auto_ack=True)
    return None if method is None else (properties, body)


def taken(channel: Any, queue: str) -> tuple[Any, bytes]:
    return eventually(lambda: take(channel, queue), f"a message on {queue}")


def waiting(channel: Any, queue: str) -> int:
    return int(channel.queue_declare(queue, passive=True).method.message_count)


def submit(channel: Any, body: bytes, **properties: Any) -> None:
    channel.basic_publish(EXCHANGE, SUBMIT_KEY, body, pika.BasicProperties(**properties), mandatory=True)


@contextmanager
def consuming(consume: Callable[..., None], url: str, handler: Callable[[Any], None]) -> Iterator[None]:
    """Consume in a thread; at the end it must return by itself."""
    stop = threading.Event()
    thread = threading.Thread(target=consume, args=(url, handler, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive(), "the consumer did not stop"


# --- topology ----------------------------------------------------------------------------------


def test_the_topology_is_as_documented(rabbitmq: RabbitMQ, rabbitmq_url: str, channel: Any) -> None:
    declare_topology(channel)  # again: harmless

    vhost = rabbitmq_url.rsplit("/", 1)[1]
    queues = {queue["name"]: queue for queue in rabbitmq.api("GET", f"queues/{vhost}")}
    exchanges = {exchange["name"]: exchange for exchange in rabbitmq.api("GET", f"exchanges/{vhost}")}
    plain = {SUBMIT_QUEUE, REJECTED_QUEUE, RESULTS_QUEUE, INVALID_QUEUE}
    work = {"framefleet.v1.cpu", "framefleet.v1.gpu"}
    assert set(queues) == plain | work
    assert all(queue["durable"] and not queue["auto_delete"] for queue in queues.values())
    assert {str(queues[name]["arguments"]) for name in plain} == {"{}"}
    assert [queues[name]["arguments"] for name in sorted(work)] == 2 * [
        {
            "x-queue-type": "classic",
            "x-max-priority": 10,
            "x-consumer-timeout": 86_400_000,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": "framefleet.v1.invalid",
        }
    ]
    ours = {name: exchange["type"] for name, exchange in exchanges.items() if name.startswith("framefleet")}
    assert ours == {EXCHANGE: "topic", EVENTS_EXCHANGE: "topic", RESULTS_QUEUE: "direct"}
    assert all(exchanges[name]["durable"] for name in ours)


# --- submissions -------------------------------------------------------------------------------


def test_a_submission_is_answered_and_acknowledged(rabbitmq_url: str, channel: Any) -> None:
    seen: list[Submission] = []

    def accept(submission: Submission) -> None:
        seen.append(submission)
        submission.answer(b'{"status": "accepted"}')
        submission.ack()

    reply_to = channel.queue_declare("", exclusive=True).method.queue
    with consuming(consume_submissions, rabbitmq_url, accept):
        submit(channel, b"{}", message_id="token", priority=8, reply_to=reply_to, correlation_id="c1")
        properties, body = taken(channel, reply_to)

    assert (properties.correlation_id, body) == ("c1", b'{"status": "accepted"}')
    assert [(s.body, s.message_id, s.priority) for s in seen] == [(b"{}", "token", 8)]
    assert waiting(channel, SUBMIT_QUEUE) == 0


def test_a_direct_reply_works(rabbitmq_url: str, channel: Any) -> None:
    answers: list[bytes] = []
    channel.basic_consume("amq.rabbitmq.reply-to", lambda *message: answers.append(message[3]), auto_ack=True)

    def accept(submission: Submission) -> None:
        submission.answer(b"yes")
        submission.ack()

    with consuming(consume_submissions, rabbitmq_url, accept):
        submit(channel, b"{}", reply_to="amq.rabbitmq.reply-to")

        def look() -> bool:
            channel.connection.process_data_events(0.05)
            return answers == [b"yes"]

        eventually(look, "the answer")


@pytest.mark.parametrize("reply_to", ["gone", "amq.rabbitmq.reply-to.bogus", "framefleet.v1.cpu", SUBMIT_QUEUE, None])
def test_an_answer_that_reaches_nobody_or_must_not_harms_nothing(
    rabbitmq_url: str, channel: Any, reply_to: str | None
) -> None:
    bodies: list[bytes] = []

    def accept(submission: Submission) -> None:
        submission.answer(b"answer")
        submission.ack()
        bodies.append(submission.body)

    with consuming(consume_submissions, rabbitmq_url, accept):
        submit(channel, b"first", reply_to=reply_to)
        submit(channel, b"second")
        eventually(lambda: b"second" in bodies, "the next submission")

    assert bodies == [b"first", b"second"]
    assert waiting(channel, work_queue("cpu")) == 0


def test_i7_a_refused_submission_is_kept_unchanged_with_the_reason(rabbitmq_url: str, channel: Any) -> None:
    def refuse(submission: Submission) -> None:
        submission.reject("invalid_source", "message é", "sources[0].uri")
        submission.ack()

    body = bytes(range(256)) * 5000  # more than the 1 MiB a request may have, and no JSON
    with consuming(consume_submissions, rabbitmq_url, refuse):
        submit(
            channel,
            body,
            message_id="token",
            reply_to="client",
            correlation_id="c1",
            priority=3,
            content_type="application/json",
            user_id="guest",
            expiration="60000",
            headers={"mine": 1, "CC": ["elsewhere"], "deep": {"a": 1}},
        )
        properties, kept = taken(channel, REJECTED_QUEUE)

    assert kept == body
    assert properties.headers == {
        "mine": 1,
        "x-error-code": "invalid_source",
        "x-error-message": "message é",
        "x-error-field": "sources[0].uri",
    }
    assert (properties.message_id, properties.reply_to, properties.correlation_id) == ("token", "client", "c1")
    assert (properties.priority, properties.content_type, properties.delivery_mode) == (3, "application/json", 2)
    # It would vanish from the queue, and RabbitMQ would compare the user with ours.
    assert (properties.expiration, properties.user_id) == (None, None)


def test_i2_a_submission_comes_again_after_a_service_was_away(rabbitmq_url: str, channel: Any) -> None:
    tries: list[bytes] = []

    def accept(submission: Submission) -> None:
        tries.append(submission.body)
        if len(tries) == 1:
            raise StoreUnavailable
        submission.ack()

    with capture_logs() as logs, consuming(consume_submissions, rabbitmq_url, accept):
        submit(channel, b"first")
        submit(channel, b"second")
        eventually(lambda: len(tries) == 3, "all tries")

    assert tries == [b"first", b"first", b"second"]
    assert waiting(channel, SUBMIT_QUEUE) == 0
    assert [(entry["event"], entry["code"]) for entry in logs] == [("message.postponed", "store_unavailable")]


def test_i2_a_submission_nobody_acknowledged_comes_again(rabbitmq_url: str, channel: Any) -> None:
    seen: list[Submission] = []

    def forget_once(submission: Submission) -> None:
        seen.append(submission)
        if len(seen) > 1:
            submission.ack()

    with consuming(consume_submissions, rabbitmq_url, forget_once):
        submit(channel, b"{}")
        eventually(lambda: len(seen) == 2, "the second try")

    assert waiting(channel, SUBMIT_QUEUE) == 0


def test_i5_a_submission_that_breaks_the_handler_is_put_aside_once(rabbitmq_url: str, channel: Any) -> None:
    bodies: list[bytes] = []

    def accept(submission: Submission) -> None:
        bodies.append(submission.body)
        if submission.body == b"poison":
            raise OSError("a defect of ours, not of the connection")
        submission.ack()

    with capture_logs() as logs, consuming(consume_submissions, rabbitmq_url, accept):
        submit(channel, b"poison")
        submit(channel, b"good")
        eventually(lambda: b"good" in bodies, "the next submission")

    assert bodies == [b"poison", b"good"]
    properties, body = taken(channel, REJECTED_QUEUE)
    assert (body, properties.headers["x-error-code"]) == (b"poison", "internal_error")
    assert [entry["event"] for entry in logs] == ["submission.broken"]


def test_i5_a_header_that_pika_cannot_decode_does_not_block_the_queue(
    rabbitmq_url: str, channel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[bytes] = []

    def refuse(submission: Submission) -> None:
        bodies.append(submission.body)
        submission.reject("invalid_request", "no", None)
        submission.ack()

    def year_146_billion(pieces: list[bytes], _value: Any) -> int:
        pieces.append(struct.pack(">cQ", b"T", 2**62))
        return 9

    with monkeypatch.context() as patched:
        patched.setattr(pika.data, "encode_value", year_146_billion)
        submit(channel, b"odd", headers={"when": 1})
    submit(channel, b"good", message_id="x")
    with consuming(consume_submissions, rabbitmq_url, refuse):
        eventually(lambda: len(bodies) == 2, "both submissions")

    assert bodies == [b"odd", b"good"]
    assert waiting(channel, SUBMIT_QUEUE) == 0
    assert taken(channel, REJECTED_QUEUE)[1] == b"odd"


def test_a_consumer_survives_the_loss_of_its_queue(rabbitmq_url: str, channel: Any) -> None:
    bodies: list[bytes] = []

    def accept(submission: Submission) -> None:
        bodies.append(submission.body)
        submission.ack()

    with consuming(consume_submissions, rabbitmq_url, accept):
        submit(channel, b"before")
        eventually(lambda: bodies == [b"before"], "the first submission")
        channel.queue_delete(SUBMIT_QUEUE)

        def submitted() -> bool:
            try:
                submit(channel, b"after")
            except pika.exceptions.UnroutableError:
                return False
            return True

        eventually(submitted, "the queue to be declared again")
        eventually(lambda: bodies == [b"before", b"after"], "the next submission")


def test_i2_consumers_and_confirmed_messages_outlive_a_crash_of_the_broker(
    rabbitmq: RabbitMQ, rabbitmq_url: str, publisher: RabbitPublisher
) -> None:
    sids: list[str] = []

    def handle(reports: Sequence[Report]) -> None:
        sids.extend(report.sid for report in reports)

    with (
        capture_logs() as logs,
        consuming(consume_reports, rabbitmq_url, handle),
    ):
        publisher.report(Done(sid="before"))
        eventually(lambda: sids == ["before"], "the first report")
        for _ in range(20):
            publisher.order(ORDER)

        rabbitmq.kill()
        with pytest.raises(BrokerUnavailable):
            publisher.order(ORDER)
        eventually(lambda: "broker.lost" in [entry["event"] for entry in logs], "the loss to be noticed")
        rabbitmq.start()

        publisher.report(Done(sid="after"))
        eventually(lambda: "after" in sids, "the next report")
    assert [entry["event"] for entry in logs] == ["broker.lost", "broker.returned"]
    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url)) as connection:
        assert waiting(connection.channel(), work_queue("cpu")) == 20


# --- reports -----------------------------------------------------------------------------------


def test_reports_are_acknowledged_when_handled_and_come_again_when_not(
    rabbitmq_url: str, channel: Any, publisher: RabbitPublisher
) -> None:
    handled: list[str] = []
    failures = [StoreUnavailable()]

    def apply(reports: Sequence[Report]) -> None:
        sids = [report.sid for report in reports]
        if "b" in sids and failures:
            raise failures.pop()
        handled.extend(sids)

    for sid in "abc":
        publisher.report(Done(sid=sid))
    with consuming(consume_reports, rabbitmq_url, apply):
        eventually(lambda: len(handled) == 3, "all reports")

    assert handled == ["a", "b", "c"]
    assert waiting(channel, RESULTS_QUEUE) == 0


def test_many_reports_are_handled_together(rabbitmq_url: str, channel: Any, publisher: RabbitPublisher) -> None:
    numbers: list[int] = []

    def apply(reports: Sequence[Report]) -> None:
        numbers.append(len(reports))

    for n in range(300):
        channel.basic_publish("", RESULTS_QUEUE, Done(sid=str(n)).model_dump_json().encode())
    eventually(lambda: waiting(channel, RESULTS_QUEUE) == 300, "all to be there")
    with consuming(consume_reports, rabbitmq_url, apply):
        eventually(lambda: sum(numbers) == 300, "all reports")

    assert len(numbers) < 30
    assert waiting(channel, RESULTS_QUEUE) == 0


def test_i5_reports_that_cannot_be_read_or_break_the_handler_are_put_aside(
    rabbitmq_url: str, channel: Any, publisher: RabbitPublisher
) -> None:
    sids: list[str] = []

    def apply(reports: Sequence[Report]) -> None:
        if "poison" in [report.sid for report in reports]:
            raise ZeroDivisionError
        sids.extend(report.sid for report in reports)

    channel.basic_publish("", RESULTS_QUEUE, b"\xffnot a report")
    for sid in ("poison", "good"):
        publisher.report(Done(sid=sid))
    with capture_logs() as logs, consuming(consume_reports, rabbitmq_url, apply):
        eventually(lambda: "good" in sids, "the good report")

    assert sids == ["good"]
    assert [entry["event"] for entry in logs] == ["report.invalid", "report.broken"]
    properties, body = taken(channel, INVALID_QUEUE)
    assert (body, properties.headers["x-error-code"]) == (b"\xffnot a report", "invalid_report")
    properties, body = taken(channel, INVALID_QUEUE)
    assert json.loads(body)["sid"] == "poison"
    assert properties.headers["x-error-message"] == "ZeroDivisionError"


# --- events ------------------------------------------------------------------------------------


@contextmanager
def listening(url: str, *keys: str) -> Iterator[list[dict[str, Any]]]:
    """Events seen so far, by somebody who listens from now on."""
    seen: list[dict[str, Any]] = []
    ready, stop = threading.Event(), threading.Event()

    def listen() -> None:
        for event in events(url, keys, stop, ready=ready.set):
            seen.append(event)  # noqa: PERF402 - one by one, as they come

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        assert ready.wait(20)
        yield seen
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive(), "the listener did not stop"


def test_events_are_those_of_the_keys_asked_for(rabbitmq_url: str, channel: Any, publisher: RabbitPublisher) -> None:
    keys = ["task.queued.mine", "task.queued.other", "subtask.failed.probe", "subtask.queued.probe", "task.failed.mine"]

    with listening(rabbitmq_url, "task.*.mine", "subtask.failed.#") as seen:
        for key in keys:
            publisher.event(Event(key, key, json.dumps({"key": key}).encode()))
        eventually(lambda: {"key": "task.failed.mine"} in seen, "the last event")

    assert [event["key"] for event in seen] == ["task.queued.mine", "subtask.failed.probe", "task.failed.mine"]


def test_events_end_with_an_error_when_some_may_be_missed(rabbitmq: RabbitMQ, rabbitmq_url: str, channel: Any) -> None:
    vhost = rabbitmq_url.rsplit("/", 1)[1]

    def remove_queue() -> None:
        (name,) = [queue["name"] for queue in rabbitmq.api("GET", f"queues/{vhost}") if ".client." in queue["name"]]
        rabbitmq.api("DELETE", f"queues/{vhost}/{name}")

    with pytest.raises(BrokerUnavailable):
        list(events(rabbitmq_url, ["#"], ready=remove_queue))


# --- permissions -------------------------------------------------------------------------------


@pytest.fixture
def as_user(rabbitmq: RabbitMQ, rabbitmq_url: str) -> Iterator[Callable[[str, str, str], str]]:
    """Makes a user with permissions (configure, write, read) and gives its address."""
    vhost = rabbitmq_url.rsplit("/", 1)[1]
    names: list[str] = []

    def make(configure: str, write: str, read: str) -> str:
        name = f"user-{uuid.uuid4().hex}"
        names.append(name)
        rabbitmq.api("PUT", f"users/{name}", {"password": "pw", "tags": ""})
        rabbitmq.api("PUT", f"permissions/{vhost}/{name}", {"configure": configure, "write": write, "read": read})
        return rabbitmq_url.replace("guest:guest", f"{name}:pw")

    yield make
    for name in names:
        rabbitmq.api("DELETE", f"users/{name}")


SCHEDULER = (r"^framefleet(\..*)?$", r"^(amq\.default|framefleet(\..*)?)$", r"^framefleet(\..*)?$")
WORKER = ("^$", r"^framefleet\.v1\.results$", r"^framefleet\.v1\.(cpu|gpu)$")
PRODUCER = (
    r"^framefleet\.client\.",
    r"^(framefleet$|framefleet\.client\.)",
    r"^(framefleet\.events$|framefleet\.client\.)",
)


def test_a_scheduler_needs_only_its_documented_rights(
    rabbitmq_url: str, as_user: Callable[[str, str, str], str]
) -> None:
    url = as_user(*SCHEDULER)
    publisher = RabbitPublisher(url)

    def refuse(submission: Submission) -> None:
        submission.reject("code", "message", None)
        submission.ack()

    publisher.order(ORDER)  # declares everything first
    publisher.event(Event("e1", "task.running.default", b"{}"))
    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url)) as connection:
        producer = connection.channel()
        submit(producer, b"{}")
        with consuming(consume_submissions, url, refuse), consuming(consume_reports, url, print):
            taken(producer, REJECTED_QUEUE)
        assert waiting(producer, work_queue("cpu")) == 1
    publisher.close()


def test_i3_a_worker_may_report_and_not_give_orders(channel: Any, as_user: Callable[[str, str, str], str]) -> None:
    publisher = RabbitPublisher(as_user(*WORKER))

    publisher.report(Done(sid="a"))
    with pytest.raises(BrokerUnavailable, match="ACCESS_REFUSED"):
        publisher.order(ORDER)

    assert waiting(channel, RESULTS_QUEUE) == 1
    assert waiting(channel, work_queue("cpu")) == 0
    publisher.close()


def test_a_producer_may_submit_and_listen_and_nothing_else(
    channel: Any, as_user: Callable[[str, str, str], str]
) -> None:
    url = as_user(*PRODUCER)
    publisher = RabbitPublisher(url)

    with listening(url, "task.#"), pika.BlockingConnection(pika.URLParameters(url)) as connection:
        own = connection.channel()
        own.confirm_delivery()
        submit(own, b"{}")
    forbidden: list[Callable[[], None]] = [lambda: publisher.order(ORDER), lambda: publisher.report(Done(sid="a"))]
    for publish in forbidden:
        with pytest.raises(BrokerUnavailable, match="ACCESS_REFUSED"):
            publish()

    assert waiting(channel, SUBMIT_QUEUE) == 1
    publisher.close()


# --- doctor ------------------------------------------------------------------------------------


def test_check_tells_what_it_saw(rabbitmq: RabbitMQ, rabbitmq_url: str) -> None:
    version = rabbitmq.api("GET", "overview")["rabbitmq_version"]

    told = check(rabbitmq_url)

    assert told.startswith(f"RabbitMQ {version}; priorities work; cpu: no queue yet; gpu: no queue yet; ")
    assert "consumer_timeout" in told


def test_check_counts_what_waits(rabbitmq_url: str, channel: Any, publisher: RabbitPublisher) -> None:
    publisher.order(ORDER)

    assert "cpu: 1 waiting, 0 slots; gpu: 0 waiting, 0 slots" in check(rabbitmq_url)


def test_check_works_for_a_user_with_few_rights(channel: Any, as_user: Callable[[str, str, str], str]) -> None:
    assert "priorities not tried" in check(as_user(*WORKER))


def test_check_says_when_nobody_answers() -> None:
    with pytest.raises(BrokerUnavailable):
        check(f"amqp://127.0.0.1:{reserve()}/")
