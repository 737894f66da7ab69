"""Every flow of the console in Chromium, on a real run of `framefleet serve`."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import missing
from tests.browser.console import Visitor, everything, film, small, until
from tests.services.serve import Serve

AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
PLAYING = "document.querySelector('[data-player={}] video').currentTime > 0.3"
HEIGHT = "document.querySelector('[data-player=stream] video').videoHeight === {}"


@pytest.fixture(scope="module")
def source() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="framefleet-") as folder:
        yield film(Path(folder) / "film.mp4")


@pytest.fixture(scope="module")
def server(source: Path) -> Iterator[Serve]:
    folder = tempfile.TemporaryDirectory(prefix="framefleet-", ignore_cleanup_errors=True)
    with folder as name, Serve(Path(name), "--files", str(source.parent), slots=2, FRAMEFLEET_API_KEYS="on") as made:
        key = made.cli("keys", "create", "--role", "admin")
        made.key = key["id"], key["secret"]
        yield made


@pytest.fixture(scope="module")
def done(server: Serve, source: Path) -> dict[str, Any]:
    """A task that has ended, with one target of each kind."""
    status, task = server.request("POST", "/v1/tasks", everything(source, "done"))
    assert status == 202, task
    record = server.finished(task["id"])
    assert record["state"] == "succeeded", record
    return record


@pytest.fixture
def visitor(chromium: Any, server: Serve) -> Iterator[Visitor]:
    """Somebody who is logged in; nothing may have gone wrong in their browser."""
    made = Visitor(chromium, server)
    made.log_in()
    yield made
    made.close()
    assert made.complaints == []


def submitted(server: Serve, request: dict[str, Any]) -> str:
    status, task = server.request("POST", "/v1/tasks", request)
    assert status == 202, task
    return str(task["id"])


def state(server: Serve, task: str) -> str:
    return str(server.request("GET", f"/v1/tasks/{task}")[1]["state"])


def test_somebody_logs_in_and_out(chromium: Any, server: Serve) -> None:
    assert server.key is not None
    made = Visitor(chromium, server)
    try:
        page = made.page
        page.goto("/tasks?state=failed")
        page.get_by_label("Key", exact=True).fill(server.key[0])
        page.get_by_label("Secret").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        page.get_by_text("That key is unknown").wait_for()
        assert page.get_by_label("Key", exact=True).input_value() == server.key[0]
        page.get_by_label("Secret").fill(server.key[1])
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name="Tasks", exact=True).wait_for()
        assert page.url.endswith("/tasks?state=failed")
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("heading", name="Log in").wait_for()
        page.goto("/")
        assert "/login" in page.url
    finally:
        made.close()
    # Chromium itself notes that the wrong secret was answered with 401.
    assert [text for text in made.complaints if "401" not in text] == []


def test_a_list_is_filtered_and_tasks_are_ended_and_restarted_together(
    visitor: Visitor, server: Serve, source: Path
) -> None:
    server.request("POST", "/v1/pipelines/held/pause")
    ids = [submitted(server, small(source, f"held{i}", name=f"held {i}", pipeline="held")) for i in range(3)]
    page = visitor.page
    page.goto("/")
    page.get_by_label("Pipeline").select_option("held")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**/tasks?*pipeline=held*")  # the row was there before the filter, too
    page.locator(f"#t-{ids[0]}").wait_for()
    assert page.locator("tbody tr").count() == 3
    visitor.evaluate("window.same = true")

    for task in ids[:2]:
        page.locator(f"#t-{task} [data-pick]").check()
    page.get_by_text("2 selected").wait_for()
    page.get_by_role("button", name="End", exact=True).click()
    page.locator("dialog[open]").get_by_role("button", name="Cancel").click()
    assert [state(server, task) for task in ids] == ["queued"] * 3
    page.get_by_role("button", name="End", exact=True).click()
    page.locator("dialog[open]").get_by_role("button", name="End").click()
    page.get_by_text("2 tasks ended.").wait_for()
    for task in ids[:2]:
        page.locator(f"#t-{task} .badge.is-canceled").wait_for()
    assert state(server, ids[2]) == "queued"

    # What changes meanwhile is seen without loading the page again, and a selection stays.
    visitor.evaluate("window.same = true")
    page.locator(f"#t-{ids[0]} [data-pick]").check()
    server.request("POST", f"/v1/tasks/{ids[2]}/cancel")
    page.locator(f"#t-{ids[2]} .badge.is-canceled").wait_for()
    assert visitor.evaluate("window.same")
    assert page.locator(f"#t-{ids[0]} [data-pick]").is_checked()
    page.get_by_role("button", name="Restart", exact=True).click()
    page.locator("dialog[open]").get_by_role("button", name="Restart").click()
    page.get_by_text("1 task restarted.").wait_for()
    until(lambda: server.request("GET", f"/v1/tasks/{ids[0]}")[1]["run"] == 2, "the second run")
    server.request("POST", f"/v1/tasks/{ids[0]}/cancel")


def test_a_task_is_watched_to_its_end_and_restarted(visitor: Visitor, server: Serve, source: Path) -> None:
    server.request("POST", "/v1/pipelines/watched/pause")
    task = submitted(server, small(source, "watched", pipeline="watched"))
    page = visitor.page
    page.goto(f"/tasks/{task}")
    page.locator(".task-title .badge.is-queued").wait_for()
    page.get_by_text("the pipeline is paused").first.wait_for()
    page.get_by_label("Priority").select_option("8")
    page.get_by_role("button", name="Set").click()
    until(lambda: server.request("GET", f"/v1/tasks/{task}")[1]["priority"] == 8, "the priority")
    page.locator(".task-title .badge.is-queued").wait_for()
    visitor.evaluate("window.same = true")

    server.request("POST", "/v1/pipelines/watched/resume")
    page.locator(".task-title .badge.is-succeeded").wait_for(timeout=120_000)
    page.locator("#target-1 video").wait_for()
    assert visitor.evaluate("window.same")
    assert page.locator(".lane rect.o-succeeded").count() >= 2

    page.get_by_role("button", name="Restart", exact=True).click()
    page.locator("dialog[open]").get_by_role("button", name="Restart").click()
    page.get_by_text("· run 2").wait_for()
    page.get_by_role("heading", name="Earlier runs").wait_for()


def test_what_somebody_chose_stays_when_the_page_changes(visitor: Visitor, server: Serve, source: Path) -> None:
    server.request("POST", "/v1/pipelines/chosen/pause")
    task = submitted(server, small(source, "chosen", pipeline="chosen"))
    page = visitor.page
    held: list[Any] = []
    page.route("**/stream?*", lambda route: held.insert(0, route))
    page.goto(f"/tasks/{task}")
    page.get_by_label("Priority").select_option("8")
    page.get_by_label("Priority").focus()
    visitor.evaluate("document.addEventListener('live', () => { window.changes = (window.changes || 0) + 1; })")
    visitor.evaluate("window.chosen = document.activeElement")
    visitor.evaluate("window.targets = document.getElementById('targets-part')")

    until(lambda: page.wait_for_timeout(10) or held, "the request for changes")
    held[0].continue_()
    visitor.until("window.changes")
    assert visitor.evaluate("document.activeElement === window.chosen && window.chosen.isConnected")
    assert page.get_by_label("Priority").input_value() == "8"
    # What waits no longer goes from between parts that stay.
    server.request("POST", f"/v1/tasks/{task}/cancel")
    page.locator(".task-title .badge.is-canceled").wait_for()
    assert visitor.evaluate("window.targets === document.getElementById('targets-part')")


def test_films_and_streams_are_played_and_rungs_chosen(visitor: Visitor, done: dict[str, Any]) -> None:
    page = visitor.page
    page.goto(f"/tasks/{done['id']}")
    page.locator("[data-player=file]").get_by_role("button", name="Play").click()
    visitor.until(PLAYING.format("file"))
    page.locator("[data-player=file]").get_by_role("button", name="Pause").click()

    player = page.locator("[data-player=stream]")
    rungs = player.get_by_label("Rendition")
    for kind in ("HLS", "DASH"):
        player.get_by_role("button", name=f"Play {kind}").click()
        visitor.until(PLAYING.format("stream"))
        assert rungs.locator("option").all_inner_texts()[1:] == ["90p", "54p"]
        for height in (54, 90):
            rungs.select_option(str(height))
            visitor.until(HEIGHT.format(height))
        rungs.select_option("auto")
        until(lambda: rungs.locator("option").first.inner_text() in {"Auto (90p)", "Auto (54p)"}, "the present rung")


def test_pictures_of_the_sprite_are_shown_over_the_position(visitor: Visitor, done: dict[str, Any]) -> None:
    page = visitor.page
    page.route(
        "**/stream?*", lambda route: None
    )  # the first change of the page would bring back what is taken away below
    page.goto(f"/tasks/{done['id']}")
    player = page.locator("[data-player=file]")
    slider, thumb = player.get_by_role("slider"), player.locator(".thumb")

    # The sprite may be made after the film, when the player is there already.
    targets = "document.querySelector('.targets').dataset"
    address = visitor.evaluate(f"{targets}.thumbnails")
    visitor.evaluate(f"delete {targets}.thumbnails")
    slider.hover()
    assert thumb.is_hidden()
    page.mouse.move(0, 0)
    visitor.evaluate(f"{targets}.thumbnails = '{address}'")
    slider.hover()
    thumb.wait_for()
    until(lambda: thumb.get_attribute("data-at") in {"2", "3"}, "the picture of the middle")
    slider.focus()
    page.keyboard.press("End")
    until(lambda: thumb.get_attribute("data-at") == "5", "the last picture")
    page.keyboard.press("Home")
    until(lambda: thumb.get_attribute("data-at") == "0", "the first picture")
    drawn = (
        "document.querySelector('[data-player=file] .thumb canvas').getContext('2d').getImageData(0, 0, 80, 45).data"
    )
    assert visitor.evaluate(f"new Set({drawn}).size > 10"), "nothing is drawn"


def test_a_task_is_made_from_what_the_form_shows(visitor: Visitor, server: Serve, source: Path) -> None:
    page = visitor.page
    page.goto("/")
    page.get_by_role("link", name="New task").first.click()
    page.get_by_label("Address").fill("file:///nowhere/film.mp4")
    page.get_by_role("button", name="Look at it").click()
    page.locator(".field-wrong").get_by_text("allowed").wait_for()

    page.get_by_label("Address").fill(source.as_uri())
    page.get_by_role("button", name="Look at it").click()
    page.get_by_alt_text("A frame of the source").wait_for()
    assert visitor.evaluate("document.querySelector('.looked img').naturalWidth") == 160
    page.locator(".looked").get_by_text("160x90").wait_for()
    page.locator('[data-card="hls-h264"] [data-ladder]').get_by_text("160x90").wait_for()
    page.locator('[data-card="sprite"] [data-ladder]').get_by_text("6 of 160x90").wait_for()

    page.get_by_role("checkbox", name="mp4-h264-720p").uncheck()
    card = page.locator('[data-card="mp4-h264-360p"]')
    card.get_by_role("checkbox").check()
    card.get_by_text("Change it").click()
    card.get_by_role("textbox").fill('{"video": {"crf": 99}}')
    page.get_by_role("button", name="Show the plan").click()
    card.get_by_text("overrides.video.crf").wait_for()
    card.get_by_role("textbox").fill('{"video": {"width": 80, "height": 45, "preset": "ultrafast"}}')
    page.get_by_role("button", name="Show the plan").click()
    page.locator("[data-plan]").get_by_text("Time to the end").wait_for()
    # Chromium itself notes that two answers were refusals.
    assert len(visitor.complaints) >= 2
    assert all("status of 4" in text for text in visitor.complaints)
    visitor.complaints.clear()
    page.get_by_role("textbox", name="Name What").fill("made in the console")
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_role("heading", name="made in the console").wait_for()

    task = page.url.rpartition("/")[2]
    page.locator(".task-title .badge.is-succeeded").wait_for(timeout=120_000)
    assert server.finished(task)["targets"][0]["uri"].endswith("/mp4-h264-360p.mp4")
    page.get_by_role("link", name="Create another like this").click()
    assert "made in the console" in page.get_by_label("Request").input_value()


def test_a_file_is_sent_in_parts_paused_and_goes_on(visitor: Visitor, server: Serve, tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    large.write_bytes(b"x" * (20 << 20))
    held: list[Any] = []
    page = visitor.page
    page.goto("/new")
    page.route("**/parts/3", lambda route: route.continue_() if held else held.append(route))
    completed: list[str] = []

    def busy_once(route: Any) -> None:
        completed.append(route.request.method)
        if len(completed) == 1:
            busy = {"error": {"code": "too_many_requests", "message": "not now"}}
            route.fulfill(status=429, headers={"Retry-After": "1"}, json=busy)
        else:
            route.continue_()

    page.route("**/complete", busy_once)

    page.get_by_label("Send a file").set_input_files(large)
    until(lambda: visitor.evaluate("1") and held, "the third part")
    page.locator("[data-upload-said]").get_by_text("16.0 MiB of 20.0 MiB").wait_for()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Go on").click()
    until(lambda: "storage://uploads/" in page.get_by_label("Address").input_value(), "the address")
    page.locator("[data-look-said]").get_by_text("Looking").wait_for(state="hidden")
    assert completed == ["POST", "POST"]
    # Chromium notes that it was asked to come again, and that this is no film.
    assert len(visitor.complaints) <= 2
    assert all("status of 4" in text for text in visitor.complaints)
    visitor.complaints.clear()
    upload = page.get_by_label("Address").input_value().split("/")[3]
    assert server.request("GET", f"/v1/uploads/{upload}")[1]["state"] == "complete"


def test_a_film_that_was_sent_and_the_sample_are_sources(visitor: Visitor, source: Path) -> None:
    page = visitor.page
    page.goto("/new")
    page.get_by_label("Send a file").set_input_files(source)
    page.locator(".looked").get_by_text("160x90").wait_for()
    assert page.get_by_label("Address").input_value().startswith("storage://uploads/")
    page.get_by_role("button", name="Use the sample").click()
    page.locator(".looked").get_by_text("h264 640x360").wait_for(timeout=60_000)


def test_outputs_are_downloaded(visitor: Visitor, done: dict[str, Any]) -> None:
    page = visitor.page
    page.goto(f"/tasks/{done['id']}")
    with page.expect_download() as film_file:
        page.locator("#target-1").get_by_role("link", name="Download", exact=True).click()
    with page.expect_download() as pictures:
        page.get_by_role("link", name="Pictures as zip").click()

    assert film_file.value.path().stat().st_size == done["targets"][0]["files"][0]["bytes"]
    assert pictures.value.suggested_filename == "stills.zip"
    assert pictures.value.path().read_bytes()[:2] == b"PK"


def test_the_list_is_used_with_keys(visitor: Visitor, done: dict[str, Any]) -> None:
    page = visitor.page
    page.goto("/")
    page.locator(f"#t-{done['id']}").wait_for()
    page.keyboard.press("/")
    assert visitor.evaluate("document.activeElement.name") == "id"
    page.keyboard.type("j")
    assert page.get_by_label("Id", exact=True).input_value() == "j"
    visitor.evaluate("document.activeElement.blur()")
    page.keyboard.press("k")
    assert visitor.evaluate("document.activeElement.closest('tr') === document.querySelector('tbody tr:last-child')")
    page.keyboard.press("x")
    page.get_by_text("1 selected").wait_for()
    page.keyboard.press("?")
    page.get_by_role("heading", name="Shortcuts").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/tasks/[a-z0-9]{20,}$"))


TOO_WIDE = """document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("main *")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 120))"""
PAGES = [
    "/",
    "/tasks?state=failed&tag=a=b",
    "/tasks/{id}",
    "/tasks/{id}/subtasks/1",
    "/new",
    "/new?like={id}",
    "/audit",
    "/nowhere",
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_can_be_used_by_everybody_and_fit_a_phone(
    chromium: Any, server: Serve, done: dict[str, Any], scheme: str
) -> None:
    if not AXE.exists():
        missing("axe-core is not installed")
    axe = AXE.read_text()
    for size in ({"width": 1280, "height": 800}, {"width": 360, "height": 740}):
        made = Visitor(chromium, server, color_scheme=scheme, viewport=size)
        try:
            made.page.goto("/login")
            found = {"/login": judged(made, axe)}
            made.log_in()
            for path in PAGES:
                made.page.goto(path.format(id=done["id"]))
                made.evaluate("document.querySelectorAll('details').forEach(details => (details.open = true))")
                found[path] = judged(made, axe)
                assert made.evaluate(TOO_WIDE) == [], f"{path} at {size['width']}"
        finally:
            made.close()
        assert {path: said for path, said in found.items() if said} == {}
        assert [text for text in made.complaints if "404" not in text] == []


def judged(visitor: Visitor, axe: str) -> list[str]:
    """What axe-core finds serious or critical."""
    visitor.evaluate(axe)
    found = visitor.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"][:3]
    ]


def test_pages_are_small(visitor: Visitor, done: dict[str, Any]) -> None:
    for path in PAGES[:-1]:
        answer = visitor.page.goto(path.format(id=done["id"]))
        assert len(answer.body()) < 100 * 1024, path
    loaded = visitor.evaluate(
        "performance.getEntriesByType('resource').filter(e => e.name.includes('/assets/')).map(e => e.encodedBodySize)"
    )
    visitor.page.goto(f"/tasks/{done['id']}")
    named = visitor.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
    assert sum(loaded) < 100 * 1024
    assert not [name for name in named if "shaka" in name], "the player is loaded though nothing is played"
    assert all(name.startswith(visitor.server.url) for name in named)


def test_what_a_task_is_called_runs_nothing(visitor: Visitor, done: dict[str, Any]) -> None:
    page = visitor.page
    for path in ("/", f"/tasks/{done['id']}"):
        page.goto(path)
        page.get_by_text("<script>alert(1)</script>").first.wait_for()
    assert visitor.evaluate("document.images.length") >= 3
    assert visitor.evaluate("[...document.images].every(image => image.src.startsWith(location.origin))")


def test_a_page_works_without_javascript(chromium: Any, server: Serve, done: dict[str, Any], source: Path) -> None:
    server.request("POST", "/v1/pipelines/plain/pause")
    task = submitted(server, small(source, "plain", pipeline="plain"))
    made = Visitor(chromium, server, java_script_enabled=False)
    try:
        made.log_in()
        made.page.goto(f"/tasks/{done['id']}")
        assert made.page.locator("video[controls]").count() >= 1
        made.page.goto(f"/tasks/{task}")
        made.page.get_by_role("button", name="End").click()
        until(lambda: state(server, task) == "canceled", "the end")
        made.page.reload()
        made.page.locator(".task-title .badge.is-canceled").wait_for()
    finally:
        made.close()
    assert state(server, task) == "canceled"
