"""What a subtask costs beside FFmpeg, on a real RabbitMQ, Redis and S3 server: one slot, many small chunks, back to back."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from tests.acceptance.cluster import Cluster
from tests.services.rabbitmq import RabbitMQ
from tests.services.redis import Redis
from tests.services.s3 import S3

from framefleet.adapters.tools import find_ffmpeg

SECONDS = 160
"""Of film, in chunks of 4 s (asked for as if there were many slots)."""


def main() -> None:
    """Print the mean wall time per subtask that no program accounts for."""
    with tempfile.TemporaryDirectory(prefix="framefleet-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for part in ("mq", "redis", "s3"):
            (folder / part).mkdir()
        rabbitmq, redis, s3 = RabbitMQ(folder / "mq"), Redis(folder / "redis"), S3(folder / "s3")
        try:
            rabbitmq.start()
            redis.start()
            s3.start()
            _measure(folder, rabbitmq, redis, s3)
        finally:
            for service in (rabbitmq, redis, s3):
                service.close()


def _measure(folder: Path, rabbitmq: RabbitMQ, redis: Redis, s3: S3) -> None:
    film = folder / "film.mp4"
    source = ["-f", "lavfi", "-i", f"testsrc2=size=160x90:rate=25:duration={SECONDS}"]
    command = [
        find_ffmpeg(None).path,
        "-v",
        "error",
        *source,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-g",
        "50",
        str(film),
    ]
    subprocess.run(command, check=True)
    (folder / "cluster").mkdir()
    cluster = Cluster(folder / "cluster", rabbitmq.amqp_url(rabbitmq.new_vhost()), redis.url, s3, s3.new_bucket())
    try:
        cluster.scheduler()
        cluster.worker(slots=1)
        cluster.wait_for_slots(1)
        uri = cluster.upload(film, "film.mp4")
        video = {"preset": "ultrafast", "gop_seconds": 1}
        target = {
            "name": "x",
            "template": "mp4-h264-360p",
            "uri": f"s3://{cluster.bucket}/x.mp4",
            "overrides": {"video": video},
        }
        (answer,) = cluster.submit({"sources": [{"uri": uri}], "targets": [target]})
        record = cluster.finished(answer["task"]["id"])
    finally:
        cluster.close()
    chunks = [s for s in record.subtasks if s.kind == "transcode" and s.started_at and s.finished_at]
    first, last = min(s.started_at for s in chunks if s.started_at), max(s.finished_at for s in chunks if s.finished_at)
    programs = sum(((s.output or {}).get("usage") or {}).get("program_seconds", 0.0) for s in chunks)
    wall = (last - first).total_seconds()
    per = (wall - programs) / len(chunks) * 1000
    print()
    print(
        f"{len(chunks)} chunks on one slot over RabbitMQ, Redis and S3: {wall:.2f} s, of which FFmpeg {programs:.2f} s"
    )
    print(f"beside FFmpeg (message, claim, process start, upload, report, dispatch): {per:.0f} ms per subtask")
