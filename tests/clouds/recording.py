"""What goes over the wire between the SDKs and the server, kept when `CLOUDS_RECORD` names a folder (`make seen`).

Each process of a test run writes a file of JSON lines: an exchange ({"sdk", "test", "request", "answer"}), or what FFmpeg's
prober said of an output ({"test", "path", "probe"}).
"""

from __future__ import annotations

import json
import os
import threading
from functools import cache
from pathlib import Path
from typing import Any

from tests.clouds.meddler import Meddler

VARIABLE = "CLOUDS_RECORD"
_lock = threading.Lock()


def watched(sdk: str, endpoint: str) -> str:
    """Where a program with that SDK has to go instead of `host:port`, so that what it asks is kept."""
    return _watching(sdk, endpoint).endpoint if VARIABLE in os.environ else endpoint


def judged(path: str, probe: dict[str, Any]) -> None:
    """An output was looked at."""
    if VARIABLE in os.environ:
        _keep({"path": path, "probe": probe})


@cache
def _watching(sdk: str, endpoint: str) -> Meddler:
    """Listens until the process ends."""

    def heard(request: bytes, answer: bytes) -> None:
        _keep({"sdk": sdk, "request": request.decode("latin-1"), "answer": answer.decode("latin-1")})

    return Meddler(endpoint, heard=heard).__enter__()


def _keep(what: dict[str, Any]) -> None:
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    line = json.dumps({"test": test, **what})
    with _lock, (Path(os.environ[VARIABLE]) / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
