"""How files that are sent and fetched are shown, on standard error: standard output is for what was made of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from framefleet.cli.figures import percent, size
from framefleet.cli.output import Moved, printable

_LEAST_BYTES = 16 << 20
"""Of smaller files only the end is told, where nobody looks at a bar."""
_STEPS = 10


@contextmanager
def moving(verb: str) -> Iterator[Moved]:
    """A bar on a terminal, where rich is installed; lines otherwise. `verb`: what was done when a file is there: `sent`."""
    if sys.stderr.isatty():
        try:
            from framefleet.cli.bar import bar
        except ModuleNotFoundError:
            pass
        else:
            with bar() as moved:
                yield moved
            return
    yield Lines(verb, lambda line: print(line, file=sys.stderr, flush=True))


class Lines:
    """Says each tenth of a large file, and the end of every file, once; of one that was whole before, that it was there."""

    def __init__(self, verb: str, say: Callable[[str], None]) -> None:
        self._verb = verb
        self._say = say
        self._file: str | None = None
        self._step = 0

    def __call__(self, name: str, done: int, all_bytes: int) -> None:
        """Say what is new."""
        if name != self._file:
            self._file, self._step = name, 0
            if done >= all_bytes > 0:  # said first is what was there
                self._step = _STEPS
                self._say(f"{printable(name)} is already there ({size(all_bytes)})")
        step = _STEPS if done >= all_bytes else done * _STEPS // all_bytes
        if step <= self._step or (step < _STEPS and all_bytes < _LEAST_BYTES):
            return
        self._step = step
        if step == _STEPS:
            self._say(f"{self._verb} {printable(name)} ({size(all_bytes)})")
        else:
            self._say(f"{printable(name)}: {percent(step / _STEPS)} of {size(all_bytes)}")
