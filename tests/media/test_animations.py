"""Moving previews: every frame is the one of its time, in every format; judged on decoded frames and on the bytes."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from framefleet.media import still_check
from framefleet.media.avif import length
from tests.conftest import FfmpegBuild
from tests.media import judge, sources
from tests.media.harness import OneProcess
from tests.media.stills_judge import Film, decode, made, media, moving, size, target

FORMATS = ("gif", "webp", "avif", "mp4")


def test_every_frame_is_the_one_of_its_time_in_every_format(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    source, out = sources.make("pal.mp4"), tmp_path / "out"
    film = Film.of(source)
    preview = {"width": 256, "frame_rate": 10, "duration": 1}
    targets = [target(out, form, "preview-gif", f"one.{form}", format=form, start=7.3, **preview) for form in FORMATS]
    targets += [
        target(out, f"{form}s", "preview-gif", f"several.{form}", format=form, moments=[20, 2.5], loop=loop, **preview)
        for form, loop in (("gif", 2), ("webp", 3))
    ]
    targets += [
        target(out, "even", "preview-gif", "even.mp4", format="mp4", count=4, **preview | {"duration": 0.5}),
        target(out, "fast", "preview-gif", "fast.mp4", format="mp4", start=1, speed=5, **preview | {"duration": 4}),
        target(out, "late", "preview-gif", "late.mp4", format="mp4", start=25.5, **preview),
    ]

    done = OneProcess(tmp_path, str(ffmpeg.ffmpeg)).run({"sources": [{"uri": source.as_uri()}], "targets": targets})

    wanted = [film.shown(round(7.3 + i / 10, 3)) for i in range(10)]
    for form in FORMATS:
        assert moving(out / f"one.{form}") == wanted, form
    several = [film.shown(round(start + i / 10, 3)) for start in (20, 2.5) for i in range(10)]
    gif, webp = (
        still_check.gif((out / "several.gif").read_bytes()),
        still_check.webp((out / "several.webp").read_bytes()),
    )
    assert moving(out / "several.gif") == moving(out / "several.webp") == several
    assert (gif.loop, gif.width, gif.height, gif.durations) == (2, 256, 144, (100,) * 20)
    assert (webp.loop, webp.width, webp.height, webp.durations) == (3, 256, 144, (100,) * 20)
    assert (
        0
        == still_check.gif((out / "one.gif").read_bytes()).loop
        == still_check.webp((out / "one.webp").read_bytes()).loop
    )
    assert length((out / "one.avif").read_bytes()) == 1
    starts = media(done, "even")["moments"]
    room = 26 - 0.5
    assert starts == pytest.approx([room * (2 * k + 1) / 8 for k in range(4)], abs=0.03)
    even = [start + i / 10 for start in starts for i in range(5)]
    assert moving(out / "even.mp4") == [film.shown(round(t, 4)) for t in even]
    assert moving(out / "fast.mp4") == [film.shown(1 + i / 2) for i in range(8)]
    assert moving(out / "late.mp4") == [film.shown(round(25.5 + i / 10, 3)) for i in range(5)]


def test_an_mp4_loops_without_sound_and_starts_at_once(tmp_path: Path) -> None:
    source, out = sources.make("ntsc.mp4"), tmp_path / "out"
    loop = target(out, "loop", "preview-mp4", "loop.mp4", frame_rate=29.97, start=2, duration=1, width=160)

    OneProcess(tmp_path).run({"sources": [{"uri": source.as_uri()}], "targets": [loop]})

    show = [
        "-v",
        "error",
        "-show_entries",
        "stream=codec_name,profile,pix_fmt,avg_frame_rate,color_space",
        "-of",
        "json",
    ]
    streams = json.loads(judge._run(["ffprobe", *show, str(out / "loop.mp4")]))["streams"]
    assert [s["codec_name"] for s in streams] == ["h264"]
    assert (streams[0]["pix_fmt"], streams[0]["color_space"]) == ("yuv420p", "bt709")
    assert Fraction(streams[0]["avg_frame_rate"]) == pytest.approx(Fraction(2997, 100))
    data = (out / "loop.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_moments_cross_from_one_source_to_the_next(tmp_path: Path) -> None:
    first, second, out = sources.make("pal.mp4"), sources.make("vfr.mp4"), tmp_path / "out"
    a, b = Film.of(first), Film.of(second)
    parts = [{"uri": first.as_uri(), "start": 3.2, "duration": 2}, {"uri": second.as_uri(), "start": 5, "duration": 2}]
    preview = {"format": "mp4", "frame_rate": 10, "width": 256}
    targets = [
        target(out, "seam", "preview-gif", "seam.mp4", start=1.5, duration=1, **preview),
        target(out, "two", "preview-gif", "two.mp4", moments=[3, 0.5], duration=0.5, **preview),
    ]

    OneProcess(tmp_path).run({"sources": parts, "targets": targets})

    def shown(time: float) -> int:
        # At the seam the first source's last frame stays until the second one's first frame is due.
        due = min(t for t in b.times if t >= 5) - 3
        return a.shown(min(round(3.2 + time, 3), 5.19)) if time < due else b.shown(round(3 + time, 3))

    assert moving(out / "seam.mp4") == [shown(round(1.5 + i / 10, 3)) for i in range(10)]
    assert moving(out / "two.mp4") == [shown(round(s + i / 10, 3)) for s in (3, 0.5) for i in range(5)]


def test_palette_dithering_and_quality_change_the_bytes(tmp_path: Path) -> None:
    source = made(
        tmp_path / "ramp.mp4",
        "gradients=size=160x90:rate=10:duration=0.6:c0=red:c1=blue:x0=0:y0=0:x1=160:y1=90:nb_colors=2",
    )
    out = tmp_path / "out"
    targets = [
        target(out, "all", "preview-gif", "all.gif", start=0),
        target(out, "few", "preview-gif", "few.gif", start=0, colors=4, dither="none"),
        target(out, "even", "preview-gif", "even.gif", start=0, colors=4, dither="floyd_steinberg"),
        target(out, "low", "preview-webp", "low.webp", start=0, quality=5),
        target(out, "high", "preview-webp", "high.webp", start=0, quality=95),
        target(out, "small", "preview-avif", "small.avif", start=0, quality=5, long_edge=64),
        target(out, "clean", "preview-avif", "clean.avif", start=0, quality=95),
        target(out, "teaser", "teaser", "teaser.mp4", duration=0.1),
    ]

    OneProcess(tmp_path).run({"sources": [{"uri": source.as_uri()}], "targets": targets})

    def colours(name: str) -> int:
        data = decode(out / name, "rgb24", "-frames:v", "1")
        return len({data[at : at + 3] for at in range(0, len(data), 3)})

    assert colours("few.gif") <= 4 < colours("all.gif")
    assert (out / "few.gif").read_bytes() != (out / "even.gif").read_bytes()
    assert (out / "low.webp").stat().st_size < (out / "high.webp").stat().st_size
    assert (out / "small.avif").stat().st_size < (out / "clean.avif").stat().st_size
    assert size(out / "small.avif") == (64, 36)
    assert size(out / "teaser.mp4") == (160, 90)
