"""Fields, high dynamic range and foreign logos: judged on decoded pictures; and nothing depends on where a film is cut."""

from __future__ import annotations

import hashlib
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from framefleet.domain.subtask import VideoChunkSpec
from framefleet.media.chunk import WITNESS, chunk_command
from framefleet.media.overlays import shown_assets
from tests.conftest import FfmpegBuild
from tests.media import judge
from tests.media.harness import OneProcess

SIZE = (160, 96)
QUICK = {"width": None, "height": None, "preset": "ultrafast", "crf": 5}
MOVING = f"testsrc2=size={SIZE[0]}x{SIZE[1]}:rate=50:duration=9,noise=alls=6:allf=t:all_seed=2"


def make(path: Path, graph: str, *options: str) -> Path:
    subprocess.run([judge.ffmpeg(), "-v", "error", "-y", "-f", "lavfi", "-i", graph, *options, str(path)], check=True)
    return path


def interlaced(path: Path) -> Path:
    """25 interlaced frames/s, upper field first, flagged as such."""
    x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", "-g", "30", "-flags", "+ilme+ildct"]
    return make(path, f"{MOVING},tinterlace=interleave_top,fieldorder=tff", *x264, "-pix_fmt", "yuv420p")


def process(ffmpeg: FfmpegBuild, folder: Path, slots: int = 16) -> OneProcess:
    return OneProcess(folder, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None, slots=slots)


def request(
    source: Path, folder: Path, wishes: dict[str, dict[str, Any]], template: str = "mp4-h264-360p"
) -> dict[str, Any]:
    targets = [
        {
            "name": name,
            "template": template,
            "uri": (folder / f"{name}.mp4").as_uri(),
            "overrides": {"audio": None, "video": QUICK | wish},
        }
        for name, wish in wishes.items()
    ]
    return {"sources": [{"uri": source.as_uri()}], "targets": targets}


