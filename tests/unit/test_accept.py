"""Accepting tasks: stored once, entered once, refused clearly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from framefleet.domain import keys
from framefleet.domain.errors import (
    ClientTokenConflict,
    InvalidRequest,
    SourceUnavailable,
    StateUnavailable,
    StoreUnavailable,
    TargetNotWritable,
    UnsupportedFeature,
)
from framefleet.domain.pipeline import Pipeline
from framefleet.domain.task import Task
from framefleet.templates import TemplateRegistry
from framefleet_scheduler.accept import Acceptor, unchecked
from tests.factories import request
from tests.fakes import FakeClock, FakeDelivery, FakeState, MemoryStore


class Desk:
    """An acceptor and what is around it."""

    def __init__(self, **checks: Any) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.state = FakeState(self.clock)
        self.kicks = 0
        self.acceptor = Acceptor(self.store, self.state, self.clock, self._kick, **checks)

    def submit(self, body: bytes, **more: Any) -> FakeDelivery:
        delivery = FakeDelivery(body, **more)
        self.acceptor.handle_submission(delivery.submission())
        return delivery

    def stored(self) -> list[str]:
        return sorted(self.store.objects)

    def _kick(self) -> None:
        self.kicks += 1


def body(**more: Any) -> bytes:
    return json.dumps(request(**more)).encode()


def test_i2_an_accepted_task_is_in_the_store_and_its_probe_may_run() -> None:
    desk = Desk()

    task = desk.acceptor.accept(request(sources=[{"uri": "s3://in/a.mov"}, {"uri": "s3://in/b.mov"}]))

    assert Task.model_validate_json(desk.store.objects[keys.task(task.id)]) == task
    assert sorted(desk.state.live[task.id].subtasks) == [1, 2]
    assert desk.kicks == 1


def test_the_same_token_and_request_give_the_same_task_back() -> None:
    desk = Desk()
    first = desk.acceptor.accept(request(client_token="x"))
    desk.clock.pass_(60)

    assert desk.acceptor.accept(request(client_token="x")) == first
    assert desk.stored() == [keys.task(first.id)]


def test_the_same_token_with_another_request_is_refused() -> None:
    desk = Desk()
    desk.acceptor.accept(request(client_token="x"))

    with pytest.raises(ClientTokenConflict) as refusal:
        desk.acceptor.accept(request("audio-aac", client_token="x"))

    assert refusal.value.field == "client_token"


def test_i2_a_crash_between_store_and_redis_is_mended_by_asking_again() -> None:
    desk = Desk()
    task = desk.acceptor.accept(request(client_token="x"))
    desk.state.live.clear()

    assert desk.acceptor.accept(request(client_token="x")) == task
    assert task.id in desk.state.live


def test_i3_a_token_of_a_task_that_ended_and_was_forgotten_does_not_start_it_again() -> None:
    desk = Desk()
    task = desk.acceptor.accept(request(client_token="x"))
    desk.store.put(keys.end(task.id, 1), b"{}")
    desk.state.live.clear()

    assert desk.acceptor.accept(request(client_token="x")) == task
    assert desk.state.live == {}


def test_a_repeated_request_is_answered_even_when_its_target_can_no_longer_be_written() -> None:
    refusing = [False]

    def check(uri: str, field: str) -> None:
        if refusing[0]:
            raise TargetNotWritable(uri)

    desk = Desk(check_target=check)
    task = desk.acceptor.accept(request(client_token="x"))
    refusing[0] = True

    assert desk.acceptor.accept(request(client_token="x")) == task


def test_a_repeated_request_is_answered_even_when_its_template_was_changed_or_deleted() -> None:
    clock = FakeClock()
    templates = TemplateRegistry(MemoryStore(clock), now=clock.now, monotonic=clock.monotonic)
    templates.create("mine", {"kind": "remux"})
    desk = Desk(templates=templates)
    asked = request({"name": "x", "template": "mine", "uri": "s3://out/x"}, client_token="x")
    task = desk.acceptor.accept(asked)

    templates.update("mine", {"kind": "remux", "container": "mkv"})
    assert desk.acceptor.accept(asked) == task
    templates.delete("mine")
    assert desk.acceptor.accept(asked) == task
    assert task.targets[0].template == "mine@1"


def test_with_the_store_of_templates_away_the_message_returns() -> None:
    store = MemoryStore()
    store.away = True
    delivery = FakeDelivery(body(targets=[{"name": "x", "template": "mine", "uri": "s3://out/x"}]))

    with pytest.raises(StoreUnavailable):
        Desk(templates=TemplateRegistry(store)).acceptor.handle_submission(delivery.submission())

    assert (delivery.acks, delivery.rejections) == (0, [])


def test_with_redis_away_nothing_is_stored_and_the_message_returns() -> None:
    desk = Desk()
    desk.state.away = True
    delivery = FakeDelivery(body())

    with pytest.raises(StateUnavailable):
        desk.acceptor.handle_submission(delivery.submission())

    assert (desk.stored(), delivery.acks, delivery.answers) == ([], 0, [])


def test_with_the_store_away_the_message_returns() -> None:
    desk = Desk()
    desk.store.away = True
    delivery = FakeDelivery(body())

    with pytest.raises(StoreUnavailable):
        desk.acceptor.handle_submission(delivery.submission())

    assert (delivery.acks, delivery.rejections) == (0, [])


def test_i7_an_unwritable_target_is_refused_before_any_work() -> None:
    def check(uri: str, field: str) -> None:
        raise TargetNotWritable(f"{uri}: there is no bucket")

    desk = Desk(check_target=check)

    with pytest.raises(TargetNotWritable) as refusal:
        desk.acceptor.accept(request())

    assert refusal.value.field == "targets[0].uri"
    assert desk.stored() == []


def test_a_source_whose_server_is_away_is_left_for_the_worker_to_judge() -> None:
    def check(uri: str, field: str) -> None:
        raise SourceUnavailable(uri)

    desk = Desk(check_source=check)

    assert desk.acceptor.accept(request()).id in desk.state.live


def test_webhooks_are_refused_by_name() -> None:
    desk = Desk()

    with pytest.raises(UnsupportedFeature) as refusal:
        desk.acceptor.accept(request(notification={"webhook": {"url": "https://example.org/"}}))

    assert refusal.value.field == "notification"


def test_an_accepted_message_is_answered_and_acknowledged() -> None:
    desk = Desk()

    delivery = desk.submit(body(name="film", user_data="mine"))

    answer = json.loads(delivery.answers[0])
    assert (answer["status"], answer["task"]["name"], answer["task"]["state"]) == ("accepted", "film", "queued")
    assert answer["task"]["id"] in desk.state.live
    assert (delivery.acks, delivery.rejections) == (1, [])


def test_the_message_id_serves_as_token_where_the_body_has_none() -> None:
    desk = Desk()

    first, again = desk.submit(body(), message_id="m1"), desk.submit(body(), message_id="m1")

    assert json.loads(first.answers[0])["task"]["id"] == json.loads(again.answers[0])["task"]["id"]
    assert len(desk.state.live) == 1


def test_the_token_in_the_body_comes_before_the_message_id() -> None:
    desk = Desk()
    task = desk.acceptor.accept(request(client_token="x"))

    delivery = desk.submit(body(client_token="x"), message_id="m1")

    assert json.loads(delivery.answers[0])["task"]["id"] == task.id


def test_a_message_id_too_long_for_a_token_is_refused_as_that() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        Desk().acceptor.accept(request(), client_token="m" * 65)

    assert refusal.value.field == "client_token"


@pytest.mark.parametrize(
    ("property_", "in_body", "expected"), [(7, None, 7), (7, 2, 2), (None, None, 5), (200, None, 9)]
)
def test_the_amqp_priority_counts_where_the_body_has_none(
    property_: int | None, in_body: int | None, expected: int
) -> None:
    desk = Desk()

    delivery = desk.submit(body(priority=in_body), priority=property_)

    assert json.loads(delivery.answers[0])["task"]["priority"] == expected


@pytest.mark.parametrize(
    ("in_body", "property_", "pipeline", "expected"),
    [(None, None, "night", 0), (None, 7, "night", 7), (2, None, "night", 2), (None, None, "other", 5)],
)
def test_the_priority_of_the_pipeline_counts_where_neither_body_nor_message_has_one(
    in_body: int | None, property_: int | None, pipeline: str, expected: int
) -> None:
    desk = Desk()
    desk.state.configure(Pipeline(name="night", version=1, default_priority=0))

    delivery = desk.submit(body(priority=in_body, pipeline=pipeline), priority=property_)

    assert json.loads(delivery.answers[0])["task"]["priority"] == expected


def test_the_same_body_under_another_amqp_priority_is_the_same_request() -> None:
    desk = Desk()

    first, again = desk.submit(body(client_token="x"), priority=3), desk.submit(body(client_token="x"), priority=8)

    assert first.answers == again.answers


@pytest.mark.parametrize(
    ("bad", "code", "field"),
    [
        (b"{", "invalid_request", None),
        (b"[]", "invalid_request", None),
        (b"\xff", "invalid_request", None),
        (body(colour="red"), "unknown_field", "colour"),
        (body(sources=[]), "invalid_request", "sources"),
        (body(targets=[{"name": "a", "template": "nope", "uri": "s3://out/a"}]), "unknown_template", None),
    ],
)
def test_i7_a_bad_message_is_put_aside_with_its_reason_and_answered(bad: bytes, code: str, field: str | None) -> None:
    desk = Desk()

    delivery = desk.submit(bad)

    answer = json.loads(delivery.answers[0])
    assert (answer["status"], answer["error"]["code"]) == ("rejected", code)
    assert answer["error"]["hint"]
    assert delivery.rejections[0][0] == code
    assert field is None or delivery.rejections[0][2] == field
    assert delivery.acks == 1
    assert desk.stored() == []


def test_a_message_that_breaks_the_scheduler_does_not_come_back_for_ever() -> None:
    def check(uri: str, field: str) -> None:
        raise ZeroDivisionError

    desk = Desk(check_source=check, check_target=unchecked)

    delivery = desk.submit(body())

    assert delivery.rejections[0][0] == "internal_error"
    assert delivery.acks == 1
