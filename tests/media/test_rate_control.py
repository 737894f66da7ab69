"""Ways to spend bits, as what came out shows: fixed quantizers, constant rates, buffers, frames referred to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FfmpegBuild
from tests.media import judge
from tests.media.test_codecs import file_target, probed, run

SECONDS = 8


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of noise between four of a quiet picture."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    quiet = "testsrc2=size=192x108:rate=25:duration=2,format=yuv420p"
    noise = "testsrc2=size=192x108:rate=25:duration=4,noise=alls=30:allf=t:all_seed=3,format=yuv420p"
    inputs = [part for graph in (quiet, noise, quiet) for part in ("-f", "lavfi", "-i", graph)]
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", "-g", "50"]
    judge._run(
        [judge.ffmpeg(), "-v", "error", *inputs, "-filter_complex", "concat=n=3", "-r", "25", *coding, str(path)]
    )
    return path


def sizes(path: Path) -> list[int]:
    """Bytes of every frame, in order of decoding."""
    show = ["-select_streams", "v:0", "-show_entries", "packet=size", "-of", "json"]
    found = json.loads(judge._run(["ffprobe", "-v", "error", *show, str(path)]))
    return [int(packet["size"]) for packet in found["packets"]]


def path_of(target: dict[str, Any]) -> Path:
    return Path(target["uri"].removeprefix("file://"))


def test_ways_to_spend_bits(film: Path, ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def target(name: str, codec: str = "h264", **video: Any) -> dict[str, Any]:
        return file_target(out, name, "mp4", codec=codec, **{"crf": None, "gop_seconds": 2} | video)

    quantized = {
        (codec, qp): target(f"{codec}-{qp}", codec, qp=qp)
        for codec, qps in (("h264", (20, 40)), ("hevc", (20, 40)), ("av1", (20, 60)))
        for qp in qps
    }
    constant = target("constant", bitrate=400_000, constant_bitrate=True)
    capped = {n: target(f"buffer-{n}", crf=18, max_bitrate=300_000, buffer_size=n) for n in (100_000, 1_200_000)}
    refs = {n: target(f"refs-{n}", preset="veryfast", crf=30, refs=n, bframes=0) for n in (1, 6)}
    adapted = target("adapted", bitrate=50_000_000, passes=1, source_below="adapt")
    everything = [*quantized.values(), constant, *capped.values(), *refs.values(), adapted]

    run(tmp_path, ffmpeg, film, everything)

    found = {t["name"]: sizes(path_of(t)) for t in everything}
    assert {SECONDS * 25} == {len(frames) for frames in found.values()}
    for codec, (fine, coarse) in {"h264": (20, 40), "hevc": (20, 40), "av1": (20, 60)}.items():
        assert sum(found[f"{codec}-{fine}"]) > 3 * sum(found[f"{codec}-{coarse}"])
    # Every two seconds take the same but for the buffer's half second, whatever they show.
    shares = [8 * sum(found["constant"][i : i + 50]) / 2 for i in range(0, SECONDS * 25, 50)]
    assert all(abs(share / 400_000 - 1) <= 0.25 for share in shares)
    # What is above the cap for a second is what the buffer lends.
    dearest = {n: max(8 * sum(found[f"buffer-{n}"][i : i + 25]) for i in range(SECONDS * 25 - 24)) for n in capped}
    assert dearest[100_000] < 300_000 + 100_000 < dearest[1_200_000]
    assert (1, 6) == tuple(probed(path_of(refs[n]))["refs"] for n in (1, 6))
    spent = 8 * film.stat().st_size / SECONDS
    assert 8 * sum(found["adapted"]) / SECONDS == pytest.approx(spent, rel=0.06)
