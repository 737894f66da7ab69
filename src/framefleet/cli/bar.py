"""The bar of a file that is sent or fetched, on a terminal, with rich."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from framefleet.cli.output import Moved, printable


@contextmanager
def bar(console: Console | None = None) -> Iterator[Moved]:
    """One bar, for the file that moves now; it goes away in the end."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console or Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=None)
        current: list[str] = []

        def moved(name: str, done: int, all_bytes: int) -> None:
            if current != [name]:
                current[:] = [name]
                shown.reset(task, description=printable(name)[-40:], total=all_bytes, completed=done)
            else:
                shown.update(task, completed=done)

        yield moved
