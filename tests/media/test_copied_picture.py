"""Sound encoded beside a picture that is copied: the same packets and frames, other sound, and both as far apart as they were."""

from __future__ import annotations

import array
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FfmpegBuild
from tests.media import judge, sources
from tests.media.harness import OneProcess, SubtaskFailed

MILLISECOND = Fraction(1, 1000)
PRIMING = Fraction(1024, 44100)
"""Sound that starts late is led in by one silent frame of its encoder, as in any whole encode."""


def process(ffmpeg: FfmpegBuild, folder: Path) -> OneProcess:
    return OneProcess(folder, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)


def target(container: str, out: Path, codec: str = "aac", **more: Any) -> dict[str, Any]:
    sound = {"codec": codec, "channels": None}
    return {
        "name": container,
        "template": "remux-mp4",
        "uri": (out / f"film.{container}").as_uri(),
        "overrides": {"container": container, "audio": sound, **more},
    }


def packets(path: Path) -> list[tuple[str, str]]:
    """Size and checksum of every packet of the picture."""
    command = [judge.ffmpeg(), "-v", "error", "-i", str(path), "-map", "0:v:0", "-c", "copy", "-f", "framemd5", "-"]
    lines = judge._run(command).decode().splitlines()
    return [(one[4].strip(), one[5].strip()) for line in lines if (one := line.split(",")) and line[0] != "#"]


