"""A stand-in for an FFmpeg that encodes at the pace it is told to: long work that costs no CPU."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

_SCRIPT = """#!{python}
import os, sys
given = sys.argv[1:]
slow = ["-readrate", {rate!r}] if "libx264" in given and "lavfi" not in given else []
os.execv({ffmpeg!r}, [{ffmpeg!r}, *slow, *given])
"""


def slow_ffmpeg(folder: Path, ffmpeg: str, rate: float) -> Path:
    """An FFmpeg that reads `rate` seconds of film a second when it encodes with libx264, and is `ffmpeg` otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"ffmpeg-{rate:g}"
    path.write_text(_SCRIPT.format(python=sys.executable, ffmpeg=shutil.which(ffmpeg) or ffmpeg, rate=f"{rate:g}"))
    path.chmod(0o755)
    return path
