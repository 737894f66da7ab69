"""DescribeTasks: pages of all there are, whatever is counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.ports import Place
from framefleet_scheduler.api.rates import Rates
from framefleet_scheduler.clouds.call import Call, Refusal
from framefleet_scheduler.clouds.engine import Engine, place_of
from framefleet_scheduler.clouds.origin import ID_TAG
from framefleet_scheduler.clouds.tencent import listing
from framefleet_scheduler.clouds.tencent.mps import tasks
from tests.unit.clouds.desks import Around

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TASKS = [
    TaskRecord(
        id=f"k{n}",
        state=TaskState.QUEUED,
        pipeline="default",
        priority=5,
        created_at=NOW + timedelta(seconds=n),
        tags={ID_TAG: f"task-{n}"},
    )
    for n in (4, 3, 2, 1, 0)
]


class Listing:
    """An engine that knows these tasks."""

    counts = SimpleNamespace(ask=lambda filters, count: count())
    reads = Rates()

    def listed(self, door: str, call: Call, *, after: Place | None, most: int, **_: object) -> Iterator[TaskRecord]:
        first = 0 if after is None else [place_of(one) for one in TASKS].index(after) + 1
        yield from TASKS[first : first + most]

    def origin(self, ours: str) -> None:
        return None


def test_pages_go_on_where_counting_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "MOST_COUNTED", 3)
    around, engine = Around(), cast(Engine, Listing())

    found: list[str] = []
    token = ""
    for many in (2, 2, 1):
        page = tasks.describe_tasks(engine, around.call("DescribeTasks", Limit=2, ScrollToken=token))
        assert (len(page["TaskSet"]), page["TotalCount"]) == (many, 3)
        found += [one["TaskId"] for one in page["TaskSet"]]
        token = page["ScrollToken"]

    assert token == ""
    assert found == [f"task-{n}" for n in (4, 3, 2, 1, 0)]


def test_a_list_goes_on_behind_what_one_call_looks_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_LOOKED_AT", 2)
    around, engine = Around(), cast(Engine, Listing())

    def page(token: str, **asked: Any) -> tuple[list[str], str]:
        found = tasks.describe_tasks(engine, around.call("DescribeTasks", ScrollToken=token, **asked))
        return [one["TaskId"] for one in found["TaskSet"]], found["ScrollToken"]

    shown, token = page("")
    assert shown == ["task-4", "task-3"]
    assert page(token)[0] == ["task-2", "task-1"]

    empty, token = page("", SubTaskHasFailed=True)
    assert (empty, token != "") == ([], True)
    for _ in range(2):
        empty, token = page(token, SubTaskHasFailed=True)
    assert (empty, token) == ([], "")


@pytest.mark.parametrize("token", ["x", "1", ".a", f"{'9' * 40}.a", "1.a/b"])
def test_a_token_is_one_of_ours(token: str) -> None:
    around = Around()
    with pytest.raises(Refusal) as refused:
        tasks.describe_tasks(Engine(around.desk), around.call("DescribeTasks", ScrollToken=token))
    assert refused.value.code == "InvalidParameterValue"