def samples(path: Path) -> array.array[int]:
    """The sound of the first channel."""
    command = [judge.ffmpeg(), "-v", "error", "-i", str(path), "-map", "0:a:0", "-af", "pan=mono|c0=c0"]
    return array.array("h", judge._run([*command, "-f", "s16le", "-"]))


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("edit.mp4", "mp4"),
        ("offset.ts", "mp4"),
        ("portrait.mov", "mov"),
        ("silent.mp4", "mp4"),
        ("soundlate.mp4", "mp4"),
        ("vfr.mp4", "ts"),
        ("videolate.mp4", "mkv"),
        ("videolate.mp4", "mp4"),
    ],
)
def test_I1_the_picture_is_the_sources_and_the_sound_as_far_from_it(
    name: str, container: str, ffmpeg: FfmpegBuild, tmp_path: Path
) -> None:
    recipe, source, film = sources.RECIPES[name], sources.make(name), tmp_path / "out" / f"film.{container}"

    wanted = target(container, tmp_path / "out")
    process(ffmpeg, tmp_path).run({"sources": [{"uri": source.as_uri()}], "targets": [wanted]})

    found = judge.judge(source, film, audio=recipe.audio, portrait=recipe.portrait)
    assert (0, 0, 0, 0) == (found.lost, found.doubled, found.strange, found.splices)
    assert found.ordered
    assert found.decode_ordered
    # Matroska and TS do not hide the encoder's priming; what is heard is where it was.
    led_in = name == "soundlate.mp4" or container in {"mkv", "ts"}
    assert found.worst_time <= (PRIMING if led_in else MILLISECOND)
    assert found.offset_change <= (PRIMING if led_in else MILLISECOND)
    if source.suffix != ".ts" and container != "ts":  # which have the same pictures in other packets
        assert packets(source) == packets(film)


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds with a keyframe every 1.2 s."""
    path = tmp_path_factory.mktemp("films") / "numbered.mp4"
    picture = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "30", "-sc_threshold", "0"]
    source = str(sources.make("pal.mp4"))
    judge._run([judge.ffmpeg(), "-v", "error", "-t", "6", "-i", source, *picture, "-c:a", "aac", str(path)])
    return path


def test_I1_sound_is_cut_and_joined_to_the_sample_where_the_copied_picture_is(
    ffmpeg: FfmpegBuild, numbered: Path, tmp_path: Path
) -> None:
    asked = [
        {"uri": numbered.as_uri(), "start": 1.5, "duration": 2},
        {"uri": numbered.as_uri(), "duration": 1},
    ]

    published = process(ffmpeg, tmp_path).run({"sources": asked, "targets": [target("mp4", tmp_path / "out", "flac")]})

    film = tmp_path / "out/film.mp4"
    assert [*range(30, 90), *range(30)] == judge.frames(film)
    assert [Fraction(i, 25) for i in range(90)] == judge.times(film)
    assert 0 == judge.times(film, "a:0")[0]
    heard, found = samples(numbered), samples(film)
    wanted = heard[57_600:172_800] + heard[:57_600]
    assert len(wanted) == len(found)
    assert 1 >= max(abs(a - b) for a, b in zip(wanted, found, strict=True)), "of 32768: decoders round"
    assert 2 == len(published["mp4"].warnings)


def test_a_trim_that_needs_frames_outside_is_refused_with_other_sound_too(tmp_path: Path) -> None:
    film = tmp_path / "open.mp4"
    picture = ["-c:v", "mpeg2video", "-bf", "2", "-g", "12"]
    source = str(sources.make("pal.mp4"))
    judge._run([judge.ffmpeg(), "-v", "error", "-t", "4", "-i", source, *picture, "-c:a", "aac", str(film)])

    with pytest.raises(SubtaskFailed) as caught:
        OneProcess(tmp_path).run(
            {"sources": [{"uri": film.as_uri(), "duration": 1.5}], "targets": [target("mp4", tmp_path / "out")]}
        )

    assert "copy_impossible" == caught.value.error.code
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "container", "told"), [("edit.mp4", "mkv", "hides frames"), ("portrait.mov", "ts", "is turned by")]
)
def test_what_a_container_cannot_say_of_a_copied_picture_is_refused(
    name: str, container: str, told: str, tmp_path: Path
) -> None:
    source = sources.make(name)

    with pytest.raises(SubtaskFailed, match=told) as caught:
        OneProcess(tmp_path).run(
            {"sources": [{"uri": source.as_uri()}], "targets": [target(container, tmp_path / "out")]}
        )

    assert ("copy_impossible", "sources[0].uri") == (caught.value.error.code, caught.value.error.field)
    assert not (tmp_path / "out").exists()


def test_a_source_that_begins_with_hidden_frames_is_not_joined_to_another(tmp_path: Path) -> None:
    source = {"uri": sources.make("edit.mp4").as_uri()}

    with pytest.raises(SubtaskFailed, match="need others that are hidden") as caught:
        OneProcess(tmp_path).run(
            {"sources": [{**source, "duration": 3}, source], "targets": [target("mp4", tmp_path / "out")]}
        )

    assert ("copy_impossible", "sources[1].uri") == (caught.value.error.code, caught.value.error.field)


def test_a_source_without_a_picture_becomes_a_film_file_of_sound(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    sound = tmp_path / "sound.mp3"
    judge._run([judge.ffmpeg(), "-v", "error", "-t", "3", "-i", str(sources.make("pal.mp4")), "-vn", str(sound)])

    published = process(ffmpeg, tmp_path).run(
        {"sources": [{"uri": sound.as_uri()}], "targets": [target("mp4", tmp_path / "out")]}
    )

    media = published["mp4"].media or {}
    assert ([], ["aac"]) == (media["video"], [a["codec"] for a in media["audio"]])
    assert abs(judge.tone(tmp_path / "out/film.mp4")[0] - 3 * 48_000) <= 2048


def test_subtitles_go_along_beside_a_copied_picture(ffmpeg: FfmpegBuild, numbered: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts.srt"
    texts.write_text("1\n00:00:02,000 --> 00:00:03,000\nHello\n")
    source = {"uri": numbered.as_uri(), "start": 1.5, "subtitles": [{"uri": texts.as_uri(), "language": "eng"}]}

    wanted = target("mp4", tmp_path / "out", subtitles={"mode": "embed"})
    process(ffmpeg, tmp_path).run({"sources": [source], "targets": [wanted]})

    command = [judge.ffmpeg(), "-v", "error", "-i", str(tmp_path / "out/film.mp4"), "-map", "0:s:0", "-f", "srt", "-"]
    assert "00:00:00,800 --> 00:00:01,800\nHello" in judge._run(command).decode()
