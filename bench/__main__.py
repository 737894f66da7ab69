"""`make bench`: Framefleet against the best plain FFmpeg command, in speed and exactness, and the cost of a subtask beside FFmpeg.

Options: `--seconds` of film (default 60), `--rounds` (default 3),
`--only encode|certificate|overhead|exact|rebuild|throughput|fairness|recovery|large|api|clouds|console`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from bench import api, certificate, clouds, console, exact, fairness, large, overhead, rebuild, recovery, throughput
from bench.film import film
from bench.measure import Cost, median, paired, run
from framefleet.adapters.tools import find_ffmpeg
from framefleet.domain.template import FileTemplate, LadderTemplate, resolve
from framefleet.domain.video import VideoSettings

SLOTS = 2


def plain_options(video: VideoSettings) -> list[str]:
    """The same settings on a plain command line, with FFmpeg's own choice of threads: its fastest on few cores."""
    gop = str(round((video.gop_seconds or 4) * 25))
    cap = ["-maxrate", str(video.max_bitrate), "-bufsize", str(2 * video.max_bitrate)] if video.max_bitrate else []
    common = ["-c:v", "libx264", "-preset", "medium", "-crf", f"{video.crf:g}", *cap, "-bf", "3"]
    return [*common, "-g", gop, "-keyint_min", gop, "-sc_threshold", "0", "-profile:v", "high"]


def plain_file(ffmpeg: str, source: Path, out: Path) -> list[str]:
    """One MP4 in one process."""
    template = resolve("mp4-h264-720p")
    assert isinstance(template, FileTemplate)
    sound = ["-c:a", "aac", "-b:a", "128k", "-ac", "2"]
    video = plain_options(template.video)
    return [
        ffmpeg,
        "-v",
        "error",
        "-y",
        "-i",
        str(source),
        *video,
        *sound,
        "-movflags",
        "+faststart",
        str(out / "film.mp4"),
    ]


def plain_ladder(ffmpeg: str, source: Path, out: Path) -> list[str]:
    """The ladder in one process: decode once, encode all, HLS with fMP4 segments."""
    template = resolve("hls-h264")
    assert isinstance(template, LadderTemplate)
    rungs = [r for r in template.renditions if (r.video.height or 0) <= 720]
    graph = f"[0:v]split={len(rungs)}" + "".join(f"[s{i}]" for i in range(len(rungs)))
    graph += "".join(f";[s{i}]scale={r.video.width}:{r.video.height}[v{i}]" for i, r in enumerate(rungs))
    command = [ffmpeg, "-v", "error", "-y", "-i", str(source), "-filter_complex", graph]
    for i, rung in enumerate(rungs):
        options = plain_options(rung.video)
        command += ["-map", f"[v{i}]", *(f"{o}:v:{i}" if o.startswith("-") and ":" not in o else o for o in options)]
    command += ["-map", "0:a", "-c:a", "aac", "-b:a", "128k", "-ac", "2"]
    streams = " ".join(f"v:{i},agroup:a" for i in range(len(rungs))) + " a:0,agroup:a"
    hls = ["-f", "hls", "-hls_time", "4", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4"]
    return [*command, *hls, "-var_stream_map", streams, "-master_pl_name", "master.m3u8", str(out / "%v.m3u8")]


def compare(name: str, template: str, plain: list[str], source: Path, folder: Path, rounds: int) -> None:
    """Print one row: our command against the plain one."""
    verify: list[float] = []

    def ours() -> Cost:
        out = folder / "ours"
        shutil.rmtree(out, ignore_errors=True)
        command = [sys.executable, "-m", "framefleet.cli.main", "run", str(source), "--template", template]
        cost, text = run([*command, "--slots", str(SLOTS), "--output", str(out), "--json"], folder)
        record = json.loads(text)
        verify.append(
            sum(((s.get("output") or {}).get("usage") or {}).get("verify_cpu_seconds", 0.0) for s in record["subtasks"])
        )
        return cost

    def theirs() -> Cost:
        return run(plain, folder)[0]

    a, b = paired(ours, theirs, rounds)
    wall = median([x.wall / y.wall for x, y in zip(a, b, strict=True)])
    cpu = median([x.cpu / y.cpu for x, y in zip(a, b, strict=True)])
    bare = median([(x.cpu - v) / y.cpu for x, v, y in zip(a, verify, b, strict=True)])
    print(
        f"{name:<16}{median([x.wall for x in a]):>9.2f}{median([x.wall for x in b]):>9.2f}{wall:>8.2f}"
        f"{median([x.cpu for x in a]):>9.2f}{median([x.cpu for x in b]):>9.2f}{cpu:>8.2f}{bare:>10.2f}{median(verify):>9.2f}",
        flush=True,
    )


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--only",
        choices=[
            "encode",
            "certificate",
            "overhead",
            "exact",
            "rebuild",
            "throughput",
            "fairness",
            "recovery",
            "large",
            "api",
            "clouds",
            "console",
        ],
    )
    options = parser.parse_args()
    # So that ending it by a signal ends what it has started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    ffmpeg = find_ffmpeg(None)
    if options.only in (None, "encode"):
        source = film(ffmpeg.path, options.seconds)
        print(
            f"{options.seconds} s of 1280x720 at 25 frames/s, {SLOTS} slots, FFmpeg {ffmpeg.version}, medians of {options.rounds}"
        )
        print("wall and CPU in seconds; ratio = ours / plain; 'unverified' leaves out the CPU spent on verification")
        print(
            f"{'':<16}{'wall':>9}{'plain':>9}{'ratio':>8}{'CPU':>9}{'plain':>9}{'ratio':>8}{'unverif.':>10}{'verify':>9}"
        )
        with tempfile.TemporaryDirectory(prefix="framefleet-bench-") as name:
            folder = Path(name)
            mp4 = plain_file(ffmpeg.path, source, folder)
            compare("mp4-h264-720p", "mp4-h264-720p", mp4, source, folder, options.rounds)
            ladder = plain_ladder(ffmpeg.path, source, folder)
            compare("hls-h264", "hls-h264", ladder, source, folder, options.rounds)
    if options.only in (None, "certificate"):
        certificate.main(film(ffmpeg.path, options.seconds))
    if options.only in (None, "overhead"):
        overhead.main()
    if options.only in (None, "exact"):
        exact.main()
    if options.only in (None, "fairness"):
        fairness.main(Path(tempfile.gettempdir()) / "framefleet-bench" / "fairness.svg")
    if options.only in (None, "throughput"):
        throughput.main()
    if options.only in (None, "recovery"):
        recovery.main(options.rounds)
    if options.only in (None, "rebuild"):
        rebuild.main()
    if options.only in (None, "large"):
        large.main()
    if options.only in (None, "api"):
        api.main()
    if options.only in (None, "clouds"):
        clouds.main()
    if options.only in (None, "console"):
        console.main()


if __name__ == "__main__":
    main()
