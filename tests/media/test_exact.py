"""I1: chunked outputs have exactly the source's frames, times and samples, for every kind of source and both FFmpegs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.subtask import VideoChunkSpec
from tests.conftest import FfmpegBuild
from tests.media import judge, sources
from tests.media.harness import OneProcess

VIDEO = {
    "codec": "h264",
    "width": 640,
    "height": 360,
    "crf": 23,
    "max_bitrate": 900_000,
    "preset": "veryfast",
    "gop_seconds": 4,
}
HALF_FRAME = Fraction(1, 120)
FAR_KEYFRAMES = frozenset({"silent.mp4", "surround.mp4"})
"""Sources in which a chunk is so far from a keyframe that a film encoded still quicker would hardly be cut."""


def fast_request(source: Path, out: Path, **more: Any) -> dict[str, Any]:
    """A file and a ladder that share one quick rendition."""
    video = VIDEO | more
    ladder = {"renditions": [{"name": "360p", "video": video}]}
    return {
        "sources": [{"uri": source.as_uri()}],
        "targets": [
            {
                "name": "file",
                "template": "mp4-h264-360p",
                "uri": (out / "film.mp4").as_uri(),
                "overrides": {"video": video},
            },
            {"name": "stream", "template": "hls-h264", "uri": (out / "hls/master.m3u8").as_uri(), "overrides": ladder},
        ],
    }


def joined(folder: Path, name: str) -> Path:
    """A rendition's header and segments as one file, as a player sees them."""
    path = folder / f"{name}.joined.mp4"
    with path.open("wb") as file:
        file.write((folder / name / "init.mp4").read_bytes())
        for segment in sorted((folder / name).glob("*.m4s")):
            file.write(segment.read_bytes())
    return path


@pytest.mark.parametrize("name", sorted(sources.RECIPES))
def test_I1_exact(name: str, ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    recipe = sources.RECIPES[name]
    source = sources.make(name)
    process = OneProcess(tmp_path, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)

    # Frames and times are judged here, not looks; B-frames are three all the same.
    preset = "veryfast" if name in FAR_KEYFRAMES else "ultrafast"
    process.run(fast_request(source, tmp_path / "out", preset=preset))

    chunks = [s.spec for s in process.plan.subtasks if isinstance(s.spec, VideoChunkSpec)]
    assert len(chunks) >= 5, "the film must have been cut"
    assert (recipe.expected_rate is None) == (chunks[0].pieces[0].step is None)
    file = judge.judge(source, tmp_path / "out/film.mp4", audio=recipe.audio, portrait=recipe.portrait)
    assert (0, 0, 0) == (file.lost, file.doubled, file.strange)
    assert file.ordered
    assert file.decode_ordered
    assert 0 == file.splices
    assert file.worst_time < HALF_FRAME
    # Sound that starts late is led in by its encoder's priming: one (silent) frame of AAC, as in any whole encode.
    assert file.offset_change <= Fraction(1024, 44100)
    wanted = judge.frames(source, portrait=recipe.portrait)
    streamed = judge.frames(joined(tmp_path / "out/hls", "360p"), portrait=recipe.portrait)
    assert wanted == streamed


def test_I1_samples_equal_those_of_a_whole_encode(tmp_path: Path) -> None:
    source = sources.make("pal.mp4")
    whole = tmp_path / "whole.m4a"
    judge._run(
        [judge.ffmpeg(), "-v", "error", "-i", str(source), "-vn", "-c:a", "aac", "-b:a", "128k", "-ac", "2", str(whole)]
    )

    OneProcess(tmp_path).run(fast_request(source, tmp_path / "out"))

    samples, splices = judge.tone(tmp_path / "out/film.mp4")
    assert judge.tone(whole)[0] == samples
    assert [] == splices


def test_I1_chunked_is_as_good_as_whole(tmp_path: Path) -> None:
    source = sources.make("pal.mp4")
    whole = tmp_path / "whole.mp4"
    options = [
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-crf",
        "23",
        "-maxrate",
        "900k",
        "-bufsize",
        "1800k",
        "-bf",
        "3",
    ]
    options += ["-g", "100", "-keyint_min", "100", "-sc_threshold", "0", "-profile:v", "high"]
    judge._run([judge.ffmpeg(), "-v", "error", "-i", str(source), "-an", *options, str(whole)])

    OneProcess(tmp_path).run(fast_request(source, tmp_path / "out"))

    assert abs(judge.vmaf(source, tmp_path / "out/film.mp4") - judge.vmaf(source, whole)) <= 0.5


def test_chunks_repeat_to_the_byte(tmp_path: Path) -> None:
    source = sources.make("ntsc.mp4")
    digests = []
    for run in ("a", "b"):
        OneProcess(tmp_path / run).run(fast_request(source, tmp_path / run / "out"))
        digests.append((tmp_path / run / "out/film.mp4").read_bytes())

    assert digests[0] == digests[1]
