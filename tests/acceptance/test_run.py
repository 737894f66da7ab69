"""`framefleet run` as a person uses it: outputs, refusals with code and hint, nothing left behind, Ctrl-C and continue."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.media import judge, sources


def framefleet(*args: object, seconds: float = 200) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [sys.executable, "-m", "framefleet.cli.main", *map(str, args)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=seconds, stdin=subprocess.DEVNULL
    )


def run_json(*args: object) -> tuple[int, dict[str, Any]]:
    """`run --json`: exit code and what it printed."""
    done = framefleet("run", *args, "--json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def error_of(said: dict[str, Any]) -> dict[str, Any]:
    error = said.get("error")
    assert error, said
    return dict(error)


@pytest.fixture(scope="module")
def film() -> Path:
    return sources.make("pal.mp4")


def test_one_command_makes_everything(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    templates = ["hls-h264", "mp4-h264-360p", "snapshot", "sprite"]

    done = framefleet("run", film, *(x for t in templates for x in ("--template", t)), "--output", out)

    assert 0 == done.returncode, done.stderr
    names = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert {
        "pal-hls-h264/master.m3u8",
        "pal-mp4-h264-360p.mp4",
        "pal-snapshot_001.jpg",
        "pal-snapshot_003.jpg",
        "pal-sprite_001.jpg",
        "pal-sprite.vtt",
    } <= names
    assert not any(name.startswith(".") for name in names), "the working folder is removed"
    assert judge.frames(film) == judge.frames(out / "pal-mp4-h264-360p.mp4")
    assert judge.frames(film) == judge.frames(out / "pal-hls-h264/master.m3u8")
    assert all(t in done.stdout + done.stderr for t in templates)


def bad_sources(folder: Path, film: Path) -> dict[str, tuple[Path, str]]:
    """name -> (file, code)."""
    text = folder / "text.mp4"
    text.write_text("this is not a film\n" * 100)
    empty = folder / "empty.mp4"
    empty.touch()
    playlist = folder / "list.mp4"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{film}\n#EXT-X-ENDLIST\n")
    fast = folder / "fast.mp4"
    judge._run([judge.ffmpeg(), "-v", "error", "-i", str(film), "-c", "copy", "-movflags", "+faststart", str(fast)])
    cut = folder / "cut.mp4"
    cut.write_bytes(fast.read_bytes()[: fast.stat().st_size // 2])
    headless = folder / "headless.mp4"
    headless.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    sound = folder / "sound.m4a"
    judge._run([judge.ffmpeg(), "-v", "error", "-i", str(film), "-vn", "-c", "copy", str(sound)])
    return {
        "text": (text, "source_not_media"),
        "empty": (empty, "source_empty"),
        "playlist": (playlist, "source_not_media"),
        "cut": (cut, "source_truncated"),
        "headless": (headless, "source_truncated"),
        "sound only": (sound, "source_no_video"),
        "missing": (folder / "missing.mp4", "source_not_found"),
    }


@pytest.mark.parametrize("name", ["text", "empty", "playlist", "cut", "headless", "sound only", "missing"])
def test_I7_a_bad_source_ends_with_its_own_code_and_leaves_nothing(name: str, film: Path, tmp_path: Path) -> None:
    source, code = bad_sources(tmp_path, film)[name]
    out = tmp_path / "out"

    status, said = run_json(source, "--template", "mp4-h264-360p", "--output", out)

    error = error_of(said)
    assert (1, code, "sources[0].uri") == (status, error["code"], error["field"])
    assert error["hint"]
    assert not out.exists()


def test_I7_an_unreadable_source_is_refused(tmp_path: Path, film: Path) -> None:
    status, said = run_json("http://127.0.0.1:9/film.mp4", "--template", "snapshot", "--output", tmp_path / "out")

    assert 1 == status
    assert "source_unavailable" == error_of(said)["code"]
    assert not (tmp_path / "out").exists()


def test_I7_an_unknown_template_is_bad_usage(film: Path, tmp_path: Path) -> None:
    status, said = run_json(film, "--template", "mp4-h264-721p", "--output", tmp_path / "out")

    assert (2, "unknown_template") == (status, error_of(said)["code"])
    assert not (tmp_path / "out").exists()


def test_I7_an_unknown_field_is_bad_usage(film: Path, tmp_path: Path) -> None:
    status, said = run_json(film, "--template", "mp4-h264-360p", "--set", "video.crff=21", "--output", tmp_path / "out")

    assert (2, "unknown_field") == (status, error_of(said)["code"])
    assert "video.crff" in error_of(said)["field"]


def test_I7_twelve_sources_are_refused_and_eleven_are_joined(film: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    judge._run(
        [
            judge.ffmpeg(),
            "-v",
            "error",
            "-i",
            str(film),
            "-t",
            "1",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            str(clip),
        ]
    )

    status, said = run_json(*[clip] * 12, "--template", "mp4-h264-360p", "--output", tmp_path / "twelve")
    assert (2, "too_many_sources") == (status, error_of(said)["code"])

    done = framefleet("run", *[clip] * 11, "--template", "mp4-h264-360p", "--output", tmp_path / "eleven")
    assert 0 == done.returncode, done.stderr
    (joined,) = (tmp_path / "eleven").glob("*.mp4")
    assert judge.frames(clip) * 11 == judge.frames(joined)


def test_I7_a_folder_that_cannot_be_written_is_refused(film: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")

    status, said = run_json(film, "--template", "mp4-h264-360p", "--output", blocked / "out")

    assert status in {1, 2}
    assert "target_not_writable" == error_of(said)["code"]


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [("FRAMEFLEET_MAX_DURATION", "5", "source_too_long"), ("FRAMEFLEET_MAX_PIXELS", "1000", "source_too_large")],
)
def test_I7_absurd_sizes_and_lengths_are_refused(
    variable: str, value: str, code: str, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    status, said = run_json(film, "--template", "mp4-h264-360p", "--output", tmp_path / "out")

    assert (1, code, "sources[0].uri") == (status, error_of(said)["code"], error_of(said)["field"])


def test_I2_an_interrupted_run_continues_with_its_finished_chunks(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = [
        "run",
        str(film),
        "--template",
        "mp4-h264-360p",
        "--set",
        "video.preset=slow",
        "--output",
        str(out),
        "--slots",
        "1",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "framefleet.cli.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    # What the probe found is kept there, too.
    while len(list((out / ".framefleet/store/cache/default").glob("*/data"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[0].decode()

    assert 1 == process.returncode
    assert re.search(r"the same command goes on", said), said
    assert not subprocess.run(["pgrep", "-f", str(out)], capture_output=True, check=False).stdout, "no FFmpeg is left"
    status, record = run_json(*arguments[1:])
    assert 0 == status
    reused = [s for s in record["subtasks"] if (s["output"] or {}).get("reused")]
    assert reused
    assert judge.frames(film) == judge.frames(out / "pal-mp4-h264-360p.mp4")
    assert not (out / ".framefleet").exists()


def test_a_plan_shows_every_subtask_and_its_command(film: Path) -> None:
    done = framefleet("plan", film, "--template", "hls-h264", "--template", "sprite", "-v")

    assert 0 == done.returncode, done.stderr
    for word in ("probe", "transcode", "concat", "sprite", "libx264", "-filter_complex", "cpu"):
        assert word in done.stdout


def test_the_command_line_starts_without_loading_what_it_does_not_need() -> None:
    heavy = "{'pydantic', 'pika', 'redis', 'rich', 'minio', 'yaml'}"
    code = f"import sys, framefleet.cli.main; print(sorted({{m.split('.')[0] for m in sys.modules}} & {heavy}))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()


def test_templates_of_ones_own_are_used_by_name_and_from_a_file(film: Path, tmp_path: Path) -> None:
    file, folder, out = tmp_path / "small.yaml", tmp_path / "templates", tmp_path / "out"
    file.write_text("base: snapshot\ncount: 1\nwidth: 64\nformat: png\n")
    assert 0 == framefleet("templates", "create", "tiny", file, "--templates", folder).returncode

    code, record = run_json(film, "-t", "tiny", "-t", file, "-o", out, "--templates", folder, "--set", "tiny:width=32")

    assert 0 == code, record
    assert ["tiny@1", None] == [t["template"] for t in record["targets"]]
    widths = {p.name: int.from_bytes(p.read_bytes()[16:20], "big") for p in out.iterdir()}
    assert {"pal-tiny.png": 32, "pal-small.png": 64} == widths
