"""The folder in which `framefleet serve` keeps everything: where what is in it, and that one process uses it at a time."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from framefleet.domain.errors import DataUnusable
from framefleet.settings import SettingsError

_SEAL_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths below one root."""

    root: Path

    @property
    def store(self) -> Path:
        """The work bucket: what decides. The rest can be made again from it."""
        return self.root / "store"

    @property
    def redis(self) -> Path:
        """The live state."""
        return self.root / "redis"

    @property
    def scratch(self) -> Path:
        """Files of running subtasks."""
        return self.root / "scratch"

    @property
    def outputs(self) -> Path:
        """Where storage://outputs/ leads."""
        return self.root / "outputs"

    def keep_apart(self, roots: Iterable[Path]) -> None:
        """Raises SettingsError when files below one of these are our own: addresses would lead to tasks and keys."""
        for root in roots:
            there = Path(os.path.realpath(root))
            for ours in (self.store, self.redis, self.scratch):
                real = Path(os.path.realpath(ours))
                if real.is_relative_to(there) or there.is_relative_to(real):
                    raise SettingsError(
                        f"{root} must not be allowed for addresses: {ours}, where the server keeps its own, is "
                        + ("in it" if real.is_relative_to(there) else "where it lies")
                    )

    def seal_key(self) -> str:
        """What secrets of keys that sign are sealed with where no setting says otherwise. The first that needs it makes it, for
        its user only. Raises DataUnusable.
        """
        path = self.root / "seal_key"
        try:
            if not path.exists():
                _make_seal_key(path)
            key = path.read_text("ascii").strip()
        except OSError as error:
            hint = "Run this as the user that the server runs as."
            raise DataUnusable(f"{path}: {error.strerror}", hint=hint) from error
        except UnicodeDecodeError:
            key = ""
        if len(key) < _SEAL_KEY_BYTES:
            hint = "Bring it back from a backup, or remove it and rotate the keys that sign."
            raise DataUnusable(f"{path} has no seal key in it", hint=hint)
        return key

    @property
    def is_new(self) -> bool:
        """Whether no server has had it yet."""
        return not self._lock.exists()

    @property
    def _lock(self) -> Path:
        return self.root / "lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """For this process alone, until the block or the process ends. Nobody else of this machine may look into what we make:
        secrets of webhooks and keys of HLS are among it.

        Raises DataUnusable when another has it, or it cannot be made or written.
        """
        try:
            for folder in (self.root, self.store, self.redis):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileExistsError as error:
            raise DataUnusable(f"{error.filename} is not a folder", hint="Give a folder to --data.") from error
        except OSError as error:
            hint = "Give a folder to --data that can be made and written."
            raise DataUnusable(f"{self.root}: {error.strerror}", hint=hint) from error
        try:
            self._take(lock)
            yield
        finally:
            os.close(lock)

    def _take(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
            raise DataUnusable(f"{self.root} is in use by process {holder or '(unknown)'}") from None
        except OSError as error:
            raise DataUnusable(f"{self.root} cannot be locked: {error.strerror}") from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def _make_seal_key(path: Path) -> None:
    """Whole, or not at all; of two that make it at once one does."""
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "w") as out:
            out.write(f"{secrets.token_hex(_SEAL_KEY_BYTES)}\n")
            out.flush()
            os.fsync(out.fileno())
        os.link(part, path)
    except FileExistsError:
        pass
    finally:
        part.unlink()
