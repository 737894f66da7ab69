"""The pages of templates, and the editor."""

from __future__ import annotations

import json

from framefleet.domain.access import Role
from tests.browser.admin.conftest import NASTY, Console, Seen

MINE = {"base": "hls-h264", "description": NASTY, "segment_seconds": 6}


def write(seen: Seen, text: str) -> None:
    """In place of what stands in the editor."""
    seen.tab.locator("#text").fill(text)


def test_templates_are_shown_with_what_they_make_and_their_versions(console: Console) -> None:
    console.api.desk.templates.create("mine", MINE)
    console.api.desk.templates.update("mine", {**MINE, "segment_seconds": 8})

    with console.open("/templates") as seen:
        assert NASTY in seen.tab.locator("article", has_text="mine").inner_text()
        assert seen.tab.locator("article").count() > 20
        seen.check()
        seen.tab.get_by_role("link", name="mine", exact=True).click()
        assert "segment_seconds: 8" in seen.tab.locator("pre").first.inner_text()
        own = seen.tab.locator("#settings-top .is-own")
        assert "segment_seconds" in str(own.all_inner_texts())
        changed = seen.tab.locator(".difference").first
        assert changed.locator("del").inner_text() == "- segment_seconds: 6"
        assert changed.locator("ins").inner_text() == "+ segment_seconds: 8"
        seen.check()
        seen.tab.get_by_role("link", name="Version 1").click()
        assert "There is a newer version." in seen.tab.locator("main").inner_text()


def test_what_is_wrong_is_told_at_its_line_while_one_types(console: Console) -> None:
    with console.open("/templates/new?like=hls-h264") as seen:
        tab = seen.tab
        assert tab.locator("input[name=name]").input_value() == "hls-h264-copy"
        tab.locator("text=It can be kept.").wait_for()
        write(seen, f"base: hls-h264\nsegment_seconds: 99\nvideo:\n  denoise: {json.dumps(NASTY)}\n")
        tab.locator("text=segment_seconds must be a number from 1 to 60, not 99").wait_for()
        assert tab.locator(".gutter .is-wrong").all_inner_texts() == ["2", "4"]
        assert tab.locator("#text").get_attribute("aria-invalid") == "true"
        tab.locator("[data-line='2']").click()
        chosen = "() => { const t = document.querySelector('#text'); return t.value.slice(t.selectionStart, t.selectionEnd) }"
        assert tab.evaluate(chosen) == "segment_seconds: 99"
        seen.check()
        write(seen, "base: hls-h264\nsegment_seconds: 6")
        tab.locator("text=It can be kept.").wait_for()
        assert "6" in tab.locator("#settings-top .is-own", has_text="segment_seconds").inner_text()
        assert console.api.desk.templates.all() == []


def test_a_template_is_made_changed_and_deleted(console: Console) -> None:
    templates = console.api.desk.templates

    with console.open("/templates/new") as seen:
        tab = seen.tab
        tab.locator("input[name=name]").fill("mine")
        write(seen, "kind: snapshot\ncount: 3\n")
        tab.get_by_role("button", name="As JSON").click()
        assert tab.locator("#text").input_value() == '{\n  "kind": "snapshot",\n  "count": 3\n}\n'
        tab.get_by_role("button", name="Create").click()
        tab.get_by_role("heading", name="mine version 1").wait_for()
        assert templates.get("mine").settings == {"kind": "snapshot", "count": 3}

        tab.get_by_role("link", name="Edit").click()
        write(seen, "kind: snapshot\ncount: 5\n")
        tab.get_by_role("button", name="Save as a new version").click()
        tab.get_by_role("heading", name="mine version 2").wait_for()
        assert templates.get("mine").settings == {"kind": "snapshot", "count": 5}

        tab.get_by_role("button", name="Delete").click()
        tab.locator("#confirm button[value=yes]").click()
        tab.get_by_role("heading", name="None of your own yet").wait_for()
        assert templates.all() == []


def test_two_who_change_one_template_do_not_undo_each_other(console: Console) -> None:
    templates = console.api.desk.templates
    templates.create("mine", {"kind": "snapshot", "count": 3})

    with console.open("/templates/mine/edit") as seen:
        tab = seen.tab
        templates.update("mine", {"kind": "snapshot", "count": 4})
        write(seen, "kind: snapshot\ncount: 5\n")
        tab.get_by_role("button", name="Save as a new version").click()
        tab.locator("text=Somebody has made version 2 meanwhile.").wait_for()
        assert templates.get("mine").version == 2
        assert (tab.locator("del").inner_text(), tab.locator("ins").inner_text()) == ("- count: 4", "+ count: 5")
        assert tab.locator("#text").input_value() == "kind: snapshot\ncount: 5\n"
        # The browser notes the answer's status; nothing else may have gone wrong.
        assert all("409" in error for error in seen.errors)
        seen.errors.clear()
        seen.check()
        tab.get_by_label("Replace version 2 with mine").check()
        tab.get_by_role("button", name="Save as a new version").click()
        tab.get_by_role("heading", name="mine version 3").wait_for()
        assert templates.get("mine").settings == {"kind": "snapshot", "count": 5}


def test_who_is_no_admin_reads_templates_and_writes_none(console: Console) -> None:
    console.api.desk.templates.create("mine", MINE)

    with console.open("/templates/mine", Role.PRODUCER) as seen:
        assert seen.tab.locator("main .button").count() == 0
        seen.check()
