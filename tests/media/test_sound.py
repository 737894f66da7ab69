"""Sound: every codec exact to the sample, tracks with their languages, levels, mixes and copies. Judged on what decodes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.subtask import AudioTrackSpec
from tests.conftest import FfmpegBuild, ffmpeg_build
from tests.media import judge
from tests.media.harness import OneProcess

SECONDS = Fraction(10, 3)
LANGUAGES = ("eng", "deu", "fra")


def _run(*args: str) -> None:
    subprocess.run([judge.ffmpeg(), "-v", "error", "-y", *args], check=True, stdin=subprocess.DEVNULL)


def _tones(*frequencies: int, rate: int = 48000, seconds: Fraction = SECONDS) -> str:
    waves = "|".join(f"0.25*sin({f}*2*PI*t)" if f else "0" for f in frequencies)
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(frequencies)]
    return f"aevalsrc={waves}:s={rate}:c={layout}:d={float(seconds)}"


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sound tracks: stereo at 48 kHz (default), 5.1 with a tone in its centre only at 44.1 kHz, mono; all lossless."""
    path = tmp_path_factory.mktemp("sound") / "film.mkv"
    inputs: list[str] = []
    for source in (
        f"testsrc2=size=320x180:rate=25:duration={float(SECONDS)}",
        _tones(997, 440),
        _tones(0, 0, 600, 50, 0, 0, rate=44100),
        _tones(300),
    ):
        inputs += ["-f", "lavfi", "-i", source]
    tags = [x for i, code in enumerate(LANGUAGES) for x in (f"-metadata:s:a:{i}", f"language={code}")]
    maps = ["-map", "0:v", "-map", "1:a", "-map", "2:a", "-map", "3:a"]
    _run(*inputs, *maps, "-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-c:a", "flac", *tags, str(path))
    return path


def process(folder: Path, ffmpeg: FfmpegBuild) -> OneProcess:
    return OneProcess(folder, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)


def sound(name: str, out: Path, container: str, **audio: Any) -> dict[str, Any]:
    uri = (out / f"{name}.{container}").as_uri()
    return {"name": name, "uri": uri, "overrides": {"kind": "audio", "container": container, "audio": audio}}


def video(name: str, out: Path, container: str = "mp4", **audio: Any) -> dict[str, Any]:
    picture = {"width": 160, "height": 90, "preset": "ultrafast"}
    overrides = {"kind": "file", "container": container, "video": picture, "audio": audio}
    return {"name": name, "uri": (out / f"{name}.{container}").as_uri(), "overrides": overrides}


def samples(path: Path, stream: int = 0, *, channels: int = 1) -> int:
    """Samples per channel FFmpeg decodes."""
    options = ["-map", f"0:a:{stream}", "-c:a", "pcm_s16le", "-f", "framecrc", "-"]
    text = subprocess.run(
        [judge.ffmpeg(), "-v", "error", "-i", str(path), *options], check=True, capture_output=True, text=True
    )
    return sum(int(line.split(",")[3]) for line in text.stdout.splitlines() if not line.startswith("#"))


def streams(path: Path, kind: str = "a") -> list[dict[str, Any]]:
    """What ffprobe says of each stream of a kind."""
    command = ["ffprobe", "-v", "error", "-select_streams", kind, "-show_streams", "-of", "json", str(path)]
    found: list[dict[str, Any]] = json.loads(judge._run(command))["streams"]
    return found


def level(path: Path, stream: int = 0, *, frequency: int | None = None, channel: int = 0) -> float:
    """Mean level in dB of one channel, of all of it or of what is around a frequency (Hz)."""
    graph = f"pan=mono|c0=c{channel}" + (f",bandpass=f={frequency}:width_type=h:w=40" if frequency else "")
    options = ["-map", f"0:a:{stream}", "-af", f"{graph},volumedetect", "-f", "null", "-"]
    command = [judge.ffmpeg(), "-hide_banner", "-i", str(path), *options]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    return float(text.split("mean_volume: ")[1].split()[0])


