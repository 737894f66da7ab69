"""The certificate's facts are those of the output, whatever the chunks."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from framefleet.domain.records import PublishedOutput
from framefleet_workers import certify
from framefleet_workers.verify import Packets
from tests.conftest import FfmpegBuild
from tests.media.harness import OneProcess, request
from tests.media.judge import ffmpeg as ffmpeg_of_the_machine

PARTS = [
    "testsrc2=size=320x180:rate=25:d=3",
    "color=black:size=320x180:rate=25:d=3",
    "testsrc2=size=320x180:rate=25:d=2",
]
SOUND = ["sine=frequency=997:sample_rate=48000:d=5", "anullsrc=r=48000:cl=mono:d=3"]
GRAPH = "[0][1][2]concat=n=3[v];[3][4]concat=n=2:v=0:a=1[a]"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds: black and still from 3 to 6, silent from 5."""
    path = tmp_path_factory.mktemp("certificate") / "film.mp4"
    inputs = [word for part in (*PARTS, *SOUND) for word in ("-f", "lavfi", "-i", part)]
    outputs = ["-filter_complex", GRAPH, "-map", "[v]", "-map", "[a]", "-preset", "veryfast", "-g", "25", "-c:a", "aac"]
    subprocess.run([ffmpeg_of_the_machine(), "-v", "error", *inputs, *outputs, str(path)], check=True)
    return path


@pytest.fixture(scope="module")
def made(film: Path, ffmpeg: FfmpegBuild, tmp_path_factory: pytest.TempPathFactory) -> dict[str, PublishedOutput]:
    folder = tmp_path_factory.mktemp(f"it's: a [strange], name;{ffmpeg.name}")
    cluster = OneProcess(folder, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)
    wanted = request(film, folder / "out", "mp4-h264-360p", "hls-h264", "audio-aac")
    for target in wanted["targets"]:
        target["overrides"] = {"video": {"preset": "ultrafast", "gop_seconds": 1}} if target["name"][0] == "m" else {}
    done = cluster.run(wanted)
    cluster_chunks = sum(1 for s in cluster.plan.subtasks if s.spec.kind == "transcode")
    assert cluster_chunks > 3, "the black part must be cut by chunks"
    return done


@pytest.mark.parametrize("target", ["mp4-h264-360p", "hls-h264"])
def test_black_frozen_and_silent_stretches_are_told_across_chunks(
    made: dict[str, PublishedOutput], target: str
) -> None:
    facts = made[target].facts
    assert facts is not None
    found = {s.kind: (s.start, s.end) for s in facts.spans}

    assert len(facts.spans) == 3, facts.spans
    assert found["black"] == pytest.approx((3, 6), abs=0.05)
    assert found["frozen"] == pytest.approx((3, 6), abs=0.05)
    assert found["silent"] == pytest.approx((5, 8), abs=0.1)
    assert made[target].warnings == ()


def test_loudness_is_what_ffmpegs_meter_says_of_the_published_file(
    made: dict[str, PublishedOutput], ffmpeg: FfmpegBuild
) -> None:
    output = made["mp4-h264-360p"]
    path = unquote(urlsplit(output.files[0].uri).path)
    facts = output.facts
    assert facts is not None
    command = [str(ffmpeg.ffmpeg), "-hide_banner", "-i", path, "-af", "ebur128=framelog=verbose", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    summary = float(said.rsplit("I:", 1)[1].split()[0])

    assert facts.loudness[0].integrated == pytest.approx(summary, abs=0.15)
    assert facts.ffmpeg


def test_bit_rates_are_those_of_the_file(made: dict[str, PublishedOutput]) -> None:
    output = made["mp4-h264-360p"]
    facts = output.facts
    assert facts is not None
    whole = sum(rate.average for rate in facts.bitrates)

    assert whole == pytest.approx(output.files[0].bytes * 8 / 8.0, rel=0.15)  # bits of eight seconds
    assert facts.bitrates[0].peak > facts.bitrates[0].average


def test_sound_and_picture_begin_and_end_together(made: dict[str, PublishedOutput]) -> None:
    facts = made["mp4-h264-360p"].facts
    assert facts is not None

    assert facts.sound_starts == 0
    assert facts.sound_ends == pytest.approx(0, abs=0.05)


def test_the_certificate_names_order_and_keyframes(made: dict[str, PublishedOutput]) -> None:
    lines = {c.check: c.passed for c in made["mp4-h264-360p"].checks}

    assert {"decode times increase", "keyframes", "a1: times increase"} <= set(lines)
    assert all(lines.values())


def test_a_missing_keyframe_and_times_that_go_back_are_noticed() -> None:
    picture = Packets(times=[0, 40, 80, 120], decode_times=[-40, 0, 0, 80], keyframes=[0])
    sound = Packets(times=[0, 1024, 1024])

    checks = certify.order({0: picture, 1: sound}, [0, 80], ["a1"])

    assert [c.check for c in checks if not c.passed] == ["decode times increase", "a1: times increase", "keyframes"]


def test_a_film_of_nothing_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "nothing.mp4"
    inputs = ["-f", "lavfi", "-i", "color=black:size=64x36:rate=25:d=2", "-f", "lavfi", "-i", "anullsrc=d=2"]
    subprocess.run([ffmpeg_of_the_machine(), "-v", "error", *inputs, "-shortest", str(path)], check=True)

    output = OneProcess(tmp_path / "c").run(request(path, tmp_path / "out", "mp4-h264-360p"))["mp4-h264-360p"]

    assert output.facts is not None
    assert output.facts.loudness[0].integrated is None
    assert {w.rsplit(" ", 1)[1] for w in output.warnings} == {"black", "frozen", "silent"}
