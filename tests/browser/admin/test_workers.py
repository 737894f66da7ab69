"""The page of workers."""

from __future__ import annotations

from framefleet.domain.access import Role
from framefleet.domain.subtask import subtask_id
from framefleet.ports import Claim, Progress
from tests.browser.admin.conftest import NASTY, Console


def working(console: Console, name: str) -> str:
    """A task whose probe is being worked on; its id."""
    task: str = console.api.submit(name=name)["id"]
    sid = subtask_id(task, 1, 1)
    claim = console.api.state.claims.claim(sid, "n", "alpha:1:0", 600.0)
    assert isinstance(claim, Claim)
    console.api.state.claims.beat(sid, claim.fence, "n", 600.0, Progress(0.42, 3.14))
    console.slot("alpha:1:0", "busy", sid=sid)
    return task


def test_each_slot_tells_what_it_is_and_does(console: Console) -> None:
    task = working(console, "a film")
    console.api.submit(name="another")
    console.slot("alpha:1:1")
    console.slot("beta:9:0", "sick", tag="gpu", reason=f"disk_full: {NASTY}", encoders=("h264_nvenc",))

    with console.open("/workers") as seen:
        tab = seen.tab
        assert tab.locator("#lane-cpu .slot-states").inner_text().split() == ["1", "busy", "1", "idle"]
        fills = {
            tab.locator(f"#lane-cpu .share-{name}").evaluate("e => getComputedStyle(e).fill")
            for name in ("busy", "idle")
        }
        assert len(fills - {"rgb(0, 0, 0)"}) == 2
        assert tab.locator("#lane-gpu .slot-states").inner_text().split() == ["1", "sick"]
        assert tab.locator("#lane-cpu tbody tr").inner_text().split() == ["probe", "1", "1"]
        busy = tab.locator("tr[id='slot-alpha:1:0']")
        assert busy.locator("a").get_attribute("href") == f"/tasks/{task}"
        assert ("42 %" in busy.inner_text(), "3.1×" in busy.inner_text().split()) == (True, True)
        assert NASTY in tab.locator("tr[id='slot-beta:9:0']").inner_text()
        assert tab.locator("#lane-services .badge").first.inner_text() == "ok"
        seen.check()


def test_the_page_changes_while_it_is_looked_at(console: Console) -> None:
    console.slot("alpha:1:0")

    with console.open("/workers") as seen:
        row = seen.tab.locator("tr[id='slot-alpha:1:0']")
        row.evaluate("row => { row.here = true; }")
        console.slot("alpha:1:0", "sick", reason="the disk is broken")
        seen.tab.locator("text=the disk is broken").wait_for()
        assert row.evaluate("row => row.here"), "the row was made again instead of changed"


def test_a_host_is_drained_after_a_question_and_undrained(console: Console) -> None:
    console.slot("alpha:1:0")
    console.slot("alpha:1:1")

    with console.open("/workers") as seen:
        tab = seen.tab
        tab.get_by_role("button", name="Drain host").click()
        assert "Drain the host alpha?" in tab.locator("#confirm-text").inner_text()
        tab.locator("#confirm button[value=no]").click()
        assert console.api.desk.tasks.drains() == []
        tab.get_by_role("button", name="Drain host").click()
        tab.locator("#confirm button[value=yes]").click()
        tab.get_by_role("button", name="Undrain host").wait_for()
        assert console.api.desk.tasks.drains() == ["alpha"]
        seen.check()
        tab.get_by_role("button", name="Undrain host").click()
        tab.get_by_role("button", name="Drain host", exact=True).wait_for()
        assert console.api.desk.tasks.drains() == []


def test_a_viewer_has_no_buttons_and_who_sees_one_pipeline_does_not_learn_what_is_done(console: Console) -> None:
    task = working(console, "a film")

    with console.open("/workers", Role.VIEWER) as seen:
        assert seen.tab.locator("main button").count() == 0
        assert seen.tab.locator(f"a[href='/tasks/{task}']").count() == 1
        seen.check()
    with console.open("/workers", Role.ADMIN, ["other"]) as seen:
        assert seen.tab.locator("main button").count() == 0
        assert task not in seen.tab.content()


def test_without_workers_it_tells_how_to_start_one(console: Console) -> None:
    with console.open("/workers") as seen:
        assert "framefleet-worker" in seen.tab.locator(".empty").inner_text()
        seen.check()


def test_a_large_cluster_comes_in_pages(console: Console) -> None:
    for host in range(12):
        for slot in range(16):
            console.slot(f"host-{host:02}:{1000 + slot}:{slot}", encoders=("libx264", "libx265", "libsvtav1"))

    with console.open("/workers") as seen:
        tab = seen.tab
        first = tab.locator("section.host h2").all_inner_texts()
        assert tab.locator("#lane-cpu .slot-states").inner_text().split() == ["192", "idle"]
        seen.check()
        tab.get_by_role("link", name="More hosts").click()
        tab.get_by_role("link", name="First hosts").wait_for()
        second = tab.locator("section.host h2").all_inner_texts()
        assert first + second == [f"host-{host:02}" for host in range(len(first) + len(second))]
        assert (len(first), len(second)) == (5, 5)
