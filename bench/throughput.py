"""What the scheduler costs for each subtask, by the length of the backlog: a real RabbitMQ, Redis and scheduler process,
and stand-in workers that claim, record and report at once.

The honest figure is the CPU time of the scheduler's process: on a machine of two cores, servers and stand-ins take the rest.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pika
from tests.services.rabbitmq import RabbitMQ
from tests.services.redis import Redis
from tests.services.s3 import S3

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.rabbitmq import RabbitPublisher, consume_reports, consume_submissions
from framefleet.adapters.redis_state import RedisState, connect
from framefleet.adapters.redis_state.scripts import load
from framefleet.adapters.s3 import S3Store
from framefleet.domain import keys
from framefleet.domain.records import DoneRecord, Segment, StoredFile, Track, TracksOutput, Usage
from framefleet.domain.sound import AudioSettings
from framefleet.domain.subtask import (
    AudioTrackSpec,
    ConcatSpec,
    FilePackage,
    Plan,
    ProbeSpec,
    Subtask,
    Tag,
    split_subtask_id,
    subtask_id,
)
from framefleet.domain.summary import summary
from framefleet.domain.task import accept, parse_request
from framefleet.messages import EXCHANGE, RESULTS_QUEUE, SUBMIT_KEY, Done, work_queue
from framefleet.ports import Claim, ObjectStore, WorkerInfo

BULK_SECONDS = 0.1
"""Stand-ins work for so long at a time: at the rate we are to stand, 200 reports come meanwhile."""
SLOTS = 200
"""Stand-in slots that are registered: the window is twice as many."""
COMPLETIONS = 6000
WARM = 200
LARGEST_TASK = 20_000
SUBMISSIONS = 200
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Servers:
    """Addresses every process here needs; `store` is a folder or an S3 endpoint with bucket."""

    broker: str
    redis: str
    store: str

    def arguments(self) -> list[str]:
        return [self.broker, self.redis, self.store]


@dataclass(frozen=True)
class Row:
    """One measurement. CPU in milliseconds per completion, memory in MiB."""

    backlog: int
    scheduler_ms: float
    redis_ms: float
    per_second: float
    before_mib: float
    most_mib: float


BACKLOGS = (1_000, 10_000, 100_000)


def main(backlogs: tuple[int, ...] = BACKLOGS) -> None:
    """Print the tables."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a sync costs the stand-ins more than all else
    with tempfile.TemporaryDirectory(prefix="framefleet-", dir=memory, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for part in ("mq", "s3"):
            (folder / part).mkdir()
        rabbitmq, s3 = RabbitMQ(folder / "mq"), S3(folder / "s3")
        try:
            rabbitmq.start()
            s3.start()
            for kind in ("directory", "S3 server"):
                print(f"\nstore: {kind}; {COMPLETIONS} completions each, {SLOTS} stand-in slots")
                print(
                    f"{'waiting':>9}{'scheduler CPU':>16}{'= one core':>12}{'Redis CPU':>12}{'wall':>10}{'RSS':>8}{'most':>8}"
                )
                print(f"{'':>9}{'ms/completion':>16}{'per second':>12}{'ms':>12}{'per second':>10}{'MiB':>8}{'MiB':>8}")
                rows = []
                for backlog in backlogs if kind == "directory" else backlogs[:1]:
                    with _servers(folder / f"{kind}-{backlog}", rabbitmq, s3, kind) as (servers, redis):
                        row = _measure(servers, redis, backlog)
                    rows.append(row)
                    print(
                        f"{row.backlog:>9}{row.scheduler_ms:>16.3f}{1000 / row.scheduler_ms:>12.0f}{row.redis_ms:>12.3f}"
                        f"{row.per_second:>10.0f}{row.before_mib:>8.0f}{row.most_mib:>8.0f}",
                        flush=True,
                    )
                _curve(rows)
                with _servers(folder / f"{kind}-latency", rabbitmq, s3, kind) as (servers, _):
                    waits = sorted(_latencies(servers))
                p50, p99 = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
                print(
                    f"submitted to claimed, a slot idle, {len(waits)} tasks: median {p50:.0f} ms, p99 {p99:.0f} ms",
                    flush=True,
                )
        finally:
            rabbitmq.close()
            s3.close()


@contextmanager
def _servers(folder: Path, rabbitmq: RabbitMQ, s3: S3, kind: str) -> Iterator[tuple[Servers, Redis]]:
    folder.mkdir()
    redis = Redis(folder)
    try:
        redis.start()
        if kind == "directory":
            store = str(folder / "store")  # below a temporary folder in memory, where the machine has one
        else:
            store = f"{s3.endpoint} {s3.access_key} {s3.secret_key} {s3.new_bucket()}"
        yield Servers(rabbitmq.amqp_url(rabbitmq.new_vhost()), redis.url, store), redis
    finally:
        redis.close()


def _measure(servers: Servers, redis: Redis, backlog: int) -> Row:
    with connect(servers.redis) as state:
        state.epochs.begin(1)
        _fill(state, backlog + WARM + COMPLETIONS)
        with _process("scheduler", servers) as scheduler, _process("workers", servers):
            done = "bench:done"
            _reaches(state, done, WARM)
            started, cpu, redis_cpu = time.monotonic(), _cpu(scheduler), _cpu(redis.pid)
            first = int(state.client.get(done) or 0)
            before = _memory(scheduler, "VmRSS")
            _reaches(state, done, first + COMPLETIONS)
            wall = time.monotonic() - started
            count = int(state.client.get(done) or 0) - first
            # What the stand-ins report and what the scheduler has entered differ by what is under way: see that it is little.
            return Row(
                backlog,
                (_cpu(scheduler) - cpu) / count * 1000,
                (_cpu(redis.pid) - redis_cpu) / count * 1000,
                count / wall,
                before,
                _memory(scheduler, "VmHWM"),
            )


def _latencies(servers: Servers) -> list[float]:
    """Milliseconds from the publication of a request to the claim of its first subtask by an idle slot."""
    claimed: dict[str, float] = {}
    with connect(servers.redis) as state, _process("scheduler", servers):
        state.epochs.begin(1)
        _register(state, 4)
        stop, arrived = threading.Event(), threading.Condition()

        def work() -> None:
            connection = pika.BlockingConnection(pika.URLParameters(servers.broker))
            channel = connection.channel()
            channel.basic_qos(prefetch_count=1)
            for method, _, body in channel.consume(work_queue("cpu"), inactivity_timeout=0.2):
                if stop.is_set():
                    break
                if method is None:
                    continue
                sid = json.loads(body)["args"][0]
                if isinstance(state.claims.claim(sid, "n", "w:1:1", 60.0), Claim):
                    with arrived:
                        claimed[split_subtask_id(sid)[0]] = time.monotonic()
                        arrived.notify()
                channel.basic_ack(method.delivery_tag)
            connection.close()

        publisher = pika.BlockingConnection(pika.URLParameters(servers.broker)).channel()
        _topology_exists(publisher)
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        waits = []
        for i in range(SUBMISSIONS):
            _register(state, 4)
            sent = time.monotonic()
            publisher.basic_publish(EXCHANGE, SUBMIT_KEY, json.dumps(_request(f"t{i}")).encode())
            with arrived:
                if not arrived.wait_for(lambda: len(claimed) > i, 30):  # noqa: B023 - used in this very turn
                    raise TimeoutError("a task was never claimed")
            waits.append((max(claimed.values()) - sent) * 1000)
        stop.set()
        thread.join()
        return waits


def _topology_exists(channel: pika.adapters.blocking_connection.BlockingChannel) -> None:
    from framefleet.adapters.rabbitmq.topology import declare_topology

    declare_topology(channel)


def _request(token: str) -> dict[str, object]:
    target = {"name": "x", "template": "mp4-h264-360p", "uri": "s3://out/x.mp4"}
    return {"client_token": token, "sources": [{"uri": "s3://in/a.mov"}], "targets": [target]}


def _fill(state: RedisState, subtasks: int) -> None:
    """Enter tasks whose probes are done and whose chunks wait, at most 20 000 in each."""
    request = parse_request({k: v for k, v in _request("").items() if k != "client_token"})
    while subtasks > 0:
        count = min(subtasks, LARGEST_TASK)
        task = accept(request, now=datetime.now(UTC))
        assert state.tasks.create(task, 1, [Subtask(n=1, tag=Tag.CPU, spec=ProbeSpec(source=0))])
        assert state.tasks.done(subtask_id(task.id, 1, 1), "{}", 0.1)
        settings = AudioSettings()
        chunks = [
            Subtask(
                n=n,
                tag=Tag.CPU,
                weight=10.0,
                spec=AudioTrackSpec(
                    id="a", pieces=(), settings=settings, sample_rate=48000, channels=2, samples=48000, tolerance=0
                ),
            )
            for n in range(2, count + 2)
        ]
        package = FilePackage(container="mp4")
        spec = ConcatSpec(target="x", uri="s3://out/x.mp4", package=package, duration=Fraction(8))
        last = Subtask(n=count + 2, tag=Tag.CPU, spec=spec, needs=tuple(range(2, count + 2)), weight=1.0)
        assert state.tasks.add_plan(task.id, 1, Plan(subtasks=(*chunks, last), targets={"x": (last.n,)}))
        subtasks -= count


def _reaches(state: RedisState, key: str, number: int) -> None:
    deadline = time.monotonic() + 600
    while int(state.client.get(key) or 0) < number:
        if time.monotonic() > deadline:
            raise TimeoutError(f"only {int(state.client.get(key) or 0)} of {number} were completed")
        time.sleep(0.02)


def _register(state: RedisState, slots: int) -> None:
    for i in range(slots):
        info = WorkerInfo(f"w:1:{i}", "w", "cpu", "idle", None, "0", ())
        state.claims.register(info, 3600)


# --- processes --------------------------------------------------------------------------------


@contextmanager
def _process(role: str, servers: Servers) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.throughput", f"--{role}", *servers.arguments()],
        stderr=subprocess.DEVNULL if role == "scheduler" else None,
    )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _store(text: str) -> ObjectStore:
    if text.startswith("/"):
        return DirectoryStore(Path(text))
    endpoint, access_key, secret_key, bucket = text.split()
    return S3Store(endpoint, access_key, secret_key, bucket, "", "us-east-1", False)