def luma(path: Path, frames: int = 40) -> list[bytes]:
    options = ["-frames:v", str(frames), "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    data = judge._run([judge.ffmpeg(), "-v", "error", "-i", str(path), *options])
    whole = SIZE[0] * SIZE[1]
    return [data[at : at + whole] for at in range(0, len(data), whole)]


def combing(frame: bytes) -> float:
    """How much lines differ from both their neighbours, on average."""
    rows = [frame[at : at + SIZE[0]] for at in range(0, len(frame), SIZE[0])]
    total = 0
    for above, row, below in zip(rows, rows[1:], rows[2:], strict=False):
        total += sum(1 for a, b, c in zip(above, row, below, strict=True) if (b - a) * (b - c) > 400)
    return total / len(frame)


def test_fields_become_frames(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    source = interlaced(tmp_path / "tff.mp4")

    process(ffmpeg, tmp_path).run(request(source, tmp_path, {"auto": {}, "off": {"deinterlace": "off"}}))

    auto, off = luma(tmp_path / "auto.mp4"), luma(tmp_path / "off.mp4")
    assert len(auto) == len(off)
    assert sum(map(combing, auto)) * 3 < sum(map(combing, off))


def test_progressive_films_are_left_alone_but_when_asked(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    source = make(tmp_path / "p.mp4", MOVING, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    alone = process(ffmpeg, tmp_path).plan_of(request(source, tmp_path, {"x": {}}))
    asked = process(ffmpeg, tmp_path).plan_of(request(source, tmp_path, {"x": {"deinterlace": "on"}}))

    assert {None} == {
        p.deinterlace for s in alone.subtasks if isinstance(s.spec, VideoChunkSpec) for p in s.spec.pieces
    }
    assert {"all"} == {
        p.deinterlace for s in asked.subtasks if isinstance(s.spec, VideoChunkSpec) for p in s.spec.pieces
    }


def test_noise_goes(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    clean = f"mandelbrot=size={SIZE[0]}x{SIZE[1]}:rate=10,trim=duration=2"
    lossless = ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-pix_fmt", "yuv420p"]
    source = make(tmp_path / "noisy.mp4", f"{clean},format=yuv420p,noise=alls=8:allf=t:all_seed=3", *lossless)
    truth = luma(make(tmp_path / "clean.mp4", f"{clean},format=yuv420p", *lossless), 20)
    strengths = ("off", "light", "medium", "strong")

    process(ffmpeg, tmp_path).run(request(source, tmp_path, {s: {"denoise": s} for s in strengths}))

    off, light, medium, strong = (error(luma(tmp_path / f"{s}.mp4", 20), truth) for s in strengths)
    assert off > light > medium > strong
    assert strong < off * 0.6


def error(frames: list[bytes], truth: list[bytes]) -> float:
    """Mean square of the difference, in levels."""
    assert len(frames) == len(truth)
    pairs = [(a, b) for frame, true in zip(frames, truth, strict=True) for a, b in zip(frame, true, strict=True)]
    return sum((a - b) ** 2 for a, b in pairs) / len(pairs)


def test_a_logo_disappears_for_the_asked_time(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    graph = (
        f"color=0x808080:size={SIZE[0]}x{SIZE[1]}:rate=10:duration=9,drawbox=x=100:y=10:w=40:h=20:color=white:t=fill"
    )
    source = make(tmp_path / "logo.mp4", graph, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "5", "-g", "20")
    box = {"x": 96, "y": 6, "width": 48, "height": 28}
    corner = {"x": 80, "y": 0, "width": 80, "height": 40}

    process(ffmpeg, tmp_path).run(
        request(source, tmp_path, {"timed": {"delogo": [box | {"start": 2, "end": 5}]}, "edge": {"delogo": [corner]}})
    )

    there = [frame[20 * SIZE[0] + 120] > 200 for frame in luma(tmp_path / "timed.mp4", 90)]
    assert [True] * 20 + [False] * 30 + [True] * 40 == there
    assert not [1 for frame in luma(tmp_path / "edge.mp4", 90) if frame[20 * SIZE[0] + 120] > 200]


PQ = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
TAGS = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc", "-color_range", "tv"]


def hdr(path: Path) -> Path:
    """Four grey patches of 1, 10, 100 and 1000 cd/m2 in PQ."""
    levels = [round(64 + 876 * v) for v in (0.1499, 0.3006, 0.5081, 0.7518)]
    value = "+".join(f"{level}*eq(floor(X/40)\\,{i})" for i, level in enumerate(levels))
    graph = (
        f"color=black:size={SIZE[0]}x{SIZE[1]}:rate=10:duration=2,format=yuv420p10le,geq=lum='{value}':cb=512:cr=512"
    )
    x265 = ["-c:v", "libx265", "-preset", "ultrafast", "-crf", "5", "-x265-params", f"log-level=error:{PQ}"]
    return make(path, graph, *x265, "-tag:v", "hvc1", *TAGS)


def colours(path: Path) -> str:
    entries = ["-select_streams", "v", "-show_entries", "stream=color_space,color_transfer,color_primaries"]
    return judge._run(["ffprobe", "-v", "error", *entries, "-of", "csv=p=0", str(path)]).decode().strip()


def test_high_dynamic_range_becomes_standard(ffmpeg: FfmpegBuild, tmp_path: Path) -> None:
    source = hdr(tmp_path / "hdr.mp4")

    process(ffmpeg, tmp_path).run(request(source, tmp_path, {"auto": {}, "ten": {"codec": "hevc", "bit_depth": 10}}))

    frame = luma(tmp_path / "auto.mp4", 1)[0]
    patches = [frame[40 * SIZE[0] + x] for x in (20, 60, 100, 140)]
    assert "bt709,bt709,bt709" == colours(tmp_path / "auto.mp4")
    assert all(a + 10 < b for a, b in pairwise(patches))
    # What paper reflects is bright grey, what glares is nearly white; without mapping 100 cd/m2 would be a dull 130.
    assert 110 <= patches[2] <= 200
    assert patches[3] > 240
    assert "smpte2084" in colours(tmp_path / "ten.mp4")


def pictures(ffmpeg: FfmpegBuild, spec: VideoChunkSpec, source: Path, assets: dict[str, str]) -> list[str]:
    """Times and digests of the pictures a chunk hands to its encoder."""
    args = chunk_command(spec, {0: str(source)}, {"v1": "-", WITNESS: "/dev/null"}, assets=assets).args
    maps = [i for i, arg in enumerate(args) if arg == "-map"]
    raw = ["-c:v", "rawvideo", "-fps_mode", "passthrough", "-enc_time_base", f"1/{spec.scale}", "-f", "framemd5", "-"]
    command = [str(ffmpeg.ffmpeg), *args[: maps[0]]]
    for start, end in zip(maps, [*maps[1:], len(args)], strict=True):
        witness = "framecrc" in args[start:end]
        command += [*args[start : start + 2], *(["-f", "null", "-"] if witness else raw)]
    command[command.index("-progress") : command.index("-progress") + 2] = []
    lines = judge._run(command).decode().splitlines()
    return [f"{line.split(',')[2].strip()} {line.split(',')[-1].strip()}" for line in lines if not line.startswith("#")]


EVERYTHING = {
    "delogo": [{"x": 100, "y": 10, "width": 30, "height": 20, "start": 3.9, "end": 6}],
    "crop": {"x": 10, "y": 4, "width": 140, "height": 84},
    "watermarks": [
        {"kind": "text", "text": "x", "start": 1, "end": 7.7},
        {"kind": "image", "uri": "file:///logo.png", "position": "left", "start": 4, "opacity": 0.5, "width": "20%"},
    ],
    "flip": "horizontal",
}


@pytest.mark.parametrize(
    "more",
    [{}, {"frame_rate": "30000/1001"}, {"deinterlace": "on"}, {"deinterlace": "on", "denoise": "strong"}],
    ids=["kept", "rate", "all", "denoised"],
)
def test_I1_no_picture_depends_on_where_the_film_is_cut(
    more: dict[str, Any], ffmpeg: FfmpegBuild, tmp_path: Path
) -> None:
    source = interlaced(tmp_path / "tff.mp4")
    logo = make(tmp_path / "logo.png", "testsrc2=size=32x32", "-frames:v", "1")
    (tmp_path / "text.txt").write_text("seam")
    asked = request(source, tmp_path, {"x": EVERYTHING | more | {"gop_seconds": 4}})
    plans = [process(ffmpeg, tmp_path / str(slots), slots).plan_of(asked) for slots in (16, 1)]
    many, one = ([s.spec for s in plan.subtasks if isinstance(s.spec, VideoChunkSpec)] for plan in plans)
    font = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
    files = {"text": str(tmp_path / "text.txt"), "font": font, "image": str(logo)}
    assets = {key: files[key.split()[0]] for key in shown_assets(one[0])}

    cut = [picture for spec in many for picture in pictures(ffmpeg, spec, source, assets)]
    whole = [picture for spec in one for picture in pictures(ffmpeg, spec, source, assets)]

    assert len(many) > len(one) == 1
    assert sum(spec.times.count for spec in many) == len(cut)
    assert hashlib.sha256("\n".join(whole).encode()).digest() == hashlib.sha256("\n".join(cut).encode()).digest()
