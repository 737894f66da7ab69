"""The pages of administration in a real browser: a real server over a real Redis, with workers that are only said to live."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.access import Role
from framefleet.ports import WorkerInfo
from framefleet_scheduler.api.server import ApiServer
from framefleet_scheduler.api.sessions import COOKIE, Sessions
from tests.api.conftest import Api, api
from tests.browser.conftest import missing

__all__ = ["api"]

AXE = Path(__file__).parents[1] / "node_modules/axe-core/axe.min.js"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 780}
NASTY = """"><script>window.hit=1</script><img src=x onerror=window.hit=2>'{{7*7}}"""
"""Becomes a script on any page that forgets to escape."""
_MOST_BYTES = 100 * 1024


@dataclass
class Seen:
    """A page in a browser, and what went wrong on it."""

    tab: Any
    errors: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def check(self) -> None:
        """What holds on every page: no error, no script of somebody's name, no serious finding of axe, narrow and small."""
        tab = self.tab
        assert tab.evaluate("window.hit") is None
        tab.evaluate(AXE.read_text())
        for scheme in ("light", "dark"):
            tab.emulate_media(color_scheme=scheme)
            found = tab.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
            bad = [
                (one["id"], [(node["html"], node["failureSummary"]) for node in one["nodes"]])
                for one in found
                if one["impact"] in {"serious", "critical"}
            ]
            assert not bad, f"{tab.url} {scheme}: {bad}"
        before = tab.viewport_size
        tab.set_viewport_size(PHONE)
        wide = tab.evaluate(
            """() => document.documentElement.scrollWidth > innerWidth && [...document.querySelectorAll("body *")]
               .filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 120))"""
        )
        tab.set_viewport_size(before)
        assert not wide, f"{tab.url} scrolls sideways on a phone: {wide}"
        assert max(self.sizes) < _MOST_BYTES, f"{tab.url} has {max(self.sizes)} bytes"
        assert not self.errors


@dataclass
class Console:
    """The pages, and what they show."""

    api: Api
    url: str
    browser: Any

    @contextmanager
    def open(self, path: str, role: Role = Role.ADMIN, pipelines: list[str] | None = None) -> Iterator[Seen]:
        """A page for who has that role. What the browser complains about fails the test at the end."""
        desk = self.api.desk
        key, _ = desk.access.create(role, pipelines=pipelines)
        context = self.browser.new_context(viewport=DESKTOP)
        context.set_default_timeout(60_000)
        context.add_cookies([{"name": COOKIE, "value": Sessions(desk.store, desk.access).begin(key), "url": self.url}])
        seen = Seen(context.new_page())
        seen.tab.on("console", lambda said: seen.errors.append(said.text) if said.type == "error" else None)
        seen.tab.on("pageerror", lambda error: seen.errors.append(str(error)))
        seen.tab.on(
            "response",
            lambda answer: (
                seen.sizes.append(int(answer.headers.get("content-length", 0)))
                if answer.request.resource_type == "document"
                else None
            ),
        )
        try:
            seen.tab.goto(f"{self.url}{path}")
            yield seen
            assert not seen.errors
        finally:
            context.close()

    def slot(self, slot_id: str, state: str = "idle", **more: Any) -> WorkerInfo:
        """Say that a slot (`host:process:slot`) lives."""
        tag = more.pop("tag", "cpu")
        known: dict[str, Any] = {"sid": None, "version": "1.0", "encoders": ("libx264", "aac"), **more}
        worker = WorkerInfo(id=slot_id, host=slot_id.split(":", maxsplit=1)[0], tag=tag, state=state, **known)
        self.api.state.claims.register(worker, 600.0)
        return worker


@pytest.fixture
def console(api: Api, chromium: Any) -> Iterator[Console]:
    if not AXE.exists():
        missing("axe-core is not installed")
    server = ApiServer(api.desk, "127.0.0.1", 0)
    server.start()
    try:
        yield Console(api, f"http://127.0.0.1:{server.port}", chromium)
    finally:
        server.stop()
