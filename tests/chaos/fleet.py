"""The cluster under fire: hosts that come back after they died, each with a network of its own that can be cut."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from framefleet.domain.states import TaskState
from framefleet_scheduler.cache import clear, entries
from tests.acceptance.cluster import Cluster, eventually
from tests.chaos import processes
from tests.chaos.proxy import Network, Proxy
from tests.chaos.wire import NoWire, Wire
from tests.chaos.wrong_clock import ClockedRedis, WrongClock, compiled
from tests.services import S3, RabbitMQ, Redis
from tests.services.receiver import Receiver

SERVICES = ("amqp", "redis", "s3")
_KEEP_SECONDS = 0.1
_DISK_MIB = 160
WEBHOOK_SECRET = "the secret of the fleet under fire"
_TOLD_AGAIN = timedelta(seconds=20)
"""Settings of pipelines are copied every 15 s."""

# FFmpeg as a slow one: real work takes long enough to be hit, and the CPU stays free. `read` waits without a process.
_SLOW_FFMPEG = """#!/bin/bash
for word; do
  if [ "$word" = -progress ]; then
    exec {nothing}<> <(:)
    read -t "$(< "PACE")" -u $nothing
    exec {nothing}>&-
    break
  fi
done
exec FFMPEG "$@"
"""


@dataclass
class Host:
    """One machine: a scheduler, or a worker with its slots."""

    name: str
    module: str
    arguments: tuple[str, ...]
    variables: dict[str, str]
    proxies: dict[str, Proxy]
    process: subprocess.Popen[bytes] | None = None
    back_at: float = 0.0
    """When it is started again after its death (monotonic)."""
    pids: set[int] = field(default_factory=set)
    """Slots it ever had."""
    clock: WrongClock | None = None
    """Its wall clock, where this machine can give it one."""
    wire: Wire | None = None
    """Its network and name, where this machine can give it those."""

    @property
    def is_worker(self) -> bool:
        return self.module == "framefleet_workers"

    def tree(self) -> list[int]:
        """Its live processes, the first one first."""
        return [] if self.process is None or self.process.poll() is not None else processes.tree(self.process.pid)


class Fleet(Cluster):
    """Two schedulers and two workers over private services, each of which may be taken away."""

    def __init__(self, folder: Path, rabbitmq: RabbitMQ, redis: Redis, s3: S3, *, cache: bool) -> None:
        """`cache`: whether finished work is found again by its content; then there is less to be disturbed."""
        vhost, bucket = rabbitmq.new_vhost(), s3.new_bucket()
        self.rabbitmq, self.redis, self.vhost = rabbitmq, redis, vhost
        self.redis_clock = redis.clock if isinstance(redis, ClockedRedis) else None
        self.database = redis.fresh_database()
        super().__init__(folder, rabbitmq.amqp_url(vhost), redis.database_url(self.database), s3, bucket)
        self.network = Network()
        self._pace = folder / "pace"
        self.pace(0.0)
        self.environment |= {"FRAMEFLEET_FFMPEG": str(self._slow_ffmpeg()), "FRAMEFLEET_STALL_SECONDS": "8"}
        self.receiver = Receiver().start()
        self.environment |= {
            "FRAMEFLEET_ALLOW_PRIVATE_WEBHOOKS": "1",
            "FRAMEFLEET_WEBHOOK_SECRET": WEBHOOK_SECRET,
        }
        self.cached = cache
        self.forgetful: list[tuple[datetime, datetime]] = []
        """When Redis was killed, and when schedulers must have told it again what its file lacked."""
        if not cache:
            self.environment["FRAMEFLEET_CACHE_BYTES"] = "0"
        self.hosts = {
            name: self._host(name, module, arguments)
            for name, module, arguments in (
                ("scheduler-1", "framefleet_scheduler", ()),
                ("scheduler-2", "framefleet_scheduler", ()),
                ("worker-1", "framefleet_workers", ("--tags", "cpu", "--slots", "2")),
                ("worker-2", "framefleet_workers", ("--tags", "cpu", "--slots", "1")),
            )
        }
        self.small_disk = self._mounted(self.hosts["worker-2"])
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)

    @property
    def schedulers(self) -> list[Host]:
        return [host for host in self.hosts.values() if not host.is_worker]

    @property
    def workers(self) -> list[Host]:
        return [host for host in self.hosts.values() if host.is_worker]

    def begin(self) -> None:
        """Start all hosts; returns when every slot has registered."""
        self._keeper.start()
        self.wait_for_slots(3, 120)

    def pace(self, seconds: float) -> None:
        """How long FFmpeg waits before it works."""
        part = self._pace.with_suffix(".part")
        part.write_text(f"{max(seconds, 0.001)}")
        part.replace(self._pace)

    def scratch(self, host: Host) -> Path:
        return Path(host.variables["FRAMEFLEET_SCRATCH"])

    def down(self, host: Host, seconds: float) -> None:
        """Kill the host's first process, with which all others die; it is back after that time."""
        with self._lock:
            host.back_at = time.monotonic() + seconds
            if host.process is not None:
                host.process.kill()
                host.process.wait()

    def drain(self, host: Host) -> None:
        """Tell it to stop, as a deployment does. It is started again when it has."""
        if host.process is not None:
            host.process.terminate()

    def slots_of(self, host: Host) -> list[int]:
        return [pid for pid in host.tree() if processes.is_slot(pid)]

    def ffmpegs(self) -> list[int]:
        return [pid for host in self.workers for pid in host.tree() if processes.is_ffmpeg(pid)]

    def flush(self) -> None:
        """Redis loses everything."""
        self.state.client.flushdb()

    def kill_redis(self, seconds: float) -> None:
        """It is back after that time, without what it had not yet written."""
        gone = datetime.now(UTC)
        self.redis.kill()
        time.sleep(seconds)
        self.redis.start()
        self.forgetful.append((gone, datetime.now(UTC) + _TOLD_AGAIN))

    def clear_cache(self) -> None:
        """Remove all finished work that is kept."""
        clear(self.store, list(entries(self.store)))

    def has_failed(self, task_id: str) -> bool:
        """Whether Redis says so."""
        record = self.record(task_id)
        return record is not None and record.state is TaskState.FAILED

    def leftovers(self) -> list[int]:
        """Processes that some host started and that are still there."""
        return [
            pid
            for host in self.hosts.values()
            for pid in processes.with_variable(f"FRAMEFLEET_HOST={host.name}@{self.folder}")
        ]

    def close(self) -> None:
        """End everything; nothing is started again."""
        self._over.set()
        if self._keeper.is_alive():
            self._keeper.join()
        super().close()
        self.receiver.__exit__()
        self.network.close()
        for host in self.hosts.values():
            if host.wire is not None:
                host.wire.close()
        if self.small_disk is not None:
            subprocess.run(["umount", self.scratch(self.small_disk)], check=True, timeout=30)

    # --- hosts -----------------------------------------------------------------------------

    def _host(self, name: str, module: str, arguments: tuple[str, ...]) -> Host:
        ports = {"amqp": self.rabbitmq.port, "redis": self.redis.port, "s3": int(self.s3.endpoint.rsplit(":", 1)[1])}
        wire, clock, library = self._wire(name) if module == "framefleet_workers" else None, None, compiled(self.folder)
        if library is not None:
            clock = WrongClock(library, self.folder / f"clock-{name}")
        here = "127.0.0.1" if wire is None else wire.address
        proxies = {service: self.network.proxy(port, here) for service, port in ports.items()}
        broker = self.amqp_url.replace(f"@127.0.0.1:{ports['amqp']}/", f"@{here}:{proxies['amqp'].port}/")
        variables = {
            "FRAMEFLEET_BROKER_URL": broker,
            "FRAMEFLEET_REDIS_URL": f"redis://{here}:{proxies['redis'].port}/{self.database}",
            "FRAMEFLEET_S3_ENDPOINT": f"{here}:{proxies['s3'].port}",
            "FRAMEFLEET_SCRATCH": str(self.folder / f"scratch-{name}"),
            # Not a setting: by it whatever the host started is found again.
            "FRAMEFLEET_HOST": f"{name}@{self.folder}",
            **({} if clock is None else clock.variables),
        }
        return Host(name, module, arguments, variables, proxies, clock=clock, wire=wire)

    def _wire(self, name: str) -> Wire | None:
        try:
            return Wire(name, self.folder / f"wire-{name}")
        except NoWire:
            return None

    def _keep(self) -> None:
        """Start what is not running, as an orchestrator does."""
        while not self._over.wait(_KEEP_SECONDS):
            for host in self.hosts.values():
                with self._lock:
                    dead = host.process is None or host.process.poll() is not None
                    if dead and time.monotonic() >= host.back_at and not self._over.is_set():
                        inside = [] if host.wire is None else host.wire.inside
                        host.process = self._start(host.module, *host.arguments, wrapped_in=inside, **host.variables)
                host.pids.update(self.slots_of(host) if host.is_worker else ())

    def _mounted(self, host: Host) -> Host | None:
        """Give the host a small disk for its scratch files; None where this machine does not allow it."""
        place = self.scratch(host)
        place.mkdir(parents=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MIB}m", "tmpfs", str(place)]
        try:
            done = subprocess.run(mount, capture_output=True, timeout=30, check=False)
        except OSError:
            return None
        return host if done.returncode == 0 else None

    def _slow_ffmpeg(self) -> Path:
        ffmpeg = shutil.which("ffmpeg")
        assert ffmpeg is not None
        path = self.folder / "slow-ffmpeg"
        path.write_text(_SLOW_FFMPEG.replace("PACE", str(self._pace)).replace("FFMPEG", ffmpeg))
        path.chmod(0o755)
        return path

    def settled(self, seconds: float) -> None:
        """Until every slot is back and idle."""

        def look() -> bool:
            workers = self._workers()
            return len([w for w in workers if w.state == "idle"]) >= 3

        eventually(look, "all slots to be back and idle", seconds)
