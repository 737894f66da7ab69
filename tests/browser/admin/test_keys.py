"""The page of keys."""

from __future__ import annotations

from framefleet.domain.access import Role
from tests.browser.admin.conftest import NASTY, Console


def test_a_key_is_made_with_a_secret_that_is_shown_once(console: Console) -> None:
    access = console.api.desk.access

    with console.open("/keys") as seen:
        tab = seen.tab
        tab.get_by_role("textbox", name="Name For people").fill(NASTY)
        tab.get_by_label("Role").select_option("viewer")
        tab.get_by_role("textbox", name="Pipelines Names").fill("news, night")
        tab.get_by_role("button", name="Make it").click()
        tab.locator("#made-secret").wait_for()
        key_id, secret = tab.locator("#made-id").input_value(), tab.locator("#made-secret").input_value()
        made = access.check(key_id, secret)
        assert made is not None
        assert (made.name, made.role, made.pipelines) == (NASTY, Role.VIEWER, ("news", "night"))
        assert secret not in tab.url
        tab.locator("[data-copy-field=made-secret]").click()
        tab.locator("[data-copy-field=made-secret]", has_text="Cop").wait_for()
        seen.check()
        tab.get_by_role("link", name="I have kept it").click()
        tab.get_by_role("heading", name="Keys", exact=True).wait_for()
        assert secret not in tab.content()
        assert NASTY in tab.locator(f"#key-{key_id}").inner_text()
        seen.check()


def test_a_key_is_rotated_and_revoked_after_a_question(console: Console) -> None:
    access = console.api.desk.access
    key, secret = access.create(Role.PRODUCER, name="cms")

    with console.open("/keys") as seen:
        tab = seen.tab
        tab.locator(f"#key-{key.id}").get_by_role("button", name="Rotate").click()
        tab.locator("#confirm button[value=yes]").click()
        tab.locator("#made-secret").wait_for()
        renewed = tab.locator("#made-secret").input_value()
        assert access.check(key.id, secret) is None
        assert access.check(key.id, renewed) is not None
        tab.locator(f"#key-{key.id}").get_by_role("button", name="Revoke").click()
        tab.locator("#confirm button[value=yes]").click()
        tab.get_by_role("link", name="Show 1 revoked key too").click()
        assert "revoked" in tab.locator(f"#key-{key.id}").inner_text()
        assert access.check(key.id, renewed) is None
        seen.check()


def test_a_key_that_signs_is_made_and_listed(console: Console) -> None:
    access = console.api.desk.access
    actions = ("imm:*", "vod:DescribeTaskDetail", "mps:" + "A" * 60)

    with console.open("/keys") as seen:
        tab = seen.tab
        tab.get_by_role("textbox", name="Name For people").fill("sdk")
        tab.get_by_role("textbox", name="Actions Operations").fill(", ".join(actions))
        tab.get_by_role("checkbox", name="It signs requests").check()
        tab.get_by_role("button", name="Make it").click()
        tab.locator("#made-secret").wait_for()
        key = access.check(tab.locator("#made-id").input_value(), tab.locator("#made-secret").input_value())
        assert key is not None
        assert (key.signs, key.actions) == (True, actions)
        assert "signs" in tab.locator(f"#key-{key.id}").inner_text()
        seen.check()