@pytest.fixture(scope="module", params=["system", "imageio"])
def made(
    request: pytest.FixtureRequest, film: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, OneProcess]]:
    """One task with every codec and container, made once for each FFmpeg."""
    build = ffmpeg_build(request.param)
    folder = tmp_path_factory.mktemp(f"made-{request.param}")
    out = folder / "out"
    targets = [
        sound("mp3", out, "mp3", codec="mp3"),
        sound("vbr", out, "mp3", codec="mp3", quality=60),
        sound("opus", out, "opus", codec="opus"),
        sound("ogg", out, "ogg", codec="flac"),
        sound("flac", out, "flac", codec="flac"),
        sound("wav", out, "wav", codec="pcm_s16le"),
        sound("wav24", out, "wav", codec="pcm_s24le", tracks=["fr"]),
        sound("ac3", out, "ac3", codec="ac3", tracks=[1], channels=6),
        sound("bare", out, "aac", codec="aac"),
        sound("all", out, "mka", codec="aac", tracks="all", channels=None),
        sound("m4a", out, "m4a", codec="aac", tracks=["deu", 0], volume=-6),
        sound("down", out, "wav", codec="pcm_s16le", tracks=["deu"]),
        sound("mono", out, "wav", codec="pcm_s16le", tracks=["deu"], channels=1, sample_rate=32000),
        sound("loud", out, "wav", codec="pcm_s16le", volume=6),
        sound("copied", out, "mka", codec="copy", tracks="all"),
        sound("even", out, "wav", codec="pcm_s24le", loudness={"target": -23}),
        sound("web", out, "m4a", codec="aac", loudness={"target": -16, "true_peak": -1}, tracks=[0, "fra"]),
        sound("full", out, "wav", codec="pcm_s16le", loudness={"target": -5, "true_peak": -6}),
        video("film", out, "mkv", codec="pcm_s16le", tracks="all", channels=None),
        video("mov", out, "mov", codec="pcm_s24le"),
        video("mp4", out, "mp4", codec="flac", tracks="all"),
        video("surround", out, "mp4", codec="ac3", tracks=["ger"], channels=6),
    ]
    process_ = process(folder, build)
    published = process_.run({"sources": [{"uri": film.as_uri()}], "targets": targets})
    process_.warnings = {name: output.warnings for name, output in published.items()}  # type: ignore[attr-defined]
    yield out, process_


EXACT = round(SECONDS * 48000)
EXACT_44 = round(SECONDS * 44100)


@pytest.mark.parametrize(
    "name", ["mp3.mp3", "vbr.mp3", "opus.opus", "ogg.ogg", "flac.flac", "wav.wav", "wav24.wav", "loud.wav"]
)
def test_I1_files_of_sound_have_every_sample_of_the_source_and_no_other(
    made: tuple[Path, OneProcess], name: str
) -> None:
    assert EXACT == samples(made[0] / name)


def test_I1_sound_in_films_is_whole_up_to_the_padding_of_its_codec(made: tuple[Path, OneProcess]) -> None:
    out, _ = made

    for name in ("film.mkv", "mp4.mp4"):
        assert [EXACT, EXACT_44, EXACT] == [samples(out / name, i) for i in range(3)]
    assert EXACT == samples(out / "mov.mov")
    # AC-3 has frames of 1536 samples.
    assert EXACT_44 <= samples(out / "surround.mp4") < EXACT_44 + 1536
    assert EXACT_44 <= samples(out / "ac3.ac3") < EXACT_44 + 1536
    # ADTS has no place for the encoder's delay.
    assert EXACT <= samples(out / "bare.aac") <= EXACT + 2048


def test_tracks_keep_their_languages_and_the_first_one_is_the_default(made: tuple[Path, OneProcess]) -> None:
    out, _ = made

    for name, wanted in {
        "film.mkv": LANGUAGES,
        "mp4.mp4": LANGUAGES,
        "all.mka": LANGUAGES,
        "m4a.m4a": ("deu", "eng"),
    }.items():
        found = streams(out / name)
        assert list(wanted) == [s["tags"]["language"].replace("ger", "deu").replace("fre", "fra") for s in found], name
        assert [1] + [0] * (len(wanted) - 1) == [s["disposition"]["default"] for s in found], name


