"""The film that is encoded."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.measure import run


def film(ffmpeg: str, seconds: int) -> Path:
    """A film of 1280x720 at 25 frames/s with hard cuts, motion and grain; made once for each length."""
    folder = Path(tempfile.gettempdir()) / "framefleet-bench"
    folder.mkdir(exist_ok=True)
    path = folder / f"film-{seconds}.mp4"
    if path.exists():
        return path
    graph = (
        "[0:v]trim=0:5,setpts=PTS-STARTPTS[a];[1:v]trim=0:7,setpts=PTS-STARTPTS,format=yuv420p[b];"
        "[2:v]trim=0:3,setpts=PTS-STARTPTS,format=yuv420p[c];"
        "[a][b][c]concat=n=3:v=1:a=0,loop=loop=-1:size=375:start=0,noise=alls=6:allf=t:all_seed=7,"
        f"setpts=N/25/TB,trim=end_frame={25 * seconds},format=yuv420p[v]"
    )
    part = path.with_suffix(".part.mp4")
    command = [
        ffmpeg,
        *("-v", "error", "-y"),
        *("-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=5"),
        *("-f", "lavfi", "-i", "mandelbrot=size=1280x720:rate=25:maxiter=300:end_scale=0.02:end_pts=175"),
        *("-f", "lavfi", "-i", "gradients=size=1280x720:rate=25:duration=3:seed=3:speed=0.05"),
        *("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds}"),
        *("-filter_complex", graph, "-map", "[v]", "-map", "3:a"),
        *(
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-crf",
            "18",
            "-g",
            "250",
            "-c:a",
            "aac",
            "-ac",
            "2",
            "-t",
            str(seconds),
        ),
        *("-movflags", "+faststart", str(part)),
    ]
    run(command, folder)
    part.rename(path)
    return path
