"""A ladder chosen for the film, made and measured: hard parts ask for more, and what was promised is kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.subtask import ConcatSpec, LadderPackage, Plan, VideoTrack
from tests.conftest import FfmpegBuild
from tests.media import judge
from tests.media.harness import OneProcess

SECONDS = 8


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of noise, four of moving shapes, 426x180."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    noise = "testsrc2=size=426x180:rate=25:duration=4,noise=alls=25:allf=t:all_seed=3,format=yuv420p"
    shapes = "testsrc2=size=426x180:rate=25:duration=4,format=yuv420p"
    inputs = ["-f", "lavfi", "-i", noise, "-f", "lavfi", "-i", shapes, "-filter_complex", "concat=n=2", "-r", "25"]
    judge._run(
        [judge.ffmpeg(), "-v", "error", *inputs, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", str(path)]
    )
    return path


def request(film: Path, out: Path, source: dict[str, Any] | None = None, **auto: Any) -> dict[str, Any]:
    auto = {"video": {"preset": "ultrafast"}, "max_renditions": 4} | auto
    overrides = {"accelerator": "cpu", "segment_seconds": 2, "auto": auto, "audio": None}
    uri = (out / "main.m3u8").as_uri()
    target = {"name": "auto", "template": "hls-h264-auto", "uri": uri, "overrides": overrides}
    return {"sources": [{"uri": film.as_uri(), **(source or {})}], "targets": [target]}


def renditions(plan: Plan) -> tuple[VideoTrack, ...]:
    (spec,) = (s.spec for s in plan.subtasks if isinstance(s.spec, ConcatSpec))
    assert isinstance(spec.package, LadderPackage)
    return spec.video


def caps(plan: Plan) -> list[int]:
    return [track.encoding.max_bitrate or 0 for track in renditions(plan)]


def test_the_ladder_is_what_was_chosen(film: Path, ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    process = OneProcess(tmp_path, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)

    process.run(request(film, tmp_path / "out"))

    tracks = renditions(process.plan)
    listed = re.findall(r"RESOLUTION=(\d+)x(\d+)", (tmp_path / "out/main.m3u8").read_text())
    assert [(str(t.encoding.width), str(t.encoding.height)) for t in tracks] == listed
    assert 3 <= len(tracks) <= 4
    assert (426, 180) == (tracks[0].encoding.width, tracks[0].encoding.height)
    for track in tracks:
        folder = tmp_path / "out" / track.name
        whole = tmp_path / f"{track.name}.mp4"
        segments = sorted(folder.glob("*.m4s"))
        whole.write_bytes(b"".join(p.read_bytes() for p in [folder / "init.mp4", *segments]))
        assert SECONDS * 25 == len(judge.times(whole))
        # The cap holds over its buffer of two seconds, which each chunk may have filled before.
        taken = 8 * sum(p.stat().st_size for p in segments) / SECONDS
        assert taken <= 1.1 * (track.encoding.max_bitrate or 0)


def test_harder_parts_ask_for_more_and_shapes_are_kept(film: Path, tmp_path: Path) -> None:
    process, out = OneProcess(tmp_path / "work"), tmp_path / "out"
    hard, easy = ({"start": start, "duration": 4} for start in (0, 4))

    noise, shapes = (process.plan_of(request(film, out, source, max_bitrate=50_000_000)) for source in (hard, easy))
    upright = process.plan_of(request(film, out, easy, video={"rotate": 90, "codec": "hevc", "preset": "ultrafast"}))

    assert caps(noise)[0] > 2 * caps(shapes)[0]
    assert all(t.encoding.height > t.encoding.width for t in renditions(upright))
    assert caps(upright)[0] < caps(shapes)[0]
