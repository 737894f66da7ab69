"""The faults, each with its own healing: when a fault returns, what it took away is there again or on its way back."""

from __future__ import annotations

import json
import time
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass
from signal import SIGCONT, SIGKILL, SIGSTOP
from urllib.parse import quote

import redis

from framefleet.domain.errors import ErrorInfo, Retry
from framefleet.messages import Done, Failed
from tests.chaos import operations, processes
from tests.chaos.fleet import SERVICES, Fleet
from tests.chaos.load import MALFORMED_ORDERS
from tests.chaos.proxy import FULL, Mode
from tests.chaos.scene import Scene

LONGER_THAN_A_LEASE = 5.5
"""Seconds; the cluster's leases are 4."""
_QUEUES = ("framefleet.v1.cpu", "framefleet.v1.results")
_BROKER_FROZEN = 32.0
"""Seconds; connections have heartbeats of 15, and end when two were missed."""
_JUMPS = (20 * 60.0, 3 * 3600.0, 30 * 3600.0)
"""Seconds: S3 refuses signatures that are 15 minutes off, and addresses signed for half a day end before the last."""


# --- workers and schedulers ----------------------------------------------------------------------


def kill_host(scene: Scene) -> None:
    scene.fleet.down(scene.host, scene.rng.uniform(0, 3))


def kill_slot(scene: Scene) -> None:
    processes.send(SIGKILL, *scene.slot())


def terminate(scene: Scene) -> None:
    scene.fleet.drain(scene.host)


def freeze(scene: Scene) -> None:
    pids = scene.host.tree()
    processes.send(SIGSTOP, *reversed(pids))
    scene.wait(LONGER_THAN_A_LEASE, LONGER_THAN_A_LEASE + 1)
    processes.send(SIGCONT, *pids)


def kill_ffmpeg(scene: Scene) -> None:
    deadline = time.monotonic() + 3
    while not (found := scene.fleet.ffmpegs()) and time.monotonic() < deadline:
        time.sleep(0.05)
    processes.send(SIGKILL, *scene.rng.sample(found, min(1, len(found))))


def fill_scratch(scene: Scene) -> None:
    """All space of a scratch directory is taken, also under what is being written. Only ever on a small disk of its own."""
    host = scene.fleet.small_disk
    assert host is not None, "this machine cannot mount a small disk"
    filler = scene.fleet.scratch(host) / "filler"
    try:
        with filler.open("wb", buffering=0) as out:
            while True:
                out.write(bytes(1 << 20))
    except OSError:
        scene.wait(1, 3)  # full, as it should be
    filler.unlink(missing_ok=True)


def cut_off(scene: Scene) -> None:
    """No packet from or to the victim passes."""
    for service in SERVICES:
        scene.host.proxies[service].set(Mode.STALL)
    scene.wait(LONGER_THAN_A_LEASE, LONGER_THAN_A_LEASE + 1)
    for service in SERVICES:
        scene.host.proxies[service].set(Mode.FORWARD)


def unplug(scene: Scene) -> None:
    """The cable of the victim is pulled: nobody is told, and connections that were opened meanwhile fail."""
    wire = scene.host.wire
    assert wire is not None, "this machine has no network namespaces"
    wire.pull()
    scene.wait(1, LONGER_THAN_A_LEASE + 3)
    wire.plug_in()


def jump_clock(scene: Scene) -> None:
    """The victim's wall clock is set forwards or back, and is set right at once, or some faults later."""
    clock = scene.host.clock
    assert clock is not None, "this machine has no C compiler"
    clock.set(scene.rng.choice(_JUMPS) * scene.rng.choice((-1, 1)))
    scene.wait(2, 4)
    scene.operator.later(lambda: clock.set(0), scene.rng.choice((0, 2, 8)))


def lose_answer(scene: Scene) -> None:
    """Nothing more than that: what is held is lost with its connection."""


# --- services ------------------------------------------------------------------------------------


def kill_broker(scene: Scene) -> None:
    scene.fleet.rabbitmq.kill()
    scene.wait(0, 2)
    scene.fleet.rabbitmq.start()


def freeze_broker(scene: Scene) -> None:
    """As good as partitioned from all: it keeps its connections and says nothing for longer than heartbeats."""
    pid = scene.fleet.rabbitmq.pid
    processes.send(SIGSTOP, pid)
    scene.wait(_BROKER_FROZEN, _BROKER_FROZEN + 3)
    processes.send(SIGCONT, pid)


def purge_queue(scene: Scene) -> None:
    for queue in _QUEUES:
        _queue(scene, queue, "/contents")


