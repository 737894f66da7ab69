"""What the certificate costs: CPU seconds of verification against those of encoding, as the records tell them."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from bench.measure import run

TEMPLATES = ("mp4-h264-720p", "hls-h264", "webm-vp9-720p")
"""One file, a ladder that decodes once for all its renditions, and another codec."""


def main(source: Path) -> None:
    """Print one row for each template."""
    print("CPU seconds by the records; 'frames' decodes what is to be published, 'join' reads the finished file")
    print(f"{'':<16}{'encode':>9}{'frames':>9}{'join':>9}{'share':>9}")
    with tempfile.TemporaryDirectory(prefix="framefleet-bench-") as name:
        for template in TEMPLATES:
            _measure(template, source, Path(name))


def _measure(template: str, source: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "framefleet.cli.main", "run", str(source), "--template", template]
    _, text = run([*command, "--output", str(folder / template), "--json"], folder)
    encode, frames, join = 0.0, 0.0, 0.0
    for subtask in json.loads(text)["subtasks"]:
        usage = (subtask.get("output") or {}).get("usage") or {}
        verify = usage.get("verify_cpu_seconds", 0.0)
        if subtask["kind"] == "transcode":
            encode += usage.get("cpu_seconds", 0.0) - verify
            frames += verify
        elif subtask["kind"] == "concat":
            join += verify
    print(f"{template:<16}{encode:>9.2f}{frames:>9.2f}{join:>9.2f}{100 * (frames + join) / encode:>8.1f}%", flush=True)
