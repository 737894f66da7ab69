"""Sources joined and trimmed without encoding: every packet of the planned keyframes, at its time, in every container."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.errors import CopyImpossible
from framefleet.domain.languages import same_language
from tests.conftest import FfmpegBuild
from tests.media import judge, sources
from tests.media.harness import OneProcess, SubtaskFailed

RATE = 25
H264 = [
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-bf",
    "2",
    "-g",
    str(RATE),
    "-keyint_min",
    str(RATE),
    "-sc_threshold",
    "0",
]
AAC = ["-c:a", "aac", "-b:a", "96k", "-metadata:s:a:0", "language=ger"]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Numbered frames with a keyframe every second: two films of the same settings, and others."""
    folder = tmp_path_factory.mktemp("films")
    pal = str(sources.make("pal.mp4"))
    wishes = {
        "a.mp4": ["-ss", "0", "-t", "5", "-i", pal, *H264, *AAC],
        "b.mp4": ["-ss", "5", "-t", "3", "-i", pal, *H264, *AAC],
        "small.mp4": ["-t", "1", "-i", pal, "-vf", "scale=160:90", *H264, *AAC],
        "other.mp4": ["-t", "1", "-i", pal, *H264, "-x264-params", "qp-min=3:cabac=0:ref=3:8x8dct=0", *AAC],
        "open.mp4": ["-t", "4", "-i", pal, "-c:v", "mpeg2video", "-bf", "2", "-g", "12", *AAC],
    }
    for name, how in wishes.items():
        judge._run([judge.ffmpeg(), "-v", "error", *how, str(folder / name)])
    return {path.name: path for path in folder.iterdir()}


def target(container: str, out: Path, **more: Any) -> dict[str, Any]:
    return {
        "name": container,
        "template": "remux-mp4",
        "uri": (out / f"film.{container}").as_uri(),
        "overrides": {"container": container, **more},
    }


def process(ffmpeg: FfmpegBuild, folder: Path) -> OneProcess:
    return OneProcess(folder, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)


def test_I1_sources_are_joined_from_keyframe_to_keyframe(
    ffmpeg: FfmpegBuild, films: dict[str, Path], tmp_path: Path
) -> None:
    asked = [
        {"uri": films["a.mp4"].as_uri(), "start": 1.5, "duration": 2},
        {"uri": films["b.mp4"].as_uri()},
        {"uri": films["a.mp4"].as_uri(), "duration": 0.5},
    ]
    containers = ["mp4", "mov", "mkv", "ts"]

    published = process(ffmpeg, tmp_path).run(
        {"sources": asked, "targets": [target(c, tmp_path / "out", metadata={"chapters": None}) for c in containers]}
    )

    expected = [*range(25, 100), *range(125, 200), *range(25)]
    for container in containers:
        film = tmp_path / "out" / f"film.{container}"
        assert expected == judge.frames(film), container
        times = judge.times(film)
        assert all(abs(t - times[0] - i / 25) < 0.002 for i, t in enumerate(times)), container
        sound = judge.times(film, "a:0")
        # The first packet inside the trim begins up to a packet after its keyframe, in every container alike.
        assert 0 <= float(sound[0] - times[0]) < 0.0235, container
        lost = 7 - sum(1024 / 48000 for _ in sound)
        assert abs(lost) < 0.07, container
        assert (
            "source 1 is copied from keyframe to keyframe: from 1.000 to 4.000 s instead of 1.500 to 3.500 s",
            "source 3 is copied from keyframe to keyframe: from 0.000 to 1.000 s instead of 0.000 to 0.500 s",
        ) == published[container].warnings
        assert container == "ts" or same_language("de", (published[container].media or {})["audio"][0]["language"])


@pytest.mark.parametrize(
    ("second", "told"),
    [("small.mp4", "size (160x90 instead of 640x360)"), ("other.mp4", "other settings")],
)
def test_sources_that_do_not_match_are_refused_by_name(
    films: dict[str, Path], tmp_path: Path, second: str, told: str
) -> None:
    request = {
        "sources": [{"uri": films["b.mp4"].as_uri()}, {"uri": films[second].as_uri()}],
        "targets": [target("mp4", tmp_path / "out")],
    }

    with pytest.raises((CopyImpossible, SubtaskFailed)) as caught:
        OneProcess(tmp_path).run(request)

    found = caught.value
    assert isinstance(found, CopyImpossible | SubtaskFailed)
    error = found.info() if isinstance(found, CopyImpossible) else found.error
    assert ("copy_impossible", "sources[1].uri") == (error.code, error.field)
    assert told in error.message
    assert not (tmp_path / "out").exists()


def test_a_cut_that_needs_frames_outside_is_refused(films: dict[str, Path], tmp_path: Path) -> None:
    request = {
        "sources": [{"uri": films["open.mp4"].as_uri(), "duration": 1.5}],
        "targets": [target("mp4", tmp_path / "out")],
    }

    with pytest.raises(SubtaskFailed) as caught:
        OneProcess(tmp_path).run(request)

    assert "copy_impossible" == caught.value.error.code


def test_data_streams_are_copied_or_left_out(ffmpeg: FfmpegBuild, films: dict[str, Path], tmp_path: Path) -> None:
    timecode, telemetry, data = tmp_path / "timecode.mov", tmp_path / "telemetry.ts", tmp_path / "data.bin"
    data.write_bytes(bytes(range(256)) * 20)
    b = str(films["b.mp4"])
    judge._run([judge.ffmpeg(), "-v", "error", "-i", b, "-c", "copy", "-timecode", "01:00:00:00", str(timecode)])
    both = ["-i", b, "-f", "data", "-i", str(data), "-map", "0", "-map", "1", "-c", "copy"]
    judge._run([judge.ffmpeg(), "-v", "error", *both, str(telemetry)])

    for source, container in ((timecode, "mov"), (telemetry, "ts")):
        without = target(container, tmp_path / "without")
        wishes = [target(container, tmp_path / "with", data=True), {**without, "name": "without"}]
        published = process(ffmpeg, tmp_path).run({"sources": [{"uri": source.as_uri()}], "targets": wishes})
        assert "data" in [c.check for c in published[container].checks]
        assert [_data(source)] == [_data(tmp_path / "with" / f"film.{container}")]
        assert [] == _data(tmp_path / "without" / f"film.{container}")


def _data(path: Path) -> list[str]:
    """Checksums of all data packets."""
    command = [judge.ffmpeg(), "-v", "error", "-i", str(path), "-map", "0:d", "-c", "copy", "-f", "framemd5", "-"]
    try:
        lines = judge._run(command).decode().splitlines()
    except subprocess.CalledProcessError:
        return []  # nothing to map
    return [line.rpartition(",")[2].strip() for line in lines if not line.startswith("#")]
