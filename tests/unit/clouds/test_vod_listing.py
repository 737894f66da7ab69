"""VOD's DescribeTasks: requests of several parts, windows of long lists, and how much one key may have read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from framefleet.domain import keys
from framefleet.domain.records import TaskRecord
from framefleet.domain.states import TaskState
from framefleet.ports import TaskPage, TaskQuery
from framefleet_scheduler.clouds import engine as engines
from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.engine import Engine, place_of
from framefleet_scheduler.clouds.origin import DOOR_TAG, ID_TAG, PARTS_TAG, Origin, lane, task_id
from framefleet_scheduler.clouds.tencent import listing
from framefleet_scheduler.clouds.tencent.vod import parts, process, tasks
from framefleet_scheduler.clouds.tencent.vod.library import DOOR
from tests.unit.clouds.desks import Around

TENANT = "default"
BEGIN = timedelta(hours=1)


class Kept:
    """Tasks as the state lists them."""

    def __init__(self) -> None:
        self.records: dict[str, TaskRecord] = {}
        self.queries: list[TaskQuery] = []

    def record(self, ours: str) -> TaskRecord | None:
        return self.records.get(ours)

    def query(self, query: TaskQuery) -> TaskPage:
        self.queries.append(query)
        assert query.tag is not None
        name, value = query.tag
        found = [
            one
            for one in self.records.values()
            if one.tags.get(name) == value
            and query.state in {None, one.state}
            and (query.since is None or one.created_at >= query.since)
        ]
        found.sort(key=place_of, reverse=not query.oldest_first)
        if query.after is not None:
            at = query.after
            found = [one for one in found if (place_of(one) > at if query.oldest_first else place_of(one) < at)]
        page = found[: query.limit]
        return TaskPage(page, place_of(page[-1]) if len(found) > len(page) else None)


class Vod:
    """An application's tasks, made at one second each."""

    def __init__(self) -> None:
        self.around = Around()
        self.kept = Kept()
        state: Any = self.kept
        self.engine = Engine(replace(self.around.desk, tasks=state))
        self.made_at = self.around.clock.now() - BEGIN

    def request(self, name: str, *tasks_: tuple[TaskState, int | None]) -> None:
        """One with so many parts: (state, at which second it ended)."""
        self.made_at += timedelta(seconds=1)
        for i, (state, ended) in enumerate(tasks_):
            vendor = parts.part_id(name, i) if i else name
            scope = parts.SCOPE if i else ""
            ours = task_id(DOOR, TENANT, vendor)
            tags = {DOOR_TAG: lane(DOOR, TENANT, scope), ID_TAG: vendor}
            if len(tasks_) > 1 and not i:
                tags[PARTS_TAG] = tags[DOOR_TAG]
            self.kept.records[ours] = TaskRecord(
                id=ours,
                state=state,
                pipeline=TENANT,
                priority=5,
                created_at=self.made_at,
                finished_at=None if ended is None else self.around.clock.now() + timedelta(seconds=ended),
                tags=tags,
            )
            origin = Origin(
                door=DOOR,
                id=vendor,
                tenant=TENANT,
                scope=scope,
                key="k",
                action="ProcessMedia",
                created_at=self.made_at,
                request={},
                notes={"of": name} if i else {"kind": "Procedure", "parts": len(tasks_) - 1},
            )
            self.around.store.put(keys.origin(ours), origin.model_dump_json().encode())

    def page(self, **asked: Any) -> dict[str, Any]:
        """What DescribeTasks answers."""
        return tasks.describe_tasks(self.engine, self.around.call("DescribeTasks", **asked))

    def names(self, **asked: Any) -> list[str]:
        """The tasks of all pages."""
        found: list[str] = []
        token = ""
        while True:
            page = self.page(ScrollToken=token, **asked)
            found += [one["TaskId"] for one in page["TaskSet"]]
            token = page["ScrollToken"]
            if not token:
                return found


DONE, RUNS, WAITS, FAILED, ENDED = (
    TaskState.SUCCEEDED,
    TaskState.RUNNING,
    TaskState.QUEUED,
    TaskState.FAILED,
    TaskState.CANCELED,
)


def several() -> Vod:
    """Requests of one and of two parts."""
    vod = Vod()
    vod.request("done", (DONE, 5))
    vod.request("works-still", (DONE, 1), (RUNS, None))
    vod.request("begun-behind", (WAITS, None), (RUNS, None))
    vod.request("late", (DONE, 2), (FAILED, 9))
    vod.request("aborted", (DONE, 3), (ENDED, 4))
    vod.request("waits", (WAITS, None), (WAITS, None))
    vod.request("runs", (RUNS, None))
    return vod


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ("WAITING", ["waits"]),
        ("PROCESSING", ["runs", "begun-behind", "works-still"]),
        ("FINISH", ["aborted", "late", "done"]),
        ("ABORTED", ["aborted"]),
    ],
)
def test_the_state_of_a_request_is_that_of_all_its_parts(status: str, wanted: list[str]) -> None:
    vod = several()
    assert vod.names(Status=status) == wanted
    assert vod.names(Status=status, Limit=1) == wanted
    assert vod.names(Status=status, Sort={"Order": "Asc"}, Limit=1) == wanted[::-1]
    shown = {one["Status"] for one in vod.page(Status=status)["TaskSet"]}
    assert shown <= {status, "ABORTED"}