def run_scheduler(servers: Servers) -> None:
    """A scheduler as the command builds it, over the store given."""
    from functools import partial

    from framefleet import logging
    from framefleet_scheduler.bootstrap import SystemClock
    from framefleet_scheduler.loops import Scheduler, Services

    logging.configure("info", "json")  # as in production; the lines go nowhere
    state = connect(servers.redis)
    services = Services(
        store=_store(servers.store),
        tasks=state.tasks,
        outbox=state.outbox,
        epochs=state.epochs,
        publisher=RabbitPublisher(servers.broker),
        event_publisher=RabbitPublisher(servers.broker),
        clock=SystemClock(),
        reports=partial(consume_reports, servers.broker),
        submissions=partial(consume_submissions, servers.broker),
    )
    scheduler = Scheduler(services)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop.set).start())
    scheduler.start()
    stop.wait()
    scheduler.stop()


def run_workers(servers: Servers) -> None:
    """Stand-ins for many slots: claim, create DONE, report, settle; nothing is encoded.

    They do so for all orders that have arrived, so that they take as little as possible of the machine: a thousand slots
    would do it side by side.
    """
    state, store = connect(servers.redis), _store(servers.store)
    _register(state, SLOTS)
    connection = pika.BlockingConnection(pika.URLParameters(servers.broker))
    channel = connection.channel()
    _topology_exists(channel)
    channel.basic_qos(prefetch_count=SLOTS)
    arrived: list[tuple[int, str]] = []
    channel.basic_consume(
        work_queue("cpu"),
        lambda _channel, method, _properties, body: arrived.append((method.delivery_tag, json.loads(body)["args"][0])),
    )
    claim, number = load("claim"), 0
    state.client.script_load(claim.text)
    while True:
        connection.process_data_events(1.0)
        bulk_at = time.monotonic() + BULK_SECONDS
        while len(arrived) < SLOTS and (left := bulk_at - time.monotonic()) > 0:
            connection.process_data_events(left)
        if not arrived:
            continue
        orders, arrived[:] = list(arrived), []
        pipeline = state.client.pipeline(transaction=False)
        for _, sid in orders:
            number += 1
            pipeline.evalsha(claim.digest, 0, sid, f"n{number}", f"w:1:{number % SLOTS}", 60000)
        done = 0
        for (_, sid), answer in zip(orders, pipeline.execute(), strict=True):
            if answer[0] == "OK":
                record = _record(sid, int(answer[1]))
                store.create(keys.done(*split_subtask_id(sid)), record.model_dump_json().encode())
                channel.basic_publish(
                    "", RESULTS_QUEUE, Done(sid=sid, summary=summary(record)).model_dump_json().encode()
                )
                done += 1
        channel.basic_ack(orders[-1][0], multiple=True)
        state.client.incrby("bench:done", done)


