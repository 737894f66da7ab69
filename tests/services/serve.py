"""`framefleet serve` on a free port, as a process that cannot outlive the test run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

from tests.services.process import ServiceFailed

_READY_SECONDS = 180.0


class Serve:
    """One server over one folder. `start` and `stop` or `kill` as often as one likes."""

    def __init__(self, folder: Path, *args: str, slots: int = 1, **environment: str) -> None:
        """`folder` gets the data and the log; `environment`: settings, with their prefix."""
        self.data = folder / "data"
        self.log = folder / "serve.log"
        self.key: tuple[str, str] | None = None
        """Sent with every request, when there is one."""
        self._args = ["serve", "--data", str(self.data), "--port", "0", "--json", "--slots", str(slots), *args]
        clean = {k: v for k, v in os.environ.items() if not k.startswith("FRAMEFLEET_")}
        self._environment = {**clean, "FRAMEFLEET_LOG_FORMAT": "json", **environment}
        self._process: subprocess.Popen[str] | None = None
        self._said: dict[str, Any] = {}

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end. Another one after each start."""
        return str(self._said["url"]).rstrip("/")

    @property
    def pid(self) -> int:
        """Of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        """Start it and wait until it answers; raises ServiceFailed."""
        self.close()
        setpriv = shutil.which("setpriv")
        command = [sys.executable, "-m", "framefleet.cli.main", *self._args]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*([setpriv, "--pdeathsig", "KILL"] if setpriv else []), *command],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith('{"url"'):
            self._process.wait(_READY_SECONDS)
            line += self._process.stdout.read()
            raise ServiceFailed(
                f"framefleet serve ended with {self._process.returncode}: {line}\n{self.logged()[-4000:]}"
            )
        self._said = json.loads(line)
        return self

    def stop(self) -> int:
        """Ask it to end and wait; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(_READY_SECONDS)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it if it runs."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def logged(self) -> str:
        """All it has logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def cli(self, *args: str) -> Any:
        """What `framefleet ARGS --json --data DIR` prints."""
        command = [sys.executable, "-m", "framefleet.cli.main", *args, "--data", str(self.data), "--json"]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=True, timeout=120)
        return json.loads(done.stdout)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and JSON (else bytes) of the answer; `body` is sent as JSON, `data` as it is."""
        sent = data if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.url + path, sent, headers or {}, method=method)
        if body is not None:
            asked.add_header("Content-Type", "application/json")
        if self.key is not None:
            asked.add_header("Authorization", f"Bearer {self.key[0]}:{self.key[1]}")
        try:
            with urllib.request.urlopen(asked, timeout=120) as answer:
                return answer.status, _read(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, _read(refused)

    def finished(self, task_id: str, seconds: float = 400) -> dict[str, Any]:
        """Wait for a task's end."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status, task = self.request("GET", f"/v1/tasks/{task_id}")
            if status == 200 and task["state"] in {"succeeded", "failed", "canceled"}:
                return dict(task)
            time.sleep(0.1)
        raise AssertionError(f"task {task_id} did not end within {seconds} s\n{self.logged()[-6000:]}")


def _read(answer: Any) -> Any:
    body = answer.read()
    return json.loads(body) if "json" in answer.headers.get("Content-Type", "") and body else body
