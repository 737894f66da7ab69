"""Tasks with an origin: made once for an id, and nothing left of those that are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from framefleet.domain import keys
from framefleet.domain.errors import (
    ClientTokenConflict,
    InvalidTarget,
    RequestTooLarge,
    SourceNotFound,
    StateUnavailable,
    StoreUnavailable,
    UnknownTemplate,
)
from framefleet.domain.states import TaskState
from framefleet_scheduler.clouds.engine import MOST_ASKED_BYTES, Engine, Wanted
from framefleet_scheduler.clouds.origin import DOOR_TAG, ID_TAG, Origin, lane, task_id, users_tags
from tests.unit.clouds.desks import Around

REQUEST: dict[str, Any] = {
    "name": "film",
    "sources": [{"uri": "s3://in/film.mp4"}],
    "targets": [{"name": "film", "template": "mp4-h264-720p", "uri": "s3://out/film.mp4"}],
    "tags": {"show": "x"},
}


def wanted(name: str = "a", **more: Any) -> Wanted:
    return Wanted(id=name, request={**REQUEST, **more}, asked={"input": "film"}, notes={"format": "mp4"})


def origins(around: Around) -> list[str]:
    return [key for key in around.store.objects if key == keys.origin(task_id("imm", "default", "a"))]


def test_a_task_has_the_dialect_s_id_and_knows_where_it_came_from() -> None:
    around = Around()
    engine, call = Engine(around.desk), around.call("CreateX")

    origin, is_new = engine.submit("imm", call, wanted())

    ours = task_id("imm", "default", "a")
    assert is_new
    assert (origin.door, origin.id, origin.tenant, origin.key, origin.action) == (
        "imm",
        "a",
        "default",
        "a" * 16,
        "CreateX",
    )
    assert (origin.request, origin.notes, origin.request_id) == ({"input": "film"}, {"format": "mp4"}, "r1")
    task = around.state.live[ours].task
    assert (task.pipeline, task.by) == ("default", "a" * 16)
    assert task.request.tags == {"show": "x", DOOR_TAG: lane("imm", "default", ""), ID_TAG: "a"}
    assert users_tags(task.request.tags) == {"show": "x"}
    assert around.noted == [("task.create", ours)]
    found = engine.find("imm", call, "a")
    assert found is not None
    assert (found.origin, found.record.id) == (origin, ours)
    assert Engine(around.desk).origin(ours) == origin, "another process reads it from the store"


def test_the_same_id_is_the_same_task() -> None:
    around = Around()
    engine = Engine(around.desk)
    first, _ = engine.submit("imm", around.call(), wanted())
    around.clock.pass_(100)

    for one in (engine, Engine(around.desk)):
        again, is_new = one.submit("imm", around.call(), wanted(user_data="another"))
        assert (again, is_new) == (first, False)
    assert len(around.state.live) == 1


def test_other_doors_and_tenants_have_other_tasks_of_the_same_id() -> None:
    around = Around()
    engine = Engine(around.desk)
    engine.submit("imm", around.call(), wanted())

    theirs = around.call(pipelines=("theirs", "more"))
    assert engine.find("ice", around.call(), "a") is None
    assert engine.find("imm", theirs, "a") is None
    _, is_new = engine.submit("imm", theirs, wanted())

    assert is_new
    assert sorted(one.task.pipeline for one in around.state.live.values()) == ["default", "theirs"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"targets": [{"name": "x", "template": "none", "uri": "s3://out/x.mp4"}]}, UnknownTemplate),
        ({"targets": [{"name": "x", "template": "remux-mp4", "uri": "https://x/y"}]}, InvalidTarget),
        ({"sources": [{"uri": "s3://in/gone.mp4"}]}, SourceNotFound),
    ],
)
def test_a_refused_task_leaves_no_origin(changes: dict[str, Any], error: type[Exception]) -> None:
    def look(uri: str, field: str) -> None:
        if "gone" in uri:
            raise SourceNotFound("there is no such object", field=field)

    around = Around(check_source=look)
    engine = Engine(around.desk)

    with pytest.raises(error):
        engine.submit("imm", around.call(), wanted(**changes))

    assert not origins(around)
    assert not around.state.live
    assert engine.origin(task_id("imm", "default", "a")) is None, "nor is one remembered"
    assert engine.submit("imm", around.call(), wanted())[1], "the id is free"


def test_a_service_that_is_away_leaves_it_open_whether_there_is_a_task_and_the_same_call_mends_it() -> None:
    around = Around()
    engine = Engine(around.desk)
    around.state.away = True
    with pytest.raises(StateUnavailable):
        engine.submit("imm", around.call(), wanted())
    around.state.away = False

    assert origins(around)
    assert engine.submit("imm", around.call(), wanted())[1]
    assert len(around.state.live) == 1

    around.store.away = True
    with pytest.raises(StoreUnavailable):
        engine.submit("imm", around.call(), wanted("b"))


def test_of_two_calls_at_once_the_loser_takes_nothing_from_the_winner(monkeypatch: pytest.MonkeyPatch) -> None:
    around = Around()
    engine = Engine(around.desk)
    winner, _ = engine.submit("imm", around.call("First"), wanted())
    ours = task_id("imm", "default", "a")

    def conflict(*_: Any, **__: Any) -> None:
        raise ClientTokenConflict("made by another call")

    # As if the winner's task had come between the look and the acceptance.
    monkeypatch.setattr(engine, "_entered", lambda _ours, origin: (origin, False))
    monkeypatch.setattr(around.desk.acceptor, "accept", conflict)
    with pytest.raises(ClientTokenConflict):
        engine.submit("imm", around.call("Second"), wanted())

    assert Origin.model_validate_json(around.store.objects[keys.origin(ours)]) == winner
    found = engine.find("imm", around.call(), "a")
    assert found is not None
    assert found.origin.action == "First"


def test_an_origin_whose_call_has_ended_long_ago_without_a_task_is_replaced() -> None:
    around = Around()
    engine = Engine(around.desk)
    around.state.away = True
    with pytest.raises(StateUnavailable):
        engine.submit("imm", around.call("First"), wanted())
    around.state.away = False

    other = replace(wanted(), asked={"input": "other"})
    young, is_new = engine.submit("imm", around.call("Second"), other)
    assert (young.action, is_new) == ("First", False), "its call may be under way still"
    around.clock.pass_(61)
    late, is_new = engine.submit("imm", around.call("Second"), other)

    assert (late.action, is_new) == ("Second", True)


def test_a_task_is_canceled_and_that_is_noted() -> None:
    around = Around()
    engine, call = Engine(around.desk), around.call()
    engine.submit("imm", call, wanted())
    known = engine.find("imm", call, "a")
    assert known is not None

    engine.cancel(call, known)

    assert around.state.live[known.record.id].canceling
    assert around.noted[-1] == ("task.cancel", known.record.id)
    assert known.record.state is TaskState.QUEUED


def test_a_call_that_is_too_large_to_be_kept_is_refused() -> None:
    around = Around()

    with pytest.raises(RequestTooLarge):
        Engine(around.desk).submit("imm", around.call(), replace(wanted(), asked={"input": "x" * MOST_ASKED_BYTES}))

    assert not around.store.objects


def test_a_large_origin_is_not_kept_in_memory() -> None:
    """Callers say how large theirs are, and there may be twenty thousand."""
    around = Around()
    engine = Engine(around.desk)
    for name, size in (("small", 10), ("large", 100_000)):
        engine.submit("imm", around.call(), replace(wanted(name), asked={"input": "x" * size}))
    around.store.objects.clear()

    assert engine.origin(task_id("imm", "default", "small")) is not None
    assert engine.origin(task_id("imm", "default", "large")) is None
