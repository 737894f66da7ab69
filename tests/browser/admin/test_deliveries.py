"""The page of deliveries to webhooks."""

from __future__ import annotations

from datetime import UTC, datetime

from framefleet.domain.access import Role
from framefleet.domain.delivery import Try
from tests.api.test_deliveries import SECRETS, dead, told
from tests.browser.admin.conftest import NASTY, Console
from tests.services.receiver import Receiver

REFUSED = Try(at=datetime(2026, 1, 2, tzinfo=UTC), status=503, answer=NASTY, seconds=0.5)


def given_up(console: Console) -> str:
    """A delivery whose receiver answered with a page that would like to run here."""
    delivery_id = told(console.api)
    for delivery in console.api.state.deliveries.take(100, 100, {}):
        if delivery.id == delivery_id:
            console.api.desk.letters.died(delivery, REFUSED)
            console.api.state.deliveries.settle(delivery.id, "dead", REFUSED)
    return delivery_id


def test_a_dead_delivery_shows_what_was_answered_and_is_sent_once_more(console: Console) -> None:
    delivery_id = given_up(console)

    with console.open("/deliveries?state=dead") as seen:
        tab = seen.tab
        assert "HTTP 503" in tab.locator(f"[id='d-{delivery_id}']").inner_text()
        seen.check()
        tab.get_by_role("link", name="task.queued").click()
        tab.get_by_role("heading", name="1 try").wait_for()
        assert NASTY in tab.locator("pre").inner_text()
        assert not any(secret in tab.content() for secret in SECRETS)
        seen.check()
        tab.get_by_role("button", name="Send once more").click()
        tab.get_by_role("button", name="Try now").wait_for()
        letter = console.api.state.deliveries.letter(delivery_id)
        assert letter is not None
        assert (letter.record.state, letter.record.replayed) == ("waiting", True)


def test_all_dead_ones_are_sent_once_more_after_a_question(console: Console) -> None:
    for _ in range(2):
        dead(console.api)

    with console.open("/deliveries?state=dead") as seen:
        tab = seen.tab
        tab.get_by_role("button", name="Send all once more").click()
        tab.locator("#confirm button[value=yes]").click()
        tab.locator("text=2 deliveries are sent once more.").wait_for()
        assert tab.locator("[data-list] tbody tr").count() == 0
        seen.check()
        tab.get_by_role("navigation", name="State").get_by_role("link", name="waiting").click()
        tab.wait_for_url("**/deliveries?state=waiting")
        assert tab.locator("[data-list] tbody tr").count() == 2


def test_a_webhook_is_tried_and_its_secret_is_not_shown_again(console: Console) -> None:
    with Receiver() as receiver, console.open("/deliveries", Role.PRODUCER) as seen:
        tab = seen.tab
        tab.get_by_role("textbox", name="Address").fill(f"{receiver.url}/hook")
        tab.get_by_label("Secret").fill("s3cret-of-mine")
        tab.get_by_role("button", name="Send a ping").click()
        tab.locator("text=It took the event.").wait_for()
        assert "s3cret-of-mine" not in tab.content()
        seen.check()


def test_a_viewer_sees_deliveries_of_its_pipelines_and_sends_none(console: Console) -> None:
    mine, other = told(console.api, pipeline="mine"), told(console.api, pipeline="other")

    with console.open("/deliveries", Role.VIEWER, ["mine"]) as seen:
        assert mine in seen.tab.content()
        assert other not in seen.tab.content()
        assert seen.tab.locator("form[method=post] button").filter(visible=True).count() <= 1  # the way out
        assert seen.tab.get_by_role("button", name="Send a ping").count() == 0
        seen.check()
