"""Accepting tasks: stored once, entered once, refused clearly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from framefleet.domain import keys
from framefleet.domain.errors import (
    ClientTokenConflict,
    InvalidRequest,
    InvalidWebhook,
    RequestError,
    SourceNotFound,
    SourceUnavailable,
    StateUnavailable,
    StoreUnavailable,
    TargetNotWritable,
    WebhookForbidden,
)
from framefleet.domain.pipeline import Pipeline
from framefleet.domain.task import DryRun, Task
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


def test_every_address_that_is_read_is_looked_at() -> None:
    looked: dict[str, str] = {}
    desk = Desk(check_source=looked.setdefault)
    logo = {"kind": "image", "uri": "storage://brand/logo.png", "position": "top_left"}
    sources = [{"uri": "s3://in/a.mov"}, {"uri": "s3://in/b.mov", "subtitles": [{"uri": "storage://uploads/x/b.srt"}]}]
    target = {"name": "x", "template": "mp4-h264-360p", "uri": "s3://out/x.mp4"}
    asked = {"sources": sources, "targets": [{**target, "overrides": {"video": {"watermarks": [logo, logo]}}}]}

    desk.acceptor.accept(asked)

    assert looked == {
        "s3://in/a.mov": "sources[0].uri",
        "s3://in/b.mov": "sources[1].uri",
        "storage://uploads/x/b.srt": "sources[1].subtitles[0].uri",
        "storage://brand/logo.png": "targets[0].overrides.video.watermarks[0].uri",
    }
    looked.clear()
    desk.acceptor.look(asked, DryRun(what="probe"))
    assert "storage://brand/logo.png" not in looked and "storage://uploads/x/b.srt" in looked


def test_the_watermarks_of_a_template_are_looked_at() -> None:
    clock = FakeClock()
    templates = TemplateRegistry(MemoryStore(clock), now=clock.now, monotonic=clock.monotonic)
    logo = {"kind": "image", "uri": "storage://brand/logo.png", "position": "top_left"}
    templates.create("mine", {"base": "mp4-h264-360p", "video": {"watermarks": [logo]}})

    def check(uri: str, field: str) -> None:
        if uri == logo["uri"]:
            raise SourceNotFound(uri)

    desk = Desk(check_source=check, templates=templates)
    with pytest.raises(SourceNotFound) as refusal:
        desk.acceptor.accept(request("mine"))

    assert refusal.value.field == "targets[0].overrides.video.watermarks[0].uri"
    assert desk.stored() == []


WEBHOOK = {"url": "https://example.org/hook?token=t0ken", "secret": "s3cret", "events": ["task.failed"]}


def told(**changes: Any) -> dict[str, Any]:
    return request(client_token="t", notification={"webhook": WEBHOOK | changes})


def test_a_webhook_s_secret_and_query_are_kept_apart_from_the_task() -> None:
    desk = Desk()

    task = desk.acceptor.accept(told())

    assert task.webhook is not None
    apart = keys.webhook(task.id, task.webhook)
    assert json.loads(desk.store.objects[apart]) == {"url": WEBHOOK["url"], "secret": "s3cret"}
    assert desk.stored() == sorted([keys.task(task.id), apart])
    for shown in (desk.store.objects[keys.task(task.id)].decode(), task.model_dump_json(), repr(task)):
        assert "s3cret" not in shown
        assert "t0ken" not in shown
    assert "https://example.org/hook" in task.model_dump_json()


def test_the_same_token_with_the_same_secret_is_the_same_task_with_another_it_is_refused() -> None:
    desk = Desk()
    task = desk.acceptor.accept(told())
    stored = desk.stored()

    assert desk.acceptor.accept(told()).id == task.id
    for other in (told(secret="other"), told(secret=None), told(url="https://example.org/hook?token=other")):
        with pytest.raises(ClientTokenConflict):
            desk.acceptor.accept(other)

    assert desk.stored() == stored


def test_two_at_once_with_one_token_leave_the_secret_of_the_one_that_was_first() -> None:
    desk = Desk()
    first = desk.acceptor.accept(told())
    stored = desk.stored()
    looks = 0
    get = desk.store.get

    def late(key: str) -> bytes | None:
        nonlocal looks
        looks += 1
        return None if looks == 1 else get(key)  # as if the first came in between

    for asked, refused in ((told(), False), (told(secret="other"), True)):
        desk.store.get, looks = late, 0  # type: ignore[method-assign]
        if refused:
            with pytest.raises(ClientTokenConflict):
                desk.acceptor.accept(asked)
        else:
            assert desk.acceptor.accept(asked) == first

    assert desk.stored() == stored


def test_a_webhook_that_cannot_be_called_is_refused_with_its_field() -> None:
    def private(url: str, field: str) -> None:
        raise WebhookForbidden(field=field)

    for desk, url, kind in (
        (Desk(), "ftp://example.org/", InvalidWebhook),
        (Desk(), "https://user:pw@example.org/", InvalidWebhook),
        (Desk(check_webhook=private), "https://example.org/", WebhookForbidden),
    ):
        with pytest.raises(kind) as refusal:
            desk.acceptor.accept(told(url=url))
        assert refusal.value.field == "notification.webhook.url"
        assert not desk.stored()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"events": []}, "notification.webhook.events"),
        ({"events": ["task.exploded"]}, "notification.webhook.events[0]"),
        ({"progress_seconds": 0}, "notification.webhook.progress_seconds"),
        ({"secret": ""}, "notification.webhook.secret"),
        ({"secret": "x" * 257}, "notification.webhook.secret"),
        ({"method": "GET"}, "notification.webhook.method"),
    ],
)
def test_what_a_webhook_may_ask_for_is_checked(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError) as refusal:
        Desk().acceptor.accept(told(**changes))

    assert refusal.value.field == field


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


@pytest.mark.parametrize(
    ("more", "message_id", "field"),
    [
        ({"tags": {"show": "x", "framefleet:door": "vod/somebody/"}}, None, "tags"),
        ({"tags": {"framefleet:id": "x"}}, None, "tags"),
        ({"client_token": f"vod.{'0' * 48}"}, None, "client_token"),
        ({}, f"vod.{'0' * 48}", "client_token"),
    ],
)
def test_a_message_cannot_be_taken_for_a_task_of_a_cloud_sdk(
    more: dict[str, Any], message_id: str | None, field: str
) -> None:
    desk = Desk()

    delivery = desk.submit(body(**more), message_id=message_id)

    ((code, _, named),) = delivery.rejections
    assert (code, named) == ("invalid_request", field)
    assert (desk.stored(), delivery.acks) == ([], 1)


def test_a_message_that_breaks_the_scheduler_does_not_come_back_for_ever() -> None:
    def check(uri: str, field: str) -> None:
        raise ZeroDivisionError

    desk = Desk(check_source=check, check_target=unchecked)

    delivery = desk.submit(body())

    assert delivery.rejections[0][0] == "internal_error"
    assert delivery.acks == 1
