"""Every predefined template makes what it says, with both FFmpegs."""

from __future__ import annotations

from pathlib import Path

import pytest

from framefleet.domain.subtask import VideoChunkSpec
from framefleet.domain.template import predefined
from tests.conftest import FfmpegBuild
from tests.media import judge, sources
from tests.media.harness import OneProcess, request

FRAMES = 225


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine seconds: three chunks."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    film = sources.make("pal.mp4")
    options = ["-frames:v", str(FRAMES), "-t", "9", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "copy"]
    judge._run([judge.ffmpeg(), "-v", "error", "-i", str(film), *options, str(path)])
    return path


# The automatic ladder has tests of its own, at a smaller size.
@pytest.mark.parametrize("name", sorted(set(predefined()) - {"hls-h264-auto"}))
def test_the_template_makes_what_it_says(name: str, clip: Path, ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    process = OneProcess(tmp_path, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)

    published = process.run(request(clip, tmp_path / "out", name))[name]

    assert published.files
    assert all(check.passed for check in published.checks)
    chunks = [s for s in process.plan.subtasks if isinstance(s.spec, VideoChunkSpec)]
    kind = predefined()[name]["kind"]
    assert (len(chunks) >= 2) == (kind in {"file", "ladder"})
    for file in published.files:
        assert Path(file.uri.removeprefix("file://")).stat().st_size == file.bytes
    if kind == "file":
        assert list(range(FRAMES)) == judge.frames(Path(published.files[0].uri.removeprefix("file://")))
    if kind == "ladder":
        manifest = Path(published.files[-1].uri.removeprefix("file://"))
        assert list(range(FRAMES)) == judge.frames(manifest)
