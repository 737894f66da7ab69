"""A private Prometheus with the configuration and the rules of deploy/prometheus. Knows nothing of our metrics."""

from __future__ import annotations

import json
import math
import re
import shutil
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.services import ports
from tests.services.process import Process, find_program

_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_OURS = Path(__file__).resolve().parents[2] / "deploy/prometheus"


class Prometheus:
    """One server. It looks every second instead of every 15, and alerts need not last: that is all that differs."""

    def __init__(self, folder: Path) -> None:
        """Prepare a server in `folder`; raises MissingService when Prometheus is not installed."""
        self._program = find_program("prometheus")
        self._folder = folder
        self._port = ports.reserve()
        self._process: Process | None = None
        self._since = time.time()
        self._configuration = folder / "configuration"
        shutil.copytree(_OURS, self._configuration, ignore=shutil.ignore_patterns("tests"))
        self._change(self._configuration / "prometheus.yml", r"(scrape|evaluation)_interval: 15s", r"\1_interval: 1s")
        for path in (self._configuration / "rules").glob("*.yml"):
            self._change(path, r"^( *)for: \w+$", r"\1for: 0s")
        for path in (self._configuration / "targets").glob("*.yml"):
            path.write_text("[]\n")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        arguments: list[str | Path] = [
            self._program,
            f"--config.file={self._configuration / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--log.level=warn",
        ]
        self._process = Process(arguments, self._folder / "log")
        self._process.wait_ready(self._is_ready)

    def close(self) -> None:
        """End the server for good."""
        if self._process is not None:
            self._process.kill()

    def scrape(self, job: str, *port_numbers: int) -> None:
        """Scrape these ports of this machine from now on, and no others of the job."""
        path = self._configuration / "targets" / f"{job}.yml"
        assert path.exists(), job
        new = path.with_suffix(".new")
        new.write_text(json.dumps([{"targets": [f"127.0.0.1:{port}" for port in port_numbers]}]))
        new.rename(path)  # it is read the moment it changes

    def value(self, query: str) -> float | None:
        """The first finite value of a query now; None when there is none."""
        found = self._ask("query", query=query)["result"]
        values = [float(sample["value"][1]) for sample in found]
        return next((value for value in values if math.isfinite(value)), None)

    def last_value(self, query: str) -> float | None:
        """The last finite value that a graph of a query shows over the whole run; None when it is empty."""
        found = self._ask("query_range", query=query, start=self._since, end=time.time(), step=1)["result"]
        samples = [(at, float(value)) for series in found for at, value in series["values"]]
        finite = [(at, value) for at, value in samples if math.isfinite(value)]
        return max(finite)[1] if finite else None

    def firing(self) -> dict[str, str]:
        """Alerts that fire: name -> description."""
        alerts = self._ask("alerts")["alerts"]
        return {a["labels"]["alertname"]: a["annotations"]["description"] for a in alerts if a["state"] == "firing"}

    def broken_rules(self) -> list[str]:
        """Rules whose last evaluation failed."""
        groups = self._ask("rules")["groups"]
        return [rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "err"]

    @property
    def seconds(self) -> int:
        """Since the run began."""
        return int(time.time() - self._since) + 1

    @staticmethod
    def _change(path: Path, pattern: str, replacement: str) -> None:
        text = path.read_text("utf-8")
        changed = re.sub(pattern, replacement, text, flags=re.MULTILINE)
        assert changed != text or "for:" not in text, path
        path.write_text(changed, "utf-8")

    def _ask(self, what: str, **parameters: Any) -> Any:
        url = f"http://127.0.0.1:{self._port}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        with _http.open(url, timeout=30) as answer:
            return json.loads(answer.read())["data"]

    def _is_ready(self) -> bool:
        if not ports.is_open(self._port):
            return False
        try:
            with _http.open(f"http://127.0.0.1:{self._port}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