def test_channels_are_kept_where_asked_and_limited_where_not(made: tuple[Path, OneProcess]) -> None:
    out, _ = made

    assert [2, 6, 1] == [s["channels"] for s in streams(out / "film.mkv")]
    assert [2, 2, 1] == [s["channels"] for s in streams(out / "mp4.mp4")]
    assert [6] == [s["channels"] for s in streams(out / "ac3.ac3")]
    assert [(1, "32000")] == [(s["channels"], s["sample_rate"]) for s in streams(out / "mono.wav")]


def test_a_down_mix_keeps_the_centre_in_both_fronts_three_decibels_lower(
    made: tuple[Path, OneProcess], film: Path
) -> None:
    out, _ = made
    centre = level(film, 1, channel=2, frequency=600)

    for channel in (0, 1):
        assert abs(level(out / "down.wav", channel=channel, frequency=600) - (centre - 3)) < 0.2
    # The low-frequency channel is left out.
    assert level(out / "down.wav", frequency=50) < level(film, 1, channel=3, frequency=50) - 15
    # In one channel the centre is heard as loud as it was.
    assert abs(level(out / "mono.wav", frequency=600) - centre) < 3.1


def test_volume_changes_the_level_by_what_was_asked(made: tuple[Path, OneProcess], film: Path) -> None:
    out, _ = made

    assert abs(level(out / "loud.wav") - level(film) - 6) < 0.15
    assert abs(level(out / "m4a.m4a", 1) - level(film) + 6) < 0.3


def test_loudness_is_what_was_asked_for_and_no_peak_passes_the_limit(made: tuple[Path, OneProcess]) -> None:
    out, process_ = made

    assert abs(meter(out / "even.wav")[0] + 23) <= 0.5
    for stream in (0, 1):
        assert abs(meter(out / "web.m4a", stream)[0] + 16) <= 0.5
    assert meter(out / "full.wav")[1] <= -5.9
    (told,) = process_.warnings["full"]  # type: ignore[attr-defined]
    assert "instead of -5" in told


def meter(path: Path, stream: int = 0) -> tuple[float, float]:
    """(integrated loudness in LUFS, true peak in dBFS)."""
    options = ["-map", f"0:a:{stream}", "-af", "ebur128=peak=true", "-f", "null", "-"]
    command = [judge.ffmpeg(), "-hide_banner", "-nostats", "-i", str(path), *options]
    summary = subprocess.run(command, check=True, capture_output=True, text=True).stderr.rpartition("Summary:")[2]
    return float(summary.split("I:")[1].split()[0]), float(summary.split("Peak:")[1].split()[0])


def test_lossless_sound_is_copied_into_mp4(film: Path, ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    out = tmp_path / "film.mp4"
    process(tmp_path, ffmpeg).run(
        {
            "sources": [{"uri": film.as_uri()}],
            "targets": [{"name": "copy", "template": "remux-mp4", "uri": out.as_uri()}],
        }
    )

    assert ["flac"] * 3 == [s["codec_name"] for s in streams(out)]
    assert [samples(film, i) for i in range(3)] == [samples(out, i) for i in range(3)]


def test_a_copy_has_the_very_packets_of_the_source(made: tuple[Path, OneProcess], film: Path) -> None:
    def hashes(path: Path) -> list[str]:
        command = [judge.ffmpeg(), "-v", "error", "-i", str(path), "-map", "0:a", "-c", "copy", "-f", "streamhash", "-"]
        return [line.split(",")[2] for line in judge._run(command).decode().split()]

    assert hashes(film) == hashes(made[0] / "copied.mka")


def test_tracks_that_several_targets_share_are_made_once(made: tuple[Path, OneProcess]) -> None:
    specs = [s.spec for s in made[1].plan.subtasks if isinstance(s.spec, AudioTrackSpec)]

    keys = [(s.settings.model_copy(update={"tracks": "main"}), s.form, s.channels, s.pieces) for s in specs]
    assert len(keys) == len({repr(k) for k in keys})
