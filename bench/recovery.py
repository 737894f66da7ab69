"""How long the cluster takes to go on after each loss: real processes and services, waited for from outside.

Leases and beats are the defaults (20 s, 6 s). FFmpeg waits before it works, so that an attempt runs as long as is needed
and costs nothing. Times are taken from Redis' clock, which is this machine's.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.cluster import eventually
from tests.chaos import load
from tests.chaos.__main__ import services
from tests.chaos.fleet import Fleet, Host

from bench.measure import median
from framefleet.domain.records import SubtaskRecord
from framefleet.domain.states import SubtaskState
from framefleet_scheduler.bootstrap import SystemClock
from framefleet_scheduler.control import Control

_LONG_SECONDS = 120.0
_SHORT_SECONDS = 0.2
_BACKLOG = 10
_DOWN_SECONDS = 2.0

GOALS = {
    "worker killed -9 -> its subtask runs again": "lease (20) + 2",
    "worker told to stop -> its subtask runs elsewhere": "2",
    "Redis killed -9, back -> next claim": "1",
    "broker killed -9, back -> next claim": "6",
    "Redis wiped -> rebuilt and next claim": "",
    "Redis wiped -> running work adopted": "",
}


class Recovery:
    """Measures over one fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._number = 0
        self.repeated = 0
        """Attempts that were made again although their worker lived."""

    def rows(self) -> dict[str, float]:
        """One round: what -> seconds."""
        killed = self._elsewhere(lambda host: self._fleet.down(host, _LONG_SECONDS))
        stopped = self._elsewhere(self._drain)
        redis = self._next_claim(self._restart_redis)
        broker = self._next_claim(self._restart_broker)
        wiped = self._next_claim(self._wipe)
        adopted = self._adopted()
        return dict(zip(GOALS, (killed, stopped, redis, broker, wiped, adopted), strict=True))

    # --- one running attempt ---------------------------------------------------------------

    def _elsewhere(self, strike: Callable[[Host], None]) -> float:
        """Seconds from a host's loss until what it did is begun by another one."""
        task_id, first = self._running()
        assert first.worker is not None
        pid = int(first.worker.split(":")[1])
        host = next(host for host in self._fleet.workers if pid in host.tree())
        struck = time.time()
        strike(host)

        def look() -> SubtaskRecord | None:
            now = self._subtask(task_id, first.n)
            again = now is not None and now.state is SubtaskState.RUNNING and now.worker != first.worker
            return now if again else None

        again = eventually(look, "the subtask to run elsewhere")
        assert again.started_at is not None
        self._end(task_id)
        host.back_at = 0.0
        self._fleet.settled(120)
        return again.started_at.timestamp() - struck

    def _adopted(self) -> float:
        """Seconds from the loss of Redis until the attempt that ran all the time is known again."""
        task_id, first = self._running()
        struck = time.time()
        self._fleet.flush()

        def look() -> SubtaskRecord | None:
            now = self._subtask(task_id, first.n)
            return now if now is not None and now.state is SubtaskState.RUNNING else None

        now = eventually(look, "the attempt to be adopted")
        took = time.time() - struck
        self.repeated += now.worker not in {None, first.worker} or now.attempts > first.attempts
        self._end(task_id)
        self._fleet.settled(120)
        return took

    def _running(self) -> tuple[str, SubtaskRecord]:
        self._fleet.pace(_LONG_SECONDS)
        task_id = self._submit("sound")  # one encode: whoever is left has a slot for it

        def look() -> SubtaskRecord | None:
            record = self._fleet.record(task_id)
            found = () if record is None else record.subtasks
            return next((s for s in found if s.kind == "transcode" and s.state is SubtaskState.RUNNING), None)

        return task_id, eventually(look, "an encode to run")

    # --- a backlog -------------------------------------------------------------------------

    def _next_claim(self, strike: Callable[[], float]) -> float:
        """Seconds from a service's return until the first claim of work that waited."""
        self._fleet.pace(_SHORT_SECONDS)
        tasks = [self._submit("remux") for _ in range(_BACKLOG)]
        returned = strike()

        def look() -> float | None:
            starts = []
            for task_id in tasks:
                record = self._fleet.record(task_id)
                starts += [] if record is None else [s.started_at.timestamp() for s in record.subtasks if s.started_at]
            return min((start for start in starts if start > returned), default=None)

        first = eventually(look, "a claim")
        for task_id in tasks:
            self._fleet.finished(task_id)
        self._fleet.settled(120)
        return first - returned

    def _restart_redis(self) -> float:
        self._fleet.redis.kill()
        time.sleep(_DOWN_SECONDS)
        self._fleet.redis.start()
        return time.time()

    def _restart_broker(self) -> float:
        self._fleet.rabbitmq.kill()
        time.sleep(_DOWN_SECONDS)
        self._fleet.rabbitmq.start()
        return time.time()

    def _wipe(self) -> float:
        self._fleet.flush()
        return time.time()

    def _drain(self, host: Host) -> None:
        host.back_at = time.monotonic() + _LONG_SECONDS
        self._fleet.drain(host)

    def _end(self, task_id: str) -> None:
        Control(self._fleet.store, self._fleet.state.tasks, SystemClock()).cancel(task_id)
        self._fleet.pace(0.0)
        self._fleet.finished(task_id)

    def _submit(self, shape: str) -> str:
        self._number += 1
        (answer,) = self._fleet.submit(load.request(shape, self._fleet.bucket, f"r{self._number}"))
        return str(answer["task"]["id"])

    def _subtask(self, task_id: str, n: int) -> SubtaskRecord | None:
        record = self._fleet.record(task_id)
        return None if record is None else next((s for s in record.subtasks if s.n == n), None)


def main(rounds: int) -> None:
    """Print the table."""
    found: dict[str, list[float]] = {name: [] for name in GOALS}
    with tempfile.TemporaryDirectory(prefix="framefleet-recovery-") as name:
        folder = Path(name)
        with services(folder) as (rabbitmq, redis, s3):
            fleet = Fleet(folder, rabbitmq, redis, s3, cache=False)
            fleet.environment |= {"FRAMEFLEET_LEASE_SECONDS": "20", "FRAMEFLEET_BEAT_SECONDS": "6"}
            fleet.environment |= {"FRAMEFLEET_STALL_SECONDS": "600"}
            try:
                fleet.begin()
                for path in load.make_sources(folder):
                    fleet.upload(path, f"in/{path.name}")
                recovery = Recovery(fleet)
                for _ in range(rounds):
                    for row, seconds in recovery.rows().items():
                        found[row].append(seconds)
            finally:
                fleet.close()
    print(
        f"recovery, seconds; {rounds} rounds, lease 20 s, beat 6 s, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'':<52}{'median':>8}{'worst':>8}  goal")
    for row, times in found.items():
        print(f"{row:<52}{median(times):>8.2f}{max(times):>8.2f}  {GOALS[row]}")
    print(f"attempts repeated although their worker lived: {recovery.repeated}")
