"""A chunked encode beside one in one piece, for each kind of source the tests have: frames, samples, VMAF."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from tests.media import judge, sources
from tests.media.harness import OneProcess

from framefleet.domain.subtask import VideoChunkSpec

CRF, CAP, GOP_SECONDS = 23, 900_000, 4
VIDEO = {
    "codec": "h264",
    "width": 640,
    "height": 360,
    "crf": CRF,
    "max_bitrate": CAP,
    "preset": "medium",
    "gop_seconds": GOP_SECONDS,
}


def main() -> None:
    """Print the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(
        "frames and samples: of the source, of our file cut into chunks, of one plain encode; VMAF against the source"
    )
    print(
        f"{'source':<14}{'chunks':>7}{'frames':>8}{'ours':>7}{'lost':>6}{'doubled':>9}{'splices':>9}"
        f"{'samples':>10}{'whole':>10}{'VMAF':>8}{'whole':>8}{'diff':>7}{'bytes':>9}{'whole':>9}"
    )
    for name in sources.RECIPES:
        _row(name)


def _row(name: str) -> None:
    recipe = sources.RECIPES[name]
    source = sources.make(name)
    with TemporaryDirectory(prefix="framefleet-bench-") as folder_name:
        folder = Path(folder_name)
        ours, whole = folder / "ours.mp4", folder / "whole.mp4"
        target = {
            "name": "file",
            "template": "mp4-h264-360p",
            "uri": ours.as_uri(),
            "overrides": {"video": {**VIDEO, **({"width": 360, "height": 640} if recipe.portrait else {})}},
        }
        process = OneProcess(folder)
        process.run({"sources": [{"uri": source.as_uri()}], "targets": [target]})
        chunks = sum(isinstance(s.spec, VideoChunkSpec) for s in process.plan.subtasks)
        subprocess.run(_whole(source, whole), check=True, stdin=subprocess.DEVNULL)
        verdict = judge.judge(source, ours, audio=recipe.audio, portrait=recipe.portrait)
        samples = judge.tone(whole)[0] if recipe.audio else 0
        a, b = judge.vmaf(source, ours), judge.vmaf(source, whole)
        frames = len(judge.frames(source, portrait=recipe.portrait))
        print(
            f"{name:<14}{chunks:>7}{frames:>8}{frames - verdict.lost + verdict.doubled:>7}{verdict.lost:>6}"
            f"{verdict.doubled:>9}{verdict.splices:>9}{verdict.samples:>10}{samples:>10}{a:>8.2f}{b:>8.2f}{a - b:>+7.2f}"
            f"{ours.stat().st_size:>9}{whole.stat().st_size:>9}",
            flush=True,
        )


def _whole(source: Path, out: Path) -> list[str]:
    """One process, the same settings; keyframes every GOP_SECONDS, wherever the rate puts them."""
    keys = f"expr:gte(t,n_forced*{GOP_SECONDS})"
    return [
        *(judge.ffmpeg(), "-v", "error", "-y", "-i", str(source), "-fps_mode", "passthrough"),
        *("-enc_time_base", "1/90000", "-c:v", "libx264", "-preset", "medium", "-crf", str(CRF)),
        *("-maxrate", str(CAP), "-bufsize", str(2 * CAP), "-bf", "3", "-g", "9999", "-sc_threshold", "0"),
        *("-force_key_frames", keys, "-profile:v", "high", "-c:a", "aac", "-b:a", "128k", "-ac", "2", str(out)),
    ]
