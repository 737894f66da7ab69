"""Attached sources: their sound beside the film, as long as it lasts, filled up or repeated. Judged on decoded samples."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.errors import FramefleetError
from framefleet.domain.task import parse_request
from tests.conftest import FfmpegBuild
from tests.factories import request
from tests.media import judge
from tests.media.harness import OneProcess

RATE = 48_000
SECONDS = 4


def make(path: Path, *options: str) -> Path:
    subprocess.run([judge.ffmpeg(), "-v", "error", "-y", *options, str(path)], check=True)
    return path


def sweep(path: Path, seconds: float, language: str) -> Path:
    """A tone that rises all the time, so that every stretch of it is another."""
    wave = f"aevalsrc=0.4*sin(2*PI*(300*t+200*t*t)):s={RATE}:c=mono:d={seconds}"
    return make(path, "-f", "lavfi", "-i", wave, "-c:a", "pcm_s16le", "-metadata:s:a:0", f"language={language}")


def heard(path: Path, stream: int) -> list[int]:
    """The samples of a track, first channel."""
    options = ["-map", f"0:a:{stream}", "-af", "pan=mono|c0=c0", "-f", "s16le", "-"]
    data = judge._run([judge.ffmpeg(), "-v", "error", "-i", str(path), *options])
    return [int.from_bytes(data[i : i + 2], "little", signed=True) for i in range(0, len(data), 2)]


def languages(path: Path) -> list[str]:
    entries = ["-select_streams", "a", "-show_entries", "stream_tags=language", "-of", "json"]
    found = json.loads(judge._run(["ffprobe", "-v", "error", *entries, str(path)]))["streams"]
    return [s.get("tags", {}).get("language", "") for s in found]


def test_attached_sound_is_laid_beside_the_film(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    picture = ["-f", "lavfi", "-i", f"testsrc2=size=160x90:rate=25:duration={SECONDS}", "-c:v", "libx264"]
    tone = ["-f", "lavfi", "-i", f"sine=440:sample_rate={RATE}:duration={SECONDS}", "-c:a", "pcm_s16le"]
    film = make(tmp_path / "film.mkv", *picture[:4], *tone[:4], *picture[4:], "-preset", "ultrafast", *tone[4:])
    short, long = (sweep(tmp_path / f"{n}.mov", s, code) for n, s, code in (("short", 1.5, "ger"), ("long", 6, "fra")))
    sources: list[dict[str, Any]] = [{"uri": film.as_uri()}]
    sources += [{"uri": short.as_uri(), "attached": how} for how in ("once", "pad", "loop")]
    sources += [{"uri": long.as_uri(), "attached": "pad", "start": 0.5}]
    video = {"width": 160, "height": 90, "preset": "ultrafast"}
    sound = {"codec": "pcm_s16le", "channels": None, "tracks": "all"}
    targets = [
        {
            "name": name,
            "uri": (tmp_path / f"{name}.mov").as_uri(),
            "overrides": {"kind": "file", "container": "mov", "video": video, "audio": sound | more},
        }
        for name, more in (("all", {}), ("some", {"tracks": ["fr", 2]}), ("main", {"tracks": "main"}))
    ]
    process = OneProcess(tmp_path, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)

    process.run({"sources": sources, "targets": targets})

    whole, once = SECONDS * RATE, RATE * 3 // 2
    given = heard(short, 0)
    tracks = [heard(tmp_path / "all.mov", i) for i in range(5)]
    assert [whole, once, whole, whole, whole] == [len(t) for t in tracks]
    assert given == tracks[1]
    assert given == tracks[2][:once]
    assert not any(tracks[2][once:])
    assert (given * 3)[:whole] == tracks[3]
    assert heard(long, 0)[RATE // 2 :][:whole] == tracks[4]
    assert ["ger", "ger", "ger", "fra"] == languages(tmp_path / "all.mov")[-4:]
    assert [tracks[4], tracks[2]] == [heard(tmp_path / "some.mov", i) for i in range(2)]
    assert [tracks[0]] == [heard(tmp_path / "main.mov", 0)]


@pytest.mark.parametrize(
    ("sources", "field"),
    [
        ([{"uri": "s3://in/a", "attached": "pad"}], "align.index"),
        ([{"uri": "s3://in/a"}, {"uri": "s3://in/b", "attached": "pad", "audio": False}], "sources[1].audio"),
        ([{"uri": "s3://in/a"}, {"uri": "s3://in/b", "attached": "x"}], "sources[1].attached"),
        (
            [{"uri": "s3://in/a"}, {"uri": "s3://in/b", "attached": "loop", "subtitles": [{"uri": "s3://in/c.srt"}]}],
            "sources[1].subtitles",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(sources: list[dict[str, Any]], field: str) -> None:
    with pytest.raises(FramefleetError) as refused:
        parse_request(request(sources=sources))

    assert refused.value.code == "invalid_request"
    assert refused.value.field == field
