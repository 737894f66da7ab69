"""Frames that are chosen by their content: covers and scenes, with both FFmpegs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import FfmpegBuild
from tests.media.harness import OneProcess
from tests.media.stills_judge import made, target, times

SHOTS = "testsrc2=size=320x180:rate=10:duration=1"


def joined(path: Path, *pieces: str, options: tuple[str, ...] = ()) -> Path:
    graphs = [f"{piece},format=yuv420p,setsar=1[p{i}]" for i, piece in enumerate(pieces)]
    names = "".join(f"[p{i}]" for i in range(len(pieces)))
    return made(path, ";".join(graphs) + f";{names}concat=n={len(pieces)}", *options)


def test_the_best_picture_is_neither_black_nor_white_nor_even_nor_blurred(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    source = joined(
        tmp_path / "cover.mp4",
        "color=black:size=320x180:rate=10:duration=1",
        f"{SHOTS},gblur=sigma=9",
        "color=white:size=320x180:rate=10:duration=1",
        SHOTS,  # 3 to 4 s
        "color=gray:size=320x180:rate=10:duration=1",
        f"{SHOTS},eq=brightness=-0.45",
    )
    out = tmp_path / "out"
    targets = [
        target(out, "cover", "snapshot", "cover.jpg", best={"candidates": 12}, count=1),
        target(out, "near", "snapshot", "near.jpg", best={}, count=1, accurate=False),
        target(out, "two", "snapshot", "two_{index}.jpg", best={"candidates": 6}, count=2),
        target(out, "dark", "snapshot", "dark.jpg", best={"candidates": 3}, count=1, end=0.9),
    ]

    done = OneProcess(tmp_path, str(ffmpeg.ffmpeg)).run({"sources": [{"uri": source.as_uri()}], "targets": targets})

    assert 3 <= times(done, "cover")[0] < 4
    assert len(times(done, "near")) == 1
    first, second = times(done, "two")
    assert 1 <= first < 2  # blurred, but the others are black or white
    assert 3 <= second < 4
    assert len(times(done, "dark")) == 1


@pytest.mark.parametrize("keyframes", ["250", "7"])
def test_scenes_begin_where_the_picture_changes(ffmpeg: FfmpegBuild, tmp_path: Path, keyframes: str) -> None:
    source = joined(
        tmp_path / "cuts.mp4",
        SHOTS,
        "mandelbrot=size=320x180:rate=10,trim=duration=1",
        "color=white:size=320x180:rate=10:duration=0.5",
        "color=black:size=320x180:rate=10:duration=0.5",
        SHOTS,
        options=("-g", keyframes, "-sc_threshold", "0", "-bf", "2"),
    )
    out = tmp_path / "out"
    targets = [
        target(out, "all", "snapshot", "all_{index}.jpg", scenes={"min_distance": 0}),
        target(out, "far", "snapshot", "far_{index}.jpg", scenes={"min_distance": 0.9}),
        target(out, "most", "snapshot", "most.jpg", scenes={"min_distance": 0}, count=1),
        target(out, "high", "snapshot", "high.jpg", scenes={"threshold": 90}, count=1),
        target(out, "inside", "snapshot", "inside_{index}.jpg", scenes={"min_distance": 0}, start=0.5, end=2),
    ]

    done = OneProcess(tmp_path, str(ffmpeg.ffmpeg)).run({"sources": [{"uri": source.as_uri()}], "targets": targets})

    assert times(done, "all") == [1.0, 2.0, 2.5, 3.0]
    assert times(done, "most") == [2.5]  # from white to black
    assert times(done, "far")[0] in {1.0, 1.5} and 2.5 in times(done, "far")
    assert times(done, "high") == [0.0]  # no change is as great: the first frame
    assert times(done, "inside") == [1.0]
