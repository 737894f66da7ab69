"""Snapshots: the very frame or the nearest keyframe, in every format, of every kind of source; judged on decoded pictures."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from framefleet.domain.errors import SourceNoVideo
from tests.conftest import FfmpegBuild
from tests.media import sources
from tests.media.harness import OneProcess
from tests.media.stills_judge import Film, gray, made, media, rgb, size, target, times, truth
from tests.media.test_sources_made_clean import hdr

TIMES = [0, 0.039, 1.0, 7.77, 12.999, 25.99]


def codes(out: Path, pattern: str, count: int) -> list[int]:
    return [gray(out / pattern.format(i)).code() for i in range(1, count + 1)]


def test_every_format_shows_the_very_frame(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    source, out = sources.make("pal.mp4"), tmp_path / "out"
    film = Film.of(source)
    formats = ("jpg", "png", "webp", "avif")
    targets = [
        target(out, form, "snapshot", f"{form}_{{index}}.{form}", times=TIMES, format=form, width=320)
        for form in formats
    ]
    targets += [
        target(out, "percent", "snapshot", "percent_{index}.jpg", percentages=[0, 33.3, 100]),
        target(out, "every", "snapshot", "every_{index}.jpg", interval=5, start=2, start_number=0),
        target(out, "some", "snapshot", "some_{index}.jpg", interval=0.5, count=2, end=9),
        target(out, "even", "snapshot", "even_{index}.jpg", count=2, start=4, end=8),
        target(out, "keys", "snapshot", "keys_{index}.jpg", keyframes=True, end=20),
        target(out, "near", "snapshot", "near_{index}.jpg", interval=3, accurate=False),
    ]

    OneProcess(tmp_path, str(ffmpeg.ffmpeg)).run({"sources": [{"uri": source.as_uri()}], "targets": targets})

    for form in formats:
        assert codes(out, f"{form}_{{}}.{form}", len(TIMES)) == [film.shown(t) for t in TIMES], form
        assert size(out / f"{form}_1.{form}") == (320, 180)
    end = float(film.times[-1]) + 0.04
    assert codes(out, "percent_{}.jpg", 3) == [film.shown(t) for t in (0, end * 0.333, end)]
    assert gray(out / "every_0.jpg").code() == film.shown(2)
    assert codes(out, "every_{}.jpg", 4) == [film.shown(t) for t in (7, 12, 17, 22)]
    assert not (out / "every_5.jpg").exists()
    assert codes(out, "some_{}.jpg", 2) == [film.shown(t) for t in (0, 0.5)]
    assert codes(out, "even_{}.jpg", 2) == [film.shown(t) for t in (5, 7)]
    keyframes = [film.numbers[k] for k in film.keyframes if film.times[k] < 20]
    assert codes(out, "keys_{}.jpg", len(keyframes)) == keyframes
    assert not (out / f"keys_{len(keyframes) + 1}.jpg").exists()
    assert codes(out, "near_{}.jpg", 9) == [film.nearest_keyframe(t) for t in range(0, 26, 3)]


@pytest.mark.parametrize("name", ["vfr.mp4", "videolate.mp4", "offset.ts", "portrait.mov", "edit.mp4"])
def test_every_kind_of_source_shows_the_very_frame(name: str, tmp_path: Path) -> None:
    source, out = sources.make(name), tmp_path / "out"
    film = Film.of(source, portrait=name == "portrait.mov")
    times = [0, 0.52, 5.5, 13.37, 20.2]
    shots = target(out, "shots", "snapshot", "{index}.png", times=times, format="png")

    OneProcess(tmp_path).run({"sources": [{"uri": source.as_uri()}], "targets": [shots]})

    assert codes(out, "{}.png", len(times)) == [film.shown(t) for t in times]


def test_joined_and_trimmed_sources_have_one_timeline(tmp_path: Path) -> None:
    first, second, out = sources.make("pal.mp4"), sources.make("portrait.mov"), tmp_path / "out"
    upright = Film.of(second, portrait=True)
    film = Film.of(first)
    parts = [
        {"uri": first.as_uri(), "start": 3.3, "duration": 2.05},
        {"uri": second.as_uri(), "start": 10, "duration": 2},
        {"uri": first.as_uri(), "start": 20},
    ]
    targets = [
        target(out, "shots", "snapshot", "{index}.png", times=[0, 1.5, 2.04, 4.1, 9.5], format="png"),
        target(out, "upright", "snapshot", "upright.png", times=[2.1], format="png"),
    ]

    done = OneProcess(tmp_path).run({"sources": parts, "targets": targets})

    wanted = [film.shown(t) for t in (3.3 + 0.02, 4.8, 5.34, 20.05, 25.45)]
    assert codes(out, "{}.png", 5) == wanted
    # Its own strip is 16 of 640 lines; fitted into 640 x 360 it is 202 wide.
    picture = gray(out / "upright.png")
    assert (picture.width, picture.height) == (640, 360)
    row = [picture.data[4 * 640 + 219 + round(202 * (bit + 0.5) / 16)] > 127 for bit in range(16)]
    assert sum(1 << bit for bit, white in enumerate(row) if white) == upright.shown(10.05)
    assert times(done, "shots")[0] == pytest.approx(0.02)


def test_colours_are_right_in_every_format(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    tags = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
    graph = "color=0x20B040:size=1280x720:rate=5:duration=0.4,scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"
    tagged = made(tmp_path / "tagged.mp4", graph, *tags)
    silent = made(tmp_path / "silent.mkv", graph, codec=("-c:v", "ffv1"))
    small = made(
        tmp_path / "small.mp4",
        "color=0x20B040:size=320x180:rate=5:duration=0.4,scale=out_color_matrix=smpte170m:out_range=pc,format=yuvj420p",
    )
    one, out = OneProcess(tmp_path, str(ffmpeg.ffmpeg)), tmp_path / "out"
    bt709, bt601 = (0.2126, 0.0722), (0.299, 0.114)
    shown = {tagged: truth(tagged, *bt709), silent: truth(silent, *bt709), small: truth(small, *bt601, full=True)}
    for source, wanted in shown.items():
        targets = [
            target(
                out, form, "snapshot", f"{source.stem}.{form}", count=1, format=form, width=128, height=72, resize="pad"
            )
            for form in ("jpg", "png", "webp", "avif")
        ]
        targets.append(target(out, "gif", "preview-gif", f"{source.stem}.gif", start=0, width=128, dither="none"))
        one.run({"sources": [{"uri": source.as_uri()}], "targets": targets})
        for form in ("jpg", "png", "webp", "avif", "gif"):
            found = rgb(out / f"{source.stem}.{form}", 64, 36)
            assert all(abs(a - b) <= 5 for a, b in zip(found, wanted, strict=True)), (source, form, found, wanted)


def test_high_dynamic_range_becomes_standard(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    source, out = hdr(tmp_path / "hdr.mp4"), tmp_path / "out"
    targets = [target(out, form, "snapshot", f"shot.{form}", count=1, format=form) for form in ("jpg", "png", "avif")]

    OneProcess(tmp_path, str(ffmpeg.ffmpeg)).run({"sources": [{"uri": source.as_uri()}], "targets": targets})

    for form in ("jpg", "png", "avif"):
        patches = [rgb(out / f"shot.{form}", x, 40) for x in (60, 100, 140)]
        # Paper is bright grey, what glares nearly white, and neither has a colour.
        assert patches[0][1] + 10 < patches[1][1]
        assert 105 <= patches[1][1] <= 200
        assert patches[2][1] > 238
        assert all(max(p) - min(p) <= 6 for p in patches)


def test_a_picture_is_shaped_as_a_film_is(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    # Left red, right blue; pixels twice as wide as high.
    source = made(
        tmp_path / "wide.mp4",
        "color=red:size=80x90:rate=10:duration=0.5,pad=160:90:0:0:blue,setsar=2,format=yuv420p",
    )
    out = tmp_path / "out"
    targets = [
        target(out, "fit", "snapshot", "fit.png", count=1, format="png", long_edge=160),
        target(out, "exact", "snapshot", "exact.jpg", count=1, width=100, height=100, resize="exact"),
        target(out, "fill", "snapshot", "fill.jpg", count=1, width=64, height=64, resize="fill"),
        target(out, "pad", "snapshot", "pad.jpg", count=1, width=128, height=128, resize="pad", pad_color="#00ff00"),
        target(out, "big", "snapshot", "big.png", count=1, format="png", width=640, upscale=True),
        target(out, "turn", "snapshot", "turn.png", count=1, format="png", rotate=90, flip="vertical"),
        target(
            out,
            "crop",
            "snapshot",
            "crop.png",
            count=1,
            format="png",
            crop={"x": 160, "y": 0, "width": 160, "height": 90},
        ),
    ]

    OneProcess(tmp_path, str(ffmpeg.ffmpeg)).run({"sources": [{"uri": source.as_uri()}], "targets": targets})

    sizes = {path.stem: size(path) for path in out.iterdir()}
    assert sizes == {
        "fit": (160, 44),
        "exact": (90, 90),
        "fill": (64, 64),
        "pad": (128, 128),
        "big": (640, 180),
        "turn": (90, 320),
        "crop": (160, 90),
    }
    assert _near(rgb(out / "pad.jpg", 64, 4), (0, 255, 0))
    assert _near(rgb(out / "pad.jpg", 20, 64), (255, 0, 0))
    assert _near(rgb(out / "fill.jpg", 8, 32), (255, 0, 0))
    assert _near(rgb(out / "fill.jpg", 56, 32), (0, 0, 255))
    assert _near(rgb(out / "turn.png", 45, 20), (0, 0, 255))
    assert _near(rgb(out / "crop.png", 20, 45), (0, 0, 255))


def _near(found: tuple[int, int, int], wanted: tuple[int, int, int]) -> bool:
    return all(abs(a - b) <= 12 for a, b in zip(found, wanted, strict=True))


def test_quality_changes_the_bytes(tmp_path: Path) -> None:
    source, out = sources.make("pal.mp4"), tmp_path / "out"
    forms = ("jpg", "webp", "avif")
    targets = [
        target(out, f"{form}-{q}", "snapshot", f"{q}.{form}", count=1, width=160, format=form, quality=q)
        for form in forms
        for q in (20, 90)
    ]

    OneProcess(tmp_path).run({"sources": [{"uri": source.as_uri()}], "targets": targets})

    for form in forms:
        assert (out / f"20.{form}").stat().st_size * 2 < (out / f"90.{form}").stat().st_size


def test_fields_become_a_frame(tmp_path: Path) -> None:
    # A bar that moves 16 pixels between two fields leaves a comb of lines where it was.
    source = made(
        tmp_path / "fields.mp4",
        "color=black:size=320x180:rate=50:duration=1,geq=lum='if(between(X-mod(N*16\\,240)\\,0\\,40)\\,235\\,16)':cb=128:cr=128,"
        "tinterlace=interleave_top,setfield=tff,format=yuv420p",
        "-flags",
        "+ilme+ildct",
        "-x264-params",
        "tff=1",
    )
    out = tmp_path / "out"
    targets = [
        target(out, "whole", "snapshot", "whole.png", times=[0.52], format="png"),
        target(out, "combed", "snapshot", "combed.png", times=[0.52], format="png", deinterlace="off"),
    ]

    OneProcess(tmp_path).run({"sources": [{"uri": source.as_uri()}], "targets": targets})

    def comb(name: str) -> int:
        picture = gray(out / name)
        rows = [picture.data[y * picture.width : (y + 1) * picture.width] for y in range(40, 140)]
        return sum(abs(a - b) > 60 for up, down in pairwise(rows) for a, b in zip(up, down, strict=True))

    assert comb("combed.png") > 1000
    assert comb("whole.png") < comb("combed.png") / 20


def test_films_of_one_frame_and_of_a_tenth_of_a_second(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    graph = "testsrc2=size=160x90:rate=30"
    for name, frames in (("one.mp4", 1), ("tenth.mp4", 3)):
        source, out = made(tmp_path / name, graph, "-frames:v", str(frames)), tmp_path / name.removesuffix(".mp4")
        targets = [
            target(out, "shots", "snapshot", "shot_{index}.jpg"),
            target(out, "keys", "snapshot", "key_{index}.png", accurate=False, percentages=[0, 100], format="png"),
            target(out, "sprite", "sprite", "sprite.jpg", maps=["vtt", "json"]),
            target(out, "gif", "preview-gif", "p.gif"),
            target(out, "webp", "preview-webp", "p.webp", count=2),
            target(out, "mp4", "preview-webp", "p.mp4", format="mp4", frame_rate=30),
        ]

        done = OneProcess(tmp_path / f"w{frames}", str(ffmpeg.ffmpeg)).run(
            {"sources": [{"uri": source.as_uri()}], "targets": targets}
        )

        assert len(done["shots"].files) == 3
        assert size(out / "sprite.jpg") == (160, 90)
        assert media(done, "sprite")["tiles"] == 1
        assert media(done, "mp4")["frames"] == frames
        text = (out / "sprite.vtt").read_text()
        assert f"00:00:00.000 --> 00:00:00.{round(1000 * frames / 30):03d}\nsprite.jpg#xywh=0,0,160,90" in text


def test_sound_alone_has_no_pictures(tmp_path: Path) -> None:
    source = tmp_path / "sound.m4a"
    made(source, "sine=duration=1", codec=("-c:a", "aac"))

    with pytest.raises(SourceNoVideo) as caught:
        OneProcess(tmp_path).run(
            {"sources": [{"uri": source.as_uri()}], "targets": [target(tmp_path, "s", "snapshot", "{index}.jpg")]}
        )

    assert caught.value.field == "sources[0].uri"
