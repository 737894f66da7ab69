"""Webhooks over a real Redis and a real receiver: nothing is lost while the receiver, the scheduler or Redis is away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.redis_state import RedisState
from framefleet.adapters.webhook_sender import HttpSender
from framefleet.domain.delivery import DeliveryState
from framefleet.domain.errors import StateUnavailable
from framefleet.domain.webhook import is_signed
from framefleet_scheduler import notify
from framefleet_scheduler.notify import Webhooks
from tests.factories import request
from tests.integration.test_scheduler import Cluster, state
from tests.services.receiver import Receiver
from tests.services.serve import Serve
from tests.waiting import eventually

__all__ = ["state"]

SECRET, TOKEN = "s3cret-that-nobody-else-knows", "t0ken-that-nobody-else-knows"
ALL = ["task.queued", "task.running", "task.succeeded", "task.failed", "task.canceled"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def cluster(state: RedisState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr(notify, "delay", lambda tries, chance: min(0.05 * 2**tries, 1.0))
    sender = HttpSender(allow_private=True, connect_seconds=120.0, total_seconds=300.0)  # the machine may be slow
    made = Cluster(state, DirectoryStore(tmp_path), Webhooks(state.deliveries, sender))
    made.scheduler.start()
    made.worker.start()
    eventually(state.epochs.current, "the first generation")
    yield made
    made.stop.set()
    made.worker.join(60)
    assert made.scheduler.stop(60)


def submit(cluster: Cluster, receiver: Receiver, *events: str) -> str:
    webhook = {"url": f"{receiver.url}/hook?token={TOKEN}", "secret": SECRET, "events": events or ALL}
    return cluster.scheduler.acceptor.accept(request(notification={"webhook": webhook})).id


def ended(cluster: Cluster, task_id: str) -> None:
    eventually(lambda: cluster.record(task_id), f"the end of {task_id}")


def nothing_waits(cluster: Cluster) -> bool:
    return cluster.state.tasks.counts().deliveries["waiting"] == 0


def test_i2_a_receiver_that_was_away_is_told_everything_when_it_is_back(cluster: Cluster, receiver: Receiver) -> None:
    before = submit(cluster, receiver)
    ended(cluster, before)
    eventually(lambda: len(receiver.calls) == 3, "three calls")

    receiver.stop()
    during = [submit(cluster, receiver) for _ in range(2)]
    for task in during:
        ended(cluster, task)
    slow = [f"{task}.1.succeeded" for task in during]

    def has_failed_thrice() -> bool:
        letters = [cluster.state.deliveries.letter(delivery) for delivery in slow]
        return all(letter is not None and letter.record.tries >= 3 for letter in letters)

    eventually(has_failed_thrice, "some tries in vain")
    letter = cluster.state.deliveries.letter(slow[0])
    assert letter is not None
    assert {one.error for one in letter.record.attempts} == {"no answer: Connection refused"}
    assert len(receiver.calls) == 3
    receiver.status = 500
    receiver.start()
    eventually(lambda: len(receiver.calls) >= 9, "calls that are refused")
    receiver.status = 200
    receiver.calls.clear()
    eventually(lambda: nothing_waits(cluster), "all to be delivered")

    for call in receiver.calls:
        print(f"{call.headers['framefleet-delivery']:44} {call.event['state']}")
    wanted = {f"{task}.1.{what}" for task in during for what in ("queued", "running", "succeeded")}
    assert {delivery for _, delivery in receiver.events()} == wanted
    assert all(call.headers["framefleet-delivery"] == call.event["event_id"] for call in receiver.calls)
    for call in receiver.calls:
        signed_at = int(call.headers["framefleet-signature"].split(",")[0].removeprefix("t="))
        assert is_signed(SECRET, call.headers["framefleet-signature"], call.body, signed_at)
        assert call.path == f"/hook?token={TOKEN}"
    final = next(call.event for call in receiver.calls if call.event["event"] == "task.succeeded")
    assert final["targets"][0]["files"]


def test_i2_a_loss_of_redis_loses_no_end_and_repeats_none_that_was_told(cluster: Cluster, receiver: Receiver) -> None:
    told = submit(cluster, receiver, "task.succeeded")
    ended(cluster, told)
    eventually(lambda: len(receiver.calls) == 1, "the first end to be told")
    eventually(lambda: nothing_waits(cluster), "it to be noted")
    receiver.stop()
    untold = submit(cluster, receiver, "task.succeeded")
    ended(cluster, untold)
    eventually(lambda: cluster.state.deliveries.letter(f"{untold}.1.succeeded"), "its delivery")

    cluster.state.client.flushall()
    receiver.start()

    def is_told() -> bool:
        return [delivery for _, delivery in receiver.events()] == [f"{told}.1.succeeded", f"{untold}.1.succeeded"]

    eventually(is_told, "the other end to be told")


def test_a_receiver_that_hangs_holds_up_nobody_else(cluster: Cluster, receiver: Receiver) -> None:
    with Receiver("127.0.0.2") as hanging:
        hanging.hold.clear()
        for _ in range(6):
            submit(cluster, hanging, "task.queued")
        eventually(lambda: len(hanging.calls) == notify.MOST_OF_A_HOST, "as many calls as one host may have")

        task = submit(cluster, receiver)
        ended(cluster, task)
        eventually(lambda: len(receiver.calls) == 3, "the other receiver to be told")

        assert len(hanging.calls) == notify.MOST_OF_A_HOST
        hanging.hold.set()
        eventually(lambda: len({delivery for _, delivery in hanging.events()}) == 6, "the rest")
        eventually(lambda: nothing_waits(cluster), "all to be delivered")


def test_i2_killed_between_the_call_and_its_note_it_is_told_again_and_no_secret_is_anywhere(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.hold.clear()
    with Serve(tmp_path, FRAMEFLEET_ALLOW_PRIVATE_WEBHOOKS="1") as serve:
        webhook = {"url": f"{receiver.url}/hook?token={TOKEN}", "secret": SECRET}
        body: dict[str, Any] = {
            "sources": [{"uri": "http://127.0.0.1:1/film.mp4"}],
            "targets": [{"name": "x", "template": "mp4-h264-360p", "uri": "storage://outputs/x.mp4"}],
            "notification": {"webhook": webhook},
        }
        status, task = serve.request("POST", "/v1/tasks", body)
        assert status == 202, task
        serve.request("POST", f"/v1/tasks/{task['id']}/cancel")
        eventually(lambda: len(receiver.calls) == 1, "the call")
        serve.kill()

        receiver.hold.set()
        serve.start()
        eventually(lambda: len(receiver.calls) >= 2, "the second call")

        first, second = receiver.calls[:2]
        assert first.headers["framefleet-delivery"] == second.headers["framefleet-delivery"]
        assert first.body == second.body
        delivery = first.headers["framefleet-delivery"]

        def delivered() -> bool:
            return bool(serve.request("GET", f"/v1/deliveries/{delivery}")[1].get("state") == DeliveryState.DELIVERED)

        eventually(delivered, "it to be noted")
        answers = [
            str(serve.request("GET", path)[1])
            for path in (f"/v1/tasks/{task['id']}", "/v1/tasks", "/v1/deliveries?state=delivered")
        ]
        log = serve.logged()
    assert "hook" in answers[2]
    for text in (*answers, log, *(call.body.decode() for call in receiver.calls)):
        assert SECRET not in text
        assert TOKEN not in text
    holders = [
        path
        for path in _files(serve.data)
        if SECRET.encode() in path.read_bytes() or TOKEN.encode() in path.read_bytes()
    ]
    assert [path.parent.name for path in holders] == ["webhook"], "in one object of its own, and nowhere else"


def _files(folder: Path) -> list[Path]:
    return [Path(root) / name for root, _, names in os.walk(folder) for name in names]


def test_redis_unavailable_is_no_end_of_the_notifier(cluster: Cluster, receiver: Receiver) -> None:
    deliveries = cluster.state.deliveries
    take, failures = deliveries.take, 3

    def failing(*arguments: Any) -> Any:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise StateUnavailable("away")
        return take(*arguments)

    deliveries.take = failing  # type: ignore[method-assign, assignment]

    submit(cluster, receiver, "task.queued")

    eventually(lambda: len(receiver.calls) == 1, "the call")
