"""Blocks of free TCP ports that no other test run on this machine takes at the same time."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

_FIRST = 20_000
# Linux hands out 32768 and up for outgoing connections: a port there may be taken between the look and the use.
_LAST = 32_000
BLOCK = 20

# Open for the life of this process: closing one gives its block back, and so does dying.
_locks: list[int] = []


def reserve() -> int:
    """The first of BLOCK consecutive free ports, ours until this process ends."""
    folder = Path(tempfile.gettempdir()) / f"framefleet-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    bases = list(range(_FIRST, _LAST, BLOCK))
    random.shuffle(bases)
    for base in bases:
        lock = os.open(folder / str(base), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if _lock(lock) and all(_is_free(port) for port in range(base, base + BLOCK)):
            _locks.append(lock)
            return base
        os.close(lock)
    raise OSError(f"no {BLOCK} consecutive free ports between {_FIRST} and {_LAST}")


def is_open(port: int) -> bool:
    """True when something listens on the port."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
