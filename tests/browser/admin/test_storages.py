"""The page of storages."""

from __future__ import annotations

from pathlib import Path

from framefleet.domain.access import Role
from tests.browser.admin.conftest import Console


def test_a_storage_is_made_checked_changed_and_taken_away(console: Console) -> None:
    registry = console.api.desk.storage_registry
    films = console.api.allowed / "films"

    with console.open("/storages") as seen:
        tab = seen.tab
        tab.get_by_role("link", name="Directory").click()
        tab.get_by_role("textbox", name="Name").fill("films")
        tab.get_by_role("textbox", name="Directory").fill(str(films))
        seen.check()
        tab.get_by_role("button", name="Save").click()
        card = tab.locator("#storage-films")
        card.wait_for()
        assert str(films) in card.inner_text()

        card.get_by_role("button", name="Check").click()
        tab.locator("#storage-films .notice").wait_for()
        assert "It works" in card.inner_text()
        assert [line.strip() for line in card.locator(".notice li").all_inner_texts()][:2] == ["write", "read"]
        seen.check()
        console.api.out.parent.joinpath("allowed", "films").rename(films.with_name("gone"))
        films.write_text("a file where a directory should be")
        card.get_by_role("button", name="Check").click()
        tab.locator("#storage-films .notice.is-failed").wait_for()

        card.get_by_role("link", name="Edit").click()
        tab.get_by_role("textbox", name="Directory").fill(str(films.with_name("gone")))
        tab.get_by_role("button", name="Save").click()
        tab.locator("#storage-films", has_text="version 2").wait_for()
        assert Path(str(registry.get("films").settings.model_dump()["root"])).name == "gone"
        card.get_by_role("button", name="Delete").click()
        tab.locator("#confirm button[value=yes]").click()
        tab.locator("#storage-films").wait_for(state="detached")
        assert registry.all() == []


def test_a_viewer_sees_where_things_are_and_no_keys(console: Console) -> None:
    document = {"kind": "s3", "endpoint": "s3.example.com", "bucket": "films", "credentials": "films"}
    console.api.desk.storage_registry.put("films", document)

    with console.open("/storages", Role.VIEWER) as seen:
        assert "s3.example.com" in seen.tab.locator("#storage-films").inner_text()
        assert seen.tab.locator("main .button").count() == 0
        seen.check()
