"""Subtitles drawn into the picture: on the very frames of their times wherever the film is cut, and looking as asked."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from framefleet.domain.subtask import VideoChunkSpec
from tests.conftest import FfmpegBuild
from tests.media import judge
from tests.media.harness import OneProcess

WIDTH, HEIGHT, SECONDS = 320, 180, 9
TEXTS = """1
00:00:00,480 --> 00:00:01,000
{c:WWWW} {\\an8

2
00:00:03,487 --> 00:00:05,213
<b>it's</b>: "100%", [x] \\d

3
00:00:08,500 --> 00:00:20,000
end
"""


def film(folder: Path) -> Path:
    """Black, with the texts beside it."""
    folder.mkdir(parents=True)
    source = ["-f", "lavfi", "-i", f"color=black:s={WIDTH}x{HEIGHT}:r=25:d={SECONDS}"]
    command = [
        judge.ffmpeg(),
        "-v",
        "error",
        *source,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        str(folder / "film.mp4"),
    ]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    (folder / "texts.srt").write_text(TEXTS)
    return folder / "film.mp4"


def target(name: str, out: Path, style: dict[str, Any] | None = None, **video: Any) -> dict[str, Any]:
    picture = {"width": WIDTH, "height": HEIGHT, "preset": "ultrafast", "crf": 10, "gop_seconds": 1} | video
    shown = {"mode": "burn", "tracks": [0], "style": style}
    overrides = {"kind": "file", "container": "mp4", "video": picture, "audio": None, "subtitles": shown}
    return {"name": name, "uri": (out / f"{name}.mp4").as_uri(), "overrides": overrides}


def pictures(path: Path) -> list[bytes]:
    """Every frame in grey."""
    how = ["-v", "error", "-i", str(path), "-pix_fmt", "gray", "-fps_mode", "passthrough", "-f", "rawvideo", "-"]
    data = judge._run([judge.ffmpeg(), *how])
    size = WIDTH * HEIGHT
    return [data[i : i + size] for i in range(0, len(data), size)]


def lit(picture: bytes) -> list[int]:
    """Lines in which something shines."""
    return [y for y in range(HEIGHT) if max(picture[y * WIDTH : (y + 1) * WIDTH]) > 60]


def test_subtitles_in_the_picture_are_on_their_very_frames_and_look_as_asked(
    ffmpeg: FfmpegBuild, tmp_path: Path
) -> None:
    source, out = film(tmp_path / "in"), tmp_path / "out"
    texts = {"uri": (source.parent / "texts.srt").as_uri()}
    strange = tmp_path / "it's [a], b:c \\ 100%"
    process = OneProcess(strange, str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)

    published = process.run(
        {
            "sources": [{"uri": source.as_uri(), "subtitles": [texts]}],
            "targets": [
                target("plain", out),
                target("deep", out, bit_depth=10),
                target("top", out, {"position": "top", "size": 16, "color": "red", "font": "serif"}),
            ],
        }
    )

    chunks = [s.spec for s in process.plan.subtasks if isinstance(s.spec, VideoChunkSpec)]
    assert len({c.chunk for c in chunks}) > 1
    expected = [*range(12, 25), *range(88, 131), *range(213, 225)]
    seen = {name: [lit(p) for p in pictures(out / f"{name}.mp4")] for name in ("plain", "deep", "top")}
    for name, lines in seen.items():
        assert expected == [i for i, found in enumerate(lines) if found], name
    assert all(min(found) > HEIGHT * 0.7 for found in seen["plain"] if found)
    assert max(seen["top"][220]) < HEIGHT * 0.4
    assert len(seen["top"][220]) > 1.7 * len(seen["plain"][220])
    assert not [w for w in published["plain"].warnings if "subtitles" in w]
