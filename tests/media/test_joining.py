"""Several sources as one film, and parts of sources: every frame and sample in its place."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.conftest import FfmpegBuild
from tests.media import judge, sources
from tests.media.harness import OneProcess

VIDEO = {"width": 640, "height": 360, "preset": "ultrafast", "max_bitrate": None}


def task(out: Path, parts: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    target = {"name": "film", "template": "mp4-h264-360p", "uri": out.as_uri(), "overrides": {"video": VIDEO}}
    return {"sources": parts, "targets": [target]} | more


def part(name: str, **more: Any) -> dict[str, Any]:
    return {"uri": sources.make(name).as_uri()} | more


def run(folder: Path, ffmpeg: FfmpegBuild, parts: list[dict[str, Any]], **more: Any) -> Path:
    out = folder / "film.mp4"
    OneProcess(folder, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None).run(
        task(out, parts, **more)
    )
    return out


def luma(path: Path, seconds: float, x: int, y: int) -> int:
    """Brightness of a pixel of the frame shown at a time."""
    crop = f"crop=2:2:{x}:{y},scale=1:1,format=gray"
    command = [judge.ffmpeg(), "-v", "error", "-ss", str(seconds), "-i", str(path), "-frames:v", "1", "-vf", crop]
    return subprocess.run([*command, "-f", "rawvideo", "-"], check=True, capture_output=True).stdout[0]


def test_I1_a_trimmed_source_gives_the_frames_and_samples_of_its_window(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    out = run(tmp_path, ffmpeg, [part("pal.mp4", start=3.217, duration=9.5)])

    # 25 frames/s: the first one shown at or after 3.217 s is number 81, at 3.24 s; number 318 is shown at 12.72 s.
    assert list(range(81, 318)) == judge.frames(out)
    samples, splices = judge.tone(out)
    assert abs(samples - 456_000) <= 1024
    assert [] == splices
    picture, sound = judge.times(out), judge.times(out, "a:0")
    assert abs((picture[0] - sound[0]) - (Fraction(81, 25) - Fraction(3217, 1000))) <= Fraction(1024, 48_000)


def test_I1_joined_sources_keep_all_frames_their_distances_and_the_sound_beside_them(
    ffmpeg: FfmpegBuild, tmp_path: Path
) -> None:
    parts = [
        part("ntsc.mp4", start=1, duration=5),
        part("silent.mp4", start=2, duration=4.2),
        part("offset.ts", duration=6),
        part("surround.mp4", start=20.02),
    ]

    # The variable film gives the defaults: no common rate, every frame is kept.
    out = run(tmp_path, ffmpeg, [*parts, part("vfr.mp4", duration=2)], align={"index": 4})

    # 30000/1001: frames 30 (1.001 s) to 179 (5.973 s). 25: 50 to 154. The rest of surround.mp4 begins with frame 501.
    wanted = [*range(30, 180), *range(50, 155), *range(150), *range(501, 650)]
    found = judge.frames(out)
    assert wanted == found[: len(wanted)]
    assert [n for n in judge.frames(sources.make("vfr.mp4")) if n <= found[-1]] == found[len(wanted) :]
    shown = judge.times(out)
    assert all(a < b for a, b in pairwise(shown))
    begins = [Fraction(0), Fraction(5), Fraction(46, 5), Fraction(76, 5), Fraction(2118, 100)]
    firsts = [shown[n] for n in (0, 150, 255, 405, 554)]
    assert all(abs(a - b) <= Fraction(1, 25) for a, b in zip(firsts, begins, strict=True)), firsts
    samples, splices = judge.tone(out)
    assert abs(samples - 48_000 * Fraction(2318, 100)) <= 1024
    # The tone stops and starts where sources meet, and nowhere else.
    borders = [5.0, 9.2, 15.2, 21.18]
    assert splices
    assert all(min(abs(at - border) for border in borders) < 0.06 for at in splices), splices


def test_chapters_and_sound_that_outlasts_its_picture_do_not_disturb_a_join(
    ffmpeg: FfmpegBuild, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    marks.write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=3\ntitle=One\n")
    picture = ["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=4.2"]
    sound = ["-f", "lavfi", "-i", "sine=duration=4.3", "-i", str(marks), "-map", "0", "-map", "1", "-map_chapters", "2"]
    x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le"]
    for name, more in (("marked.mkv", [*sound, *x264]), ("plain.mp4", x264)):
        judge._run([judge.ffmpeg(), "-v", "error", *picture, *more, str(tmp_path / name)])
    parts = [{"uri": (tmp_path / name).as_uri()} for name in ("marked.mkv", "plain.mp4")]

    out = run(tmp_path, ffmpeg, [*parts, *parts])

    steps = [b - a for a, b in pairwise(judge.times(out))]
    # 0.1 s pass before the sound has ended: the last picture stays for the two or three frames' time of it.
    assert [104, 314] == [i for i, step in enumerate(steps) if step != Fraction(1, 25)]
    assert {steps[104], steps[314]} <= {Fraction(3, 25), Fraction(4, 25)}


def test_sources_of_another_rate_are_brought_to_that_of_the_one_that_is_named(
    ffmpeg: FfmpegBuild, tmp_path: Path
) -> None:
    parts = [part("ntsc.mp4", duration=4), part("pal.mp4", duration=4)]

    out = run(tmp_path, ffmpeg, parts, align={"index": 1})

    found = judge.frames(out)
    shown = judge.times(out)
    assert {Fraction(1, 25)} == {b - a for a, b in pairwise(shown)}
    # 4 s of 30000/1001 shown at 25: the frame nearest to each time, in order; then every frame of the other.
    assert 200 == len(found)
    assert all(abs(n * 1001 / 30000 - k / 25) <= 0.021 for k, n in enumerate(found[:100])), found[:100]
    assert list(range(100)) == found[100:]


def test_eleven_sources_make_one_film(tmp_path: Path, ffmpeg: FfmpegBuild) -> None:
    out = run(tmp_path, ffmpeg, [part("pal.mp4", start=2 * i, duration=1) for i in range(11)])

    assert [n for i in range(11) for n in range(50 * i, 50 * i + 25)] == judge.frames(out)
    assert abs(judge.tone(out)[0] - 11 * 48_000) <= 1024


def test_sources_of_another_shape_are_padded_or_cropped_to_the_one_that_is_named(
    tmp_path: Path, ffmpeg: FfmpegBuild
) -> None:
    parts = [part("portrait.mov", duration=2), part("pal.mp4", duration=2)]

    padded = run(tmp_path / "pad", ffmpeg, parts, align={"index": 1, "mode": "pad"})
    cropped = run(tmp_path / "crop", ffmpeg, parts, align={"index": 1, "mode": "crop"})
    tall = run(tmp_path / "tall", ffmpeg, parts, align={"index": 0, "mode": "pad"})

    # Landscape: the portrait film stands in the middle between black borders, or fills the width.
    assert luma(padded, 1, 20, 180) <= 20
    assert luma(padded, 1, 320, 180) > 20
    assert luma(cropped, 1, 20, 180) > 20
    assert list(range(50)) == judge.frames(padded)[50:]
    # Portrait: the landscape film has borders above and below.
    assert (360, 640) == size(tall)
    assert luma(tall, 3, 180, 40) <= 20
    assert luma(tall, 3, 180, 320) > 20


def size(path: Path) -> tuple[int, int]:
    """Width and height, pixels."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height"]
    text = subprocess.run([*command, "-of", "csv=p=0", str(path)], check=True, capture_output=True, text=True).stdout
    width, height = text.strip().split(",")[:2]
    return int(width), int(height)
