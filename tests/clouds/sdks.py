"""Runs programs with one of the clouds' SDKs, as a user's program would: its own process, endpoint and keys by environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SDKS = ROOT / ".sdks"
PROGRAMS = Path(__file__).parent / "programs"
NAMES = ("imm5", "imm4", "ice6", "ice5", "tencent", "acscore")


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
    # The SDKs obey proxies of the environment, and one of them ignores its exceptions.
    clean = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and not k.startswith("FRAMEFLEET_")}
    environment = {
        **clean,
        "ENDPOINT": account.endpoint,
        "KEY_ID": account.key,
        "KEY_SECRET": account.secret,
        "PYTHONPATH": str(SDKS / sdk) if sdk else "",
        "PYTHONUNBUFFERED": "1",
        **more,
    }
    return subprocess.run(
        [sys.executable, str(program), *args],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
