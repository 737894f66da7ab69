"""Fills Redis with tasks as a cluster leaves them, quickly: the scripts of the adapter, many in one round trip."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from typing import cast

import redis

from framefleet.adapters.redis_state import RedisState
from framefleet.adapters.redis_state.scripts import Scripts, load
from framefleet.adapters.redis_state.tasks import RedisTaskStore
from framefleet.domain.records import PublishedFile, SubtaskRecord, TargetRecord, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState
from framefleet.domain.task import new_task_id

PIPELINES = ("shop", "news", "archive", "default")
FAILED = 200
"""One of so many tasks has failed."""
DAYS = 6.0
_SUBTASKS = 6
_RETENTION_SECONDS = 7 * 86400.0
_AT_ONCE = 200
_BUSY = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")
_BUSY_SECONDS = 300.0


class _Gathered(Scripts):
    """Runs scripts later, many at once; says OK to all."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self._pipeline = client.pipeline(transaction=False)
        self._texts = {name: load(name) for name in ("finish", "forget")}
        for script in self._texts.values():
            client.script_load(script.text)

    def run(self, name: str, *arguments: str | float) -> list[str]:
        """Gather one."""
        self._pipeline.evalsha(self._texts[name].digest, 0, *map(str, arguments))
        if len(self._pipeline) >= _AT_ONCE:
            self.flush()
        return ["OK"]

    def flush(self) -> None:
        """Run what was gathered. Raises RuntimeError when one did not apply."""
        for answer in self._pipeline.execute():
            if cast(list[str], answer)[0] != "OK":
                raise RuntimeError(f"a task was not entered: {answer}")


def tasks(state: RedisState, count: int) -> None:
    """Enter so many ended tasks of the last days, in several pipelines, with tags. Nobody is told of them."""
    state.epochs.begin(1)
    scripts = _Gathered(state.client)
    store = RedisTaskStore(scripts, retention_seconds=_RETENTION_SECONDS)
    choice = random.Random(5)
    now = datetime.now(UTC)
    for i in range(count):
        store.finish(_record(i, now - timedelta(days=DAYS * (1 - i / count), seconds=1), choice))
    scripts.flush()
    state.client.delete("ff:event", "ff:events", "ff:feed")
    _settle(state.client)


def _settle(client: redis.Redis) -> None:
    """Wait until Redis has written its file anew: so much at once makes it do so, which takes a core for a while.

    Raises RuntimeError when that does not end.
    """
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        about = cast(dict[str, int], client.info("persistence"))
        busy = [name for name in _BUSY if about[name]]
        if not busy:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"Redis did not come to rest in {_BUSY_SECONDS:g} s: {', '.join(busy)}")
        time.sleep(0.1)


def ended(state: RedisState, count: int) -> list[str]:
    """Ids of some that have ended, of all ages."""
    ids = cast(list[str], state.client.zrange("ff:tasks:state:succeeded", 0, -1))
    return random.Random(6).sample(ids, min(count, len(ids)))


def _record(i: int, created: datetime, choice: random.Random) -> TaskRecord:
    state = TaskState.FAILED if i % FAILED == 0 else TaskState.SUCCEEDED
    end = created + timedelta(seconds=40)
    uri = f"s3://out/{i}/film.mp4"
    files = (PublishedFile(uri=uri, bytes=9_000_000, sha256="0" * 64),)
    target = TargetRecord(name="film", template="mp4-h264-720p", uri=uri, state=state, files=files)
    subtasks = tuple(
        SubtaskRecord(
            n=n,
            kind="transcode",
            tag="cpu",
            state=SubtaskState.SUCCEEDED,
            attempts=1,
            worker="host:1:0",
            progress=1.0,
            queued_at=created,
            started_at=created + timedelta(seconds=1),
            finished_at=end,
            cpu_seconds=20.0,
            weight=10.0,
            label=f"chunk {n}",
        )
        for n in range(1, _SUBTASKS + 1)
    )
    return TaskRecord(
        id=new_task_id(created),
        name=f"film {i}",
        state=state,
        pipeline=PIPELINES[i % len(PIPELINES)],
        priority=5,
        created_at=created,
        started_at=created + timedelta(seconds=1),
        finished_at=end,
        progress=1.0,
        by="amqp",
        tags={"kind": choice.choice(("film", "clip")), "customer": f"c{choice.randrange(1000)}"},
        targets=(target,),
        subtasks=subtasks,
    )
