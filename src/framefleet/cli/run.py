"""`framefleet run`: one task on this machine, with a display, until it ends or is interrupted."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from framefleet.cli import config, request
from framefleet.cli.output import FAILED, OK, CliError, emit, missing_extra
from framefleet.cli.plain import Display, PlainDisplay, display
from framefleet.cli.templates import registry
from framefleet.domain.states import TaskState

if TYPE_CHECKING:
    from framefleet.domain.records import TaskRecord
    from framefleet.domain.template import Known


def run(options: argparse.Namespace) -> int:
    """Transcode here; 0 when every target succeeded."""
    settings = config.settings()
    output: Path = options.output.expanduser()
    if output.exists() and not output.is_dir():
        raise CliError("invalid_target", f"{output} is not a folder", hint="Give --output a folder, or a new name.")
    with registry(settings, options.folder) as templates:
        body = request.of_options(options, templates, output)
        config.log_quietly(settings)
        shown: Display = PlainDisplay(lambda _line: None) if options.json else display()
        try:
            with until_interrupted() as stop:
                record = _run(body, output.absolute(), options.slots or cores(), shown, stop, settings, templates)
        finally:
            shown.close()
    if options.json:
        emit(record.model_dump(mode="json"))
    elif record.state.final:
        shown.summary(record)
    if not record.state.final:
        _say_how_to_continue()
    return OK if record.state is TaskState.SUCCEEDED else FAILED


def cores() -> int:
    """Cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS has no affinity
        return os.cpu_count() or 1


def _run(
    body: dict[str, Any],
    output: Path,
    slots: int,
    shown: Display,
    stop: threading.Event,
    settings: Any,
    templates: Known,
) -> TaskRecord:
    try:
        from framefleet.embedded import run_task
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None
    return run_task(
        body, output=output, slots=slots, on_update=shown.update, stop=stop, settings=settings, templates=templates
    )


@contextmanager
def until_interrupted() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM and SIGHUP set; a second Ctrl-C ends at once."""
    stop = threading.Event()
    received: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)
        # From another thread: this one may have been interrupted while it held the event's lock.
        threading.Thread(target=stop.set).start()

    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say_how_to_continue() -> None:
    print("Stopped. What is finished is kept; the same command goes on from there:", file=sys.stderr)
    print(f"  {shlex.join(['framefleet', *sys.argv[1:]])}", file=sys.stderr)
