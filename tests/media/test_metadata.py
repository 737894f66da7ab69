"""Tags, chapters and covers arrive where the container can hold them, and files repeat to the byte."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.metadata import TAGS_IN
from framefleet.media.metadata import escaped
from tests.conftest import FfmpegBuild
from tests.media import judge
from tests.media.harness import OneProcess

TITLE = 'It\'s 100% "A; B=C" \\ #1: ü\nend'
VIDEO = {"codec": "h264", "width": 320, "height": 180, "preset": "ultrafast"}
CHAPTERS = [(0, 2, "One"), (2, 5, "Two \\ = #2; 100%"), (5, 6, "Three")]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds with tags, three chapters and a cover."""
    folder = tmp_path_factory.mktemp("film")
    marks = "".join(f"[CHAPTER]\nTIMEBASE=1/1\nSTART={a}\nEND={b}\ntitle={escaped(name)}\n" for a, b, name in CHAPTERS)
    (folder / "marks").write_text(f";FFMETADATA1\ntitle=Old\nartist=Somebody\n{marks}")
    base = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=6", "-f", "lavfi", "-i", "sine=duration=6"]
    cover = ["-f", "lavfi", "-i", "color=red:size=64x64,trim=end_frame=1"]
    options = ["-map", "0", "-map", "1", "-map", "2", "-map_metadata", "3", "-c:v:0", "libx264", "-preset", "ultrafast"]
    options += ["-c:a", "aac", "-c:v:1", "mjpeg", "-disposition:v:1", "attached_pic"]
    options += ["-metadata", "creation_time=2020-02-03T04:05:06Z"]
    source = folder / "film.mp4"
    judge._run([judge.ffmpeg(), "-v", "error", *base, *cover, "-i", str(folder / "marks"), *options, str(source)])
    return source


def describe(path: Path) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-show_format", "-show_chapters", "-show_streams", "-of", "json", str(path)]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


def target(name: str, uri: Path, **settings: Any) -> dict[str, Any]:
    template = {"m4a": "audio-aac", "remux": "remux-mp4"}.get(name, "mp4-h264-360p")
    extra = {"video": VIDEO} if template == "mp4-h264-360p" else {}
    return {"name": name, "template": template, "uri": uri.as_uri(), "overrides": extra | settings}


SOUND = {"mp3": "mp3", "opus": "opus", "ogg": "flac", "flac": "flac", "mka": "aac"}


def sound(codec: str, uri: Path, container: str) -> dict[str, Any]:
    return {
        "name": container,
        "uri": uri.as_uri(),
        "overrides": {"kind": "audio", "container": container, "audio": {"codec": codec}},
    }


