"""`framefleet upload` and `download`: files to a server and back. Both go on where they stopped."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framefleet.cli.moving import moving
from framefleet.cli.output import FAILED, OK, CliError, Moved, emit, printable
from framefleet.cli.reach import client

if TYPE_CHECKING:
    from framefleet.http_client import HttpClient

_OTHER_PATH = "Give another path, or the rights to use it."
_GOES_ON = "Stopped. What is there is kept; the same command goes on from it."


def upload(options: argparse.Namespace) -> int:
    """Send a file; prints the address it has as a source."""
    path = readable(options.file)
    with client(options) as server:
        try:
            shown = send(server, path)
        except KeyboardInterrupt:
            print(f"\n{_GOES_ON}", file=sys.stderr)
            return FAILED
    emit(shown) if options.json else print(shown["uri"])
    return OK


def download(options: argparse.Namespace) -> int:
    """Fetch what a task has made; prints the paths."""
    with client(options) as server:
        try:
            made = fetch(server, server.status(options.id), options.output, options.target)
        except KeyboardInterrupt:
            print(f"\n{_GOES_ON}", file=sys.stderr)
            return FAILED
    if options.json:
        emit({"id": options.id, "files": made})
    else:
        for file in made:
            print(printable(file["path"]))
    return OK


def send(server: HttpClient, path: Path) -> dict[str, Any]:
    """The upload of a file, complete; goes on with one that was begun."""
    with moving("sent") as moved, _here(path):
        return server.upload(path, notes=notes_folder(os.environ), progress=moved)


def fetch(server: HttpClient, task: Mapping[str, Any], folder: Path, target: str | None = None) -> list[dict[str, Any]]:
    """The files of a target below `folder`, or of all that succeeded, each below a folder with the target's name.

    Each as target, path, bytes. Raises OutputNotFound when there are none.
    """
    from framefleet.domain.errors import OutputNotFound
    from framefleet.http_client.transfer import below

    folder = folder.expanduser()
    hint = f"The task is {task['state']}; see `framefleet status {task['id']}`."
    names = [str(one["name"]) for one in task["targets"]]
    if target is not None and target not in names:
        raise OutputNotFound(f"the task has no target {printable(target)}, but {', '.join(names)}", hint=hint)
    found: list[dict[str, Any]] = []
    with moving("fetched") as moved, _here(folder):
        for name in [target] if target is not None else _succeeded(task):
            place = folder if target is not None else below(folder, name)
            paths = server.download(str(task["id"]), name, place, progress=_of(name, moved))
            found += [{"target": name, "path": str(path), "bytes": path.stat().st_size} for path in paths]
    if not found:
        what = f"the task {task['id']}" if target is None else f"the target {target}"
        raise OutputNotFound(f"{what} has no files", hint=hint)
    return found


def readable(file: str) -> Path:
    """A file here. Raises CliError when it cannot be read."""
    path = Path(file).expanduser()
    with _here(path):
        if path.is_dir():
            raise CliError("file_unusable", f"{file} is a folder", hint="Give a media file.")
        with path.open("rb"):
            return path


def notes_folder(environ: Mapping[str, str]) -> Path:
    """Where it is kept which uploads were begun: `$XDG_STATE_HOME/framefleet/uploads`, below `~/.local/state` by default."""
    return Path(environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "framefleet/uploads"


def _of(target: str, moved: Moved) -> Moved:
    """Files of two targets may have the same name."""
    return lambda name, done, all_bytes: moved(f"{target}/{name}", done, all_bytes)


def _succeeded(task: Mapping[str, Any]) -> Sequence[str]:
    return [str(target["name"]) for target in task["targets"] if target["state"] == "succeeded"]


@contextmanager
def _here(path: Path) -> Iterator[None]:
    """What this machine's disk refuses, in words."""
    try:
        yield
    except OSError as error:
        where = printable(str(error.filename or path))
        said = f"{where}: {error.strerror or error}"
        raise CliError("file_unusable", said, hint=_OTHER_PATH, exit_code=FAILED) from error
