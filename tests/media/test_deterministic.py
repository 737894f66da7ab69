"""The same task gives the same bytes: nothing of the time, of chance or of the machine is in what is published."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.template import predefined
from tests.conftest import FfmpegBuild
from tests.media import judge, sources
from tests.media.harness import OneProcess

SMALL = {"width": 160, "height": 90, "gop_seconds": 1}
PRESETS = {"h264": "ultrafast", "hevc": "ultrafast", "av1": "12", "vp9": "8"}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds: two chunks."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    options = ["-t", "4", "-c:v", "libx264", "-preset", "ultrafast", "-s", "320x180", "-c:a", "copy"]
    judge._run([judge.ffmpeg(), "-v", "error", "-i", str(sources.make("pal.mp4")), *options, str(path)])
    return path


def settings() -> dict[str, dict[str, Any]]:
    """Every codec, container and packaging, small: predefined templates (one ladder for all), and files by container."""
    found: dict[str, dict[str, Any]] = {}
    for name, raw in predefined().items():
        if raw["kind"] == "file":
            codec = raw["video"]["codec"]
            found[codec] = raw | {"video": {"codec": codec, "preset": PRESETS[codec], **SMALL}}
        elif raw["kind"] != "ladder":
            found[name] = raw
    h264 = {"codec": "h264", "preset": "ultrafast", **SMALL}
    for container in ("mkv", "mov", "ts", "flv"):
        found[container] = {"kind": "file", "container": container, "video": h264}
    rungs = [{"name": "a", "video": h264}, {"name": "b", "video": h264 | {"width": 80, "height": 46}}]
    found["cmaf"] = {"kind": "ladder", "packaging": "cmaf", "segment_seconds": 1, "renditions": rungs}
    found["remux-mkv"] = {"kind": "remux", "container": "mkv"}
    return found


def digests(clip: Path, folder: Path, ffmpeg: FfmpegBuild) -> dict[str, str]:
    """What a run in a folder publishes: path -> SHA-256."""
    targets = []
    for name, overrides in settings().items():
        end = {"snapshot": "_{index}.jpg", "sprite": "_{index}.jpg", "ladder": "/master.m3u8"}.get(
            overrides["kind"], f".{overrides.get('container') or overrides.get('format')}"
        )
        uri = f"{(folder / 'out').as_uri()}/{name}{end}"
        targets.append({"name": name, "uri": uri, "overrides": {**overrides, "accelerator": "cpu"}
                        if overrides["kind"] in {"file", "ladder"} else overrides})  # fmt: skip
    process = OneProcess(folder, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None, slots=4)
    process.run({"sources": [{"uri": clip.as_uri()}], "targets": targets})
    files = [p for p in (folder / "out").rglob("*") if p.is_file()]
    return {str(p.relative_to(folder / "out")): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_two_runs_publish_the_same_bytes(clip: Path, ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    first = digests(clip, tmp_path / "first", ffmpeg)
    second = digests(clip, tmp_path / "second and elsewhere", ffmpeg)

    assert first == second
    assert len(first) >= len(settings())
