"""Looking at processes through /proc: who is whose child, who holds a connection, what is left of a run."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def alive(pid: int) -> bool:
    """Whether the process exists and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def tree(root: int) -> list[int]:
    """The process and all below it that are alive, parents first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            except OSError:
                continue
            if state != "Z":
                children.setdefault(int(parent), []).append(int(entry.name))
    found, rest = [], [root]
    while rest:
        pid = rest.pop()
        if alive(pid):
            found.append(pid)
        rest += children.get(pid, [])
    return found


def command(pid: int) -> list[str]:
    """Its command line; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def is_ffmpeg(pid: int) -> bool:
    """Whether it is FFmpeg or ffprobe, or about to become one."""
    words = command(pid)
    return any(Path(word).name in {"ffmpeg", "ffprobe", "slow-ffmpeg"} for word in words[:4])


def is_slot(pid: int) -> bool:
    """Whether it is one slot of a worker."""
    return "framefleet_workers.slot" in command(pid)


def with_variable(variable: str) -> list[int]:
    """Live processes that were started with this `NAME=value` in their environment."""
    return with_variable_like(variable, variable)


def with_variable_like(first: str, last: str) -> list[int]:
    """Live processes that were started with a variable that begins and ends so (`NAME=`, end of the value)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and alive(int(entry.name)):
            try:
                variables = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(v.startswith(first.encode()) and v.endswith(last.encode()) for v in variables):
                found.append(int(entry.name))
    return found


def holder(port: int, among: list[int]) -> int | None:
    """Which of these processes has a connection from this local port; the last of them, so a child before its parent."""
    inodes = set()
    # Of their network: it may be another than ours.
    table = Path(f"/proc/{among[0]}/net/tcp") if among else Path("/proc/net/tcp")
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if int(words[1].rsplit(":", 1)[1], 16) == port:
            inodes.add(f"socket:[{words[9]}]")
    for pid in reversed(among):
        try:
            if any(str(link.readlink()) in inodes for link in Path(f"/proc/{pid}/fd").iterdir()):
                return pid
        except OSError:
            continue
    return None


def send(number: signal.Signals, *pids: int) -> int:
    """Signal those that still exist; how many there were."""
    sent = 0
    for pid in pids:
        try:
            os.kill(pid, number)
            sent += 1
        except ProcessLookupError:
            continue
    return sent
