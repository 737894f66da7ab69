"""How the command line prints: JSON, tables, errors; and its exit codes. Imports nothing slow."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framefleet.domain.errors import ErrorInfo

OK = 0
FAILED = 1
BAD_USAGE = 2
Moved = Callable[[str, int, int], None]
"""Is told of a file that is sent or fetched: its name, its bytes so far, and all of them."""


class CliError(Exception):
    """Something the command line itself has to say."""

    def __init__(self, code: str, message: str, *, hint: str | None = None, exit_code: int = BAD_USAGE) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


def missing_extra(error: ModuleNotFoundError) -> CliError:
    """What to do when a package of an extra is not installed."""
    return CliError(
        "not_installed",
        f"the package {error.name} is not installed",
        hint="pip install 'framefleet[embedded]'",
        exit_code=FAILED,
    )


def emit(value: Any) -> None:
    """Print one JSON value, indented for people to read and for programs to parse."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def emit_line(value: Any) -> None:
    """Print one JSON value on one line, at once: for streams."""
    print(json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str), flush=True)


def printable(name: str) -> str:
    """A file's name, whoever chose it, without what would steer a terminal."""
    return "".join(c if c.isprintable() else "_" for c in name)


def table(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> str:
    """Rows in aligned columns; a column in which every cell is a number is aligned to the right."""
    lines = [list(header), *map(list, rows)] if header else [list(row) for row in rows]
    if not lines:
        return ""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    body = lines[1:] if header else lines
    right = [_is_numeric([line[i] for line in body]) for i in range(len(widths))]
    cells = (
        [cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(line, widths, right, strict=True)]
        for line in lines
    )
    return "\n".join("  ".join(row).rstrip() for row in cells)


def show_error(error: ErrorInfo, *, as_json: bool, log_lines: int = 8) -> None:
    """Tell an error: as JSON on standard output, or in words on standard error."""
    if as_json:
        emit({"error": error.model_dump(mode="json", include={"code", "message", "field", "hint"})})
        return
    print(f"framefleet: {error.message} [{error.code}]", file=sys.stderr)
    if error.field:
        print(f"  in: {error.field}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)
    for line in error.log[-log_lines:]:
        print(f"  | {line}", file=sys.stderr)


def _is_numeric(cells: Sequence[str]) -> bool:
    known = [cell for cell in cells if cell != "-"]
    return bool(known) and all(cell.removesuffix(" %").replace(".", "", 1).isdigit() for cell in known)
