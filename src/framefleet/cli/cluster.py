"""The verbs that talk to a cluster: submit over RabbitMQ, the rest to Redis; what changes a task also to the store."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from framefleet.cli import config
from framefleet.cli.output import FAILED, OK, CliError, emit, emit_line, table

if TYPE_CHECKING:
    from framefleet.adapters.redis_state import RedisTaskStore
    from framefleet.domain.records import TaskRecord
    from framefleet_scheduler.control import Control

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 60.0
"""How long `watch` bears an absent Redis: a failover takes less."""


_REQUEST_WANTED = "Give a file with a request as JSON, or - for standard input. `framefleet run` takes media."


def submit(options: argparse.Namespace) -> int:
    """Submit a request; prints the task's id (with --wait: its end)."""
    from framefleet.cli.request import read_request
    from framefleet.client import ANSWER_SECONDS, Client
    from framefleet.domain.errors import InvalidRequest

    body = read_request(options.file, wanted=_REQUEST_WANTED)
    if not isinstance(body, dict):
        raise InvalidRequest("the body is not a JSON object")
    with _client(Client) as client:
        if not options.wait:
            task = client.submit(body, timeout=options.timeout or ANSWER_SECONDS)
            emit(task.task) if options.json else print(task.id)
            return OK
        task = client.submit(body, follow=True)
        if not options.json:
            print(task.id, flush=True)
        event = client.wait(str(task.id), options.timeout)
    if options.json:
        emit(event)
    else:
        print(event_line(event))
    return OK if event["state"] == "succeeded" else FAILED


def status(options: argparse.Namespace) -> int:
    """One task as it is."""
    with open_tasks() as tasks:
        record = _known(tasks, options.id)
    if options.json:
        emit(record.model_dump(mode="json"))
    else:
        print(describe(record))
    return OK


def list_tasks(options: argparse.Namespace) -> int:
    """Tasks, newest first."""
    from framefleet.domain.states import TaskState
    from framefleet.ports import TaskQuery

    state = TaskState(options.state) if options.state else None
    with open_tasks() as tasks:
        found = tasks.query(TaskQuery(state=state, pipeline=options.pipeline, limit=options.limit))
    if options.json:
        emit([record.model_dump(mode="json", exclude={"subtasks"}) for record in found])
        return OK
    from framefleet.cli.figures import percent

    rows = [
        (r.id, r.state, percent(r.progress), r.pipeline, str(r.priority), _when(r.created_at), r.name) for r in found
    ]
    print(table(rows, ("ID", "STATE", "DONE", "PIPELINE", "PRIORITY", "CREATED", "NAME")) if rows else "no tasks")
    return OK


def watch(options: argparse.Namespace) -> int:
    """Follow one task with a display, or the events of all tasks."""
    if options.id is None:
        return _watch_events(options)
    from framefleet.cli.plain import PlainDisplay, display
    from framefleet.domain.states import TaskState

    shown = PlainDisplay(lambda _line: None) if options.json else display()
    record: TaskRecord | None = None
    said: TaskRecord | None = None
    try:
        with open_tasks() as tasks:
            for record in _snapshots(tasks, options.id):
                shown.update(record)
                brief = record.model_copy(update={"subtasks": ()})
                if options.json and not record.state.final and brief != said:
                    emit_line(brief.model_dump(mode="json", exclude={"subtasks"}))
                    said = brief
    finally:
        shown.close()
    assert record is not None
    if options.json:
        emit_line(record.model_dump(mode="json"))
    else:
        shown.summary(record)
    return OK if record.state is TaskState.SUCCEEDED else FAILED


def cancel(options: argparse.Namespace) -> int:
    """Cancel a task: what runs for it is ended within seconds."""
    with _control() as control:
        control.cancel(options.id)
    if options.json:
        emit({"id": options.id, "canceling": True})
    else:
        print(f"{options.id} is being canceled")
    return OK


def restart(options: argparse.Namespace) -> int:
    """Begin a new run of a task that has ended."""
    with _control() as control:
        task = control.restart(options.id, failed_only=options.failed)
    targets = [target.name for target in task.targets]
    if options.json:
        emit({"id": task.id, "targets": targets, "carried": [target.name for target in task.carried]})
    else:
        print(f"{task.id} begins again: {', '.join(targets)}")
    return OK


def priority(options: argparse.Namespace) -> int:
    """Give a task another priority."""
    with _control() as control:
        control.reprioritize(options.id, options.priority)
    if options.json:
        emit({"id": options.id, "priority": options.priority})
    else:
        print(f"{options.id} has priority {options.priority} now")
    return OK


def drain(options: argparse.Namespace) -> int:
    """Let a slot or a host take no new work."""
    with _control() as control:
        slots = control.drain(options.name)
    if options.json:
        emit({"name": options.name, "drained": True, "slots": slots})
    else:
        print(f"{options.name} takes no new work: {', '.join(slots)}")
    return OK