def delete_queue(scene: Scene) -> None:
    _queue(scene, scene.rng.choice(_QUEUES), "")


def _queue(scene: Scene, queue: str, what: str) -> None:
    try:
        scene.fleet.rabbitmq.api("DELETE", f"queues/{quote(scene.fleet.vhost, safe='')}/{queue}{what}")
    except urllib.error.HTTPError as answer:
        answer.close()
        if answer.code != 404:  # gone already is fine
            raise


def memory_alarm(scene: Scene) -> None:
    scene.fleet.rabbitmq.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
    scene.wait(1, 4)
    scene.fleet.rabbitmq.ctl("set_vm_memory_high_watermark", "0.4")


def disk_alarm(scene: Scene) -> None:
    scene.fleet.rabbitmq.ctl("set_disk_free_limit", "900000GB")
    scene.wait(1, 4)
    scene.fleet.rabbitmq.ctl("set_disk_free_limit", "200MB")


def kill_redis(scene: Scene) -> None:
    scene.fleet.kill_redis(scene.rng.uniform(0, 4))


def jump_redis_clock(scene: Scene) -> None:
    """The clock of Redis' host is set forwards or back, and is set right again: all leases and delays are of another time."""
    clock = scene.fleet.redis_clock
    assert clock is not None, "this Redis has no clock of its own"
    clock.set(scene.rng.choice(_JUMPS) * scene.rng.choice((-1, 1)))
    scene.wait(1, 5)
    clock.set(0)


def flush_redis(scene: Scene) -> None:
    scene.fleet.flush()


def lose_redis_and_orders(scene: Scene) -> None:
    scene.fleet.flush()
    purge_queue(scene)


def fill_redis(scene: Scene) -> None:
    client = scene.fleet.state.client
    client.config_set("maxmemory", 1)
    scene.wait(1, 4)
    client.config_set("maxmemory", 0)


def kill_s3(scene: Scene) -> None:
    scene.fleet.s3.kill()
    scene.wait(0, 2)
    scene.fleet.s3.start()


def fill_s3(scene: Scene) -> None:
    """Whatever needs room is refused; reading goes on."""
    status = scene.rng.choice(FULL)
    proxies = [host.proxies["s3"] for host in scene.fleet.hosts.values()]
    for proxy in proxies:
        proxy.set(Mode.FULL, status=status)
    scene.wait(2, 5)
    for proxy in proxies:
        proxy.set(Mode.FORWARD)


def receiver_away(scene: Scene) -> None:
    """Whoever is told over HTTP cannot be reached."""
    scene.fleet.receiver.stop()
    scene.wait(2, 8)
    scene.fleet.receiver.start()


def receiver_refuses(scene: Scene) -> None:
    """It hears, and says that it did not."""
    receiver = scene.fleet.receiver
    receiver.status = scene.rng.choice((500, 503, 404, 302))
    scene.wait(2, 8)
    receiver.status = 200


def clear_cache(scene: Scene) -> None:
    """As `framefleet cache clear`: entries go while they are read and written."""
    scene.fleet.clear_cache()


def _everywhere(service: str, mode: Mode, longest: float, delay: float = 0.0) -> Callable[[Scene], None]:
    def do(scene: Scene) -> None:
        proxies = [host.proxies[service] for host in scene.fleet.hosts.values()]
        for proxy in proxies:
            proxy.set(mode, delay)
        scene.wait(longest / 3, longest)
        for proxy in proxies:
            proxy.set(Mode.FORWARD)

    return do


# --- messages ------------------------------------------------------------------------------------


def repeat_orders(scene: Scene) -> None:
    """Every subtask that Redis knows is ordered again, twice."""
    client = scene.fleet.state.client
    for key in list(client.scan_iter("ff:s:*", count=1000))[:60]:
        kind = client.hget(key, "kind")
        if kind is None:
            continue
        order: dict[str, object] = {
            "queue_name": "framefleet.v1.cpu",
            "actor_name": kind,
            "args": [key.removeprefix("ff:s:")],
            "kwargs": {},
            "options": {},
            "message_id": "again",
            "message_timestamp": 1,
        }
        for _ in range(2):
            scene.producer.raw("framefleet.v1.cpu", json.dumps(order).encode())


def stale_reports(scene: Scene) -> None:
    """Attempts that lost their leases long ago say that they failed for good, and that they are done."""
    error = ErrorInfo(code="ffmpeg_failed", message="stale", retry=Retry.PERMANENT)
    for key in list(scene.fleet.state.client.scan_iter("ff:s:*", count=1000))[:40]:
        sid = key.removeprefix("ff:s:")
        for report in (Failed(sid=sid, fence=1, nonce="0", worker="x:1:1", error=error), Done(sid=sid)):
            scene.producer.raw("framefleet.v1.results", report.model_dump_json().encode())


