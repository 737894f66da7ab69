"""Real Chromium plays what we package: natively, and DASH and encrypted fMP4 through a player in JavaScript."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framefleet.media.subtitles import bare
from tests.browser.conftest import missing
from tests.media import judge, sources
from tests.media.harness import OneProcess
from tests.media.serving import serving
from tests.media.test_packaging import CUES, VIDEO, WISHES, ladder, with_texts

SHAKA = Path(__file__).parent / "node_modules/shaka-player/dist/shaka-player.compiled.js"
STRICT = Path(__file__).parent / "node_modules/hls-parser"
PAGE = (Path(__file__).parent / "page.js").read_text()
SECONDS = 7
OVER_A_JOIN = {"middle": 3.3, "until": 4.4}
"""Seconds: chunks and segments meet at 4.0."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every packaging of one film, the player, and an empty page."""
    if not SHAKA.exists() or not STRICT.exists():
        missing("the DASH player or the parser of playlists is not installed")
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
    small = {**VIDEO, "width": 160, "height": 90}
    rungs = [{"name": "180p", "video": VIDEO}, {"name": "90p", "video": small}]
    two = [ladder(f"rungs-{form}", out, segment_format=form, renditions=rungs) for form in ("fmp4", "ts")]
    targets = [mp4, *two, *(ladder(name, out, **settings) for name, settings in WISHES.items())]
    OneProcess(folder).run({"sources": [with_texts(clip)], "targets": targets})
    (out / "index.html").write_text("<!doctype html><script src=player.js></script>")
    shutil.copy(SHAKA, out / "player.js")
    return out


@pytest.fixture(scope="module")
def site(published: Path) -> Iterator[str]:
    """All that on a web server."""
    with serving(published) as address:
        yield address


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
        ("ts/main.m3u8", "shaka"),
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
    with_sheets = address == "dash/main.mpd" or (address, player) == ("ts/main.m3u8", "shaka")
    assert ([160, 90, 160, 3] if with_sheets else None) == shown["thumbnail"]
    if player == "shaka" and WISHES[address.partition("/")[0]].get("subtitles") is not None:
        # What is over a border is in several segments, and shown once.
        said = [(round(start, 2), round(end, 2), text, language) for start, end, text, language in shown["cues"]]
        assert [(a / 1000, b / 1000, bare(text), "en") for a, b, text in CUES] == [
            (*c[:2], bare(c[2]), c[3]) for c in said
        ]
    assert shown["at"] >= OVER_A_JOIN["until"]


@pytest.mark.parametrize("form", ["fmp4", "ts"])
def test_chromium_goes_from_rung_to_rung_in_mid_play(form: str, site: str, chromium: Any) -> None:
    page = chromium.new_page()
    try:
        page.goto(f"{site}/index.html")
        wish = {"address": f"{site}/rungs-{form}/main.m3u8", "player": "shaka", "rungs": [180, 90, 180], **OVER_A_JOIN}
        shown = page.evaluate(PAGE, wish)
    finally:
        page.close()

    assert [180, 90, 180] == shown["heights"]
    assert shown["at"] >= OVER_A_JOIN["until"]


def test_playlists_hold_to_the_rules(published: Path) -> None:
    """Judged by a parser that refuses what RFC 8216 forbids: versions, durations above the target, missing attributes."""
    node = shutil.which("node")
    if node is None:
        missing("Node.js is not installed")
    playlists = sorted(str(path) for path in published.rglob("*.m3u8"))
    script = (
        "const HLS = require(process.argv[1]); HLS.setOptions({ strictMode: true });"
        "for (const file of process.argv.slice(2)) HLS.parse(require('fs').readFileSync(file, 'utf8'));"
    )

    judged = subprocess.run(
        [node, "-e", script, str(STRICT), *playlists],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )

    assert len(playlists) > 20
    assert (0, "") == (judged.returncode, judged.stderr)
