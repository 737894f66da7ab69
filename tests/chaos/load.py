"""What is submitted: every shape of request the cluster takes, small, and what is wrong with some of them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

Body = dict[str, Any]
Target = dict[str, Any]

SECONDS = {"film.mp4": 22, "short.mp4": 8}
"""How long the sources are."""
_GOP_FRAMES = 300
"""Twelve seconds. A chunk is whole groups of pictures and at most 20 s long: however many slots live when the film is cut,
it is cut at the same places, so that all runs have the same frames. Hence the single segment of the ladder, too.
"""
_QUICK = {"preset": "ultrafast"}
_SMALL = {"codec": "h264", "width": 160, "height": 90, "crf": 28, **_QUICK}
_LARGER = {"codec": "h264", "width": 320, "height": 180, "crf": 28, **_QUICK}

MALFORMED_REQUESTS: tuple[bytes, ...] = (
    b"\x00 not json",
    b"[]",
    b'{"sources": [], "targets": []}',
    b'{"surprise": 1, "sources": [{"uri": "s3://in/a.mp4"}], "targets": []}',
)
"""Each must be refused with an answer, and kept."""

MALFORMED_ORDERS: tuple[bytes, ...] = (
    b"\xff\xfe",
    b"{}",
    (
        b'{"queue_name": "framefleet.v1.gpu", "actor_name": "transcode", "args": ["a.1.1"], "kwargs": {}, "options": {},'
        b' "message_id": "m", "message_timestamp": 1}'
    ),
    (
        b'{"queue_name": "framefleet.v1.cpu", "actor_name": "transcode", "args": ["a.1.1"], "kwargs": {}, "options": null,'
        b' "message_id": "m", "message_timestamp": 1}'
    ),
)
"""Each must be put aside without hurting the worker that gets it."""


def _file(out: str) -> list[Target]:
    overrides = {"video": {"width": 160, "height": 90, "gop_frames": _GOP_FRAMES, **_QUICK}}
    return [{"name": "file", "template": "mp4-h264-360p", "uri": f"{out}film.mp4", "overrides": overrides}]


def _ladder(out: str) -> list[Target]:
    renditions = [{"name": "180p", "video": _LARGER}, {"name": "90p", "video": _SMALL}]
    overrides = {"renditions": renditions, "segment_seconds": 10}
    return [{"name": "hls", "template": "hls-h264", "uri": f"{out}hls/master.m3u8", "overrides": overrides}]


def _grown(out: str) -> list[Target]:
    """The ladder with one rendition more: where finished work is kept, only that one has to be made."""
    (ladder,) = _ladder(out)
    more = {"name": "45p", "video": _SMALL | {"width": 80, "height": 44}}
    return [ladder | {"overrides": ladder["overrides"] | {"renditions": [*ladder["overrides"]["renditions"], more]}}]


def _stills(out: str) -> list[Target]:
    return [
        {"name": "cover", "template": "snapshot", "uri": f"{out}cover_{{index:03d}}.jpg"},
        {"name": "scrub", "template": "sprite", "uri": f"{out}sprite_{{index:03d}}.jpg"},
    ]


def _sound(out: str) -> list[Target]:
    return [{"name": "sound", "template": "audio-aac", "uri": f"{out}sound.m4a"}]


def _remux(out: str) -> list[Target]:
    return [{"name": "same", "template": "remux-mp4", "uri": f"{out}same.mp4"}]


def _mixed(out: str) -> list[Target]:
    return [
        *_file(out),
        *_sound(out),
        {"name": "cover", "template": "snapshot", "uri": f"{out}cover_{{index:03d}}.jpg"},
    ]


SHAPES: dict[str, tuple[tuple[str, ...], Callable[[str], list[Target]]]] = {
    "file": (("film.mp4",), _file),
    "ladder": (("short.mp4",), _ladder),
    "grown": (("short.mp4",), _grown),
    "stills": (("short.mp4",), _stills),
    "sound": (("film.mp4",), _sound),
    "remux": (("film.mp4",), _remux),
    "mixed": (("film.mp4",), _mixed),
    "joined": (("film.mp4", "short.mp4"), _file),
    "garbage": (("garbage.mp4",), _file),
}
"""Name -> (sources, targets below a prefix). All but `garbage` must succeed."""

PIPELINES: dict[str, dict[str, Any]] = {
    "default": {},
    "news": {"weight": 3.0},
    "night": {"max_tasks": 2, "max_subtasks": 2},
}
"""Name -> settings. What waits behind a limit must not wait for ever, whatever is lost."""
_LANES = {"ladder": "news", "grown": "news", "stills": "night", "sound": "night", "remux": "night"}
"""Shape -> pipeline, else `default`. Finished work is found again inside a pipeline only."""


def request(shape: str, bucket: str, name: str, **more: Any) -> Body:
    """A request of that shape, whose outputs go below out/<name>/."""
    sources, targets = SHAPES[shape]
    made = {
        "name": name,
        "client_token": name,
        "user_data": shape,
        "pipeline": _LANES.get(shape, "default"),
        "sources": [{"uri": f"s3://{bucket}/in/{source}"} for source in sources],
        "targets": targets(f"s3://{bucket}/out/{name}/"),
    }
    return made | more


def encoded(body: Body) -> bytes:
    """As it is published."""
    return json.dumps(body, separators=(",", ":")).encode()


def make_sources(folder: Path) -> list[Path]:
    """Two small films with sound, and a file that is none."""
    ffmpeg = shutil.which("ffmpeg")
    assert ffmpeg is not None
    made = []
    for name, picture, tone in (("film.mp4", "testsrc2", 440), ("short.mp4", "smptebars", 880)):
        path = folder / name
        inputs = ["-f", "lavfi", "-i", f"{picture}=size=320x180:rate=25:duration={SECONDS[name]}"]
        inputs += ["-f", "lavfi", "-i", f"sine=frequency={tone}:sample_rate=48000:duration={SECONDS[name]}"]
        codec = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-c:a", "aac", "-ac", "2"]
        subprocess.run([ffmpeg, "-v", "error", "-y", *inputs, *codec, str(path)], check=True, timeout=120)
        made.append(path)
    garbage = folder / "garbage.mp4"
    garbage.write_bytes(bytes(range(256)) * 400)
    return [*made, garbage]
