"""Cursors say nothing to who holds them, and nobody else makes one."""

from __future__ import annotations

import base64

import pytest

from framefleet.domain.access import Role
from framefleet.domain.errors import InvalidRequest
from framefleet.ports import Place
from framefleet_scheduler.api.paging import Cursors
from tests.api.conftest import Api
from tests.fakes import MemoryStore

PLACES = [Place(0, "a"), Place(1_772_000_000_000, "k" * 32 + ".1.queued"), Place(10**15 - 1, "x" * 200)]


def test_every_server_of_a_store_reads_what_another_has_written() -> None:
    store = MemoryStore()

    for place in PLACES:
        text = Cursors(store).cursor(place)
        assert text is not None
        assert len(text) <= 400
        assert Cursors(store).place(text) == place
    assert Cursors(store).cursor(None) is None
    assert Cursors(store).place(None) is None


def test_a_cursor_is_short() -> None:
    cursors = Cursors(MemoryStore())

    for length, most in ((32, 100), (64, 130)):  # ids of ours, and the longest that a path may have
        assert len(cursors.cursor(Place(1_772_000_000_000, "k" * length)) or "") <= most


def test_what_is_forged_changed_or_of_another_cluster_is_refused() -> None:
    cursors = Cursors(MemoryStore())
    text = cursors.cursor(PLACES[1]) or ""
    plain = base64.urlsafe_b64encode(b"1772000000000 a").decode().rstrip("=")
    changed = [text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :] for at in (0, 21, 22, 30)]

    for wrong in (plain, "", "x", "AAAA", text[:-4], *changed, Cursors(MemoryStore()).cursor(PLACES[1])):
        with pytest.raises(InvalidRequest) as refused:
            cursors.place(wrong)
        assert refused.value.field == "cursor"


def test_a_cursor_tells_nothing_of_tasks_its_holder_may_not_see(api: Api) -> None:
    mine = api.submit(pipeline="mine")["id"]
    others = [api.submit(pipeline="other")["id"] for _ in range(3)]
    auth = api.key(Role.VIEWER, ["mine"])
    listed, cursors, query = [], list[str](), {"limit": 1}
    while True:
        page = api.client.get("/v1/tasks", params=query, auth=auth).json()
        listed += [task["id"] for task in page["tasks"]]
        if page["next"] is None:
            break
        cursors.append(page["next"])
        query = {"limit": 1, "cursor": page["next"]}

    assert listed == [mine]
    assert len(cursors) == 3
    for cursor in cursors:
        opened = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        assert not any(task.encode() in opened or task.encode()[:8] in opened for task in (*others, mine))
