"""What pages do while something else changes, fails, or ends."""

from __future__ import annotations

import json
from typing import Any

from framefleet.pipelines import PipelineRegistry
from tests.browser.admin.conftest import Console
from tests.waiting import eventually


def test_a_filter_that_is_wrong_does_not_load_the_page_again(console: Console) -> None:
    with console.open("/tasks?tag=x") as seen:
        seen.tab.evaluate("window.same = true")
        seen.tab.get_by_text("a tag is filtered as name=value").wait_for()
        seen.tab.wait_for_load_state("networkidle")
        assert seen.tab.evaluate("window.same")


def test_a_page_whose_stream_was_refused_asks_again(console: Console) -> None:
    with console.open("/keys") as seen:
        refused: list[Any] = []

        def once(route: Any) -> None:
            if refused:
                route.continue_()
            else:
                refused.append(route)
                route.fulfill(status=503, body="{}")

        seen.tab.route("**/tasks/stream*", once)
        seen.tab.goto(f"{console.url}/tasks")
        seen.tab.evaluate("window.same = true")
        task = console.api.submit()["id"]
        seen.tab.locator(f"#t-{task}").wait_for()
        assert seen.tab.evaluate("window.same")
        # Chromium itself notes what was refused.
        assert refused
        assert all("503" in said for said in seen.errors)
        seen.errors.clear()


def test_a_page_whose_session_is_over_leads_to_the_login(console: Console) -> None:
    access = console.api.desk.access
    with console.open("/keys") as seen:
        held: list[Any] = []
        seen.tab.route("**/tasks/stream*", lambda route: held.insert(0, route))
        seen.tab.goto(f"{console.url}/tasks")
        eventually(lambda: seen.tab.wait_for_timeout(10) or held or None, "the request for changes")
        access.revoke(access.all()[-1].id)
        held[0].continue_()
        seen.tab.wait_for_url("**/login?next=/tasks")
        assert all("401" in said for said in seen.errors)
        seen.errors.clear()


def test_what_was_asked_is_done_or_nothing(console: Console) -> None:
    registry: PipelineRegistry = console.api.desk.pipelines
    with console.open("/pipelines") as seen:
        sent: list[str] = []
        seen.tab.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        seen.tab.get_by_role("button", name="Pause default").click()
        seen.tab.locator("dialog[open]").wait_for()
        console.api.desk.tasks.configure(registry.change("default", paused=True))
        seen.tab.locator("#pipeline-default button[name=resume]").wait_for(state="attached")
        seen.tab.locator("#confirm button[value=yes]").click()
        seen.tab.locator("dialog[open]").wait_for(state="hidden")

        # What is sent next is all that is sent.
        seen.tab.get_by_role("button", name="Resume default").click()
        seen.tab.get_by_role("button", name="Pause default").wait_for()
        assert len(sent) == 1


def test_a_request_is_copied_where_browsers_have_no_clipboard_for_pages(console: Console) -> None:
    with console.open("/keys") as seen:
        tab = seen.tab
        tab.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        tab.goto(f"{console.url}/new")
        tab.evaluate("document.querySelector('[data-source]').value = 's3://in/a.mov'")
        tab.get_by_role("button", name="Copy as JSON").click()
        tab.get_by_text("Copied.").wait_for()
        tab.get_by_label("Tags").focus()
        tab.keyboard.press("Control+V")
        assert json.loads(tab.get_by_label("Tags").input_value())["sources"] == [{"uri": "s3://in/a.mov"}]


def test_an_address_that_is_typed_and_looked_at_is_probed_once(console: Console) -> None:
    with console.open("/new") as seen:
        probed: list[Any] = []
        seen.tab.route("**/v1/probe*", lambda route: probed.insert(0, route))
        seen.tab.get_by_label("Address").fill("s3://in/a.mov")
        seen.tab.get_by_role("button", name="Look at it").click()
        eventually(lambda: seen.tab.wait_for_timeout(10) or probed or None, "the probe")
        probed[0].fulfill(status=400, json={"error": {"message": "it is no film"}})
        seen.tab.get_by_text("it is no film").wait_for()
        assert len(probed) == 1
        seen.tab.get_by_role("button", name="Look at it").click()
        eventually(lambda: seen.tab.wait_for_timeout(10) or len(probed) == 2 or None, "the second probe")
        probed[0].fulfill(status=400, json={"error": {"message": "it is still none"}})
        seen.tab.get_by_text("it is still none").wait_for()
        # Chromium itself notes what was refused.
        assert all("400" in said for said in seen.errors)
        seen.errors.clear()


