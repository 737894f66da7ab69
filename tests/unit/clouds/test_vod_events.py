"""VOD's events that wait for who pulls them."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from framefleet.adapters.webhook_sender import check_address
from framefleet.domain.errors import WebhookForbidden
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.tencent.vod import events
from framefleet_scheduler.clouds.tencent.vod.library import DOOR
from framefleet_scheduler.clouds.visionular import operations
from tests.unit.clouds.desks import Around


def keep(engine: Engine, around: Around, app: int, number: int) -> None:
    """As `telling` does it."""
    events.forget_old(engine, "t", app)
    ms = int(around.clock.now().timestamp() * 1000)
    engine.documents.put(DOOR, "t", events.kind(app), f"{ms:013d}.1.task-{number}", {})


def test_events_that_nobody_pulls_do_not_stay_for_ever() -> None:
    around = Around()
    engine = Engine(around.desk)
    for number in range(40):
        keep(engine, around, 0, number)
        around.clock.pass_(24 * 3600)

    left = engine.documents.names(DOOR, "t", events.kind(0))

    assert [name.rpartition("-")[2] for name in left] == ["35", "36", "37", "38", "39"]


def test_those_of_others_and_young_ones_stay() -> None:
    around = Around()
    engine = Engine(around.desk)
    keep(engine, around, 1, 0)
    around.clock.pass_(events.KEPT_SECONDS - 1)
    keep(engine, around, 1, 1)
    around.clock.pass_(3600)
    keep(engine, around, 2, 2)

    assert len(engine.documents.names(DOOR, "t", events.kind(1))) == 2
    assert len(engine.documents.names(DOOR, "t", events.kind(2))) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:6379/", "http://localhost/", "http://2130706433/", "http://[::1]/"])
def test_addresses_within_are_refused_when_they_are_said(url: str) -> None:
    around = Around(check_webhook=check_address)
    engine = Engine(around.desk)

    with pytest.raises(Refusal) as refused:
        events.modify_config(engine, around.call(Mode="PUSH", NotificationUrl=url))
    with pytest.raises(WebhookForbidden):
        operations.add_storage(engine, around.call(bucket="films", notify=url))

    assert refused.value.code == "InvalidParameterValue"
    assert not around.store.objects


def test_who_waits_for_events_leaves_places_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    around = Around()
    engine = Engine(around.desk)
    paused: list[float] = []

    def asleep(seconds: float) -> None:
        paused.append(seconds)
        around.clock.pass_(seconds)

    monkeypatch.setattr(events, "clock", SimpleNamespace(sleep=asleep, monotonic=around.clock.monotonic))

    def waits(tenant: str) -> bool:
        paused.clear()
        assert events.pull(engine, around.call("PullEvents", (tenant,))) == {"EventSet": []}
        return bool(paused)

    with ExitStack() as held:
        for _ in range(events.MOST_WAITING_EACH):
            assert waits("greedy")
            held.enter_context(events._waiting.place("greedy"))
        assert not waits("greedy")
        assert waits("modest")
    assert waits("greedy")
