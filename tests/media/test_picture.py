"""Size, crop and turns of the picture, judged on decoded pixels, with both FFmpegs."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FfmpegBuild
from tests.media import judge
from tests.media.harness import OneProcess

COLOURS = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255), "white": (255, 255, 255), "black": (0, 0, 0)}
QUICK = {"preset": "ultrafast", "crf": 10, "gop_seconds": 1}


@dataclass(frozen=True)
class Picture:
    """A decoded frame."""

    width: int
    height: int
    data: bytes

    def at(self, x: float, y: float) -> str:
        """The nearest named colour at a place given as fractions of the size."""
        place = 3 * (int(y * self.height) * self.width + int(x * self.width))
        found = self.data[place : place + 3]
        return min(COLOURS, key=lambda n: sum((a - b) ** 2 for a, b in zip(COLOURS[n], found, strict=True)))

    @property
    def corners(self) -> str:
        """Colours a tenth inside the corners: upper left, upper right, lower left, lower right."""
        return " ".join(self.at(x, y) for y in (0.1, 0.9) for x in (0.1, 0.9))


def picture(path: Path, *, frame: int = 0) -> Picture:
    """A frame of a film."""
    entries = ["-select_streams", "v", "-show_entries", "stream=width,height,sample_aspect_ratio", "-of", "csv=p=0"]
    width, height, aspect = judge._run(["ffprobe", "-v", "error", *entries, str(path)]).decode().strip().split(",")
    assert "1:1" == aspect
    select = ["-vf", f"select=eq(n\\,{frame})", "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    data = judge._run([judge.ffmpeg(), "-v", "error", "-i", str(path), *select])
    return Picture(int(width), int(height), data)


def quarters(path: Path, width: int, height: int, *options: str, seconds: int = 2) -> Path:
    """A film of four quarters: red, green, blue, white."""
    w, h = width // 2, height // 2
    colours = [f"color={c}:size={w}x{h}:rate=10:duration={seconds}[{c}]" for c in ("red", "green", "blue", "white")]
    graph = ";".join(colours) + ";[red][green][blue][white]xstack=inputs=4:layout=0_0|w0_0|0_h0|w0_h0,format=yuv420p"
    made = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "5", *options, str(path)]
    subprocess.run([judge.ffmpeg(), "-v", "error", "-y", "-lavfi", graph, *made], check=True)
    return path


def outputs(
    ffmpeg: FfmpegBuild, folder: Path, source: Path | list[Path], wishes: dict[str, dict[str, Any]], **more: Any
) -> dict[str, Path]:
    """Every wish as a file of its own, made by one task in one decode."""
    process = OneProcess(folder, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None, slots=2)
    sources = source if isinstance(source, list) else [source]
    paths = {name: folder / f"out/{name}.mp4" for name in wishes}
    targets = [
        {
            "name": name,
            "template": "mp4-h264-360p",
            "uri": paths[name].as_uri(),
            "overrides": {"audio": None, "video": {"width": None, "height": None} | QUICK | wish},
        }
        for name, wish in wishes.items()
    ]
    process.run({"sources": [{"uri": s.as_uri()} for s in sources], "targets": targets} | more)
    return paths


BOX = {"width": 160, "height": 90}
PLAIN = "red green blue white"
WISHES: dict[str, tuple[dict[str, Any], tuple[int, int], str]] = {
    "as-it-is": ({}, (240, 180), PLAIN),
    "fit": (BOX, (120, 90), PLAIN),
    "long-edge": ({"long_edge": 120}, (120, 90), PLAIN),
    "short-edge": ({"short_edge": 60}, (80, 60), PLAIN),
    "exact": (BOX | {"resize": "exact"}, (160, 90), PLAIN),
    "fill": (BOX | {"resize": "fill"}, (160, 90), PLAIN),
    "pad": (BOX | {"resize": "pad"}, (160, 90), "black black black black"),
    "pad-small": (
        {"width": 320, "height": 240, "resize": "pad", "pad_color": "#ffffff"},
        (320, 240),
        "white white white white",
    ),
    "upscale": ({"width": 480, "height": 360, "upscale": True}, (480, 360), PLAIN),
    "turned": ({"rotate": 90}, (180, 240), "blue red white green"),
    "upside-down": ({"rotate": 180}, (240, 180), "white blue green red"),
    "mirror": ({"flip": "horizontal"}, (240, 180), "green red white blue"),
    "flip": ({"flip": "vertical"}, (240, 180), "blue white red green"),
    "turn-and-mirror": ({"rotate": 90, "flip": "horizontal"}, (180, 240), "red blue green white"),
    "crop": ({"crop": {"x": 121, "y": 91, "width": 101, "height": 81}}, (100, 80), "white white white white"),
    "crop-across": ({"crop": {"x": 90, "y": 0, "width": 60, "height": 60}}, (60, 60), "red green red green"),
    "crop-then-turn": (
        {"crop": {"x": 90, "y": 60, "width": 80, "height": 60}, "rotate": 90},
        (60, 80),
        "blue red white green",
    ),
}


def test_every_size_crop_and_turn(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    source = quarters(tmp_path / "quarters.mp4", 240, 180)

    made = outputs(ffmpeg, tmp_path, source, {name: wish for name, (wish, _, _) in WISHES.items()})

    found = {name: picture(path, frame=15) for name, path in made.items()}
    assert {n: (size, corners) for n, (_, size, corners) in WISHES.items()} == {
        n: ((p.width, p.height), p.corners) for n, p in found.items()
    }
    # What pad keeps is the whole picture, what fill keeps is its middle.
    assert "red" == found["pad"].at(0.2, 0.1)
    assert "white" == found["pad-small"].at(0.3, 0.9)
    assert ("red", "white") == (found["pad-small"].at(0.2, 0.2), found["pad-small"].at(0.75, 0.75))


@pytest.mark.parametrize(
    ("options", "shown"),
    [(("-vf", "setsar=4/3"), (320, 180)), (("-vf", "setsar=1/2"), (120, 180))],
    ids=["wide", "narrow"],
)
def test_pixels_that_are_not_square_become_so(
    options: tuple[str, ...], shown: tuple[int, int], ffmpeg: FfmpegBuild, tmp_path: Path
) -> None:
    source = tmp_path / "anamorphic.mp4"
    plain = quarters(tmp_path / "plain.mp4", 240, 180)
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "5", str(source)]
    judge._run([judge.ffmpeg(), "-v", "error", "-i", str(plain), *options, *encode])
    half = shown[0] // 2
    crop = {"x": half - 20, "y": 70, "width": 40, "height": 40}

    made = outputs(ffmpeg, tmp_path, source, {"whole": {}, "middle": {"crop": crop}})

    whole, middle = picture(made["whole"]), picture(made["middle"])
    assert (shown, PLAIN) == ((whole.width, whole.height), whole.corners)
    assert ((40, 40), PLAIN) == ((middle.width, middle.height), middle.corners)


def test_what_a_phone_recorded_lying_down_is_turned_first(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    plain = quarters(tmp_path / "plain.mp4", 240, 180)
    source = tmp_path / "phone.mov"
    judge._run(
        [judge.ffmpeg(), "-v", "error", "-i", str(plain), "-c", "copy", "-metadata:s:v:0", "rotate=90", str(source)]
    )
    wishes: dict[str, dict[str, Any]] = {
        "shown": {},
        "box": BOX,
        "flat-box": BOX | {"turn_box": False},
        "back": {"rotate": 90},
        "crop": {"crop": {"x": 60, "y": 90, "width": 60, "height": 60}},
    }

    made = outputs(ffmpeg, tmp_path, source, wishes)

    found = {name: picture(path) for name, path in made.items()}
    assert {
        "shown": (180, 240, "green white red blue"),
        "box": (90, 120, "green white red blue"),
        "flat-box": (68, 90, "green white red blue"),
        "back": (240, 180, PLAIN),
        "crop": (60, 60, "green white red blue"),
    } == {n: (p.width, p.height, p.corners) for n, p in found.items()}


def test_sources_of_different_shape_are_cropped_alike(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    sources = [quarters(tmp_path / "a.mp4", 240, 180), quarters(tmp_path / "b.mp4", 320, 240)]

    made = outputs(ffmpeg, tmp_path, sources, {"middle": {"crop": {"x": 90, "y": 60, "width": 60, "height": 60}}})

    assert [PLAIN, PLAIN] == [picture(made["middle"], frame=n).corners for n in (0, 30)]
