"""Sound whose packets overlap or leave holes, as in films joined without encoding: it stays at its times."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.subtask import AudioTrackSpec
from framefleet.media.audio import audio_command
from framefleet.media.sound_times import LIMIT
from tests.conftest import FfmpegBuild, ffmpeg_build
from tests.media import judge
from tests.media.harness import OneProcess

CLIPS = 7
LENGTH = Fraction(301, 100)
"""Seconds: no whole number of frames of AAC."""
NEAR = LIMIT + 0.004
"""Seconds: what is left as it is, and what an encoder smears before a click."""


def _ffmpeg(*arguments: str | Path) -> str:
    command = [judge.ffmpeg(), "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _clip(path: Path, *, sound: float = float(LENGTH), picture_seconds: float = float(LENGTH)) -> Path:
    """A white frame and a click together, a second after the beginning; `sound` seconds of sound."""
    white = "drawbox=t=fill:c=white:enable='eq(n,25)'"
    picture = f"color=black:s=64x36:r=25:d={picture_seconds:.3f},{white}"
    click = f"aevalsrc='0.9*sin(2*PI*1000*t)*between(t,1,1.02)':s=48000:d={sound}"
    _ffmpeg(
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", click, "-c:v", "libx264", "-preset", "ultrafast"),
        *("-bf", "0", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac", path),
    )
    return path


def _joined(path: Path, clip: Path) -> Path:
    _ffmpeg("-stream_loop", str(CLIPS - 1), "-i", clip, "-c", "copy", path)
    return path


def _printed(path: Path, kind: str, chain: str, key: str) -> list[tuple[float, float]]:
    """(time, value) of all that a filter notes."""
    shown = f"{chain},{'a' if kind == 'a' else ''}metadata=print:key={key}:file=-"
    text = _ffmpeg("-copyts", "-i", path, "-map", f"0:{kind}:0", f"-{kind}f", shown, "-f", "null", "-")
    found = re.findall(rf"pts_time:(-?[\d.]+)\n{re.escape(key)}=(\S+)", text)
    return [(float(time), float(value)) for time, value in found]


def flashes(path: Path) -> list[float]:
    """When the picture is white."""
    return [t for t, light in _printed(path, "v", "signalstats", "lavfi.signalstats.YAVG") if light > 128]


def clicks(path: Path) -> list[float]:
    """When each click begins, to the millisecond, in a player that goes by the times of packets."""
    heard = "aresample=async=1:min_hard_comp=0.001,asetnsamples=n=48,astats=metadata=1:reset=1"
    loud = [t for t, peak in _printed(path, "a", heard, "lavfi.astats.Overall.Peak_level") if peak > -20]
    return [t for i, t in enumerate(loud) if i == 0 or t - loud[i - 1] > 0.5]


def together(picture: Path, sound: Path | None = None) -> float:
    """The largest distance between a white frame and its click, seconds."""
    seen, heard = flashes(picture), clicks(sound or picture)
    assert len(seen) == len(heard) == CLIPS, (seen, heard)
    return max(abs(a - b) for a, b in zip(seen, heard, strict=True))


def _track(folder: Path, into: Path) -> Path:
    """A track of a ladder as one file."""
    path = into / f"{folder.name}.mp4"
    path.write_bytes(b"".join(p.read_bytes() for p in [folder / "init.mp4", *sorted(folder.glob("*.m4s"))]))
    return path


def _target(name: str, out: Path, end: str, template: str, **overrides: Any) -> dict[str, Any]:
    return {"name": name, "template": template, "uri": (out / f"{name}.{end}").as_uri(), "overrides": overrides}


def _targets(out: Path) -> list[dict[str, Any]]:
    quick = {"video": {"preset": "ultrafast"}}
    rungs = [{"name": "360p", "video": {"codec": "h264", "preset": "ultrafast"}}]
    return [
        _target("film", out, "mp4", "mp4-h264-360p", **quick),
        _target("copied", out, "mp4", "mp4-h264-360p", **quick, audio={"codec": "copy"}),
        _target("stream", out / "stream", "m3u8", "hls-h264", renditions=rungs),
        _target("ts", out / "ts", "m3u8", "hls-h264", renditions=rungs, segment_format="ts"),
        _target("song", out, "m4a", "audio-aac"),
        _target("wave", out, "wav", "audio-aac", container="wav", audio={"codec": "pcm_s16le"}),
        _target("again", out, "mp4", "remux-mp4"),
    ]


@pytest.fixture(scope="module", params=["system", "imageio"])
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Path, OneProcess]]:
    """(source, folder of outputs, process) of a film of clips, with each FFmpeg."""
    build = ffmpeg_build(request.param)
    folder = tmp_path_factory.mktemp(f"joined-{request.param}")
    source = _joined(folder / "joined.mov", _clip(folder / "clip.mov"))
    cluster = OneProcess(folder / "c", str(build.ffmpeg), str(build.ffprobe) if build.ffprobe else None)
    cluster.run({"sources": [{"uri": source.as_uri()}], "targets": _targets(folder / "out")})
    yield source, folder / "out", cluster


def test_the_source_is_together_for_players_that_go_by_times(made: tuple[Path, Path, OneProcess]) -> None:
    assert together(made[0]) < NEAR


@pytest.mark.parametrize("name", ["film.mp4", "copied.mp4", "ts/ts.m3u8", "again.mp4"])
def test_I1_picture_and_sound_are_together_behind_every_join(made: tuple[Path, Path, OneProcess], name: str) -> None:
    assert together(made[1] / name) < NEAR


def test_I1_picture_and_sound_of_a_ladder_are_together_behind_every_join(
    made: tuple[Path, Path, OneProcess], tmp_path: Path
) -> None:
    picture, sound = (_track(made[1] / "stream" / name, tmp_path) for name in ("360p", "audio-a1"))
    # Of fragments FFmpeg moves the picture, until no frame is shown before it is decoded. The first belongs at zero.
    moved = float(min(judge.times(picture)))
    late = [b - a + moved for a, b in zip(flashes(picture), clicks(sound), strict=True)]

    assert len(late) == CLIPS
    assert max(map(abs, late)) < NEAR


@pytest.mark.parametrize("name", ["song.m4a", "wave.wav"])
def test_I1_sound_alone_stays_at_its_times(made: tuple[Path, Path, OneProcess], name: str) -> None:
    assert together(made[0], made[1] / name) < NEAR


def test_I1_sound_has_the_samples_that_the_timeline_says(made: tuple[Path, Path, OneProcess]) -> None:
    _, out, cluster = made
    end = cluster.probes[0].media.audio_end
    assert end is not None

    # FFmpeg 5.1 gives the last packet whole.
    assert abs((out / "wave.wav").stat().st_size // 2 - end * 48000) <= 1024


@pytest.fixture
def cluster(ffmpeg: FfmpegBuild, tmp_path: Path) -> OneProcess:
    return OneProcess(tmp_path / "c", str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)


def _listed(path: Path, *clips: Path) -> Path:
    script = path.with_suffix(".txt")
    script.write_text("".join(f"file '{clip}'\n" for clip in clips))
    _ffmpeg("-f", "concat", "-safe", "0", "-i", script, "-c", "copy", path)
    return path


def test_I1_holes_in_the_sound_are_silence(cluster: OneProcess, tmp_path: Path) -> None:
    source = _listed(tmp_path / "holes.mov", *[_clip(tmp_path / "short.mov", sound=2.6)] * CLIPS)

    cluster.run({"sources": [{"uri": source.as_uri()}], "targets": _targets(tmp_path / "out")})

    assert together(source) < NEAR
    for name in ("film.mp4", "copied.mp4", "again.mp4"):
        assert together(tmp_path / "out" / name) < NEAR, name
    for name in ("song.m4a", "wave.wav"):
        assert together(source, tmp_path / "out" / name) < NEAR, name


def test_I1_copied_sound_with_holes_keeps_its_times_in_transport_streams(cluster: OneProcess, tmp_path: Path) -> None:
    # The hole is right before the click, and in silence: small packets, of which many would share a time.
    drop = ("-c", "copy", "-bsf:a", r"noise=drop=between(n\,40\,45)")
    _ffmpeg("-i", _clip(tmp_path / "clip.mov"), *drop, tmp_path / "hole.mov")
    source = _joined(tmp_path / "holes.mov", tmp_path / "hole.mov")
    (stream,) = [t for t in _targets(tmp_path / "out") if t["name"] == "ts"]
    stream["overrides"] |= {"audio": {"codec": "copy"}}
    file = _target("film", tmp_path / "out", "ts", "mp4-h264-360p", container="ts", audio={"codec": "copy"})

    cluster.run({"sources": [{"uri": source.as_uri()}], "targets": [stream, file]})

    assert together(source) < NEAR
    assert together(tmp_path / "out/ts/ts.m3u8") < NEAR
    assert together(tmp_path / "out/film.ts") < NEAR


def test_I1_parts_of_joined_films_stay_together(cluster: OneProcess, tmp_path: Path) -> None:
    clip = _clip(tmp_path / "clip.mov")
    joined = _joined(tmp_path / "joined.mov", clip)
    clean = _clip(tmp_path / "clean.mov")
    third = float(2 * LENGTH)

    sources = [
        {"uri": joined.as_uri(), "start": third},
        {"uri": clean.as_uri()},
        {"uri": joined.as_uri(), "duration": float(LENGTH)},
    ]
    cluster.run(
        {"sources": sources, "targets": [t for t in _targets(tmp_path / "out") if t["name"] in {"film", "wave"}]}
    )

    assert together(tmp_path / "out/film.mp4") < NEAR
    assert together(tmp_path / "out/film.mp4", tmp_path / "out/wave.wav") < NEAR


@pytest.mark.parametrize("end", ["mov", "mkv", "flv", "ts"])
def test_sound_that_is_only_rounded_is_left_as_it_is(cluster: OneProcess, tmp_path: Path, end: str) -> None:
    source = tmp_path / f"rounded.{end}"
    _ffmpeg("-i", _clip(tmp_path / "clip.mov"), "-c", "copy", source)

    plan = cluster.plan_of(
        {"sources": [{"uri": source.as_uri()}], "targets": [_target("film", tmp_path, "mp4", "mp4-h264-360p")]}
    )

    (sound,) = [s.spec for s in plan.subtasks if isinstance(s.spec, AudioTrackSpec)]
    assert not sound.pieces[0].uneven
    assert "aresample" not in " ".join(audio_command(sound, {0: "in"}, "out").args)


def test_segments_in_transport_streams_begin_where_planned_behind_joins_of_uneven_pictures(
    cluster: OneProcess, tmp_path: Path
) -> None:
    clip = _clip(tmp_path / "clip.mov", picture_seconds=5, sound=5.03)
    targets = [t for t in _targets(tmp_path / "out") if t["name"] == "ts"]

    cluster.run({"sources": [{"uri": _joined(tmp_path / "joined.mov", clip).as_uri()}], "targets": targets})

    assert together(tmp_path / "out/ts/ts.m3u8") < NEAR