def test_the_id_of_a_task_is_on_one_line_of_the_list(console: Console) -> None:
    console.api.submit(name="a film", pipeline="a-pipeline-with-a-long-name", tags={})
    lines = """() => { const text = document.createRange(); text.selectNodeContents(document.querySelector(".list .id"));
                       return new Set([...text.getClientRects()].map((part) => part.top)).size }"""
    with console.open("/tasks") as seen:
        for width in (360, 800, 900, 1000, 1100, 1280):
            seen.tab.set_viewport_size({"width": width, "height": 800})
            assert seen.tab.evaluate(lines) == 1, width
        seen.check()


def test_what_is_wrong_with_the_source_stands_under_its_field(console: Console) -> None:
    with console.open("/new") as seen:
        tab = seen.tab
        field = tab.locator("label.field", has=tab.get_by_label("Address"))
        tab.route("**/v1/probe*", lambda route: route.fulfill(status=400, json={"error": {"message": "it is no film"}}))
        tab.get_by_role("button", name="Look at it").click()
        field.locator(".field-wrong").get_by_text("Give an address").wait_for()
        tab.get_by_label("Address").fill("s3://in/a.mov")
        tab.get_by_role("button", name="Look at it").click()
        field.locator(".field-wrong").get_by_text("it is no film").wait_for()
        assert field.locator(".field-wrong").count() == 1
        assert tab.get_by_label("Address").get_attribute("aria-invalid") == "true"
        seen.errors.clear()  # Chromium itself notes what was refused
        seen.check()


def test_what_is_wrong_on_one_card_does_not_keep_the_others_from_their_plans(console: Console) -> None:
    figure = {"value": 1.0, "sure": "rough", "basis": "as measured"}

    def planned(route: Any) -> None:
        outputs = [
            {"name": one["name"], "kind": one["template"], "renditions": [], "sound": [], "warnings": []}
            for one in route.request.post_data_json["targets"]
        ]
        estimate = {"cpu_seconds": figure, "wall_seconds": figure, "output_bytes": figure}
        route.fulfill(json={"duration": 6.0, "subtasks": [], "estimate": estimate, "outputs": outputs})

    with console.open("/new") as seen:
        tab = seen.tab
        film = {"container": "mov", "video": [], "audio": [], "duration": "6"}
        tab.route("**/v1/probe*", lambda route: route.fulfill(json=film))
        tab.route("**/v1/plan", planned)
        card = tab.locator('[data-card="mp4-h264-360p"]')
        card.get_by_text("Change it").click()
        card.get_by_role("textbox").fill('{"video": {"crf": 99}}')
        tab.get_by_label("Address").fill("s3://in/a.mov")
        tab.get_by_role("button", name="Look at it").click()
        tab.locator('[data-card="hls-h264"] [data-ladder]').get_by_text("hls-h264").wait_for()
        card.locator("[data-ladder]").get_by_text("Not for this source").wait_for()
        tab.locator('[data-card="hls-h264-auto"] [data-ladder]').get_by_text("measured on the source").wait_for()
        card.get_by_role("textbox").fill('{"video": {"crff": 21}}')
        card.get_by_role("checkbox").check()
        tab.locator('[data-card="mp4-h264-720p"]').get_by_role("checkbox").uncheck()
        tab.get_by_role("button", name="Show the plan").click()
        card.get_by_text("overrides.video.crff is not a field; did you mean crf?", exact=True).wait_for()
        assert all("400" in said for said in seen.errors)
        seen.errors.clear()