def _record(sid: str, fence: int) -> DoneRecord:
    """A DONE record as of a chunk in three renditions of three segments."""
    prefix = f"tasks/x/1/sub/2/a{fence}-n/"
    tracks = tuple(
        Track(
            id=f"v{i}",
            codecs="avc1.64001f",
            scale=12800,
            init=StoredFile(key=f"{prefix}v{i}/init.mp4", bytes=800, sha256="0" * 64),
            segments=tuple(
                Segment(key=f"{prefix}v{i}/{k}.m4s", bytes=300_000, sha256="0" * 64, start=k * 25600, duration=25600)
                for k in range(3)
            ),
            frames=150,
        )
        for i in range(3)
    )
    now = datetime.now(UTC)
    usage = Usage(wall_seconds=4.0, cpu_seconds=4.0, media_seconds=18.0, written_bytes=2_700_000)
    return DoneRecord(
        sid=sid,
        fence=fence,
        nonce="n",
        worker="w:1:1",
        started_at=now,
        finished_at=now,
        usage=usage,
        output=TracksOutput(tracks=tracks),
    )


def _cpu(pid: int) -> float:
    """Seconds of user and system time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _memory(pid: int, what: str) -> float:
    """MiB."""
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith(what))
    return int(line.split()[1]) / 1024


def _curve(rows: list[Row]) -> None:
    """CPU and memory against the backlog, as bars."""
    for what, values in (("CPU", [r.scheduler_ms for r in rows]), ("memory", [r.most_mib for r in rows])):
        for row, value in zip(rows, values, strict=True):
            print(f"  {what:<7}{row.backlog:>8} {'#' * round(40 * value / max(values))}")


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] in {"--scheduler", "--workers"}:
        addresses = Servers(*sys.argv[2:])
        (run_scheduler if sys.argv[1] == "--scheduler" else run_workers)(addresses)
    else:
        main(tuple(map(int, sys.argv[1:])) or BACKLOGS)
