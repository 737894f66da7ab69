"""The verbs of a cluster over its own services: submissions over RabbitMQ, the rest to Redis; what changes a task also to the
work bucket. Each call opens what it needs: a command makes one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framefleet.cli import config
from framefleet.cli.output import CliError
from framefleet.cli.ways import KeyLine, KeyWanted, Restarted, Way
from framefleet.settings import CommandSettings, Settings

if TYPE_CHECKING:
    from datetime import datetime

    from framefleet.access import AccessKeys
    from framefleet.adapters.redis_state import RedisState, RedisTaskStore
    from framefleet.audit import Entry
    from framefleet.client import Client
    from framefleet.domain.access import AccessKey
    from framefleet.domain.delivery import DeliveryRecord
    from framefleet.domain.pipeline import Pipeline
    from framefleet.domain.records import TaskRecord
    from framefleet.domain.waiting import Explanation
    from framefleet.ports import PipelineStatus, WorkerInfo
    from framefleet_scheduler.control import Control
    from framefleet_scheduler.letters import Letters

POLL_SECONDS = 0.5
_PAGE = 200
_AUDIT_DAYS = 366.0
"""How far back is looked; how long entries are kept is the schedulers' business."""
PATIENCE_SECONDS = 60.0
"""How long a follower bears an absent Redis: a failover takes less."""


@contextmanager
def direct(settings: CommandSettings, data: Path | None) -> Iterator[Way]:
    """To the services that the settings name; keys also in the folder `data` of a `framefleet serve`."""
    yield Way(
        _Producing(settings),
        _Tasks(settings),
        _Workers(settings),
        _Pipelines(settings),
        _Keys(settings, data),
        _Deliveries(settings),
        _Audit(settings, data),
    )


class _Producing:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def submit(self, body: dict[str, Any], timeout: float | None) -> dict[str, Any]:
        from framefleet.client import ANSWER_SECONDS

        with self._client() as client:
            return client.submit(body, timeout=timeout or ANSWER_SECONDS).task

    def submit_and_wait(
        self, body: dict[str, Any], timeout: float | None, accepted: Callable[[str], None]
    ) -> dict[str, Any]:
        with self._client() as client:
            task_id = str(client.submit(body, follow=True).id)
            accepted(task_id)
            return client.wait(task_id, timeout)

    def snapshots(self, task_id: str) -> Iterator[TaskRecord]:
        """Twice a second; waits for a Redis that goes away, but not for ever."""
        from framefleet.domain.errors import StateUnavailable

        gone_at: float | None = None
        with open_tasks(self._settings) as tasks:
            while True:
                try:
                    record = _known(tasks, task_id)
                except StateUnavailable:
                    gone_at = gone_at or time.monotonic()
                    if time.monotonic() - gone_at > PATIENCE_SECONDS:
                        raise
                else:
                    gone_at = None
                    yield record
                    if record.state.final:
                        return
                time.sleep(POLL_SECONDS)

    def events(self, pipeline: str | None) -> Iterator[dict[str, Any]]:
        with self._client() as client:
            yield from client.events(pipeline=pipeline)

    @contextmanager
    def _client(self) -> Iterator[Client]:
        from framefleet.client import Client

        url = config.broker_url(self._settings)
        try:
            client = Client(url)
        except (ValueError, TypeError):
            raise CliError("invalid_setting", "FRAMEFLEET_BROKER_URL is not an amqp:// address") from None
        with client:
            yield client


