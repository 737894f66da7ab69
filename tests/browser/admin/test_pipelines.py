"""The page of pipelines."""

from __future__ import annotations

from framefleet.domain.access import Role
from framefleet.domain.pipeline import EVERYTHING
from tests.browser.admin.conftest import Console


def test_a_pipeline_is_set_and_what_another_has_changed_meanwhile_stays(console: Console) -> None:
    registry = console.api.desk.pipelines
    console.api.submit(pipeline="news")

    with console.open("/pipelines") as seen:
        tab = seen.tab
        row = tab.locator("#pipeline-news")
        assert row.locator("[data-label='Tasks wait']").inner_text() == "1"
        seen.check()
        tab.get_by_role("link", name="Edit news").click()
        registry.change("news", max_tasks=7)
        tab.get_by_label("Weight").fill("2.5")
        tab.get_by_label("Most subtasks at once").fill("3")
        tab.get_by_label("Default priority").fill("8")
        seen.check()
        tab.get_by_role("button", name="Save").click()
        tab.locator("#pipeline-news", has_text="2.5").wait_for()
        made = registry.get("news")
        assert (made.weight, made.max_tasks, made.max_subtasks, made.default_priority) == (2.5, 7, 3, 8)
        tab.get_by_role("link", name="Edit news").click()
        tab.get_by_label("Most subtasks at once").fill("")
        tab.get_by_role("button", name="Save").click()
        tab.get_by_role("link", name="Edit news").wait_for()
        assert registry.get("news").max_subtasks is None


def test_one_and_everything_are_paused_and_resumed(console: Console) -> None:
    registry = console.api.desk.pipelines

    with console.open("/pipelines") as seen:
        tab = seen.tab
        tab.get_by_role("button", name="Pause default").click()
        tab.locator("#confirm button[value=yes]").click()
        tab.get_by_role("button", name="Resume default").wait_for()
        assert registry.get("default").paused
        tab.get_by_role("button", name="Pause everything").click()
        tab.locator("#confirm button[value=yes]").click()
        tab.locator("text=Everything is paused.").wait_for()
        assert registry.get(EVERYTHING).paused
        seen.check()
        tab.get_by_role("button", name="Resume everything").click()
        tab.get_by_role("button", name="Pause everything").wait_for()
        tab.get_by_role("button", name="Resume default").click()
        tab.get_by_role("button", name="Pause default").wait_for()
        assert not registry.get(EVERYTHING).paused
        assert not registry.get("default").paused


def test_the_page_changes_while_it_is_looked_at_and_a_viewer_has_no_buttons(console: Console) -> None:
    with console.open("/pipelines", Role.VIEWER) as seen:
        console.api.submit(pipeline="night")
        seen.tab.locator("#pipeline-night").wait_for()
        assert seen.tab.locator("main button, main .button").count() == 0
        seen.check()
