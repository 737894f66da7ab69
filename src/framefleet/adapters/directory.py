"""The object store over a directory: embedded mode's, and that of file:// addresses. Knows nothing of tasks.

Objects are plain files under their keys. A file appears under its key by a rename or a link, whole and synced; it is
never changed in place. What a killed process leaves behind are files ending in `.ff-part`, which no listing shows and
`clean` removes.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from framefleet.adapters import conditional
from framefleet.adapters.store_errors import BAD_KEY, CONFLICT, NOT_ALLOWED, StoreRefused, disk_error
from framefleet.domain.errors import StoreUnavailable, UnsafeStore
from framefleet.ports import ObjectInfo, ObjectStore

_PART = ".ff-part"
_BLOCK = 1024 * 1024
_ATTEMPTS = 100
"""How often a folder is made again that a concurrent `delete` removed because it was empty."""
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_NO_RANGE_COPY = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF, errno.ETXTBSY}


_READ_BYTES = 1 << 20


class DirectoryStore:
    """Objects as files below `root`, which is made by the first write. Safe for several processes at once.

    Unlike in S3, `a` and `a/b` cannot both be objects: the second one to come is refused.
    """

    def __init__(self, root: Path, *, prune: bool = True) -> None:
        """`prune` removes folders that `delete` leaves empty; not wanted where folders are somebody else's."""
        self.root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would follow links, now and for ever
        self._prune = prune

    def put(self, key: str, data: bytes) -> None:
        """Write an object whole; atomic and synced."""
        self._replace(key, lambda out: _write(out, data))

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        """Copy a file in; it appears complete or not at all. FileNotFoundError when `path` is gone."""
        with path.open("rb") as source:
            self._replace(key, lambda out: _copy(source, out))

    def put_joined(self, key: str, parts: Sequence[str]) -> None:
        """Write an object that is others one after the other; atomic and synced. They stay."""
        paths = [self.path(part) for part in parts]

        def fill(out: BinaryIO) -> None:
            for path in paths:
                with path.open("rb") as source:
                    _copy(source, out)

        self._replace(key, fill)

    def create(self, key: str, data: bytes) -> bool:
        """Write only if there is nothing. The file is complete before it gets its name, by a link: one creator wins."""
        path = self.path(key)
        with _explained(path):
            if path.is_dir():
                raise StoreRefused(CONFLICT, f"{path} is a folder")
            if os.path.lexists(path):
                return False
            with self._temporary(path.parent, lambda out: _write(out, data)) as temporary:
                try:
                    os.link(temporary, path)
                except FileExistsError:
                    return False
                except OSError as error:
                    if error.errno in _NO_LINKS:
                        raise UnsafeStore(f"the file system of {self.root} has no hard links") from error
                    raise
            _sync_folder(path.parent)
        return True

    def get(self, key: str) -> bytes | None:
        """The object's bytes; None when there is none."""
        path = self.path(key)
        with _explained(path):
            return path.read_bytes() if _regular(path) else None

    def read(self, key: str, offset: int, length: int) -> Iterator[bytes] | None:
        """So many of the object's bytes, in blocks; None when there is none."""
        path = self.path(key)
        with _explained(path):
            return _blocks(path, offset, length) if _regular(path) else None

    def fetch(self, key: str, path: Path) -> bool:
        """Copy to a file, which appears complete or not at all; False when there is no such object."""
        source = self.path(key)
        with _explained(source):
            if not _regular(source):
                return False
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{uuid4().hex}{_PART}")
            try:
                with source.open("rb") as data, part.open("wb") as out:
                    _copy(data, out)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        return True

    def stat(self, key: str) -> ObjectInfo | None:
        """Size and identity; None when there is none, or no regular file."""
        path = self.path(key)
        with _explained(path):
            status = _regular(path)
        return _info(key, status) if status else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object whose key starts with `prefix`, in order of keys. Links to folders are not followed."""
        folder = prefix[: prefix.rfind("/") + 1]
        if folder:
            self.path(folder[:-1])
        yield from self._walk(self.root / folder, folder, prefix)

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects and the folders this leaves empty; what does not exist is no error."""
        for key in keys:
            path = self.root / self._checked(key)
            self._inside(path.parent)  # a link is removed itself, wherever it points
            with _explained(path):
                try:
                    path.unlink()
                except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                    continue
            if self._prune:
                self._remove_empty(path.parent)

    def url(self, key: str, seconds: int) -> str:
        """The file's absolute path."""
        return str(self.path(key))

    def copy_from(self, other: ObjectStore, source_key: str, key: str) -> bool:
        """Copy from another directory, sharing blocks where the file system can; False from any other store.

        Not by a hard link: who edited the copy in place would change the original.
        """
        if not isinstance(other, DirectoryStore):
            return False
        source = other.path(source_key)
        with _explained(source):
            if not _regular(source):
                return False
            with source.open("rb") as data:
                self._replace(key, lambda out: _copy(data, out))
        return True

    def self_test(self) -> None:
        """Raises UnsafeStore when the file system cannot create atomically."""
        conditional.self_test(self)

    def clean(self, prefix: str = "", *, older_s: float = 86400, recursive: bool = True) -> int:
        """Remove what killed writers left below a folder (`prefix` is empty or ends in a slash); says how many.

        A live writer's file is younger than `older_s`: every write renews its time.
        """
        removed = 0
        limit = time.time() - older_s
        for folder, subfolders, names in os.walk(self.root / prefix):
            for part in (Path(folder, name) for name in names if name.endswith(_PART)):
                try:
                    if part.lstat().st_mtime < limit:
                        part.unlink()
                        removed += 1
                except OSError:
                    continue  # it went in between, or is not ours to remove
            if not recursive:
                subfolders.clear()
        return removed

    def path(self, key: str) -> Path:
        """Where an object lies; raises StoreRefused for a key that is none, or that links lead out of the root."""
        path = self.root / self._checked(key)
        self._inside(path)
        return path

    def _checked(self, key: str) -> str:
        parts = key.split("/")
        if any(part in {"", ".", ".."} or part.endswith(_PART) for part in parts) or "\0" in key:
            raise StoreRefused(BAD_KEY, f"{key!r} cannot be the name of a file here")
        try:
            key.encode()
        except UnicodeEncodeError:
            raise StoreRefused(BAD_KEY, f"{key!r} is not valid Unicode") from None
        return key

    def _inside(self, path: Path) -> None:
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.root)):
            raise StoreRefused(NOT_ALLOWED, f"{path} leads out of {self.root}", hint="Remove the symbolic link.")

    def _replace(self, key: str, fill: Callable[[BinaryIO], None]) -> None:
        path = self.path(key)
        with _explained(path):
            with self._temporary(path.parent, fill) as temporary:
                temporary.replace(path)
            _sync_folder(path.parent)

    @contextmanager
    def _temporary(self, folder: Path, fill: Callable[[BinaryIO], None]) -> Iterator[Path]:
        """A complete, synced file in `folder` that does not outlive the block under its temporary name."""
        temporary = folder / f".{uuid4().hex}{_PART}"
        try:
            with self._open_new(temporary) as out:
                fill(out)
                out.flush()
                os.fsync(out.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _open_new(self, path: Path) -> BinaryIO:
        for _ in range(_ATTEMPTS):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                return path.open("xb")
            except FileNotFoundError:
                continue  # somebody removed the folder as empty, just before
        raise StoreUnavailable(f"the folder {path.parent} keeps vanishing")

    def _remove_empty(self, folder: Path) -> None:
        while folder != self.root:
            try:
                folder.rmdir()
            except OSError:
                return  # not empty, or already gone
            folder = folder.parent

    def _walk(self, folder: Path, base: str, prefix: str) -> Iterator[ObjectInfo]:
        with _explained(folder):
            try:
                with os.scandir(folder) as entries:
                    # A folder sorts as its name with a slash: `a-b` comes before what is in `a`.
                    found = sorted(
                        (base + entry.name + ("/" if entry.is_dir(follow_symlinks=False) else ""), entry.is_symlink())
                        for entry in entries
                        if _is_text(entry.name)
                    )
            except (FileNotFoundError, NotADirectoryError):
                return
        for key, is_link in found:
            if key.endswith("/"):
                if key.startswith(prefix) or prefix.startswith(key):
                    yield from self._walk(self.root / key, key, prefix)
            elif key.startswith(prefix) and not key.endswith(_PART):
                info = self._listed(key, is_link)
                if info is not None:
                    yield info

    def _listed(self, key: str, is_link: bool) -> ObjectInfo | None:
        try:
            return self.stat(key)
        except StoreRefused:
            if is_link:
                return None  # it leads out of the root: not an object
            raise


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _regular(path: Path) -> os.stat_result | None:
    """The status of a regular file, else None: a pipe or device would block, or never end."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    # The inode tells apart two versions of the same size written within one tick of the file system's clock.
    etag = f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"
    return ObjectInfo(key, status.st_size, etag, datetime.fromtimestamp(status.st_mtime, UTC))


def _write(out: BinaryIO, data: bytes) -> None:
    out.write(data)


def _blocks(path: Path, offset: int, length: int) -> Iterator[bytes]:
    with _explained(path), path.open("rb") as data:
        data.seek(offset)
        while length > 0 and (block := data.read(min(length, _READ_BYTES))):
            length -= len(block)
            yield block


def _copy(source: BinaryIO, out: BinaryIO) -> None:
    """Copy what is left of `source`, in the kernel and with shared blocks where it can."""
    if hasattr(os, "copy_file_range"):
        try:
            while os.copy_file_range(source.fileno(), out.fileno(), 1 << 30):
                pass
            # Some file systems (procfs, FUSE) answer 0 although there is more: the loop below reads on from here.
        except OSError as error:
            if error.errno not in _NO_RANGE_COPY:
                raise
    shutil.copyfileobj(source, out, _BLOCK)


def _sync_folder(folder: Path) -> None:
    """Make a new name in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot sync folders
            raise
    finally:
        os.close(descriptor)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_error(error, str(path)) from error