class _Tasks:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def record(self, task_id: str) -> TaskRecord:
        with open_tasks(self._settings) as tasks:
            return _known(tasks, task_id)

    def newest(self, state: str | None, pipeline: str | None, limit: int) -> list[TaskRecord]:
        from framefleet.domain.states import TaskState
        from framefleet.ports import TaskQuery

        query = TaskQuery(state=TaskState(state) if state else None, pipeline=pipeline, limit=limit)
        with open_tasks(self._settings) as tasks:
            return tasks.query(query).tasks

    def cancel(self, task_id: str) -> None:
        with _control(self._settings) as control:
            control.cancel(task_id)
        config.note(self._settings, "task.cancel", task_id)

    def restart(self, task_id: str, *, failed_only: bool) -> Restarted:
        with _control(self._settings) as control:
            task = control.restart(task_id, failed_only=failed_only)
        config.note(self._settings, "task.restart", task_id)
        return Restarted([target.name for target in task.targets], [target.name for target in task.carried])

    def reprioritize(self, task_id: str, priority: int) -> None:
        with _control(self._settings) as control:
            control.reprioritize(task_id, priority)
        config.note(self._settings, "task.priority", task_id)

    def explain(self, task_id: str) -> Explanation:
        from framefleet.domain.errors import TaskNotFound

        with open_tasks(self._settings) as tasks:
            found = tasks.explain(task_id)
        if found is None:
            raise TaskNotFound(f"there is no task {task_id}")
        return found

    def log(self, task_id: str, n: int, attempt: int | None) -> str:
        from framefleet.domain.errors import SubtaskNotFound
        from framefleet_scheduler.past import log_text

        config.log_quietly(self._settings)
        record = self.record(task_id)
        subtask = next((one for one in record.subtasks if one.n == n), None)
        if subtask is None:
            raise SubtaskNotFound(f"the task has no subtask {n}")
        with config.work_store(self._settings) as store:
            return log_text(store, task_id, record.run, subtask, attempt)


class _Workers:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def list(self) -> Sequence[WorkerInfo]:
        with open_tasks(self._settings) as tasks:
            return tasks.workers()

    def drain(self, name: str) -> Sequence[str]:
        with _control(self._settings) as control:
            slots = control.drain(name)
        config.note(self._settings, "worker.drain", name)
        return slots

    def undrain(self, name: str) -> bool:
        with _control(self._settings) as control:
            was = control.undrain(name)
        config.note(self._settings, "worker.undrain", name)
        return was


class _Pipelines:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def list(self) -> tuple[bool, Sequence[PipelineStatus]]:
        from framefleet.domain.pipeline import DEFAULT, EVERYTHING, Pipeline
        from framefleet.ports import PipelineStatus

        with open_tasks(self._settings) as tasks:
            found = {status.pipeline.name: status for status in tasks.pipelines()}
        everything = found.pop(EVERYTHING, None)
        found.setdefault(DEFAULT, PipelineStatus(Pipeline(name=DEFAULT), 0, 0, 0, 0))
        return everything is not None and everything.pipeline.paused, [found[name] for name in sorted(found)]

    def change(self, name: str, values: Mapping[str, Any]) -> tuple[Pipeline, bool]:
        from framefleet.domain.errors import StateUnavailable
        from framefleet.domain.pipeline import EVERYTHING, check_name
        from framefleet.pipelines import PipelineRegistry

        if name != EVERYTHING:
            check_name(name)
        in_force = True
        with open_tasks(self._settings) as tasks, config.work_store(self._settings) as store:
            registry = PipelineRegistry(store)
            made = registry.change(name, **values) if values else registry.get(name)
            try:
                tasks.configure(made)
            except StateUnavailable:  # it is durable; a scheduler copies it
                in_force = False
        if values:
            verb = {True: "pause", False: "resume", None: "change"}[values.get("paused")]
            config.note(self._settings, f"pipeline.{verb}", name)
        return made, in_force


class _Keys:
    def __init__(self, settings: CommandSettings, data: Path | None) -> None:
        self._settings, self._data = settings, data

    def list(self) -> Sequence[KeyLine]:
        with self._access() as access:
            return [_line(key) for key in access.all()]

    def create(self, wanted: KeyWanted) -> tuple[KeyLine, str]:
        from framefleet.domain.access import Role

        with self._access(seals=wanted.signs) as access:
            key, secret = access.create(**{**asdict(wanted), "role": Role(wanted.role)})
        config.note(self._settings, "key.create", key.id, self._data)
        return _line(key), secret

    def rotate(self, key_id: str) -> tuple[KeyLine, str]:
        with self._access(seals=True) as access:
            key, secret = access.rotate(key_id)
        config.note(self._settings, "key.rotate", key_id, self._data)
        return _line(key), secret

    def revoke(self, key_id: str) -> KeyLine:
        with self._access() as access:
            line = _line(access.revoke(key_id))
        config.note(self._settings, "key.revoke", key_id, self._data)
        return line

    @contextmanager
    def _access(self, *, seals: bool = False) -> Iterator[AccessKeys]:
        from framefleet.access import AccessKeys

        with config.work_store(self._settings, self._data) as store:
            yield AccessKeys(store, seal=config.seal(self._settings, self._data) if seals else None)


