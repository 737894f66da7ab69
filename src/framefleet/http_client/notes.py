"""Which upload a file goes to: kept in a folder, so that a later call goes on with it. Knows files, and nothing of HTTP."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from pathlib import Path

_UPLOAD_ID = re.compile(r"[a-z2-7]{26}")
_KEPT_SECONDS = 30 * 86400.0
"""Longer than servers keep what nobody uses."""


class Notes:
    """A note for each file, by its name and what is in it: one that was changed is another. Without a secret in it."""

    def __init__(self, folder: Path, server: str) -> None:
        """`server`: the address; uploads of another one are others."""
        self._folder = folder
        self._server = server

    def find(self, name: str, sha256: str) -> str | None:
        """The upload's id, where one is noted."""
        try:
            found = self._path(name, sha256).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return found if _UPLOAD_ID.fullmatch(found) else None

    def keep(self, name: str, sha256: str, upload_id: str) -> None:
        """Note it. Where nothing can be written, a later call begins anew: that is no reason not to send the file."""
        path = self._path(name, sha256)
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._tidy()
            part = path.with_suffix(".part")
            part.write_text(f"{upload_id}\n", "ascii")
            part.replace(path)

    def forget(self, name: str, sha256: str) -> None:
        """Begin anew the next time."""
        with contextlib.suppress(OSError):
            self._path(name, sha256).unlink()

    def _path(self, name: str, sha256: str) -> Path:
        digest = hashlib.sha256(f"{self._server}\n{sha256}\n{name}".encode("utf-8", "surrogateescape"))
        return self._folder / digest.hexdigest()

    def _tidy(self) -> None:
        oldest = time.time() - _KEPT_SECONDS
        for path in self._folder.iterdir():
            if path.stat().st_mtime < oldest:
                path.unlink()
