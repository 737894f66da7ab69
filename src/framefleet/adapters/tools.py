"""Finds FFmpeg and a prober: what is configured, else the machine's when good enough, else what our wheels carry."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache

from framefleet.domain.errors import ToolMissing

OLDEST = (5, 1)
"""`-fps_mode`, which every exact join needs, came with FFmpeg 5.1."""
NEEDED_ENCODERS = ("libx264", "aac")
ANSWER_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Tool:
    """A program we found."""

    path: str
    version: str
    """As it says itself, e.g. `5.1.9-0+deb12u1`."""
    source: str
    """setting, machine or wheel"""


def find_ffmpeg(setting: str | None) -> Tool:
    """The FFmpeg to use; raises ToolMissing with what to do."""
    if setting:
        return _checked(setting, "setting")
    reasons = []
    machine = shutil.which("ffmpeg")
    for path, source in ((machine, "machine"), (_wheel_ffmpeg(), "wheel")):
        if path is None:
            continue
        try:
            return _checked(path, source)
        except ToolMissing as error:
            reasons.append(error.message)
    raise ToolMissing(
        "; ".join(reasons) or "there is no ffmpeg",
        hint="Install FFmpeg 5.1 or newer with libx264, or `pip install framefleet[embedded]`, or set FRAMEFLEET_FFMPEG.",
    )


def find_prober(setting: str | None) -> list[str]:
    """The command that answers like ffprobe; raises ToolMissing with what to do."""
    if setting:
        if shutil.which(setting) is None:
            raise ToolMissing(f"{setting} is not a program", hint="Correct FRAMEFLEET_FFPROBE.")
        return [setting]
    machine = shutil.which("ffprobe")
    if machine is not None and parse_version(_says(machine)) >= OLDEST:
        return [machine]
    if importlib.util.find_spec("av") is not None:
        return [sys.executable, "-m", "framefleet.adapters.avprobe"]
    raise ToolMissing(
        "there is no ffprobe", hint="Install FFmpeg's ffprobe, or `pip install framefleet[embedded]`, or set FRAMEFLEET_FFPROBE."
    )


def parse_version(text: str) -> tuple[int, int]:
    """(major, minor) of `ffmpeg version 5.1.9-0+deb12u1` or `n9.0.2-17-g2a57`; (0, 0) when it does not say.

    A build from a development tree (`N-109000-g...`) has no number; it is taken for a new one.
    """
    match = re.search(r"version n?(\d+)\.(\d+)", text)
    if match:
        return int(match.group(1)), int(match.group(2))
    return (99, 0) if re.search(r"version N-\d+", text) else (0, 0)


@lru_cache(maxsize=8)
def _checked(path: str, source: str) -> Tool:
    found = shutil.which(path)
    if found is None:
        raise ToolMissing(f"{path} is not a program", hint="Correct FRAMEFLEET_FFMPEG.")
    text = _says(found)
    if parse_version(text) < OLDEST:
        raise ToolMissing(f"{found} is older than FFmpeg {OLDEST[0]}.{OLDEST[1]}")
    listed = _run([found, "-hide_banner", "-encoders"])
    missing = [name for name in NEEDED_ENCODERS if not re.search(rf"\s{name}\s", listed)]
    if missing:
        raise ToolMissing(f"{found} was built without {' and '.join(missing)}")
    version = re.search(r"version (\S+)", text)
    return Tool(found, version.group(1) if version else "unknown", source)


def _wheel_ffmpeg() -> str | None:
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        return None
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None


def _says(path: str) -> str:
    return _run([path, "-version"])


def _run(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, timeout=ANSWER_SECONDS, check=False, stdin=subprocess.DEVNULL)  # noqa: S603 - a list of our own
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolMissing(f"{argv[0]} does not answer: {error}") from error
    return done.stdout.decode("utf-8", "replace")
