"""The live display of a task on a terminal, with rich: a bar for the whole, a line for each running subtask, and at the
end a table of what was made.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from framefleet.cli import figures
from framefleet.cli.figures import failures
from framefleet.domain.errors import ErrorInfo
from framefleet.domain.records import SubtaskRecord, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState
from framefleet.domain.task import utc_now

WIDEST = 100
"""Columns; on a wide terminal a bar of the full width is hard to read along."""
MOST_LINES = 10
_REFRESH_PER_SECOND = 8
_MARKS = {
    TaskState.QUEUED: ("·", "dim"),
    TaskState.RUNNING: ("•", "cyan"),
    TaskState.SUCCEEDED: ("✓", "green"),
    TaskState.FAILED: ("✗", "red"),
    TaskState.CANCELED: ("-", "yellow"),
}


class LiveDisplay:
    """Redraws itself while the task runs. `update` may be called from any thread."""

    def __init__(
        self,
        console: Console | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
        folder: Path | None = None,
    ) -> None:
        self._console = console or Console(highlight=False)
        self._monotonic = monotonic
        self._now = now
        self._folder = folder or Path.cwd()
        self._estimate = figures.Estimate()
        self._record: TaskRecord | None = None
        self._left: float | None = None
        self._left_at = 0.0
        self._lock = threading.Lock()
        self._live = Live(
            console=self._console,
            get_renderable=self._renderable,
            refresh_per_second=_REFRESH_PER_SECOND,
            transient=True,  # the summary takes its place
        )

    def update(self, record: TaskRecord) -> None:
        """Show the task as it is now."""
        with self._lock:
            self._record = record
            self._left_at = self._monotonic()
            self._left = self._estimate.left(self._left_at, record.progress)
        if not self._live.is_started:
            self._live.start()

    def close(self) -> None:
        """Take the display away."""
        self._live.stop()

    def summary(self, record: TaskRecord) -> None:
        """Show what was made, how long it took, and why what failed has failed."""
        self._console.print(results(record, self._folder))

    def _renderable(self) -> RenderableType:
        with self._lock:
            record, left, at = self._record, self._left, self._left_at
        if record is None:
            return Text("")
        # Counts down between two updates, so that it does not jump.
        remaining = None if left is None else max(0.0, left - (self._monotonic() - at))
        elapsed = (self._now() - figures.started(record)).total_seconds()
        lines = min(MOST_LINES, max(1, self._console.height - 5))
        return progress(record, elapsed=elapsed, left=remaining, width=min(self._console.width, WIDEST), lines=lines)


def progress(
    record: TaskRecord, *, elapsed: float, left: float | None, width: int, lines: int = MOST_LINES
) -> RenderableType:
    """The task now: `elapsed` and `left` in seconds, `width` in columns, at most `lines` running subtasks."""
    counts = figures.tally(record)
    head = Table.grid(padding=(0, 1))
    for _ in range(4):
        head.add_column(no_wrap=True)
    head.add_row(
        ProgressBar(total=1.0, completed=record.progress, width=max(10, width - 38)),
        Text(figures.percent(record.progress).rjust(5), style="bold"),
        Text(figures.clock(elapsed), style="dim"),
        Text("" if left is None else f"{figures.clock(left)} left", style="cyan"),
    )
    parts: list[RenderableType] = [_title(record), head]
    running = [s for s in record.subtasks if s.state is SubtaskState.RUNNING]
    if running:
        parts.append(_running(running[:lines], width))
    more = len(running) - lines
    if counts.total:
        words = [f"{counts.done} of {counts.total} subtasks done"]
        words += [f"and {more} more running"] if more > 0 else []
        words += [f"{counts.waiting} waiting"] if counts.waiting else []
        parts.append(Text("  " + ", ".join(words), style="dim", no_wrap=True, overflow="ellipsis"))
    return Group(*parts)


def results(record: TaskRecord, folder: Path) -> RenderableType:
    """What was made: a row per target, then the reasons of failures, then one line on the whole."""
    rows = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    rows.add_column("")
    rows.add_column("target", no_wrap=True)
    rows.add_column("file", overflow="fold")
    rows.add_column("size", justify="right", no_wrap=True)
    rows.add_column("length", justify="right", no_wrap=True)
    rows.add_column("took", justify="right", no_wrap=True)
    for made in figures.made(record, folder):
        succeeded = made.state is TaskState.SUCCEEDED
        rows.add_row(
            _mark(made.state),
            Text(made.target),
            Text(made.file, style="" if succeeded else "dim"),
            figures.size(made.bytes),
            "-" if made.length_seconds is None else figures.clock(made.length_seconds),
            figures.took(made.took_seconds),
        )
    qualities = [Text(quality) for quality in figures.qualities(record)]
    parts: list[RenderableType] = [rows, *qualities, *_warnings(record)]
    for error, names in failures(record):
        parts += _reason(error, names)
    style = {TaskState.SUCCEEDED: "bold green", TaskState.FAILED: "bold red"}.get(record.state, "bold yellow")
    parts.append(Text(figures.ending(record), style=style))
    return Group(*parts)


def _title(record: TaskRecord) -> Text:
    title = Text(record.name or record.id, style="bold", no_wrap=True, overflow="ellipsis")
    for target in record.targets:
        mark, style = _MARKS[target.state]
        title.append("  ").append(f"{mark} ", style=style).append(
            target.name, style="dim" if style == "dim" else "none"
        )
    return title


def _running(subtasks: list[SubtaskRecord], width: int) -> Table:
    grid = Table.grid(padding=(0, 1))
    names = [figures.what(s) + (f" (attempt {s.attempts})" if s.attempts > 1 else "") for s in subtasks]
    space = max(12, min(max(map(len, names)), width - 44))
    bar = max(8, min(24, width - space - 20))
    grid.add_column(width=1)
    grid.add_column(width=space, no_wrap=True, overflow="ellipsis")
    grid.add_column(width=bar)
    grid.add_column(width=5, justify="right", no_wrap=True)
    grid.add_column(width=7, justify="right", no_wrap=True)
    for subtask, name in zip(subtasks, names, strict=True):
        speed = "" if not subtask.speed else f"{subtask.speed:.0f}x" if subtask.speed >= 10 else f"{subtask.speed:.1f}x"
        grid.add_row(
            "",
            Text(name),
            ProgressBar(total=1.0, completed=subtask.progress, width=bar),
            Text(figures.percent(subtask.progress)),
            Text(speed, style="dim"),
        )
    return grid


def _mark(state: TaskState) -> Text:
    mark, style = _MARKS[state]
    return Text(mark, style=style)


def _warnings(record: TaskRecord) -> list[RenderableType]:
    return [Text(f"! {warning}", style="yellow") for warning in figures.warnings(record)]


def _reason(error: ErrorInfo, names: Sequence[str]) -> list[RenderableType]:
    """Code, message and hint of targets that failed, and the last lines FFmpeg wrote."""
    said: list[RenderableType] = [Text(f"✗ {', '.join(names)}: {error.message} [{error.code}]", style="red")]
    if error.hint:
        said.append(Text(f"  {error.hint}"))
    said += [Text(f"  | {line}", style="dim") for line in error.log[-8:]]
    return said
