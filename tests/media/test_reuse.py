"""Work that an earlier task has finished is not done again, and what comes out is the same to the byte."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain import keys
from framefleet.domain.records import DoneRecord, TracksOutput
from tests.media import judge, sources
from tests.media.harness import OneProcess

SMALL = {"preset": "ultrafast", "gop_seconds": 1}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds: two chunks."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    options = ["-t", "5", "-c:v", "libx264", "-preset", "ultrafast", "-s", "160x90", "-c:a", "copy"]
    judge._run([judge.ffmpeg(), "-v", "error", "-i", str(sources.make("pal.mp4")), *options, str(path)])
    return path


def request(clip: Path, out: Path, *heights: int, **more: Any) -> dict[str, Any]:
    """One file for each height."""
    targets = [
        {
            "name": f"h{height}",
            "template": "mp4-h264-360p",
            "uri": (out / f"{height}.mp4").as_uri(),
            "overrides": {"video": SMALL | {"height": height, "width": None}},
        }
        for height in heights
    ]
    return {"sources": [{"uri": clip.as_uri()}], "targets": targets} | more


def made(process: OneProcess) -> list[DoneRecord]:
    """What made tracks in the last task."""
    return [r for r in process.done.values() if isinstance(r.output, TracksOutput)]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def entries(process: OneProcess) -> list[str]:
    return [i.key for i in process.store.list(keys.CACHE) if i.key.endswith("/data")]


def test_a_duplicate_task_encodes_nothing(clip: Path, tmp_path: Path) -> None:
    process = OneProcess(tmp_path, reuse=True)
    process.run(request(clip, tmp_path / "first", 90))
    assert not any(r.output.reused for r in made(process) if isinstance(r.output, TracksOutput))
    assert [probe.reused for probe in process.probes] == [False]

    process.run(request(clip, tmp_path / "second", 90))

    assert [probe.reused for probe in process.probes] == [True]
    again = made(process)
    assert len(again) == 3, "two chunks and the sound"
    assert all(r.output.reused and not r.usage.program_seconds for r in again if isinstance(r.output, TracksOutput))
    assert digest(tmp_path / "first/90.mp4") == digest(tmp_path / "second/90.mp4")


def test_one_rendition_more_is_the_only_one_that_is_encoded(clip: Path, tmp_path: Path) -> None:
    process = OneProcess(tmp_path, reuse=True)
    process.run(request(clip, tmp_path / "first", 90))

    process.run(request(clip, tmp_path / "second", 90, 46))

    chunks = [r.output for r in made(process) if isinstance(r.output, TracksOutput) and len(r.output.tracks) == 2]
    assert len(chunks) == 2
    assert {c.reused_tracks for c in chunks} == {("v1",)}
    plain = OneProcess(tmp_path / "plain")
    plain.run(request(clip, tmp_path / "plain/out", 90, 46))
    for height in (90, 46):
        assert digest(tmp_path / f"plain/out/{height}.mp4") == digest(tmp_path / f"second/{height}.mp4")


def test_another_pipeline_gets_nothing(clip: Path, tmp_path: Path) -> None:
    process = OneProcess(tmp_path, reuse=True)
    process.run(request(clip, tmp_path / "first", 90))

    process.run(request(clip, tmp_path / "second", 90, pipeline="other"))

    assert not any(r.output.reused for r in made(process) if isinstance(r.output, TracksOutput))


def test_I3_a_damaged_entry_is_made_again(clip: Path, tmp_path: Path) -> None:
    process = OneProcess(tmp_path, reuse=True)
    process.run(request(clip, tmp_path / "first", 90))
    for key in entries(process):
        data = bytearray(process.store.get(key) or b"")
        data[10] ^= 1
        process.store.put(key, bytes(data))

    process.run(request(clip, tmp_path / "second", 90))

    assert not any(r.output.reused for r in made(process) if isinstance(r.output, TracksOutput))
    assert digest(tmp_path / "first/90.mp4") == digest(tmp_path / "second/90.mp4")


def test_I8_a_run_needs_nothing_of_the_cache_once_it_has_it(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = OneProcess(tmp_path, reuse=True)
    process.run(request(clip, tmp_path / "first", 90))
    do = process._do
    taken = 0

    def and_forget(task: Any, subtask: Any) -> DoneRecord:
        nonlocal taken
        record = do(task, subtask)
        used = [i.key.removesuffix("used") for i in process.store.list(keys.CACHE) if i.key.endswith("/used")]
        taken += len(used)
        process.store.delete([prefix + name for prefix in used for name in ("data", "used")])
        return record

    monkeypatch.setattr(process, "_do", and_forget)
    process.run(request(clip, tmp_path / "second", 90))

    assert (taken, entries(process)) == (4, []), "the probe, two chunks and the sound"
    assert digest(tmp_path / "first/90.mp4") == digest(tmp_path / "second/90.mp4")


def test_a_source_that_was_replaced_is_encoded_anew(clip: Path, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(clip.read_bytes())
    process = OneProcess(tmp_path, reuse=True)
    process.run(request(film, tmp_path / "first", 90))

    judge._run([judge.ffmpeg(), "-v", "error", "-y", "-i", str(clip), "-c", "copy", "-t", "4", str(film)])
    process.run(request(film, tmp_path / "second", 90))

    assert not any(r.output.reused for r in made(process) if isinstance(r.output, TracksOutput))
