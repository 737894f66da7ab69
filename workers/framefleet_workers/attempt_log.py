"""What an attempt ran, for people: each command with its exit code, its cost and its last words. Small, and without secrets."""

from __future__ import annotations

import re
import shlex
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from framefleet_workers.process import Result

MOST_BYTES = 64 << 10
_FIRST = 4
_LAST = 24
"""So many of the first and of the last commands are kept: a film may take hundreds."""
_MOST_CHARACTERS = 4000
"""Of a command: filter graphs of very many pieces are cut in the middle."""
# To the last @ before a slash: a password may hold an @ that nobody has encoded.
_USERINFO = re.compile(r"://[^\s/'\"]*@")
_WORD = re.compile(r"[^\s'\"]+")


class AttemptLog:
    """Gathers entries while an attempt goes on. Memory does not grow with their number."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is the attempt's own, whose place is nobody's business."""
        self._folder = "" if folder is None else str(folder)
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=_LAST)
        self._count = 0

    @property
    def empty(self) -> bool:
        """True when no program has run."""
        return self._count == 0

    def ended(self, argv: Sequence[str], result: Result) -> None:
        """A program has ended by itself."""
        code = f"exit {result.returncode}" if result.returncode >= 0 else f"ended by signal {-result.returncode}"
        self._note(argv, f"{code}, {result.wall_seconds:.2f} s, {result.cpu_seconds:.2f} CPU seconds", result.tail)

    def stopped(self, argv: Sequence[str], why: str, tail: Sequence[str] = ()) -> None:
        """A program was ended by us, or could not be started."""
        self._note(argv, f"stopped: {why}", tail)

    def text(self, head: Sequence[str], end: Sequence[str] = ()) -> bytes:
        """All of it, between lines that say whose it is and how it ended."""
        left_out = self._count - len(self._first) - len(self._last)
        entries = [*self._first, *([f"... {left_out} more commands ...\n"] if left_out else []), *self._last]
        whole = "\n".join([*map(self._masked, head), "", *entries, *map(self._masked, end), ""])
        data = whole.encode("utf-8", "replace")
        if len(data) <= MOST_BYTES:
            return data
        # How it began and how it ended are what people look for.
        cut = b"\n... cut ...\n"
        half = (MOST_BYTES - len(cut)) // 2
        text = data[:half].decode("utf-8", "ignore") + cut.decode() + data[-half:].decode("utf-8", "ignore")
        return text.encode()

    def _note(self, argv: Sequence[str], outcome: str, tail: Sequence[str]) -> None:
        command = self._masked(shlex.join([Path(argv[0]).name, *argv[1:]]))
        if len(command) > _MOST_CHARACTERS:
            half = _MOST_CHARACTERS // 2
            command = f"{command[:half]} ... {command[-half:]}"
        lines = [f"$ {command}", self._masked(outcome), *(f"  {self._masked(line)}" for line in tail), ""]
        self._count += 1
        (self._first if len(self._first) < _FIRST else self._last).append("\n".join(lines))

    def _masked(self, text: str) -> str:
        """Without signed queries, passwords in addresses, and where on this machine it was."""
        text = _WORD.sub(_without_query, _USERINFO.sub("://***@", text)) if "://" in text else text
        if self._folder:
            text = text.replace(f"{self._folder}/", "").replace(self._folder, ".")
        return text if text.isprintable() else "".join(c if c.isprintable() or c in "\t\n" else "�" for c in text)


def _without_query(word: re.Match[str]) -> str:
    """An address up to its query. Word by word, so that the time grows with the length of the text and not faster."""
    text = word[0]
    start = text.find("://")
    cut = min((at for at in (text.find("?", start), text.find("#", start)) if at >= 0), default=-1)
    return f"{text[:cut]}?***" if start >= 0 and cut >= 0 else text
