"""The small picture of a source that a dry run takes, by the real FFmpeg."""

from __future__ import annotations

import base64
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from framefleet.domain.media_info import VideoStream
from framefleet.domain.records import ProbeOutput
from framefleet.domain.task import DryRun, accept, parse_request, utc_now
from framefleet.media.frame import frame_size
from framefleet_scheduler.plan import probe_subtasks
from tests.media.harness import OneProcess, request
from tests.media.judge import ffmpeg

PICTURE = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=3"]
HDR = ["-color_range", "tv", "-colorspace", "bt2020nc", "-color_trc", "smpte2084", "-color_primaries", "bt2020"]


def clip(folder: Path, name: str, *arguments: str) -> Path:
    path = folder / name
    subprocess.run([ffmpeg(), "-v", "error", *arguments, str(path)], check=True)
    return path


def picture(tmp_path: Path, source: Path, *, reuse: bool = False) -> bytes | None:
    """What the probe of a dry run takes of a source."""
    cluster = OneProcess(tmp_path / "cluster", reuse=reuse)
    task = accept(parse_request(request(source, tmp_path, "remux-mp4")), now=utc_now())
    task = task.model_copy(update={"dry": DryRun(what="probe", frame=True)})
    cluster.store.create(f"tasks/{task.id}/request.json", task.model_dump_json().encode())
    (probe,) = probe_subtasks(task)
    output = cluster._do(task, probe).output
    assert isinstance(output, ProbeOutput)
    return None if output.frame is None else base64.b64decode(output.frame)


def size(jpeg: bytes) -> tuple[int, int]:
    """Width and height, from the frame header."""
    assert jpeg.startswith(b"\xff\xd8")
    at = 2
    while True:
        marker, length = struct.unpack(">HH", jpeg[at : at + 4])
        if marker in {0xFFC0, 0xFFC2}:
            height, width = struct.unpack(">HH", jpeg[at + 5 : at + 9])
            return width, height
        at += 2 + length


def test_a_picture_is_small_and_keeps_its_shape(tmp_path: Path) -> None:
    jpeg = picture(tmp_path, clip(tmp_path, "a.mp4", *PICTURE, "-c:v", "libx264", "-preset", "ultrafast"))

    assert jpeg is not None
    assert size(jpeg) == (640, 360)
    assert len(jpeg) < 100_000


def test_a_source_in_high_dynamic_range_has_a_picture(tmp_path: Path) -> None:
    coded = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-pix_fmt", "yuv420p10le"]

    jpeg = picture(tmp_path, clip(tmp_path, "h.mp4", *PICTURE, "-t", "1", *coded, *HDR))

    assert jpeg is not None
    assert size(jpeg) == (640, 360)


def test_sound_alone_is_probed_without_a_picture(tmp_path: Path) -> None:
    assert picture(tmp_path, clip(tmp_path, "s.wav", "-f", "lavfi", "-i", "sine=440:duration=1")) is None


def test_a_probe_that_is_known_already_gets_a_picture_all_the_same(tmp_path: Path) -> None:
    source = clip(tmp_path, "a.mp4", *PICTURE, "-c:v", "libx264", "-preset", "ultrafast")

    assert picture(tmp_path, source, reuse=True) is not None
    assert picture(tmp_path, source, reuse=True) is not None


@pytest.mark.parametrize(
    ("coded", "rotation", "aspect", "shown"),
    [
        ((1920, 1080), 0, "1", (640, 360)),
        ((320, 180), 0, "1", (320, 180)),
        ((1080, 1920), 0, "1", (640, 1138)),
        ((1920, 1080), 90, "1", (640, 1138)),
        ((720, 576), 0, "64/45", (640, 360)),
        ((2, 4000), 0, "1", (2, 2560)),
    ],
)
def test_the_size_of_a_picture(coded: tuple[int, int], rotation: int, aspect: str, shown: tuple[int, int]) -> None:
    width, height = coded
    video = VideoStream(
        index=0,
        codec="h264",
        width=width,
        height=height,
        rotation=rotation,
        sample_aspect=Fraction(aspect),
        time_base=Fraction(1, 25),
    )

    assert frame_size(video, 640) == shown