def test_a_request_has_ended_when_its_last_part_has() -> None:
    vod = several()
    by_end = {"Sort": {"Field": "FinishTime", "Order": "Desc"}, "Status": "FINISH"}
    assert vod.names(**by_end) == ["late", "done", "aborted"]
    assert vod.names(**by_end, Limit=1) == ["late", "done", "aborted"]
    at = (vod.around.clock.now() + timedelta(seconds=4)).isoformat()
    assert vod.names(FinishTime={"After": at}) == ["aborted", "late", "done"]
    assert vod.names(FinishTime={"Before": at}) == []


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> Vod:
    """Twelve tasks, of which a call looks at five; the older a task is, the later it ended."""
    monkeypatch.setattr(listing, "MOST_LOOKED_AT", 5)
    vod = Vod()
    for n in range(12):
        vod.request(f"t{n}", (DONE if n % 6 == 0 else FAILED, 100 - n))
    return vod


def _names(numbers: Sequence[int]) -> list[str]:
    return [f"t{n}" for n in numbers]


def test_a_list_goes_on_behind_what_one_call_looks_at(long: Vod) -> None:
    assert long.names(Limit=3) == _names(range(11, -1, -1))
    assert long.names(Sort={"Order": "Asc"}, Limit=7) == _names(range(12))
    first = long.page(CreateTime={"Before": long.made_at.isoformat()}, FileId="none")
    assert (first["TaskSet"], first["ScrollToken"] != "") == ([], True)
    assert long.names(FileId="none") == []


def test_by_their_ends_they_come_in_windows_that_all_are_in(long: Vod) -> None:
    found = long.names(Sort={"Field": "FinishTime", "Order": "Desc"}, Limit=2)
    assert found == _names([7, 8, 9, 10, 11, 2, 3, 4, 5, 6, 0, 1])


@pytest.mark.parametrize("token", ["x", "n", "n1.", "n1.2", "n1.2.a/b", f"n1.{'9' * 40}.a", "5"])
@pytest.mark.parametrize("by", ["CreateTime", "FinishTime"])
def test_a_token_is_one_of_ours(token: str, by: str) -> None:
    with pytest.raises(Refusal) as refused:
        Vod().page(ScrollToken=token, Sort={"Field": by})
    assert refused.value.code == "InvalidParameterValue"


def test_a_key_that_has_had_many_tasks_read_is_refused_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "READS_PER_SECOND", 1.0)
    monkeypatch.setattr(engines, "READS_AT_ONCE", 5.0)
    vod = Vod()
    for n in range(3 * listing.BLOCK):
        vod.request(f"t{n}", (DONE, 1))
    by_end = {"Sort": {"Field": "FinishTime"}}
    vod.page(**by_end)
    vod.page(**by_end)

    with pytest.raises(Refusal) as refused:
        vod.page(**by_end)
    assert refused.value.code == "RequestLimitExceeded"
    assert refused.value.retry_after is not None
    assert len(vod.page()["TaskSet"]) == 10  # what costs little is answered

    vod.around.clock.pass_(refused.value.retry_after + 1)
    assert vod.page(**by_end)["TaskSet"]


def test_requests_of_several_parts_cost_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_LOOKED_AT", 2 * tasks.PARTS_COST)
    vod = Vod()
    for n in range(5):
        vod.request(f"t{n}", (DONE, 1), (DONE, 2))
    assert [one["TaskId"] for one in vod.page()["TaskSet"]] == ["t4", "t3"]
    assert vod.names() == _names(range(4, -1, -1))


def test_a_short_page_reads_few_tasks() -> None:
    vod = Vod()
    for n in range(30):
        vod.request(f"t{n}", (DONE, 1))
    assert len(vod.page()["TaskSet"]) == 10
    assert [one.limit for one in vod.kept.queries] == [25]


def test_only_a_request_of_several_parts_is_marked_as_one() -> None:
    around = Around()
    engine = Engine(around.desk)
    whole = {"Definition": 100_010}
    for elements in ([whole], [whole, {**whole, "StartTimeOffset": 1, "EndTimeOffset": 3}]):
        asked: dict[str, Any] = {
            "Url": "https://films.example/a.mp4",
            "MediaProcessTask": {"TranscodeTaskSet": elements},
        }
        process.process_media(engine, around.call("ProcessMedia", SubAppId=7, **asked))

    made = [one.task.request.tags for one in around.state.live.values()]
    mark = lane(DOOR, TENANT, "7")
    assert [(tags[DOOR_TAG], tags.get(PARTS_TAG)) for tags in made] == [
        (mark, None),
        (lane(DOOR, TENANT, parts.SCOPE), None),
        (mark, mark),
    ]