class _Deliveries:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def list(self, state: str | None, task: str | None) -> Iterator[DeliveryRecord]:
        from framefleet.domain.delivery import DeliveryState

        with open_state(self._settings) as redis:
            if task is not None:
                _known(redis.tasks, task)
                yield from (one for one in redis.deliveries.of_task(task) if state in (None, one.state))
                return
            place = None
            while True:
                found, place = redis.deliveries.page(DeliveryState(state or "waiting"), _PAGE, place)
                yield from found
                if place is None:
                    return

    def get(self, delivery_id: str) -> DeliveryRecord:
        from framefleet.domain.errors import DeliveryNotFound

        with open_state(self._settings) as redis:
            letter = redis.deliveries.letter(delivery_id)
        if letter is None:
            raise DeliveryNotFound(f"there is no delivery {delivery_id}")
        return letter.record

    def replay(self, delivery_id: str) -> None:
        with self._letters() as letters:
            letters.replay(delivery_id)
        config.note(self._settings, "delivery.replay", delivery_id)

    def replay_all(self, host: str | None) -> int:
        dead = [one.id for one in self.list("dead", None) if host in (None, one.host)]
        with self._letters() as letters:
            for delivery_id in dead:
                letters.replay(delivery_id)
        config.note(self._settings, "delivery.replay", f"{len(dead)} of {host or 'all hosts'}")
        return len(dead)

    def remove(self, delivery_id: str) -> None:
        with self._letters() as letters:
            letters.remove(delivery_id)
        config.note(self._settings, "delivery.delete", delivery_id)

    @contextmanager
    def _letters(self) -> Iterator[Letters]:
        from framefleet_scheduler.bootstrap import SystemClock
        from framefleet_scheduler.letters import Letters

        config.log_quietly(self._settings)
        with open_state(self._settings) as redis, config.work_store(self._settings) as store:
            yield Letters(store, redis.deliveries, SystemClock())


class _Audit:
    def __init__(self, settings: Settings, data: Path | None) -> None:
        self._settings, self._data = settings, data

    def newest(self, since: datetime | None, limit: int) -> Sequence[Entry]:
        from framefleet.audit import AuditLog

        with config.work_store(self._settings, self._data) as store:
            return AuditLog(store, days=_AUDIT_DAYS).entries(since=since, limit=limit).entries


# --- services -------------------------------------------------------------------------------


@contextmanager
def open_tasks(settings: Settings) -> Iterator[RedisTaskStore]:
    """The task state of the cluster; raises CliError when its address is not set or is none."""
    with open_state(settings) as state:
        yield state.tasks


@contextmanager
def open_state(settings: Settings) -> Iterator[RedisState]:
    """The live state of the cluster; raises CliError when its address is not set or is none."""
    from framefleet.adapters.redis_state import connect

    url = config.redis_url(settings)
    try:
        state = connect(url)
    except ValueError as error:
        raise CliError("invalid_setting", f"FRAMEFLEET_REDIS_URL: {error}") from None
    with state:
        yield state


@contextmanager
def _control(settings: Settings) -> Iterator[Control]:
    """Cancel, restart and the like: they are written to the work bucket first, then to Redis."""
    from framefleet_scheduler.bootstrap import SystemClock
    from framefleet_scheduler.control import Control

    config.log_quietly(settings)
    with open_tasks(settings) as tasks, config.work_store(settings) as store:
        yield Control(store, tasks, SystemClock())


def _known(tasks: RedisTaskStore, task_id: str) -> TaskRecord:
    from framefleet.domain.errors import TaskNotFound

    record = tasks.record(task_id)
    if record is None:
        raise TaskNotFound(
            f"there is no task {task_id}",
            hint="Ended tasks leave Redis after FRAMEFLEET_RETENTION_DAYS; their records stay in the work bucket, "
            f"as tasks/{task_id}/task.json.",
        )
    return record


def _line(key: AccessKey) -> KeyLine:
    return KeyLine(
        key.id,
        key.name,
        str(key.role),
        key.pipelines,
        key.created_at,
        key.revoked_at,
        key.rate,
        key.signs,
        key.actions,
    )
