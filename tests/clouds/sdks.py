"""Runs programs with one of the clouds' SDKs, as a user's program would: its own process, endpoint and keys by environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clouds.recording import watched

ROOT = Path(__file__).parents[2]
SDKS = ROOT / ".sdks"
PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Account:
    """Where the SDKs' programs go, and as who."""

    endpoint: str
    """`host:port`."""
    key: str
    secret: str


def run(sdk: str | None, program: Path, account: Account, *args: str, seconds: float = 300, **more: str) -> list[Any]:
    """The JSON lines that a program prints; `more` goes into its environment. Raises AssertionError with what it said."""
    done = started(sdk, program, account, *args, seconds=seconds, **more)
    assert done.returncode == 0, (
        f"{program.name} {args} ended with {done.returncode}\n{done.stdout}\n{done.stderr[-4000:]}"
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("{", "["))]


def started(
    sdk: str | None, program: Path, account: Account, *args: str, seconds: float = 300, **more: str
) -> subprocess.CompletedProcess[str]:
    """As `run`, whatever comes of it."""
    whose = {
        "ENDPOINT": watched(sdk or program.stem, account.endpoint),
        "KEY_ID": account.key,
        "KEY_SECRET": account.secret,
    }
    return subprocess.run(
        [sys.executable, str(program), *args],
        env=_environment(sdk) | whose | more,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


class Asker:
    """A program that answers line by line, for as long as it is wanted."""

    def __init__(self, sdk: str, program: Path, *args: str, **more: str) -> None:
        self._sdk = sdk
        if "ENDPOINT" in more:
            more["ENDPOINT"] = watched(sdk, more["ENDPOINT"])
        self._process = subprocess.Popen(
            [sys.executable, str(program), *args],
            env=_environment(sdk) | more,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, line: dict[str, Any]) -> dict[str, Any]:
        """What it answers."""
        if "endpoint" in line:
            line = {**line, "endpoint": watched(self._sdk, line["endpoint"])}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


def _environment(sdk: str | None) -> dict[str, str]:
    """The SDKs obey proxies of the environment, and one of them ignores its exceptions."""
    clean = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and not k.startswith("FRAMEFLEET_")}
    return {**clean, "PYTHONPATH": str(SDKS / sdk) if sdk else "", "PYTHONUNBUFFERED": "1"}