def undrain(options: argparse.Namespace) -> int:
    """Let it take work again."""
    with _control() as control:
        was = control.undrain(options.name)
    if options.json:
        emit({"name": options.name, "drained": False, "was_drained": was})
    else:
        print(f"{options.name} takes work again" if was else f"{options.name} was not drained")
    return OK


def workers(options: argparse.Namespace) -> int:
    """The live slots."""
    with open_tasks() as tasks:
        slots = sorted(tasks.workers(), key=lambda w: (w.host, w.tag, w.id))
    if options.json:
        emit([asdict(slot) | {"seen_at": slot.seen_at and slot.seen_at.isoformat()} for slot in slots])
        return OK
    rows = [(w.id, w.tag, w.state, w.reason or w.sid or "-", w.version, " ".join(w.encoders)) for w in slots]
    print(table(rows, ("SLOT", "TAG", "STATE", "DOING", "VERSION", "ENCODERS")) if rows else "no live workers")
    return OK


# --- services -------------------------------------------------------------------------------


@contextmanager
def open_tasks() -> Iterator[RedisTaskStore]:
    """The task state of the cluster; raises CliError when its address is not set or is none."""
    from framefleet.adapters.redis_state import connect

    url = config.redis_url(config.settings())
    try:
        state = connect(url)
    except ValueError as error:
        raise CliError("invalid_setting", f"FRAMEFLEET_REDIS_URL: {error}") from None
    with state:
        yield state.tasks


@contextmanager
def _control() -> Iterator[Control]:
    """Cancel, restart and the like: they are written to the work bucket first, then to Redis."""
    from framefleet.adapters.configured import work_store
    from framefleet_scheduler.bootstrap import SystemClock
    from framefleet_scheduler.control import Control

    settings = config.settings()
    config.log_quietly(settings)
    with open_tasks() as tasks:
        config.need_store(settings)
        store = work_store(settings)
        try:
            yield Control(store, tasks, SystemClock())
        finally:
            store.close()


@contextmanager
def _client(kind: Any) -> Iterator[Any]:
    url = config.broker_url(config.settings())
    try:
        client = kind(url)
    except (ValueError, TypeError):
        raise CliError("invalid_setting", "FRAMEFLEET_BROKER_URL is not an amqp:// address") from None
    with client:
        yield client


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


def _snapshots(tasks: RedisTaskStore, task_id: str) -> Iterator[TaskRecord]:
    """The task, twice a second until its end; waits for a Redis that goes away, but not for ever."""
    from framefleet.domain.errors import StateUnavailable

    gone_at: float | None = None
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


def _watch_events(options: argparse.Namespace) -> int:
    from framefleet.client import Client

    with _client(Client) as client:
        for event in client.events(pipeline=options.pipeline):
            emit_line(event) if options.json else print(event_line(event), flush=True)
    return OK


# --- words ----------------------------------------------------------------------------------


def describe(record: TaskRecord) -> str:
    """A task as text: its state, its targets, and the subtasks that run or have failed."""
    from framefleet.cli.figures import ending, percent, tally, what
    from framefleet.domain.states import SubtaskState

    counts = tally(record)
    state = ending(record) if record.state.final else f"{record.state}, {percent(record.progress)} done"
    lines = [f"{record.id}  {record.name}".rstrip(), state]
    lines.append(f"pipeline {record.pipeline}, priority {record.priority}, created {_when(record.created_at)}")
    if record.error:
        lines.append(f"{record.error.message} [{record.error.code}]")
    lines += ["", table([(t.name, t.state, t.uri) for t in record.targets], ("TARGET", "STATE", "ADDRESS"))]
    lines += [f"{t.name}: {t.error.message} [{t.error.code}]" for t in record.targets if t.error]
    if counts.total:
        lines += ["", f"{counts.done} of {counts.total} subtasks done, {counts.running} running"]
    telling = [s for s in record.subtasks if s.state in {SubtaskState.RUNNING, SubtaskState.FAILED}]
    if telling:
        rows = [
            (str(s.n), what(s), s.state, percent(s.progress), str(s.attempts), s.worker or "-", _problem(s.error))
            for s in telling
        ]
        lines.append(table(rows, ("N", "WHAT", "STATE", "DONE", "ATTEMPT", "WORKER", "PROBLEM")))
    return "\n".join(lines)


def event_line(event: dict[str, Any]) -> str:
    """An event as one line: when, what, which task, how far."""
    what = str(event.get("event", ""))
    parts = [str(event.get("at", "")), what, str(event.get("task_id", "")), str(event.get("name") or "")]
    progress = event.get("progress")
    if what == "task.progress" and isinstance(progress, int | float):
        parts.append(f"{progress:.0%}")
    error = event.get("error")
    if isinstance(error, dict):
        parts.append(f"{error.get('message')} [{error.get('code')}]")
    return "  ".join(filter(None, parts))


def _problem(error: Any) -> str:
    return f"{error.message} [{error.code}]" if error else ""


def _when(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
