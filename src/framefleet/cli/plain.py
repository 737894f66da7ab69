"""A task's course as lines of text: for logs, pipes, and machines without rich. Each line is said once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from framefleet.cli import figures
from framefleet.cli.output import table
from framefleet.domain.records import SubtaskRecord, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState


class Display(Protocol):
    """Shows how a task goes. `update` may be called from any thread, several times a second."""

    def update(self, record: TaskRecord) -> None:
        """Show the task as it is now."""

    def close(self) -> None:
        """Leave what is shown as it is; nothing more comes."""

    def summary(self, record: TaskRecord) -> None:
        """Show what was made."""


def display() -> Display:
    """A live display on a terminal, where rich is installed; lines otherwise."""
    if sys.stdout.isatty():
        try:
            from framefleet.cli.live import LiveDisplay
        except ModuleNotFoundError:
            return PlainDisplay(_say)
        return LiveDisplay()
    return PlainDisplay(_say)


def _say(line: str) -> None:
    print(line, flush=True)


class PlainDisplay:
    """Says when the task started, when each subtask and target ended, and how the task ended."""

    def __init__(self, say: Callable[[str], None], folder: Path | None = None) -> None:
        self._say = say
        self._folder = folder or Path.cwd()
        self._started = False
        self._subtasks: dict[int, tuple[SubtaskState, int]] = {}
        self._targets: dict[str, TaskState] = {}

    def update(self, record: TaskRecord) -> None:
        """Say what is new."""
        if not self._started:
            self._started = True
            targets = ", ".join(t.name for t in record.targets)
            self._say(f"started: {record.name or record.id}: {targets}")
        for subtask in record.subtasks:
            before = self._subtasks.get(subtask.n, (None, 0))
            now = (subtask.state, subtask.attempts)
            if now == before:
                continue
            self._subtasks[subtask.n] = now
            if subtask.state.final and subtask.state is not before[0]:
                self._say(self._subtask(record, subtask))
            elif subtask.state is SubtaskState.RUNNING and subtask.attempts > 1:
                self._say(f"again: {figures.what(subtask)} (attempt {subtask.attempts})")
        for target in record.targets:
            if target.state.final and self._targets.get(target.name) is not target.state:
                self._targets[target.name] = target.state
                reason = f": {target.error.message}" if target.error else ""
                self._say(f"target {target.name} {target.state}{reason}")

    def close(self) -> None:
        """Nothing is held back."""

    def summary(self, record: TaskRecord) -> None:
        """A table of what was made, and one line on the whole."""
        rows = [
            (
                m.target,
                m.file,
                figures.size(m.bytes),
                "-" if m.length_seconds is None else figures.clock(m.length_seconds),
                figures.took(m.took_seconds),
            )
            for m in figures.made(record, self._folder)
        ]
        self._say(table(rows, ("TARGET", "FILE", "SIZE", "LENGTH", "TOOK")))
        for error, names in figures.failures(record):
            self._say(f"{', '.join(names)}: {error.message} [{error.code}]")
            for line in ([error.hint] if error.hint else []) + [f"| {text}" for text in error.log[-8:]]:
                self._say(f"  {line}")
        for quality in figures.qualities(record):
            self._say(quality)
        for warning in figures.warnings(record):
            self._say(f"warning: {warning}")
        self._say(figures.ending(record))

    @staticmethod
    def _subtask(record: TaskRecord, subtask: SubtaskRecord) -> str:
        counts = figures.tally(record)
        seconds = (
            (subtask.finished_at - subtask.started_at).total_seconds()
            if subtask.finished_at and subtask.started_at
            else None
        )
        reason = f": {subtask.error.message}" if subtask.error else ""
        return (
            f"[{counts.done}/{counts.total}] {figures.what(subtask)} {subtask.state} ({figures.took(seconds)}){reason}"
        )
