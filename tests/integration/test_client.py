"""The Python client against a real RabbitMQ, with a scheduler that only answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pika
import pika.exceptions
import pytest

from framefleet.client import Client, EventsLost, NoAnswer, NotEnded, Rejected
from framefleet.domain.errors import BrokerUnavailable
from framefleet.messages import EVENTS_EXCHANGE, EXCHANGE, SUBMIT_KEY, SUBMIT_QUEUE
from tests.services import RabbitMQ

REQUEST = {
    "sources": [{"uri": "s3://in/a.mov"}],
    "targets": [{"name": "a", "template": "remux-mp4", "uri": "s3://out/a.mp4"}],
}


def event(task_id: str, state: str, pipeline: str = "default") -> dict[str, Any]:
    return {
        "event_id": f"{task_id}.{state}",
        "event": f"task.{state}",
        "task_id": task_id,
        "state": state,
        "pipeline": pipeline,
    }


class Scheduler(threading.Thread):
    """Answers requests with `answer`; publishes `after(body)` as events right behind each answer."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url = url
        self.answer: Callable[[dict[str, Any], pika.BasicProperties], dict[str, Any] | None] = lambda _b, p: accepted(
            str(p.message_id)
        )
        self.after: Callable[[str], list[dict[str, Any]]] = lambda _id: []
        self.seen: list[tuple[dict[str, Any], pika.BasicProperties]] = []
        self.ready = threading.Event()
        self.over = threading.Event()

    def run(self) -> None:
        connection = pika.BlockingConnection(pika.URLParameters(self.url))
        channel = connection.channel()
        channel.exchange_declare(EXCHANGE, "topic", durable=True)
        channel.exchange_declare(EVENTS_EXCHANGE, "topic", durable=True)
        channel.queue_declare(SUBMIT_QUEUE, durable=True)
        channel.queue_bind(SUBMIT_QUEUE, EXCHANGE, SUBMIT_KEY)
        channel.basic_consume(SUBMIT_QUEUE, self._take, auto_ack=True)
        self.ready.set()
        while not self.over.is_set():
            try:
                connection.process_data_events(0.1)
            except pika.exceptions.AMQPError:
                return  # a test closes all connections
        connection.close()

    def _take(self, channel: Any, _method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        request = json.loads(body)
        self.seen.append((request, properties))
        answer = self.answer(request, properties)
        if answer is None:
            return
        if properties.reply_to:
            answered = pika.BasicProperties(correlation_id=properties.correlation_id)
            channel.basic_publish("", properties.reply_to, json.dumps(answer), answered)
        for e in self.after(answer.get("task", {}).get("id", "")):
            channel.basic_publish(EVENTS_EXCHANGE, f"task.{e['state']}.{e['pipeline']}", json.dumps(e))


def accepted(task_id: str, state: str = "queued") -> dict[str, Any]:
    return {"status": "accepted", "task": {"id": task_id, "state": state, "pipeline": "default"}}


@pytest.fixture
def scheduler(rabbitmq_url: str) -> Iterator[Scheduler]:
    one = Scheduler(rabbitmq_url)
    one.start()
    assert one.ready.wait(10)
    yield one
    one.over.set()
    one.join(10)


def test_a_submitted_task_is_answered(scheduler: Scheduler) -> None:
    with Client(scheduler.url) as client:
        task = client.submit(REQUEST)

    request, properties = scheduler.seen[0]
    assert request == REQUEST
    assert task.id == task.client_token == properties.message_id
    assert properties.delivery_mode == 2
    assert properties.content_type == "application/json"


def test_a_refusal_comes_back_as_what_it_was(scheduler: Scheduler) -> None:
    error = {"code": "invalid_source", "message": "no", "field": "sources[0].uri", "hint": "try"}
    scheduler.answer = lambda _b, _p: {"status": "rejected", "error": error}

    with Client(scheduler.url) as client, pytest.raises(Rejected) as refused:
        client.submit(REQUEST)

    assert refused.value.info().model_dump(include=set(error)) == error


def test_a_silent_scheduler_is_not_waited_for_longer_than_said(scheduler: Scheduler) -> None:
    scheduler.answer = lambda _b, _p: None

    with Client(scheduler.url) as client, pytest.raises(NoAnswer):
        client.submit(REQUEST, timeout=0.3)


def test_an_end_that_comes_with_the_answer_is_not_missed(scheduler: Scheduler) -> None:
    scheduler.after = lambda task_id: [event("other", "failed"), event(task_id, "succeeded")]

    with Client(scheduler.url) as client:
        final = client.submit_and_wait(REQUEST, timeout=10)

    assert final["state"] == "succeeded"


def test_several_tasks_can_be_waited_for_in_any_order(scheduler: Scheduler) -> None:
    scheduler.after = lambda task_id: [event(task_id, "succeeded")]

    with Client(scheduler.url) as client:
        ids = [str(client.submit(REQUEST, follow=True).id) for _ in range(3)]
        ends = [client.wait(i, 10)["task_id"] for i in reversed(ids)]

    assert ends == ids[::-1]


def test_a_task_that_has_ended_before_is_not_waited_for(scheduler: Scheduler) -> None:
    scheduler.answer = lambda _b, _p: accepted("t1", "failed")

    with Client(scheduler.url) as client:
        assert client.submit_and_wait(REQUEST)["state"] == "failed"


def test_waiting_ends_when_the_time_is_over_and_can_go_on(scheduler: Scheduler) -> None:
    with Client(scheduler.url) as client:
        task = client.submit(REQUEST, follow=True)
        with pytest.raises(NotEnded):
            client.wait(str(task.id), 0.3)
        scheduler.after = lambda _id: [event(str(task.id), "canceled")]
        client.submit(REQUEST)

        assert client.wait(str(task.id), 10)["state"] == "canceled"


def test_events_can_be_narrowed(scheduler: Scheduler) -> None:
    scheduler.after = lambda _id: [event("a", "running"), event("b", "running", "p.q"), event("b", "succeeded", "p.q")]

    with Client(scheduler.url) as client:
        events = client.events(pipeline="p.q", timeout=10)
        client.submit(REQUEST)

        assert [next(events)["state"], next(events)["state"]] == ["running", "succeeded"]
        events.close()  # type: ignore[attr-defined]  # it is a generator: this ends its consumer


def test_a_lost_connection_costs_no_event(scheduler: Scheduler, rabbitmq: RabbitMQ) -> None:
    with Client(scheduler.url) as client:
        task = client.submit(REQUEST, follow=True)
        rabbitmq.ctl("close_all_connections", "--global", "test")
        again = Scheduler(scheduler.url)
        again.start()
        assert again.ready.wait(10)
        again.after = lambda _id: [event(str(task.id), "succeeded")]
        with Client(scheduler.url) as other:
            other.submit(REQUEST)

        assert client.wait(str(task.id), 20)["state"] == "succeeded"
        assert client.submit(REQUEST).id
        again.over.set()
        again.join()


def test_a_queue_that_is_gone_is_not_silently_made_anew(scheduler: Scheduler, rabbitmq: RabbitMQ) -> None:
    with Client(scheduler.url) as client:
        task = client.submit(REQUEST, follow=True)
        assert client._finals is not None
        with pika.BlockingConnection(pika.URLParameters(scheduler.url)) as connection:
            connection.channel().queue_delete(client._finals._name)

        with pytest.raises(EventsLost):
            client.wait(str(task.id), 20)


def test_without_a_scheduler_the_error_says_so(rabbitmq_url: str) -> None:
    with Client(rabbitmq_url) as client, pytest.raises(BrokerUnavailable, match="no Framefleet exchange"):
        client.submit(REQUEST)


def test_a_wrong_password_is_said_and_not_shown(rabbitmq_url: str) -> None:
    with Client(rabbitmq_url.replace("@", "x@")) as client, pytest.raises(BrokerUnavailable, match="password") as error:
        client.submit(REQUEST)

    assert "@" not in str(error.value)


def test_the_client_leaves_no_queue(scheduler: Scheduler, rabbitmq: RabbitMQ) -> None:
    scheduler.after = lambda task_id: [event(task_id, "succeeded")]
    with Client(scheduler.url) as client:
        client.submit_and_wait(REQUEST)
        client.submit(REQUEST, follow=True)

    vhost = scheduler.url.rsplit("/", 1)[1]
    assert "framefleet.client" not in rabbitmq.ctl("list_queues", "-p", vhost, "name")
