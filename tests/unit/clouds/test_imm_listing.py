"""ListTasks: what it may cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.ports import Place
from framefleet_scheduler.clouds.alibaba.envelope import Alibaba
from framefleet_scheduler.clouds.alibaba.imm import tasks
from framefleet_scheduler.clouds.alibaba.imm.front import Imm
from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.clouds.engine import Engine, place_of
from framefleet_scheduler.clouds.gate import Gate, Refused
from framefleet_scheduler.clouds.origin import ID_TAG
from tests.unit.clouds.desks import NOTHING, Around
from tests.unit.clouds.test_gate import KEY

AROUND = Around()
TASKS = [
    TaskRecord(
        id=f"k{n}",
        state=TaskState.SUCCEEDED if n == 0 else TaskState.QUEUED,
        pipeline="default",
        priority=5,
        created_at=AROUND.clock.now() + timedelta(seconds=n),
        tags={ID_TAG: f"MediaConvert-{n}"},
    )
    for n in (6, 5, 4, 3, 2, 1, 0)
]


class Listing:
    """An engine that knows these tasks, and of how many it was asked."""

    documents = SimpleNamespace(get=lambda *_: {})

    def __init__(self) -> None:
        self.most: list[int] = []

    def listed(
        self, door: str, call: Call, scope: str, *, after: Place | None, most: int, **_: object
    ) -> Iterator[TaskRecord]:
        self.most.append(most)
        first = 0 if after is None else [place_of(one) for one in TASKS].index(after) + 1
        yield from TASKS[first : first + most]

    def origin(self, ours: str) -> None:
        return None


def call(**parameters: str) -> Call:
    return replace(AROUND.call("ListTasks"), parameters={"ProjectName": "default", **parameters})


def test_a_filter_looks_at_so_many_tasks_and_the_next_page_goes_on_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "MOST_LOOKED_AT", 3)
    engine, found, token, pages = Listing(), [], "", 0

    while token or not pages:
        page: dict[str, Any] = tasks.listed(cast(Engine, engine), call(Status="Succeeded", NextToken=token))
        found += [one["TaskId"] for one in page["Tasks"]]
        token, pages = page["NextToken"], pages + 1

    assert found == ["MediaConvert-0"]
    assert engine.most == [3] * pages == [3, 3, 3]


@pytest.mark.parametrize(
    ("asked", "most"),
    [({"Sort": "EndTime"}, 8), ({"Sort": "EndTime", "Status": "Failed"}, 8), ({"TagSelector": "a=b"}, 40), ({}, 200)],
)
def test_lists_that_look_at_many_tasks_come_less_often(asked: dict[str, str], most: int) -> None:
    around = Around()
    gate, front = Gate(around.desk, NOTHING, around.desk.rates), Imm(NOTHING)
    wanted = replace(call(**asked), caller=replace(call().caller, rate=10_000))

    passed = 0
    with pytest.raises(Refused) as refused:
        while passed < 10_000:
            gate.may(KEY, wanted.caller, "imm:ListTasks", front.meter(wanted))
            passed += 1

    assert passed == most
    assert Alibaba({}).shut(refused.value).code == "Throttling.User"
    other = replace(wanted, parameters={"ProjectName": "default"})
    if asked:
        gate.may(KEY, wanted.caller, "imm:ListTasks", front.meter(other))
        elsewhere = replace(wanted, parameters={**wanted.parameters, "ProjectName": "other"})
        with pytest.raises(Refused):
            gate.may(KEY, wanted.caller, "imm:ListTasks", front.meter(elsewhere))
