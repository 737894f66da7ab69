"""Real Chromium plays what we package: natively, and DASH and encrypted fMP4 through a player in JavaScript."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.media import judge, sources
from tests.media.harness import OneProcess
from tests.media.serving import serving
from tests.media.test_packaging import VIDEO, WISHES, ladder

SHAKA = Path(__file__).parent / "node_modules/shaka-player/dist/shaka-player.compiled.js"
PAGE = (Path(__file__).parent / "page.js").read_text()
SECONDS = 7
OVER_A_JOIN = {"middle": 3.3, "until": 4.4}
"""Seconds: chunks and segments meet at 4.0."""


def _missing(what: str) -> NoReturn:
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"{what}, and in CI nothing may be skipped")
    pytest.skip(f"{what} (`make test` installs it)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Every packaging of one film, the player, and an empty page."""
    if not SHAKA.exists():
        _missing("the DASH player is not installed")
    folder = tmp_path_factory.mktemp("site")
    clip = folder / "clip.mp4"
    options = ["-t", str(SECONDS), "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "copy"]
    judge._run([judge.ffmpeg(), "-v", "error", "-i", str(sources.make("pal.mp4")), *options, str(clip)])
    out = folder / "out"
    mp4 = {
        "name": "mp4",
        "template": "mp4-h264-360p",
        "uri": (out / "film.mp4").as_uri(),
        "overrides": {"video": VIDEO},
    }
    targets = [mp4, *(ladder(name, out, **settings) for name, settings in WISHES.items())]
    OneProcess(folder).run({"sources": [{"uri": clip.as_uri()}], "targets": targets})
    (out / "index.html").write_text("<!doctype html><script src=player.js></script>")
    shutil.copy(SHAKA, out / "player.js")
    with serving(out) as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium of the machine."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        _missing("Chromium is not installed")
    api = pytest.importorskip("playwright.sync_api")
    flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, headless=True, args=flags)
        yield browser
        browser.close()


@pytest.mark.parametrize(
    ("address", "player"),
    [
        ("film.mp4", "native"),
        ("fmp4/main.m3u8", "native"),
        ("ranges/main.m3u8", "native"),
        ("ts/main.m3u8", "native"),
        ("locked-ts/main.m3u8", "native"),
        ("locked/main.m3u8", "shaka"),
        ("dash/main.mpd", "shaka"),
        ("ranges/main.mpd", "shaka"),
    ],
)
def test_chromium_plays_it_and_seeks_over_a_join(address: str, player: str, site: str, chromium: Any) -> None:
    page = chromium.new_page()
    try:
        page.goto(f"{site}/index.html")
        shown = page.evaluate(PAGE, {"address": f"{site}/{address}", "player": player, **OVER_A_JOIN})
    finally:
        page.close()

    assert (VIDEO["width"], VIDEO["height"]) == (shown["width"], shown["height"])
    assert SECONDS == pytest.approx(shown["duration"], abs=0.1)
    # 3.3 s is the fourth picture: second row, second column.
    assert ([160, 90, 160, 3] if address == "dash/main.mpd" else None) == shown["thumbnail"]
    assert shown["at"] >= OVER_A_JOIN["until"]
