"""The verbs of tasks and workers on a cluster: what they say. `reach.py` knows the way there."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from framefleet.cli.output import FAILED, OK, emit, emit_line, table
from framefleet.cli.reach import way

if TYPE_CHECKING:
    from framefleet.domain.records import TaskRecord


def status(options: argparse.Namespace) -> int:
    """One task as it is."""
    with way(options) as cluster:
        record = cluster.tasks.record(options.id)
    if options.json:
        emit(record.model_dump(mode="json"))
    else:
        print(describe(record))
    return OK


def list_tasks(options: argparse.Namespace) -> int:
    """Tasks, newest first."""
    with way(options) as cluster:
        found = cluster.tasks.newest(options.state, options.pipeline, options.limit)
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
        with way(options) as cluster:
            for record in cluster.producing.snapshots(options.id):
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
    with way(options) as cluster:
        cluster.tasks.cancel(options.id)
    if options.json:
        emit({"id": options.id, "canceling": True})
    else:
        print(f"{options.id} is being canceled")
    return OK


def restart(options: argparse.Namespace) -> int:
    """Begin a new run of a task that has ended."""
    with way(options) as cluster:
        run = cluster.tasks.restart(options.id, failed_only=options.failed)
    if options.json:
        emit({"id": options.id, "targets": run.targets, "carried": run.carried})
    else:
        print(f"{options.id} begins again: {', '.join(run.targets)}")
    return OK


def priority(options: argparse.Namespace) -> int:
    """Give a task another priority."""
    with way(options) as cluster:
        cluster.tasks.reprioritize(options.id, options.priority)
    if options.json:
        emit({"id": options.id, "priority": options.priority})
    else:
        print(f"{options.id} has priority {options.priority} now")
    return OK


def drain(options: argparse.Namespace) -> int:
    """Let a slot or a host take no new work."""
    with way(options) as cluster:
        slots = cluster.workers.drain(options.name)
    if options.json:
        emit({"name": options.name, "drained": True, "slots": slots})
    else:
        print(f"{options.name} takes no new work: {', '.join(slots)}")
    return OK


def undrain(options: argparse.Namespace) -> int:
    """Let it take work again."""
    with way(options) as cluster:
        was = cluster.workers.undrain(options.name)
    if options.json:
        emit({"name": options.name, "drained": False, "was_drained": was})
    else:
        print(f"{options.name} takes work again" if was else f"{options.name} was not drained")
    return OK


def workers(options: argparse.Namespace) -> int:
    """The live slots."""
    with way(options) as cluster:
        slots = sorted(cluster.workers.list(), key=lambda w: (w.host, w.tag, w.id))
    if options.json:
        emit([asdict(slot) | {"seen_at": slot.seen_at and slot.seen_at.isoformat()} for slot in slots])
        return OK
    rows = [(w.id, w.tag, w.state, w.reason or w.sid or "-", w.version, " ".join(w.encoders)) for w in slots]
    print(table(rows, ("SLOT", "TAG", "STATE", "DOING", "VERSION", "ENCODERS")) if rows else "no live workers")
    return OK


def _watch_events(options: argparse.Namespace) -> int:
    with way(options) as cluster:
        for event in cluster.producing.events(options.pipeline):
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
