"""The command line against a `framefleet serve` on another machine, as it were: what the how-to shows, from film to files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from framefleet.adapters.tools import find_ffmpeg
from tests.services.serve import Serve

HOW_TO = Path(__file__).parents[2] / "docs/howto"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a person is, with a film."""
    folder = tmp_path_factory.mktemp("here")
    picture, tone = "testsrc2=size=160x90:rate=10:duration=2", "sine=440:duration=2"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone]
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    command = [find_ffmpeg(None).path, "-v", "error", *inputs, *coding, str(folder / "film.mov")]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture(scope="module")
def here(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of that person: a key, and nothing else of the server."""
    commands = folder / "bin"
    commands.mkdir()
    (commands / "framefleet").write_text(f'#!/bin/sh\nexec {sys.executable} -m framefleet.cli.main "$@"\n')
    (commands / "framefleet").chmod(0o755)
    made = tempfile.TemporaryDirectory(prefix="framefleet-", ignore_cleanup_errors=True)
    with made as data, Serve(Path(data), slots=2, FRAMEFLEET_API_KEYS="on") as server:
        key = server.cli("keys", "create", "--role", "producer")
        clean = {k: v for k, v in os.environ.items() if not k.startswith("FRAMEFLEET_")}
        yield {
            **clean,
            "PATH": f"{commands}:{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "FRAMEFLEET_SERVER": server.url,
            "FRAMEFLEET_KEY": f"{key['id']}:{key['secret']}",
        }


def block(document: str, with_words: str) -> str:
    """The example in a how-to that has these words."""
    text = (HOW_TO / document).read_text("utf-8")
    (found,) = [b for b in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if with_words in b]
    return str(found)


def test_what_the_how_tos_show_works(here: dict[str, str], folder: Path) -> None:
    film = block("cli.md", "framefleet submit film.mov")
    steps = block("producer.md", "framefleet submit film.mov")
    sending = block("uploads.md", "framefleet upload film.mov")

    def told(script: str) -> tuple[str, str]:
        done = subprocess.run(
            ["bash", "-euc", script], cwd=folder, env=here, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 0, (script, done.stdout, done.stderr)
        assert here["FRAMEFLEET_KEY"].partition(":")[2] not in done.stdout + done.stderr
        return done.stdout, done.stderr

    out, err = told(film)
    assert "target mp4-h264-360p succeeded" in out
    assert (err.count("sent film.mov"), err.count("film.mov is already there")) == (1, 2)
    assert (folder / "out/mp4-h264-360p/film-mp4-h264-360p.mp4").stat().st_size > 1000
    assert (folder / "out/snapshot/film-snapshot_001.jpg").is_file()
    told(steps)
    assert (folder / "made/mp4-h264-720p/film-mp4-h264-720p.mp4").stat().st_size > 1000
    out, _ = told(sending)
    assert re.fullmatch(r"storage://uploads/[a-z2-7]{26}/film\.mov\n", out)


def test_the_client_and_the_command_line_find_the_same_in_a_film(here: dict[str, str], folder: Path) -> None:
    def said(*command: str) -> dict[str, object]:
        done = subprocess.run(["framefleet", *command, "--json"], cwd=folder, env=here, capture_output=True, check=True)
        return dict(json.loads(done.stdout))

    there, local = said("probe", "film.mov", "--server", here["FRAMEFLEET_SERVER"]), said("probe", "film.mov")

    changing = {"identity"}
    assert {k: v for k, v in there.items() if k not in changing} == {
        k: v for k, v in local.items() if k not in changing
    }