def test_tags_chapters_and_cover_go_along_and_tags_can_be_set(film: Path, ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    process = OneProcess(tmp_path, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)
    wish = {"metadata": {"set": {"title": TITLE, "creation_time": "2026-01-02T03:04:05Z"}}}
    slow = {"metadata": {"speed": 0.75}}
    targets = [
        target("mp4", tmp_path / "a.mp4", **wish),
        target("mkv", tmp_path / "a.mkv", container="mkv", **wish),
        target("m4a", tmp_path / "a.m4a", **wish),
        target("remux", tmp_path / "r.mkv", container="mkv"),
        target("slow", tmp_path / "slow.mov", container="mov", **slow),
        {"name": "copied", "template": "remux-mp4", "uri": (tmp_path / "slow.mp4").as_uri(), "overrides": slow},
        target("stripped", tmp_path / "s.mp4", metadata={"keep": False, "chapters": False, "cover": False}),
        target("flv", tmp_path / "a.flv", container="flv", metadata={"set": {"title": TITLE}}),
        *(sound(codec, tmp_path / f"a.{container}", container) for container, codec in SOUND.items()),
    ]

    process.run({"sources": [{"uri": film.as_uri()}], "targets": targets})

    for name in ("a.mp4", "a.mkv", "a.m4a"):
        found = describe(tmp_path / name)
        tags = {k.lower(): v for k, v in found["format"]["tags"].items()}
        assert (TITLE, "Somebody", "2026-01-02T03:04:05.000000Z") == (
            tags["title"],
            tags["artist"],
            tags["creation_time"],
        )
        assert [(a, b, t) for a, b, t in CHAPTERS] == [
            (round(float(c["start_time"])), round(float(c["end_time"])), c["tags"]["title"]) for c in found["chapters"]
        ]
        assert 1 == sum(s.get("disposition", {}).get("attached_pic", 0) for s in found["streams"])
    # The fixed-point rate is the sixth number behind the name of the movie header.
    rates = {
        n: (tmp_path / n).read_bytes().partition(b"mvhd")[2][20:24].hex() for n in ("a.mp4", "slow.mov", "slow.mp4")
    }
    assert {"a.mp4": "00010000", "slow.mov": "0000c000", "slow.mp4": "0000c000"} == rates
    for container in SOUND:
        found = describe(tmp_path / f"a.{container}")
        tags = found["format"].get("tags", {}) | found["streams"][0].get("tags", {})
        assert "Old" == {k.lower(): v for k, v in tags.items()}["title"], container
    kept = describe(tmp_path / "r.mkv")
    assert ("Old", 3) == ({k.lower(): v for k, v in kept["format"]["tags"].items()}["title"], len(kept["chapters"]))
    stripped = describe(tmp_path / "s.mp4")
    assert not {"title", "artist", "creation_time"} & set(stripped["format"]["tags"])
    assert ([], 2) == (stripped["chapters"], len(stripped["streams"]))
    assert TITLE == describe(tmp_path / "a.flv")["format"]["tags"]["title"]


def test_every_tag_that_a_container_claims_to_hold_arrives(film: Path, ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    codecs = {"m4a": "aac", "wav": "pcm_s16le"} | SOUND
    targets = []
    for container, names in TAGS_IN.items():
        tags = {name: f"my {name}" for name in names} | {"date": "2026", "track": "3/12"}
        tags |= {"creation_time": "2026-01-02T03:04:05Z"} if "creation_time" in names else {}
        wish = {"metadata": {"keep": False, "set": {k: v for k, v in tags.items() if k in names}}}
        if container in codecs:
            one = sound(codecs[container], tmp_path / f"a.{container}", container)
            targets.append(one | {"overrides": one["overrides"] | wish})
        elif container != "webm":  # as mkv
            targets.append(target(container, tmp_path / f"a.{container}", container=container, **wish))

    published = OneProcess(tmp_path, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None).run(
        {"sources": [{"uri": film.as_uri(), "duration": 1}], "targets": targets}
    )

    assert len(published) == len(targets) == len(TAGS_IN) - 1
    assert all("tags" in {c.check for c in target.checks} for target in published.values())


def test_tags_of_a_source_that_a_container_writes_in_its_own_way_do_not_fail_a_target(
    film: Path, ffmpeg: FfmpegBuild, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.mkv"
    tags = ["-metadata", "track=A1", "-metadata", "genre=17", "-metadata", "description=What it is"]
    judge._run(
        [judge.ffmpeg(), "-v", "error", "-t", "1", "-i", str(film), "-map", "0:1", *tags, "-c", "copy", str(odd)]
    )
    targets = [
        sound(codec, tmp_path / f"a.{c}", c) for c, codec in {"m4a": "aac", "mp3": "mp3", "opus": "opus"}.items()
    ]

    published = OneProcess(tmp_path, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None).run(
        {"sources": [{"uri": odd.as_uri()}], "targets": targets}
    )

    assert {"m4a", "mp3", "opus"} == set(published)


def test_chapters_are_trimmed_and_joined_and_files_repeat(film: Path, ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    files = []
    for run in ("a", "b"):
        process = OneProcess(tmp_path / run, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)
        sources = [{"uri": film.as_uri(), "start": 3, "duration": 2.5}, {"uri": film.as_uri(), "duration": 1}]
        out = [target(c, tmp_path / run / f"film.{c}", container=c) for c in ("mp4", "mkv")]
        process.run({"sources": sources, "targets": out})
        files.append([(tmp_path / run / f"film.{c}").read_bytes() for c in ("mp4", "mkv")])

    assert files[0] == files[1]
    found = [
        (float(c["start_time"]), float(c["end_time"]), c["tags"]["title"])
        for c in describe(tmp_path / "a/film.mp4")["chapters"]
    ]
    assert [(0.0, 2.0, "Two \\ = #2; 100%"), (2.0, 2.5, "Three"), (2.5, 3.5, "One")] == found


def test_mediainfo_reads_the_same(film: Path, tmp_path: Path) -> None:
    mediainfo = pytest.importorskip("pymediainfo").MediaInfo
    wish = {"metadata": {"set": {"title": "Judged"}}}
    OneProcess(tmp_path).run(
        {"sources": [{"uri": film.as_uri()}], "targets": [target("mp4", tmp_path / "a.mp4", **wish)]}
    )

    tracks = {t.track_type: t for t in mediainfo.parse(tmp_path / "a.mp4").tracks}

    assert ("Judged", "Yes") == (tracks["General"].title, tracks["General"].isstreamable)
    assert ("AVC", "AAC") == (tracks["Video"].format, tracks["Audio"].format)
    assert "Menu" in tracks, "chapters"
    assert "150" == str(tracks["Video"].frame_count)
