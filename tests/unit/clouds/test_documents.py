"""What a dialect keeps beside its tasks, and names that count once in some days."""

from __future__ import annotations

from pathlib import Path

import pytest

from framefleet.adapters.directory import DirectoryStore
from framefleet.domain import keys
from framefleet.domain.errors import FramefleetError, StoreUnavailable
from framefleet_scheduler.clouds.documents import Documents, Sessions
from tests.fakes import FakeClock, MemoryStore

DAY = 86_400.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> MemoryStore:
    return MemoryStore(clock)


@pytest.fixture
def sessions(store: MemoryStore, clock: FakeClock) -> Sessions:
    return Sessions(store, clock.now)


# --- documents --------------------------------------------------------------------------------


def test_a_document_is_created_once_changed_and_deleted(store: MemoryStore) -> None:
    documents = Documents(store)

    assert documents.get("imm", "t", "projects", "a") is None
    assert documents.create("imm", "t", "projects", "a", {"x": 1})
    assert not documents.create("imm", "t", "projects", "a", {"x": 2})
    assert documents.get("imm", "t", "projects", "a") == {"x": 1}
    documents.put("imm", "t", "projects", "a", {"x": 3})
    assert documents.get("imm", "t", "projects", "a") == {"x": 3}
    documents.delete("imm", "t", "projects", "a")
    assert documents.get("imm", "t", "projects", "a") is None


def test_who_gets_a_document_may_change_what_they_got(store: MemoryStore) -> None:
    documents = Documents(store)
    documents.create("imm", "t", "projects", "a", {"x": {"y": 1}})

    found = documents.get("imm", "t", "projects", "a")
    assert found is not None
    found["x"]["y"] = 2

    assert documents.get("imm", "t", "projects", "a") == {"x": {"y": 1}}


def test_doors_tenants_and_kinds_are_apart_whatever_a_name_has_in_it(store: MemoryStore) -> None:
    documents = Documents(store)
    name = "../b/ü %2F.json"
    documents.create("imm", "a", "projects", name, {})
    documents.create("imm", "a/b", "projects", "x", {})

    assert documents.names("imm", "a", "projects") == [name]
    assert documents.names("imm", "a/b", "projects") == ["x"]
    for door, tenant, kind in (("ice", "a", "projects"), ("imm", "b", "projects"), ("imm", "a", "templates")):
        assert documents.names(door, tenant, kind) == []
        assert documents.get(door, tenant, kind, name) is None
    assert all(key.startswith(f"{keys.CLOUDS}imm/projects/") and ".." not in key.split("/") for key in store.objects)


def test_names_are_bounded(store: MemoryStore) -> None:
    documents = Documents(store)
    for i in range(5):
        documents.create("vod", "t", "templates", f"{i}", {})

    assert documents.names("vod", "t", "templates", 3) == ["0", "1", "2"]


def test_a_document_that_is_none_and_a_store_that_is_away_are_said(store: MemoryStore) -> None:
    documents = Documents(store)
    documents.create("vod", "t", "templates", "a", {})
    (key,) = store.objects
    store.objects[key] = b"{"
    with pytest.raises(FramefleetError, match="no JSON"):
        documents.get("vod", "t", "templates", "a")

    store.away = True
    with pytest.raises(StoreUnavailable):
        documents.get("vod", "t", "templates", "b")


# --- sessions ---------------------------------------------------------------------------------


def test_a_name_is_taken_once_in_three_days(sessions: Sessions, clock: FakeClock) -> None:
    assert sessions.take("vod", "t", "s", "first") is None
    assert sessions.take("vod", "t", "s", "second") == "first"
    assert sessions.take("vod", "other", "s", "second") is None
    assert sessions.take("mps", "t", "s", "second") is None

    clock.pass_(3 * DAY)
    assert sessions.holder("vod", "t", "s") == "first"
    clock.pass_(1)
    assert sessions.holder("vod", "t", "s") is None
    assert sessions.take("vod", "t", "s", "third") is None
    assert sessions.holder("vod", "t", "s") == "third"


def test_midnight_frees_no_name(sessions: Sessions, clock: FakeClock) -> None:
    now = clock.now()
    clock.pass_(DAY - now.hour * 3600 - now.minute * 60 - now.second - 1)
    assert f"{clock.now():%H:%M:%S}" == "23:59:59"
    sessions.take("vod", "t", "s", "first")

    clock.pass_(2)

    assert sessions.take("vod", "t", "s", "second") == "first"


def test_a_name_that_was_taken_for_nothing_is_free_again_over_midnight_too(
    sessions: Sessions, clock: FakeClock
) -> None:
    for seconds in (0.0, DAY - 3600 * 3):
        sessions.take("vod", "t", "s", "first")
        clock.pass_(seconds)
        sessions.free("vod", "t", "s")
        assert sessions.take("vod", "t", "s", "second") is None
        sessions.free("vod", "t", "s")


def test_the_same_use_may_be_entered_again(sessions: Sessions, store: MemoryStore) -> None:
    assert sessions.take("vod", "t", "s/../x", "first") is None

    assert sessions.take("vod", "t", "s/../x", "first") == "first", "who asks compares"
    assert all(".." not in key.split("/") for key in store.objects)


def test_days_that_are_over_are_removed_by_who_takes_the_first_name_of_a_day(
    sessions: Sessions, store: MemoryStore, clock: FakeClock
) -> None:
    sessions.take("vod", "t", "old", "x")
    for name in ("just good", "young"):
        clock.pass_(DAY)
        sessions.take("vod", "t", name, "x")
    assert len(store.objects) == 3

    clock.pass_(2 * DAY)
    sessions.take("vod", "t", "new", "x")

    assert len(store.objects) == 3
    assert [sessions.holder("vod", "t", name) for name in ("old", "young", "new")] == [None, "x", "x"]
    assert sessions.holder("vod", "t", "just good") == "x"


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "\u00e9" * 50, "\x00", "x\n"])
def test_any_name_can_be_taken_in_any_store(name: str, tmp_path: Path, clock: FakeClock) -> None:
    """`..` is no name of a file, nor is one of 300 bytes."""
    sessions = Sessions(DirectoryStore(tmp_path), clock.now)

    assert sessions.take("mps", "t", name, "first") is None
    assert sessions.take("mps", "t", name, "second") == "first"
    sessions.free("mps", "t", name)
    assert sessions.take("mps", "t", name, "third") is None


def test_a_large_document_is_not_kept_in_memory(store: MemoryStore) -> None:
    """Its tenant says how large it is, and there may be thousands."""
    documents = Documents(store)
    for name, size in (("small", 100), ("large", 100_000)):
        documents.create("ice", "t", "templates", name, {"x": "a" * size})
        assert documents.get("ice", "t", "templates", name) is not None

    store.objects.clear()

    assert documents.get("ice", "t", "templates", "small") is not None
    assert documents.get("ice", "t", "templates", "large") is None
