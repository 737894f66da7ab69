"""Which folders of S3 servers were found writable a moment ago: of many tasks that write there only the first asks.

To ask takes three requests, which is most of what creating a task costs. By the folder at the top of a key, since that is
what accounts are limited to. Only what was writable is remembered, so a refusal is always one of now.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from framefleet.adapters.s3 import S3Store
from framefleet.recent import Recent

REMEMBERED_SECONDS = 30.0
_MOST_FOLDERS = 1000

_Folder = tuple[object, str, str, str]


class WritableFolders:
    """Safe to share between threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._recent = Recent[_Folder, None](REMEMBERED_SECONDS, _MOST_FOLDERS, monotonic)

    def check(self, store: S3Store, key: str, ask: Callable[[], None]) -> None:
        """Let `ask` raise when the key cannot be written, unless something in its folder could be a moment ago."""
        folder = store.connection.identity, store.bucket, store.prefix, key.partition("/")[0] if "/" in key else ""
        self._recent.ask(folder, ask)
