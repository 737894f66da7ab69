"""Finds FFmpeg and a prober: what is configured, else the machine's when good enough, else what our wheels carry.

It runs them only to ask for version and encoders; which of those really open is the worker's business.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache, partial

from framefleet.domain.errors import ToolMissing

OLDEST = (5, 1)
"""`-fps_mode`, which every exact join needs, came with FFmpeg 5.1."""
NEEDED_ENCODERS = ("libx264", "aac")
ANSWER_SECONDS = 20
"""A program that does not say its version in this time (a hanging network drive) counts as missing."""
_FIRST_LAVC = 54
"""libavcodec 59 is FFmpeg 5, 60 is 6 and so on: the major numbers have grown together since FFmpeg 4."""
_LAVC_5_1 = 37
"""libavcodec 59.37 is FFmpeg 5.1, 59.18 is 5.0."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program we found."""

    path: str
    version: str
    """As it says itself, e.g. `5.1.9-0+deb12u1`."""
    source: str
    """setting, machine or wheel"""


def find_ffmpeg(setting: str | None) -> Tool:
    """The FFmpeg to use; raises ToolMissing with what to do. A `setting` is not silently replaced by another."""
    if setting:
        return _checked(setting, "setting")
    reasons = []
    # Looking into the wheel starts a program: only when it is needed.
    for find, source in ((partial(shutil.which, "ffmpeg"), "machine"), (_wheel_ffmpeg, "wheel")):
        path = find()
        if path is None:
            continue
        try:
            return _checked(path, source)
        except ToolMissing as error:
            reasons.append(error.message)
    raise ToolMissing(
        "; ".join(reasons) or "there is no ffmpeg",
        hint="Install FFmpeg 5.1 or newer with libx264 and aac, or `pip install framefleet[embedded]`, "
        "or set FRAMEFLEET_FFMPEG.",
    )


@lru_cache(maxsize=8)
def find_vmaf(ffmpeg: str) -> str:
    """An FFmpeg with libvmaf: the one given, else the wheel's; raises ToolMissing."""
    for path in (ffmpeg, _wheel_ffmpeg()):
        if path is not None and re.search(r"\slibvmaf\s", _check_age(path, "-filters")):
            return path
    raise ToolMissing(
        "no FFmpeg with libvmaf is installed",
        hint="Install one, or `pip install framefleet[embedded]`, or leave verify.vmaf out.",
    )


def find_prober(setting: str | None) -> list[str]:
    """The command that answers like ffprobe; raises ToolMissing with what to do.

    Options and the address are to be appended: `probe_command` and `packets_command` do.
    """
    if setting:
        found = shutil.which(setting)
        if found is None:
            raise ToolMissing(f"{setting} is not a program", hint="Correct FRAMEFLEET_FFPROBE.")
        _check_age(found)
        return [found]
    reason = "there is no ffprobe"
    machine = shutil.which("ffprobe")
    if machine is not None:
        try:
            _check_age(machine)
            return [machine]
        except ToolMissing as error:
            reason = error.message
    if importlib.util.find_spec("av") is not None:
        return [sys.executable, "-m", "framefleet.adapters.avprobe"]
    raise ToolMissing(
        reason, hint="Install FFmpeg's ffprobe, or `pip install framefleet[embedded]`, or set FRAMEFLEET_FFPROBE."
    )


def parse_version(text: str) -> tuple[int, int]:
    """(major, minor) from what `ffmpeg -version` prints; (0, 0) when that cannot be FFmpeg.

    Releases say `5.1.9-0+deb12u1`, `n9.0.2-17-g2a57`, `7.1-full_build`. Builds of a development tree have no such
    number (`N-109000-g1b2c`, `2024-06-13-git-0060a368b1`, `git-2020-08-31-4a11a6f`); their libavcodec gives it away.
    """
    release = re.search(r"version n?(\d{1,2})\.(\d+)", text)
    if release:
        return int(release[1]), int(release[2])
    codec = re.search(r"^libavcodec\s+(\d+)\.\s*(\d+)\.", text, re.MULTILINE)
    if codec is None:
        return 0, 0
    major = max(int(codec[1]) - _FIRST_LAVC, 0)
    return major, int(major > OLDEST[0] or int(codec[2]) >= _LAVC_5_1)


@lru_cache(maxsize=8)
def _checked(path: str, source: str) -> Tool:
    found = shutil.which(path)
    if found is None:
        raise ToolMissing(f"{path} is not a program", hint="Correct FRAMEFLEET_FFMPEG.")
    # One start answers both questions: the banner names the version, the list follows.
    text = _check_age(found, "-encoders")
    missing = [name for name in NEEDED_ENCODERS if not re.search(rf"\s{name}\s", text)]
    if missing:
        raise ToolMissing(f"{found} was built without {' and '.join(missing)}")
    version = re.search(r"version (\S+)", text)
    return Tool(found, version[1] if version else "unknown", source)


def _wheel_ffmpeg() -> str | None:
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        return None
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None


def _check_age(path: str, question: str = "-version") -> str:
    """What a program answers, with its version; raises ToolMissing when that is too old."""
    text = _run([path, question])
    if parse_version(text) < OLDEST:
        raise ToolMissing(f"{path} is not FFmpeg {OLDEST[0]}.{OLDEST[1]} or newer")
    return text


def _run(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, timeout=ANSWER_SECONDS, stdin=subprocess.DEVNULL, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolMissing(f"{argv[0]} does not answer: {error}") from error
    return (done.stderr + done.stdout).decode("utf-8", "replace")
