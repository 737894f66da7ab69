"""Files from the server: by ranges, continued where they stopped, and compared with what the task has recorded."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from framefleet.domain.errors import FramefleetError, TooManyRequests, UploadComplete, UploadCorrupt, UploadNotFound
from framefleet.http_client.failures import DownloadCorrupt, ServerUnavailable
from framefleet.http_client.notes import Notes
from framefleet.http_client.wire import BROKEN, Answer, Wire
from framefleet.producer import Rejected

_TRIES = 8
"""How often a transfer is gone on with that gets no byte further."""
_BLOCK = 1 << 20
_SLOWEST_CHECKED = 10 << 20
"""Bytes a second: a server that reads a whole file to compare it gets as long as that takes."""
_BUSY_SECONDS = 900.0
"""For which a part waits for its turn. A server lets slow senders have theirs for some ten minutes."""

Progress = Callable[[str, int, int], None]


def download(
    wire: Wire, task_id: str, target: str, output: Mapping[str, Any], folder: Path, progress: Progress
) -> Path:
    """One file of a target, below `folder`, as `outputs` tells of it. Raises DownloadCorrupt."""
    name, size, digest = str(output["name"]), int(output["bytes"]), str(output["sha256"])
    path = below(folder, name)
    if path.is_file() and path.stat().st_size == size and _sha256(path) == digest:
        progress(name, size, size)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{digest[:16]}.part")  # of another version of the file nothing is gone on with
    segments = ("v1", "tasks", task_id, "outputs", target, *PurePosixPath(name).parts)
    for again in (False, True):
        if again:  # what was there before may have been another's
            part.unlink(missing_ok=True)
        _fill(wire, segments, part, size, lambda done: progress(name, done, size))
        if _sha256(part) == digest:
            part.replace(path)
            progress(name, size, size)
            return path
    part.unlink(missing_ok=True)
    raise DownloadCorrupt(f"{name} has another SHA-256 than the task has recorded")


def upload(
    wire: Wire,
    path: Path,
    *,
    upload_id: str | None,
    parallel: int,
    checked: bool,
    notes: Notes | None,
    progress: Progress,
) -> dict[str, Any]:
    """Send a file in parts, `parallel` at once, or those that are missing of an upload that broke. It, complete."""
    name, size = path.name, path.stat().st_size
    digest = _sha256(path) if checked else None
    shown = None if upload_id is None else wire.call("GET", "v1", "uploads", upload_id)
    if shown is None and notes is not None and digest is not None:
        shown = _noted(wire, notes.find(name, digest))
    if shown is None:
        new = {"name": name, "bytes": size} | ({} if digest is None else {"sha256": digest})
        # Sent twice, it begins two, of which nobody uses one; the server removes that.
        shown = wire.call("POST", "v1", "uploads", document=new, repeatable=True)
        if notes is not None and digest is not None:
            notes.keep(name, digest, str(shown["id"]))
    if shown["bytes"] != size:
        raise FramefleetError(
            f"the upload {shown['id']} is of a file with {shown['bytes']} bytes; {path.name} has {size}"
        )
    if shown["state"] != "complete":
        try:
            shown = _sent(wire, path, shown, parallel, progress)
        except Rejected as refused:
            if refused.code == UploadCorrupt.code and notes is not None and digest is not None:
                notes.forget(name, digest)  # it is gone
            raise
    progress(name, size, size)
    return dict(shown)


def _noted(wire: Wire, upload_id: str | None) -> dict[str, Any] | None:
    """An upload that was begun before, where the server still has it for this key."""
    if upload_id is None:
        return None
    try:
        return dict(wire.call("GET", "v1", "uploads", upload_id))
    except Rejected as refused:
        if refused.code != UploadNotFound.code:
            raise
        return None


def _sent(wire: Wire, path: Path, shown: Mapping[str, Any], parallel: int, progress: Progress) -> dict[str, Any]:
    """Send the parts that are missing, and complete it."""
    size = int(shown["bytes"])
    each = int(shown["part_bytes"])
    sizes = {n: min(each, size - (n - 1) * each) for n in range(1, int(shown["part_count"]) + 1)}
    there = {int(part["n"]) for part in shown["parts"] if sizes.get(int(part["n"])) == part["bytes"]}
    missing = [n for n in sizes if n not in there]
    done, lock = sum(sizes[n] for n in there), threading.Lock()
    progress(path.name, done, size)

    def send(n: int) -> None:
        nonlocal done
        with path.open("rb") as file:
            file.seek((n - 1) * each)
            body = file.read(sizes[n])
        _send_part(wire, ("v1", "uploads", str(shown["id"]), "parts", str(n)), body)
        with lock:
            done += len(body)
            progress(path.name, done, size)

    with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="upload") as pool:
        try:
            for _ in pool.map(send, missing):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    patience = wire.patience + size / _SLOWEST_CHECKED
    complete = ("v1", "uploads", str(shown["id"]), "complete")
    return dict(wire.call("POST", *complete, repeatable=True, patience=patience))


def _send_part(wire: Wire, segments: tuple[str, ...], body: bytes) -> None:
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            wire.fetch("PUT", *segments, body=body, headers={"Content-Type": "application/octet-stream"})
            return
        except Rejected as refused:
            if refused.code == UploadComplete.code:  # by another call that sends the same file
                return
            # Others send at the same time. That the server is there is known, so it is not its patience that ends.
            if refused.code != TooManyRequests.code or time.monotonic() > end:
                raise


def zip_to(wire: Wire, task_id: str, target: str, path: Path, *, everything: bool) -> None:
    """A zip as the server makes it; appears at `path` when it is whole."""
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    answer = wire.open("GET", "v1", "tasks", task_id, "outputs", f"{target}.zip", query={"everything": everything})
    try:
        with answer, part.open("wb") as file:
            for block in _blocks(answer):
                file.write(block)
        part.replace(path)
    except _LineBroke as broken:
        raise ServerUnavailable(f"the line broke while the zip came ({broken})") from broken
    finally:
        part.unlink(missing_ok=True)


def _fill(wire: Wire, segments: tuple[str, ...], part: Path, size: int, progress: Callable[[int], None]) -> None:
    """Append to a file until it has all bytes."""
    part.touch()
    tries = _TRIES
    while (have := part.stat().st_size) < size:
        progress(have)
        answer = wire.open("GET", *segments, headers={"Range": f"bytes={have}-"} if have else {})
        try:
            # A server that does not know ranges sends all of it.
            with answer, part.open("ab" if answer.status == 206 else "wb") as file:
                for block in _blocks(answer):
                    file.write(block)
                    progress(file.tell())
        except _LineBroke as broken:
            tries = _TRIES if part.stat().st_size > have else tries - 1
            if not tries:
                raise ServerUnavailable(f"the line breaks again and again ({broken})") from broken
            continue
        if part.stat().st_size < size:
            raise DownloadCorrupt(f"the server ends {part.name} before its end")


class _LineBroke(Exception):
    """While an answer was read. What a local disk refuses is another thing, though both are OSErrors."""


def _blocks(answer: Answer) -> Iterator[bytes]:
    try:
        yield from answer.blocks(_BLOCK)
    except BROKEN as broken:
        raise _LineBroke(type(broken).__name__) from broken


def below(folder: Path, name: str) -> Path:
    """Where a file goes; raises for a name that leads out of the folder, whatever a server says."""
    parts = PurePosixPath(name).parts
    if not parts or any(part in {"..", "/"} or "\\" in part or "\0" in part for part in parts):
        raise FramefleetError(f"the server names a file that would lie elsewhere: {name[:200]!r}")
    return folder.joinpath(*parts)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
