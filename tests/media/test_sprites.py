"""Contact sheets: each tile is the frame of its time, where the maps say; judged on decoded sheets."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.conftest import FfmpegBuild
from tests.media import sources
from tests.media.harness import OneProcess
from tests.media.stills_judge import Film, gray, made, media, rgb, size, target


def cues(path: Path) -> list[tuple[float, float, str, tuple[int, int, int, int]]]:
    """(start, end, sheet, (x, y, width, height)) of a map's cues."""
    found = re.findall(r"(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)\n", path.read_text() + "\n")
    return [(_seconds(a), _seconds(b), s, (int(x), int(y), int(w), int(h))) for a, b, s, x, y, w, h in found]


def _seconds(stamp: str) -> float:
    hours, minutes, seconds = stamp.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def codes(map_: Path) -> list[int]:
    """The frame number each cue leads to."""
    found = cues(map_)
    sheets = {name: gray(map_.parent / name) for name in dict.fromkeys(c[2] for c in found)}
    return [sheets[sheet].code(*place) for _, _, sheet, place in found]


def test_each_tile_is_the_frame_of_its_time(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    source, out = sources.make("pal.mp4"), tmp_path / "out"
    film = Film.of(source)
    sheets = {"columns": 4, "rows": 3, "width": 192}
    targets = [
        target(
            out, "every", "sprite", "every_{index}.jpg", interval=1, padding=4, margin=6, background="#ff0000", **sheets
        ),
        target(out, "zero", "sprite", "zero_{index}.jpg", interval=2, map_name="tiles of it", start_number=0, **sheets),
        target(out, "count", "sprite", "count_{index:02d}.webp", count=14, format="webp", accurate=True, **sheets),
        target(
            out, "near", "sprite", "near.png", count=7, format="png", accurate=False, maps=["json", "vtt"], **sheets
        ),
        target(out, "dense", "sprite", "dense.avif", count=5, format="avif", columns=5, long_edge=192),
    ]

    done = OneProcess(tmp_path, str(ffmpeg.ffmpeg)).run({"sources": [{"uri": source.as_uri()}], "targets": targets})

    index = json.loads((out / "near.json").read_text())
    end = index["duration"]
    assert end == pytest.approx(26, abs=0.03)
    every = cues(out / "every.vtt")
    assert [c[0] for c in every] == list(range(len(every)))
    assert every[-1][1] == pytest.approx(end, abs=0.001)
    assert codes(out / "every.vtt") == [film.shown(t) for t in range(len(every))]
    assert size(out / "every_1.jpg") == size(out / "every_3.jpg") == (4 * 192 + 3 * 4 + 12, 3 * 108 + 2 * 4 + 12)
    assert every[5][3] == (6 + 196, 6 + 112, 192, 108)
    for x, y in ((2, 2), (6 + 194, 60)):
        assert all(abs(a - b) < 40 for a, b in zip(rgb(out / "every_1.jpg", x, y), (255, 0, 0), strict=True))
    # Places without a tile have the colour too.
    assert all(abs(a - b) < 12 for a, b in zip(rgb(out / "every_3.jpg", 700, 280), (255, 0, 0), strict=True))
    assert codes(out / "count.vtt") == [film.shown(end * i / 14) for i in range(14)]
    assert codes(out / "tiles of it.vtt") == [film.shown(2 * t) for t in range(13)]
    assert {c[2] for c in cues(out / "tiles of it.vtt")} == {"zero_0.jpg", "zero_1.jpg"}
    assert {c[2] for c in cues(out / "count.vtt")} == {"count_01.webp", "count_02.webp"}
    assert codes(out / "near.vtt") == [film.nearest_keyframe(end * i / 7) for i in range(7)]
    assert media(done, "near")["keyframes"] is True
    assert media(done, "count")["keyframes"] is False
    assert media(done, "dense")["keyframes"] is True
    assert size(out / "dense.avif") == (5 * 192, 108)
    assert index["sheets"] == ["near.png"]
    assert index["sheet"] == {"width": 768, "height": 216, "columns": 4, "rows": 2}
    tile = index["tile"]
    places = [(t["x"], t["y"], tile["width"], tile["height"]) for t in index["tiles"]]
    assert places == [c[3] for c in cues(out / "near.vtt")]
    assert index["tiles"][-1]["end"] == index["duration"]


@pytest.mark.parametrize("name", ["vfr.mp4", "offset.ts"])
def test_tiles_of_odd_sources_are_right(name: str, tmp_path: Path) -> None:
    source, out = sources.make(name), tmp_path / "out"
    film = Film.of(source)
    targets = [
        target(out, "very", "sprite", "very.png", interval=2, accurate=True, columns=13, format="png", width=128),
        target(out, "near", "sprite", "near.png", interval=2, accurate=False, columns=13, format="png", width=128),
    ]

    OneProcess(tmp_path).run({"sources": [{"uri": source.as_uri()}], "targets": targets})

    very = codes(out / "very.vtt")
    assert very == [film.shown(2 * i) for i in range(len(very))]
    assert codes(out / "near.vtt") == [film.nearest_keyframe(2 * i) for i in range(len(very))]


def test_tiles_of_joined_and_trimmed_sources_follow_one_timeline(tmp_path: Path) -> None:
    first, second, out = sources.make("pal.mp4"), sources.make("film.mkv"), tmp_path / "out"
    a, b = Film.of(first), Film.of(second)
    parts = [
        {"uri": first.as_uri(), "start": 3.3, "duration": 2.05},
        {"uri": second.as_uri(), "start": 10, "duration": 2},
    ]
    tiles = target(out, "tiles", "sprite", "tiles.png", interval=0.5, columns=4, format="png", width=128)

    OneProcess(tmp_path).run({"sources": parts, "targets": [tiles]})

    wanted = [a.shown(max(3.32, 3.3 + t)) for t in (0, 0.5, 1, 1.5, 2)] + [
        b.shown(10 + t - 2.05) for t in (2.5, 3, 3.5, 4)
    ]
    assert codes(out / "tiles.vtt") == wanted
    assert cues(out / "tiles.vtt")[-1][1] == pytest.approx(4.05)


def test_a_sheet_that_is_not_filled_is_as_small_as_its_tiles(tmp_path: Path) -> None:
    source = made(tmp_path / "short.mp4", "testsrc2=size=90x160:rate=10:duration=2.5")
    out = tmp_path / "out"
    targets = [
        target(out, "row", "sprite", "row.jpg", width=64),
        target(out, "box", "sprite", "box.jpg", width=64, height=64, resize="pad", interval=0.2, columns=5),
    ]

    OneProcess(tmp_path).run({"sources": [{"uri": source.as_uri()}], "targets": targets})

    # An upright picture turns the bound: 64 is its height then.
    assert size(out / "row.jpg") == (3 * 36, 64)
    assert size(out / "box.jpg") == (5 * 64, 3 * 64)
    assert len(cues(out / "box.vtt")) == 13
