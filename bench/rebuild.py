"""How long it takes to rebuild a lost Redis: a thousand unfinished tasks of twenty subtasks, half of them done, from a real
S3 server into a real Redis.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests import factories
from tests.services.redis import Redis
from tests.services.s3 import S3

from framefleet.adapters.redis_state import connect
from framefleet.adapters.s3 import S3Store
from framefleet.domain import keys
from framefleet.domain.records import Check, DoneRecord, ProbeOutput, Segment, StoredFile, Track, TracksOutput, Usage
from framefleet.domain.subtask import VideoChunkSpec, subtask_id
from framefleet.domain.task import Task
from framefleet_scheduler.bootstrap import SystemClock
from framefleet_scheduler.plan import PlanSettings, plan_task
from framefleet_scheduler.rebuild import Rebuilder

SECONDS = 17 * 4
"""Of film: a probe, seventeen chunks, the sound and the join are twenty subtasks."""
HALF = 10


def main(tasks: int = 1000) -> None:
    """Fill a bucket, rebuild, print the time."""
    with tempfile.TemporaryDirectory(prefix="framefleet-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        redis, s3 = Redis(folder / "redis"), S3(folder / "s3")
        try:
            redis.start()
            s3.start()
            store = S3Store(s3.endpoint, s3.access_key, s3.secret_key, s3.new_bucket(), "", "us-east-1", False)
            started = time.monotonic()
            subtasks = _fill(store, tasks)
            filled = time.monotonic()
            listed = sum(1 for _ in store.list("tasks/"))
            listing = time.monotonic() - filled
            with connect(redis.url) as state:
                state.client.flushall()
                rebuilder = Rebuilder(store, state.tasks, state.epochs, SystemClock())
                profile = cProfile.Profile() if os.environ.get("PROFILE") else None
                began = time.monotonic()
                cpu = time.process_time()
                if profile:
                    profile.enable()
                found = rebuilder.run()
                took = time.monotonic() - began
                if profile:
                    profile.disable()
                    pstats.Stats(profile).sort_stats("tottime").print_stats(25)
                counts = state.tasks.counts()
            print(
                f"{found.unfinished} unfinished tasks of {subtasks} subtasks, {HALF + 1} of them done, rebuilt in"
                f" {took:.1f} s ({time.process_time() - cpu:.1f} s of CPU); {sum(counts.backlog.values())} subtasks may run.\n"
                f"{listed} objects, listed in {listing:.1f} s; filled in {filled - started:.0f} s."
            )
        finally:
            redis.close()
            s3.close()


def _fill(store: S3Store, tasks: int) -> int:
    """Unfinished tasks as a cluster leaves them; the number of subtasks of each."""
    media = factories.media(frames=25 * SECONDS)
    plan = plan_task(factories.task("mp4-h264-720p"), [media], PlanSettings(slots=100))
    body = plan.model_dump_json().encode()
    chunks = [s.n for s in plan.subtasks if isinstance(s.spec, VideoChunkSpec)][:HALF]

    def put(task: Task) -> None:
        store.create(keys.task(task.id), task.model_dump_json().encode())
        store.create(keys.plan(task.id, 1), body)
        _done(store, task, 1, ProbeOutput(media=media))
        for n in chunks:
            prefix = keys.attempt_prefix(task.id, 1, n, 1_000_001, "nonce")
            names = [f"{prefix}v1/init.mp4", f"{prefix}v1/0.m4s"]
            for key in [*names, keys.cache_mark(prefix, "0" * 64)]:
                store.put(key, b"x")
            init = StoredFile(key=names[0], bytes=1, sha256="0" * 64)
            segment = Segment(key=names[1], bytes=1, sha256="0" * 64, start=0, duration=51200)
            track = Track(id="v1", codecs="avc1", scale=12800, init=init, segments=(segment,), frames=100)
            checks = tuple(Check(check=f"check {i}", expected="100", found="100", passed=True) for i in range(4))
            _done(store, task, n, TracksOutput(tracks=(track,), checks=checks))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, [factories.task("mp4-h264-720p") for _ in range(tasks)]))
    return len(plan.subtasks) + 1


def _done(store: S3Store, task: Task, n: int, output: ProbeOutput | TracksOutput) -> None:
    now = SystemClock().now()
    record = DoneRecord(
        sid=subtask_id(task.id, 1, n),
        fence=1_000_001,
        nonce="nonce",
        worker="host:1:0",
        started_at=now,
        finished_at=now,
        usage=Usage(wall_seconds=1, cpu_seconds=1),
        output=output,
    )
    store.create(keys.done(task.id, 1, n), record.model_dump_json().encode())
