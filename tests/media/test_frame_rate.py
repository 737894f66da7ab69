"""Another frame rate: chunked, every output frame shows the frame it would show in one piece, for every kind of source."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.subtask import VideoChunkSpec
from tests.conftest import FfmpegBuild
from tests.media import judge, sources
from tests.media.harness import OneProcess

SMALL = {"width": 320, "height": 180, "preset": "ultrafast", "crf": 18, "gop_seconds": 4}

SECONDS = 11
"""Of the source that are used: two chunks or more."""


def shown(source: Path, rate: Fraction, seconds: float) -> list[int]:
    """Numbers of the source's frames as they should be shown: each at the nearest place, the last of a place wins."""
    numbers, times = judge.frames(source), judge.times(source)
    constant = sources.RECIPES[source.name].expected_rate
    if constant:  # Matroska rounds to milliseconds, but the rate is known
        times = [times[0] + i / Fraction(constant) for i in range(len(times))]
    zero = judge.start(source)
    used = [(n, t - times[0]) for n, t in zip(numbers, times, strict=True) if t - zero < Fraction(str(seconds))]
    places = [int(t * rate + Fraction(1, 2)) for _, t in used]
    count = max(places[-1] + 1, ceil(seconds * rate) + 1)
    return [max(n for (n, _), place in zip(used, places, strict=True) if place <= k) for k in range(count)]


def run(source: Path, folder: Path, ffmpeg: FfmpegBuild, wishes: dict[str, dict[str, Any]]) -> OneProcess:
    process = OneProcess(folder, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)
    targets = [
        {
            "name": name,
            "template": "mp4-h264-360p",
            "uri": (folder / f"{name}.mp4").as_uri(),
            "overrides": {"audio": None, "video": SMALL | wish},
        }
        for name, wish in wishes.items()
    ]
    process.run({"sources": [{"uri": source.as_uri(), "duration": SECONDS}], "targets": targets})
    return process


RATES: dict[str, dict[str, dict[str, Any]]] = {
    "pal.mp4": {"30": {"frame_rate": 30}, "12.5": {"max_frame_rate": 12.5}, "same": {"max_frame_rate": 30}},
    "ntsc.mp4": {"25": {"frame_rate": 25}, "15000/1001": {"max_frame_rate": 15}, "60000/1001": {"frame_rate": 59.94}},
    "vfr.mp4": {"25": {"frame_rate": 25}, "30": {"max_frame_rate": 30}},
    "offset.ts": {"24000/1001": {"frame_rate": 23.976}},
    "film.mkv": {"25": {"frame_rate": "25"}},
}


@pytest.mark.parametrize("name", sorted(RATES))
def test_I1_another_frame_rate_is_exact_under_chunking(name: str, ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    source = sources.make(name)
    wishes = {rate.replace("/", "-"): wish for rate, wish in RATES[name].items()}

    process = run(source, tmp_path, ffmpeg, wishes)

    assert len([s for s in process.plan.subtasks if isinstance(s.spec, VideoChunkSpec)]) >= 2 * len(wishes)
    for wish in wishes:
        output = tmp_path / f"{wish}.mp4"
        rate = Fraction(25) if wish == "same" else Fraction(wish.replace("-", "/"))
        found, times = judge.frames(output), judge.times(output)
        assert abs(len(found) / rate - SECONDS) <= 1 / rate, wish
        assert shown(source, rate, SECONDS)[: len(found)] == found, wish
        assert all(abs(t - times[0] - i / rate) < Fraction(1, 20000) for i, t in enumerate(times)), wish
        assert judge.decode_times_increase(output), wish


def test_several_sources_of_different_rates_become_one(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    pal, ntsc = sources.make("pal.mp4"), sources.make("ntsc.mp4")
    output = tmp_path / "one.mp4"
    process = OneProcess(tmp_path, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)
    target = {
        "name": "one",
        "template": "mp4-h264-360p",
        "uri": output.as_uri(),
        "overrides": {"audio": None, "video": SMALL | {"frame_rate": 25}},
    }
    parts = [{"uri": pal.as_uri(), "duration": 4.2}, {"uri": ntsc.as_uri(), "duration": 4}]

    process.run({"sources": parts, "targets": [target]})

    found = judge.frames(output)
    assert list(range(105)) == found[:105]
    assert shown(ntsc, Fraction(25), 4)[: len(found) - 105] == found[105:]


def test_renditions_of_a_ladder_may_have_half_the_rate(tmp_path: Path) -> None:
    source = sources.make("fast.mp4")
    rungs = [
        {"name": "full", "video": SMALL},
        {"name": "half", "video": SMALL | {"width": 160, "height": 90, "max_frame_rate": 30}},
    ]
    target = {
        "name": "stream",
        "template": "hls-h264",
        "uri": (tmp_path / "hls/master.m3u8").as_uri(),
        "overrides": {"renditions": rungs},
    }

    made = OneProcess(tmp_path).run({"sources": [{"uri": source.as_uri(), "duration": 9}], "targets": [target]})

    rates = {entry["name"]: entry["frame_rate"] for entry in (made["stream"].media or {})["video"]}
    assert {"full": "60000/1001", "half": "30000/1001"} == rates
