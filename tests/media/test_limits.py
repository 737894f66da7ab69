"""FFmpeg under limits: enough of them let it work, too tight ones end it with a code of their own."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from framefleet.domain.errors import Retry
from framefleet.media.allowance import LEAST_CPU_SECONDS, Allowance, allowance
from framefleet.media.diagnose import out_of_memory
from framefleet_workers.process import Interrupt, Result, run
from tests.conftest import FfmpegBuild
from tests.media.harness import ALMOST_EVERYTHING, OneProcess, SubtaskFailed, request
from tests.media.judge import ffmpeg as ffmpeg_of_the_machine

PICTURE = "testsrc2=size=1920x1080:rate=25:duration=1"
ENOUGH = 8 << 30
"""The setting's default."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("limits") / "clip.mp4"
    picture = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=2"]
    subprocess.run([ffmpeg_of_the_machine(), "-v", "error", *picture, "-preset", "ultrafast", str(path)], check=True)
    return path


def encode(ffmpeg: FfmpegBuild, out: Path, allowed: Allowance, encoder: str) -> Result:
    arguments = ["-v", "warning", "-nostdin", "-y", "-f", "lavfi", "-i", PICTURE, "-c:v", encoder]
    return run(
        [str(ffmpeg.ffmpeg), *arguments, "-preset", "veryfast", str(out)], interrupt=Interrupt(), allowance=allowed
    )


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
def test_the_default_memory_is_enough_for_all_threads_of_an_encoder(
    ffmpeg: FfmpegBuild, tmp_path: Path, encoder: str
) -> None:
    result = encode(ffmpeg, tmp_path / "a.mp4", Allowance(memory_bytes=ENOUGH), encoder)

    assert result.returncode == 0, result.tail


def test_an_encoder_over_its_memory_is_told_from_a_bad_input(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    result = encode(ffmpeg, tmp_path / "a.mp4", Allowance(memory_bytes=150 << 20), "libx264")

    assert result.returncode != 0
    assert out_of_memory(result.tail, result.returncode), result.tail


def test_a_subtask_over_its_memory_fails_with_the_limits_code(tmp_path: Path, clip: Path) -> None:
    cluster = OneProcess(tmp_path / "c", limits=replace(ALMOST_EVERYTHING, ffmpeg_memory=60 << 20))

    with pytest.raises(SubtaskFailed) as failed:
        cluster.run(request(clip, tmp_path, "mp4-h264-720p"))

    assert failed.value.error.code == "memory_limit"
    assert failed.value.error.retry is Retry.RESOURCE


def test_the_cpu_allowance_follows_the_plan(tmp_path: Path, clip: Path) -> None:
    plan = OneProcess(tmp_path / "c").plan_of(request(clip, tmp_path, "mp4-h264-360p"))
    chunk = next(s.spec for s in plan.subtasks if s.spec.kind == "transcode")

    assert allowance(chunk, memory_bytes=0, patience=60) == Allowance(None, LEAST_CPU_SECONDS)
    assert (allowance(chunk, memory_bytes=0, patience=1e6).cpu_seconds or 0) > LEAST_CPU_SECONDS
    assert allowance(chunk, memory_bytes=5, patience=0) == Allowance(5, None)
