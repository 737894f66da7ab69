"""A cluster in simulated time over the real scheduling code: the scripts on a private Redis decide what goes when; workers,
their durations and RabbitMQ's priority queue are simulated.

Redis' clock is not simulated, and need not be: the order of releases follows from when tasks were created.
"""

from __future__ import annotations

import heapq
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from framefleet.adapters.embedded_redis import EmbeddedRedis, find_server
from framefleet.adapters.redis_state import RedisState, connect
from framefleet.domain.pipeline import Pipeline
from framefleet.domain.sound import AudioSettings
from framefleet.domain.subtask import AudioTrackSpec, Plan, Subtask, Tag, split_subtask_id
from framefleet.domain.task import accept, parse_request
from framefleet.ports import Claim
from framefleet_scheduler.dispatch import window

START = datetime(2026, 1, 1, tzinfo=UTC)
ENDLESS_SECONDS = 10.0**7
"""An ageing nobody lives to see: priority alone decides."""
_LEASE_SECONDS = 86400.0
_SPEC = AudioTrackSpec(
    id="a", pieces=(), settings=AudioSettings(), sample_rate=48000, channels=2, samples=48000, tolerance=0
)


@dataclass(slots=True)
class Job:
    """A task as the simulation sees it. Times are simulated seconds since the start."""

    name: str
    pipeline: str
    priority: int
    created: float
    seconds: float
    """What each of its subtasks takes."""
    begun: list[float] = field(default_factory=list)
    """When its subtasks began, in order."""

    @property
    def wait(self) -> float:
        """From its creation until its first subtask began; endless when none has."""
        return self.begun[0] - self.created if self.begun else float("inf")


@dataclass(frozen=True, slots=True)
class Start:
    """A subtask was taken by a worker, `seconds` of work."""

    at: float
    sid: str
    job: Job
    seconds: float


class Simulation:
    """Slots that take orders, in simulated time."""

    def __init__(self, state: RedisState, slots: int, jitter: float = 0.0) -> None:
        """`jitter`: by what part of it a duration may differ from what was planned; drawn from a fixed seed."""
        self.state = state
        self._jitter = jitter
        self._chance = random.Random(7)
        self.now = 0.0
        self.released: list[str] = []
        """Subtasks in the order in which they were first handed to the broker."""
        self.starts: list[Start] = []
        self.window = window(slots)
        self._jobs: dict[str, Job] = {}
        self._seen: set[str] = set()
        self._broker: list[tuple[int, int, str]] = []
        self._numbers = count()
        self._free = slots
        self._running: list[tuple[float, int, str]] = []
        self._coming: list[tuple[float, int, Job, int]] = []

    def weigh(self, **weights: float) -> None:
        """Give pipelines their weights."""
        for name, weight in weights.items():
            self.state.tasks.configure(Pipeline(name=name, version=1, weight=weight))

    def submit(self, name: str, at: float, *, chunks: int, seconds: float, pipeline: str, priority: int = 5) -> Job:
        """A task that comes at `at`."""
        job = Job(name, pipeline, priority, at, seconds)
        heapq.heappush(self._coming, (at, next(self._numbers), job, chunks))
        return job

    def run(self, until: float) -> None:
        """Let time pass until `until`, or until there is nothing left to happen."""
        while True:
            self._hand_out()
            following = [queue[0][0] for queue in (self._coming, self._running) if queue]
            if not following or min(following) > until:
                self.now = until
                return
            self.now = min(following)
            while self._coming and self._coming[0][0] <= self.now:
                self._enter(*heapq.heappop(self._coming)[2:])
            while self._running and self._running[0][0] <= self.now:
                self.state.tasks.done(heapq.heappop(self._running)[2], "{}", 0.0)
                self._free += 1

    def job_of(self, sid: str) -> Job:
        """Whose subtask it is."""
        return self._jobs[split_subtask_id(sid)[0]]

    def _enter(self, job: Job, chunks: int) -> None:
        request = parse_request(
            {
                "name": job.name,
                "pipeline": job.pipeline,
                "priority": job.priority,
                "sources": [{"uri": "s3://in/a.mov"}],
                "targets": [{"name": "hd", "template": "mp4-h264-720p", "uri": "s3://out/a.mp4"}],
            }
        )
        task = accept(request, now=START + timedelta(seconds=job.created))
        self._jobs[task.id] = job
        self.state.tasks.create(task, 1, [])
        parts = tuple(Subtask(n=n, tag=Tag.CPU, spec=_SPEC, weight=job.seconds) for n in range(1, chunks + 1))
        self.state.tasks.add_plan(task.id, 1, Plan(subtasks=parts, targets={"hd": (1,)}))
        self._forget_events()

    def _hand_out(self) -> None:
        """What the relay and the free slots do at one moment, until neither has anything to do."""
        while True:
            self.state.outbox.release_window(Tag.CPU, self.window)
            for due in self.state.outbox.due(1000):
                sid = due.order.sid
                heapq.heappush(self._broker, (-due.order.priority, next(self._numbers), sid))
                self.state.outbox.published(due)
                if sid not in self._seen:
                    self._seen.add(sid)
                    self.released.append(sid)
            if not self._free or not self._broker:
                return
            self._take(heapq.heappop(self._broker)[2])

    def _take(self, sid: str) -> None:
        number = next(self._numbers)
        if not isinstance(self.state.claims.claim(sid, str(number), "host:1:0", _LEASE_SECONDS), Claim):
            return  # an order that was published again: the other copy was taken
        job = self.job_of(sid)
        job.begun.append(self.now)
        seconds = job.seconds * (1 + self._chance.uniform(-self._jitter, self._jitter))
        self.starts.append(Start(self.now, sid, job, seconds))
        self._free -= 1
        heapq.heappush(self._running, (self.now + seconds, number, sid))
        if number % 1000 == 0:
            self._forget_events()

    def _forget_events(self) -> None:
        self.state.client.delete("ff:events", "ff:event")


@contextmanager
def private_redis() -> Iterator[str]:
    """The address of a server of our own."""
    program = find_server()
    assert program is not None, "no Redis and no Valkey is installed"
    with (
        tempfile.TemporaryDirectory(prefix="framefleet-") as name,
        EmbeddedRedis(Path(name), program=program) as server,
    ):
        yield server.url


@contextmanager
def simulation(url: str, slots: int, *, ageing_seconds: float = 600.0, jitter: float = 0.0) -> Iterator[Simulation]:
    """A cluster over an emptied Redis."""
    with connect(url, ageing_seconds=ageing_seconds) as state:
        state.client.flushall()
        state.epochs.begin(1)
        yield Simulation(state, slots, jitter)
