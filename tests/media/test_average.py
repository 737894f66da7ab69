"""Average bit rates hold for the film, not for each chunk, and look like a two-pass encode made in one piece."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import FfmpegBuild
from tests.media import judge
from tests.media.test_codecs import file_target, run

SECONDS, BITRATE = 8, 300_000
QUICK = {"h264": "veryfast", "hevc": "ultrafast", "av1": "11", "vp9": "8"}


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half noise, half a still."""
    path = tmp_path_factory.mktemp("uneven") / "uneven.mp4"
    noise = "testsrc2=size=192x108:rate=25:duration=4,noise=alls=30:allf=t:all_seed=3,format=yuv420p"
    still = (
        "testsrc=size=192x108:rate=25:duration=4,select='eq(n,0)',loop=-1:1,setpts=N/25/TB,trim=end=4,format=yuv420p"
    )
    inputs = ["-f", "lavfi", "-i", noise, "-f", "lavfi", "-i", still, "-filter_complex", "concat=n=2", "-r", "25"]
    coding = ["-c:v", "libx264", "-preset", "fast", "-crf", "10", "-g", "50"]
    judge._run([judge.ffmpeg(), "-v", "error", *inputs, *coding, str(path)])
    return path


def bits(path: Path) -> int:
    show = ["-select_streams", "v:0", "-show_entries", "packet=size", "-of", "csv=p=0"]
    sizes = judge._run(["ffprobe", "-v", "error", *show, str(path)]).decode().replace(",", " ").split()
    return 8 * sum(map(int, sizes))


def test_the_average_holds_for_the_film(uneven: Path, ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    out = tmp_path / "out"
    wanted = (("h264", 1), ("h264", 2), ("hevc", 2), ("av1", 2), ("vp9", 2))
    targets = [
        file_target(out, f"{codec}-{n}", "mp4", codec=codec, preset=QUICK[codec], crf=None, bitrate=BITRATE, passes=n)
        for codec, n in wanted
    ]

    run(tmp_path, ffmpeg, uneven, targets)

    for target in targets:
        path = Path(target["uri"].removeprefix("file://"))
        assert abs(bits(path) / SECONDS / BITRATE - 1) <= 0.05, target["name"]
        assert 200 == len(judge.times(path))


def test_chunks_with_an_average_look_like_two_passes_in_one_piece(uneven: Path, tmp_path: Path) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole.mp4"
    coding = ["-c:v", "libx264", "-preset", "veryfast", "-b:v", str(BITRATE), "-bf", "3"]
    keys = ["-g", "100", "-keyint_min", "100", "-sc_threshold", "0", "-passlogfile", str(tmp_path / "log")]
    for number in ("1", "2"):
        judge._run(
            [judge.ffmpeg(), "-v", "error", "-y", "-i", str(uneven), *coding, *keys, "-pass", number, str(whole)]
        )

    run(tmp_path, None, uneven, [file_target(out, "f", "mp4", preset="veryfast", crf=None, bitrate=BITRATE)])

    assert judge.vmaf(uneven, out / "f.mp4") >= judge.vmaf(uneven, whole) - 0.5
