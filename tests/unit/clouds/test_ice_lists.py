"""What ICE's lists may cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.ports import Place
from framefleet_scheduler.clouds.alibaba.envelope import Alibaba
from framefleet_scheduler.clouds.alibaba.ice import reading
from framefleet_scheduler.clouds.alibaba.ice.front import Ice
from framefleet_scheduler.clouds.alibaba.ice.reading import Asked, page
from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.clouds.engine import Engine, place_of
from framefleet_scheduler.clouds.gate import Gate, Refused
from framefleet_scheduler.clouds.origin import Origin
from tests.unit.clouds.desks import NOTHING, Around
from tests.unit.clouds.test_gate import KEY

WORDS = {"fail": frozenset({TaskState.FAILED, TaskState.CANCELED})}


class Jobs:
    """An engine with seven jobs, of which the oldest has failed; knows of how many it was asked."""

    def __init__(self) -> None:
        self.around = Around()
        self.desk = self.around.desk
        self.most: list[int] = []
        self.read: list[str] = []
        now = self.around.clock.now()
        self.records = [
            TaskRecord(
                id=f"k{n}",
                state=TaskState.FAILED if n == 0 else TaskState.RUNNING,
                pipeline="default",
                priority=5,
                created_at=now - timedelta(seconds=10 - n),
            )
            for n in (6, 5, 4, 3, 2, 1, 0)
        ]

    def listed(
        self, door: str, call: Call, scope: str, *, after: Place | None, most: int, **_: object
    ) -> Iterator[TaskRecord]:
        self.most.append(most)
        first = 0 if after is None else [place_of(one) for one in self.records].index(after) + 1
        yield from self.records[first : first + most]

    def origin(self, ours: str) -> Origin:
        self.read.append(ours)
        now = self.around.clock.now()
        return Origin(door="ice", id=ours, tenant="default", key="k", action="", created_at=now, request={})


def found(jobs: Jobs, status: str | None, size: int) -> list[list[str]]:
    pages: list[list[str]] = []
    token = None
    while token or not pages:
        asked = Asked(None, status, None, None, None, size, token)
        shown, token = page(cast(Engine, jobs), jobs.around.call("ListJobs"), "convert", asked, WORDS)
        pages.append([one.record.id for one in shown])
    return pages


def test_a_filter_looks_at_so_many_jobs_and_the_next_page_goes_on_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_LOOKED_AT", 3)
    jobs = Jobs()

    assert found(jobs, "Fail", 2) == [[], [], ["k0"]]
    assert jobs.most == [3, 3, 3]
    assert jobs.read == ["k0"], "what is not shown is not read from the store"


def test_without_a_filter_every_page_is_full() -> None:
    assert found(Jobs(), None, 3) == [["k6", "k5", "k4"], ["k3", "k2", "k1"], ["k0"]]
    assert found(Jobs(), None, 7) == [[f"k{n}" for n in (6, 5, 4, 3, 2, 1, 0)]]


@pytest.mark.parametrize(
    ("action", "asked", "most"),
    [
        ("ListCustomTemplates", {"Name": "x"}, 40),
        ("ListCustomTemplates", {"Subtype": "1"}, 40),
        ("ListCustomTemplates", {"Type": "1", "Name": ""}, 200),
        ("ListMediaConvertJobs", {"Status": "Error"}, 40),
        ("CreateCustomTemplate", {"Name": "x"}, 200),
    ],
)
def test_lists_that_look_at_more_than_they_show_come_less_often(action: str, asked: dict[str, str], most: int) -> None:
    around = Around()
    gate, front = Gate(around.desk, NOTHING, around.desk.rates), Ice(NOTHING)
    call = replace(around.call(action), parameters=asked)
    caller = replace(call.caller, rate=10_000)

    passed = 0
    with pytest.raises(Refused) as refused:
        while passed < 10_000:
            gate.may(KEY, caller, f"ice:{action}", front.meter(call))
            passed += 1

    assert passed == most
    assert Alibaba({}).shut(refused.value).code == "Throttling.User"