def malformed_orders(scene: Scene) -> None:
    for body in MALFORMED_ORDERS:
        scene.producer.raw("framefleet.v1.cpu", body)


@dataclass(frozen=True)
class Fault:
    """What is done, and to whom: a `worker`, a `scheduler`, or `all`."""

    do: Callable[[Scene], None]
    victim: str = "all"
    placed: bool = True
    """Whether it can be placed at a moment."""
    quick: bool = True
    """Whether the cluster is over it within seconds, so that the short form may draw it."""


FAULTS: dict[str, Fault] = {
    "worker killed": Fault(kill_host, "worker"),
    "slot killed": Fault(kill_slot, "worker"),
    "worker told to stop": Fault(terminate, "worker"),
    "worker frozen": Fault(freeze, "worker"),
    "worker cut off": Fault(cut_off, "worker"),
    "FFmpeg killed": Fault(kill_ffmpeg, "worker", placed=False),
    "scratch full": Fault(fill_scratch, "worker", placed=False),
    "worker's answer lost": Fault(lose_answer, "worker"),
    "worker unplugged": Fault(unplug, "worker"),
    "worker's clock jumps": Fault(jump_clock, "worker"),
    "scheduler's clock jumps": Fault(jump_clock, "scheduler"),
    "scheduler killed": Fault(kill_host, "scheduler"),
    "scheduler told to stop": Fault(terminate, "scheduler"),
    "scheduler frozen": Fault(freeze, "scheduler"),
    "scheduler cut off": Fault(cut_off, "scheduler"),
    "scheduler's answer lost": Fault(lose_answer, "scheduler"),
    "broker killed": Fault(kill_broker),
    "broker frozen": Fault(freeze_broker, quick=False),
    "queues purged": Fault(purge_queue, quick=False),
    "queue deleted": Fault(delete_queue, quick=False),
    "broker's memory alarm": Fault(memory_alarm, quick=False),
    "broker's disk alarm": Fault(disk_alarm, quick=False),
    "broker's connections reset": Fault(_everywhere("amqp", Mode.RESET, 2)),
    "Redis killed": Fault(kill_redis),
    "Redis' clock jumps": Fault(jump_redis_clock, quick=False),
    "Redis flushed": Fault(flush_redis),
    "Redis flushed, queues purged": Fault(lose_redis_and_orders, quick=False),
    "Redis full": Fault(fill_redis),
    "Redis' connections reset": Fault(_everywhere("redis", Mode.RESET, 2)),
    "Redis slow": Fault(_everywhere("redis", Mode.DELAY, 3, 0.3), placed=False),
    "S3 killed": Fault(kill_s3, quick=False),
    "S3 slow": Fault(_everywhere("s3", Mode.DELAY, 4, 0.4), placed=False),
    "S3 refusing": Fault(_everywhere("s3", Mode.REFUSE, 4)),
    "S3's connections reset": Fault(_everywhere("s3", Mode.RESET, 4)),
    "S3 full": Fault(fill_s3),
    "receiver away": Fault(receiver_away),
    "receiver refuses": Fault(receiver_refuses, placed=False),
    "cache cleared": Fault(clear_cache),
    "orders repeated": Fault(repeat_orders, placed=False),
    "stale reports": Fault(stale_reports, placed=False),
    "malformed orders": Fault(malformed_orders, placed=False),
    "priority changed": Fault(operations.change_priority),
    "slot drained": Fault(operations.drain_slot),
    "host drained": Fault(operations.drain_host),
    "pipeline paused": Fault(operations.pause_pipeline),
    "everything paused": Fault(operations.pause_everything),
    "limits changed": Fault(operations.change_limits),
    "failed task restarted": Fault(operations.restart_failed),
}


def impossible(fleet: Fleet) -> frozenset[str]:
    """The faults this machine, or this seed's cluster, cannot have."""
    found = set()
    if fleet.small_disk is None:
        found.add("scratch full")
    if any(host.clock is None for host in fleet.hosts.values()):
        found |= {"worker's clock jumps", "scheduler's clock jumps"}
    if fleet.redis_clock is None:
        found.add("Redis' clock jumps")
    if any(host.wire is None for host in fleet.workers):
        found.add("worker unplugged")
    if not fleet.cached:
        found.add("cache cleared")
    return frozenset(found)


Broken = (redis.RedisError,)
"""What a fault may meet when the one before it is still being healed."""
