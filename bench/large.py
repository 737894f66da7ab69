"""How long one task of very many subtasks holds Redis: the longest call of each script, as Redis' own slow log has it.

Redis does one thing at a time, so what one script takes all heartbeats wait.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from tests import factories
from tests.services.redis import Redis

from framefleet.adapters import redis_state
from framefleet.adapters.redis_state import RedisState, connect, scripts
from framefleet.domain.errors import VerifyFailed
from framefleet.domain.media_info import FrameIndex
from framefleet.domain.records import TaskRecord
from framefleet.domain.sound import AudioSettings
from framefleet.domain.states import TaskState
from framefleet.domain.subtask import AudioTrackSpec, ConcatSpec, FilePackage, Plan, ProbeSpec, Subtask, Tag, subtask_id
from framefleet.domain.task import Task, accept, parse_request
from framefleet_scheduler.plan import PlanSettings, plan_task

Table = dict[str, dict[int, float]]
"""Row -> size -> number."""

SIZES = (1_000, 20_000, 100_000)
_SLOWER_THAN_US = 500


def main(sizes: tuple[int, ...] = SIZES) -> None:
    """Print a table: a row for each script, a column for each size."""
    longest: Table = {}
    took: Table = {}
    cpu: Table = {}
    plans: Table = {}
    with tempfile.TemporaryDirectory(prefix="framefleet-", ignore_cleanup_errors=True) as name:
        redis = Redis(Path(name))
        try:
            redis.start()
            for size in sizes:
                with connect(redis.url) as state:
                    state.client.flushall()
                    state.epochs.begin(1)
                    for script, ms in _exercise(state, size, took, cpu).items():
                        longest.setdefault(script, {})[size] = ms
        finally:
            redis.close()
    print("longest call of each script, ms, by subtasks in the task (-: under 0.5)")
    _table(longest, sizes, "{:.1f}")
    print(
        "\nCPU of Redis for a call, ms: the mean of all calls of each verb. Other work on the machine does not change it"
    )
    _table(cpu, sizes, "{:.2f}")
    print("\neach verb from outside, s: all its calls")
    _table(took, sizes, "{:.2f}")
    for size in sizes:
        _plan_film(size, plans)
    print("\na film of so many chunks: CPU s to plan, to write and to read the plan, and the memory it grew to, MiB")
    _table(plans, sizes, "{:.2f}")


def _plan_film(size: int, found: Table) -> None:
    """In this process: what is said of memory is true for ascending sizes."""
    index = FrameIndex(
        time_base=Fraction(1, 25),
        first=0,
        runs=((1, 100 * size - 1),),
        keyframes=tuple(range(0, 100 * size, 50)),
        gop_bytes=(100_000,) * (2 * size),
        last_duration=1,
    )
    task, media = factories.task("mp4-h264-360p"), factories.media(frame_index=index)

    def measured(name: str, step: Callable[[], Any]) -> Any:
        started = time.process_time()
        made = step()
        found.setdefault(name, {})[size] = time.process_time() - started
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found.setdefault(f"{name}: memory", {})[size] = most
        return made

    plan = measured("planned", lambda: plan_task(task, [media], PlanSettings(slots=10 * size)))
    body = measured("written", plan.model_dump_json)
    found.setdefault("MiB of text", {})[size] = len(body) / (1 << 20)
    del plan
    measured("read", partial(Plan.model_validate_json, body))


def _table(found: Table, sizes: tuple[int, ...], form: str) -> None:
    print(f"{'':<24}" + "".join(f"{size:>10}" for size in sizes))
    for name in sorted(found, key=lambda name: -found[name].get(sizes[-1], 0)):
        values = (found[name].get(size) for size in sizes)
        print(f"{name:<24}" + "".join(f"{'-' if v is None else form.format(v):>10}" for v in values), flush=True)


def _exercise(state: RedisState, size: int, took: Table, cpu: Table) -> dict[str, float]:
    """Everything that can happen to a task of this size; milliseconds of the longest call of each script."""
    client: Any = state.client
    client.config_set("slowlog-max-len", 100_000)
    client.config_set("slowlog-log-slower-than", _SLOWER_THAN_US)
    names = _load_all(client)
    client.slowlog_reset()

    @contextmanager
    def verb(name: str) -> Iterator[None]:
        started, (used, calls) = time.monotonic(), _redis_cpu(client)
        yield
        took.setdefault(name, {})[size] = time.monotonic() - started
        used_now, calls_now = _redis_cpu(client)
        cpu.setdefault(name, {})[size] = (used_now - used) * 1000 / max(calls_now - calls, 1)

    _verbs(state, verb, _plan(size), partial(_planned, state))
    _all_need_one(state, verb, _plan(size, behind_one=True), partial(_planned, state))
    return _longest(client, names)


def _planned(state: RedisState, plan: Plan) -> Task:
    """A task whose probe is done and whose plan is entered."""
    task = _task()
    state.tasks.create(task, 1, [Subtask(n=1, tag=Tag.CPU, spec=ProbeSpec(source=0))])
    state.tasks.done(subtask_id(task.id, 1, 1), "{}", 0.1)
    assert state.tasks.add_plan(task.id, 1, plan)
    return task


Verb = Callable[[str], AbstractContextManager[None]]


def _verbs(state: RedisState, verb: Verb, plan: Plan, planned: Callable[[Plan], Task]) -> None:
    with verb("plan"):
        task = planned(plan)
    with verb("explain, waiting"):
        assert state.tasks.explain(task.id)
    with verb("priority"):
        state.tasks.reprioritize(task.id, 7)
    with verb("release of the first"):
        state.outbox.release_window("cpu", 1000)
    with verb("explain, running"):
        assert state.tasks.explain(task.id)
    with verb("record"):
        assert state.tasks.record(task.id)
    with verb("one chunk fails"):
        state.tasks.fail(subtask_id(task.id, 1, 2), None, VerifyFailed("frames differ").info(), None)
    with verb("finish"):
        state.tasks.finish(_ended(task))
    task = planned(plan)
    with verb("cancel"):
        state.tasks.cancel(task.id)
    task = planned(plan)
    with verb("finish while all is open"):
        state.tasks.finish(_ended(task))
    with verb("restart"):
        state.tasks.create(task, 2, [Subtask(n=1, tag=Tag.CPU, spec=ProbeSpec(source=0))])
    task = planned(plan)
    with verb("restart while all is open"):
        state.tasks.create(task, 2, [Subtask(n=1, tag=Tag.CPU, spec=ProbeSpec(source=0))])
    task = planned(plan)
    with verb("all done, as a rebuild"):
        state.tasks.done_all([(subtask_id(task.id, 1, s.n), "", 0.0) for s in plan.subtasks])


def _all_need_one(state: RedisState, verb: Verb, plan: Plan, planned: Callable[[Plan], Task]) -> None:
    task = planned(plan)
    with verb("what all need is done"):
        state.tasks.done(subtask_id(task.id, 1, 2), "{}", 0.1)
    task = planned(plan)
    with verb("what all need fails"):
        state.tasks.fail(subtask_id(task.id, 1, 2), None, VerifyFailed("frames differ").info(), None)


def _redis_cpu(client: Any) -> tuple[float, int]:
    """CPU seconds of Redis so far, and how many scripts it has run."""
    used, stats = client.info("cpu"), client.info("commandstats")
    return used["used_cpu_user"] + used["used_cpu_sys"], stats.get("cmdstat_evalsha", {"calls": 0})["calls"]


def _longest(client: Any, names: dict[str, str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for entry in client.slowlog_get(100_000):
        command, *rest = str(
            entry["command"].decode() if isinstance(entry["command"], bytes) else entry["command"]
        ).split(" ", 2)
        if command.upper() == "EVALSHA":
            name = names.get(rest[0], rest[0])
            found[name] = max(found.get(name, 0.0), entry["duration"] / 1000)
    return found


def _load_all(client: Any) -> dict[str, str]:
    """Digest -> name of every script, all of them known to the server."""
    found = {}
    for file in (resources.files(redis_state) / "lua").iterdir():
        name = file.name.removesuffix(".lua")
        if not name.startswith("lib_"):
            script = scripts.load(name)
            client.script_load(script.text)
            found[script.digest] = name
    return found


def _task() -> Task:
    target = {"name": "x", "template": "mp4-h264-360p", "uri": "s3://out/x.mp4"}
    return accept(parse_request({"sources": [{"uri": "s3://in/a.mov"}], "targets": [target]}), now=datetime.now(UTC))


def _plan(size: int, *, behind_one: bool = False) -> Plan:
    """Chunks and the join that needs them all. `behind_one`: the chunks need a first one."""
    settings = AudioSettings()
    first = 3 if behind_one else 2
    parts = [
        Subtask(
            n=n,
            tag=Tag.CPU,
            weight=10.0,
            needs=(2,) if n >= first > 2 else (),
            spec=AudioTrackSpec(
                id="a", pieces=(), settings=settings, sample_rate=48000, channels=2, samples=48000, tolerance=0
            ),
        )
        for n in range(2, size + first)
    ]
    spec = ConcatSpec(target="x", uri="s3://out/x.mp4", package=FilePackage(container="mp4"), duration=Fraction(8))
    needs = tuple(range(first, size + first))
    last = Subtask(n=size + first, tag=Tag.CPU, spec=spec, needs=needs, weight=1.0)
    return Plan(subtasks=(*parts, last), targets={"x": (last.n,)})


def _ended(task: Task) -> TaskRecord:
    return TaskRecord(
        id=task.id,
        run=1,
        name="",
        state=TaskState.CANCELED,
        pipeline=task.pipeline,
        priority=task.priority,
        created_at=task.created_at,
        finished_at=task.created_at,
        progress=1.0,
        user_data=None,
        tags={},
    )
