"""Watermarks, judged on decoded frames: where they are, how much they hide, and from which frame to which, across chunks."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.subtask import VideoChunkSpec
from tests.conftest import FfmpegBuild
from tests.media import judge
from tests.media.harness import OneProcess, SubtaskFailed

SIZE = (160, 90)
SECONDS, RATE = 9, 10
GREY = 128
HOSTILE = "50% off: it's \\a 'quote'; [x], %{pts} {n}\n\"second\", line=1"


def film(folder: Path) -> Path:
    """A grey film, long enough for two chunks."""
    path = folder / "grey.mp4"
    grey = f"color=0x808080:size={SIZE[0]}x{SIZE[1]}:rate={RATE}:duration={SECONDS},format=yuv420p"
    made = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "5", "-g", "20", str(path)]
    subprocess.run([judge.ffmpeg(), "-v", "error", "-y", "-f", "lavfi", "-i", grey, *made], check=True)
    return path


def image(path: Path, colour: str = "white", size: str = "40x20") -> Path:
    """An image of one colour."""
    graph = f"color={colour}:size={size},format=rgba"
    options = ["-frames:v", "1", "-c:v", path.suffix[1:], "-f", "image2pipe" if path.suffix == ".png" else "gif", "-"]
    path.write_bytes(judge._run([judge.ffmpeg(), "-v", "error", "-f", "lavfi", "-i", graph, *options]))
    return path


def luma(path: Path) -> list[bytes]:
    """The luma plane of every frame."""
    options = ["-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode", "passthrough", "-"]
    data = judge._run([judge.ffmpeg(), "-v", "error", "-i", str(path), *options])
    whole = SIZE[0] * SIZE[1]
    return [data[at : at + whole] for at in range(0, len(data), whole)]


def differs(frame: bytes, *, by: int = 30) -> tuple[int, int, int, int] | None:
    """The box (left, top, right, bottom; the latter two excluded) of what is not the film's grey; None: nothing."""
    spots = [(i % SIZE[0], i // SIZE[0]) for i, value in enumerate(frame) if abs(value - GREY) > by]
    if not spots:
        return None
    xs, ys = [x for x, _ in spots], [y for _, y in spots]
    return min(xs), min(ys), max(xs) + 1, max(ys) + 1


def run(
    ffmpeg: FfmpegBuild, folder: Path, source: Path, wishes: dict[str, list[dict[str, Any]]], **video: Any
) -> dict[str, list[bytes]]:
    """The frames of a film for each list of watermarks."""
    process = OneProcess(folder, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)
    quick = {"width": None, "height": None, "preset": "ultrafast", "crf": 5, "gop_seconds": 4}
    targets = [
        {
            "name": name,
            "template": "mp4-h264-360p",
            "uri": (folder / f"{name}.mp4").as_uri(),
            "overrides": {"audio": None, "video": quick | {"watermarks": marks} | video},
        }
        for name, marks in wishes.items()
    ]
    process.run({"sources": [{"uri": source.as_uri()}], "targets": targets})
    assert 2 <= len({s.spec.chunk for s in process.plan.subtasks if isinstance(s.spec, VideoChunkSpec)})
    return {name: luma(folder / f"{name}.mp4") for name in wishes}


def test_images_are_where_and_when_they_should_be(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    folder = tmp_path / "it's 100%d: [a], b=\\c;"  # everything in it means something to a filter graph
    folder.mkdir()
    logo = {"kind": "image", "uri": image(folder / "logo%d.png").as_uri()}
    wishes: dict[str, list[dict[str, Any]]] = {
        "corner": [logo | {"position": "top_left", "x": 10, "y": 6}],
        "timed": [logo | {"position": "bottom_right", "x": "5%", "y": "10%", "start": 3.05, "end": 6.2}],
        "sized": [logo | {"position": "center", "width": "50%"}],
        "stretched": [logo | {"position": "top", "x": -20, "width": 20, "height": "40%"}],
        "faint": [logo | {"position": "left", "opacity": 0.5, "width": 40}],
        "two": [
            logo | {"position": "bottom_left", "end": 2},
            {"kind": "image", "uri": image(folder / "b.gif", "black").as_uri(), "position": "bottom_left", "start": 2},
        ],
    }

    found = run(ffmpeg, folder, film(folder), wishes)

    assert {SECONDS * RATE} == {len(frames) for frames in found.values()}
    boxes = {name: [differs(frame) for frame in frames] for name, frames in found.items()}
    assert {(10, 6, 50, 26)} == set(boxes["corner"])
    assert {(40, 24, 120, 64)} == set(boxes["sized"])
    assert {(50, 0, 70, 36)} == set(boxes["stretched"])
    assert [None] * 31 + [(112, 60, 152, 80)] * 31 + [None] * 28 == boxes["timed"]
    faint = found["faint"][50][45 * SIZE[0] + 20]
    assert abs(faint - (GREY + 255) / 2) < 4
    assert [True] * 20 + [False] * 70 == [frame[80 * SIZE[0] + 20] > 200 for frame in found["two"]]
    assert {True} == {frame[80 * SIZE[0] + 20] < 40 for frame in found["two"][20:]}


def test_texts_are_taken_as_they_are(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    letters = {"kind": "text", "position": "bottom_left", "x": 4, "y": 4, "size": "20%"}
    wishes: dict[str, list[dict[str, Any]]] = {
        "plain": [letters | {"text": "50% off", "start": 3.05, "end": 6.2}],
        "hostile": [letters | {"text": HOSTILE, "size": 9}],
        "bold": [letters | {"text": "50% off", "bold": True, "color": "#000000"}],
        "framed": [letters | {"text": "50% off", "border_width": 3, "font": "mono"}],
        "outlined": [letters | {"text": "50% off", "color": "#000000", "border_width": 3, "border_color": "#ffffff"}],
        "serif": [letters | {"text": "50% off", "font": "serif", "opacity": 0.4}],
    }

    found = run(ffmpeg, tmp_path, film(tmp_path), wishes)

    visible = [differs(frame) is not None for frame in found["plain"]]
    assert [False] * 31 + [True] * 31 + [False] * 28 == visible
    box = differs(found["plain"][40])
    assert box is not None
    assert box[0] < 12
    assert box[1] > 55
    assert 10 < box[2] < SIZE[0]
    assert 80 < box[3] <= 87
    # Two lines of letters, with the percent sign and the quotes in them: nothing was expanded, nothing cut off.
    lines = differs(found["hostile"][0])
    assert lines is not None
    assert lines[2] - lines[0] > 120
    assert lines[3] - lines[1] > 14
    assert min(found["bold"][0]) < 40
    assert max(found["serif"][0]) < 200
    assert min(found["framed"][0]) < 60
    assert max(found["framed"][0]) > 200
    assert min(found["outlined"][0]) < 40
    assert max(found["outlined"][0]) > 200
    # The same in every chunk.
    for name in ("hostile", "bold", "framed", "serif"):
        assert 1 == len({differs(frame) for frame in found[name]}), name


def test_watermarks_follow_the_size_and_the_rate_of_their_rendition(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    logo = {"kind": "image", "uri": image(tmp_path / "logo.png").as_uri(), "position": "top_right", "width": "25%"}
    wishes = {"turned": [logo | {"start": 4, "end": 4.5}]}

    found = run(ffmpeg, tmp_path, film(tmp_path), wishes, width=160, height=90, resize="pad", rotate=90, frame_rate=20)

    # Upright now: 90 x 160 would be the frame; the box turns with it.
    frames = judge._run(
        [judge.ffmpeg(), "-v", "error", "-i", str(tmp_path / "turned.mp4"), "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    )
    shown = [max(frames[at : at + 90 * 20]) > 200 for at in range(0, len(frames), 90 * 160)]
    assert [False] * 80 + [True] * 10 + [False] * 90 == shown
    assert found


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"no image at all", "invalid_watermark"), (None, "source_not_found"), (b"", "source_empty")],
    ids=["text", "missing", "empty"],
)
def test_I7_an_image_that_cannot_be_used_is_said_so(content: bytes | None, code: str, tmp_path: Path) -> None:
    path = tmp_path / "logo.png"
    if content is not None:
        path.write_bytes(content)
    target = {
        "name": "x",
        "template": "mp4-h264-360p",
        "uri": (tmp_path / "x.mp4").as_uri(),
        "overrides": {"audio": None, "video": {"watermarks": [{"kind": "image", "uri": path.as_uri()}]}},
    }

    with pytest.raises(SubtaskFailed) as caught:
        OneProcess(tmp_path).run({"sources": [{"uri": film(tmp_path).as_uri()}], "targets": [target]})

    assert code == caught.value.error.code
    assert "watermark" in caught.value.error.message


@pytest.mark.parametrize("name", ["list.png", "list.txt"])
def test_I9_an_image_cannot_lead_to_other_files(name: str, tmp_path: Path) -> None:
    other = image(tmp_path / "secret.png")
    playlist = tmp_path / name
    playlist.write_text(f"ffconcat version 1.0\nfile '{other.name}'\n")
    target = {
        "name": "x",
        "template": "mp4-h264-360p",
        "uri": (tmp_path / "x.mp4").as_uri(),
        "overrides": {"audio": None, "video": {"watermarks": [{"kind": "image", "uri": playlist.as_uri()}]}},
    }

    with pytest.raises(SubtaskFailed) as caught:
        OneProcess(tmp_path).run({"sources": [{"uri": film(tmp_path).as_uri()}], "targets": [target]})

    assert "invalid_watermark" == caught.value.error.code
