"""First paint and size of the console's pages in Chromium, with nothing in its cache, over a server that has encoded a film."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from tests.browser.console import everything, film
from tests.services.serve import Serve

from bench.measure import median

ROUNDS = 5
GOAL_MS, GOAL_KIB = 1000, 100
_SIZES = """() => {
  const page = performance.getEntriesByType('navigation')[0];
  const rest = performance.getEntriesByType('resource').filter(r => !r.name.endsWith('/stream'));
  const paint = performance.getEntriesByName('first-contentful-paint')[0];
  return {
    paint: paint ? paint.startTime : null,
    page: page.encodedBodySize,
    rest: rest.reduce((sum, r) => sum + r.encodedBodySize, 0),
    requests: rest.length,
  };
}"""


@dataclass(frozen=True)
class _View:
    """One look at a page. Milliseconds and bytes."""

    paint: float
    page: int
    rest: int
    requests: int


def main(rounds: int = ROUNDS) -> None:
    """Print the table."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise RuntimeError("Chromium is not installed")
    with tempfile.TemporaryDirectory(prefix="framefleet-", ignore_cleanup_errors=True) as name:
        films = Path(name) / "films"
        films.mkdir()
        with Serve(Path(name), "--files", str(films)) as server:
            paths = {"list": "/", "task": f"/tasks/{_task(server, films)}", "new": "/new", "workers": "/workers"}
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=program, headless=True, args=["--no-sandbox"])
                print(
                    f"medians of {rounds} in a browser with an empty cache; goals: first paint under {GOAL_MS} ms,"
                    f" a page under {GOAL_KIB} KiB\n"
                    f"{'page':<10}{'first paint ms':>16}{'most':>8}{'page KiB':>10}{'with its files KiB':>20}{'files':>7}"
                )
                for what, path in paths.items():
                    _row(what, [_look(browser, f"{server.url}{path}") for _ in range(rounds)])
                browser.close()


def _row(what: str, views: list[_View]) -> None:
    last = views[-1]
    print(
        f"{what:<10}{median([view.paint for view in views]):>16.0f}{max(view.paint for view in views):>8.0f}"
        f"{last.page / 1024:>10.1f}{(last.page + last.rest) / 1024:>20.1f}{last.requests:>7}",
        flush=True,
    )


def _look(browser: Browser, url: str) -> _View:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    try:
        page = context.new_page()
        answer = page.goto(url, wait_until="load")
        if answer is None or answer.status != 200:
            raise RuntimeError(f"{url} was answered {answer and answer.status}")
        page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
        return _View(**page.evaluate(_SIZES))
    finally:
        context.close()


def _task(server: Serve, folder: Path) -> str:
    """One that has ended, with an output of each kind."""
    status, made = server.request("POST", "/v1/tasks", everything(film(folder / "film.mp4"), "bench"))
    if status != 202 or server.finished(made["id"])["state"] != "succeeded":
        raise RuntimeError(f"no film was encoded: {made}")
    return str(made["id"])


if __name__ == "__main__":
    main()
