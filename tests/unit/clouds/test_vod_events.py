"""VOD's events that wait for who pulls them."""

from __future__ import annotations

from framefleet_scheduler.clouds.engine import Engine
from framefleet_scheduler.clouds.tencent.vod import events
from framefleet_scheduler.clouds.tencent.vod.library import DOOR
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
