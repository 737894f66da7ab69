"""Whether the services a scheduler needs answer it, as gauges. Each is asked when somebody scrapes, all at once.

A service that hangs must not make the scrape fail that should tell of it: nobody is waited for longer than `patience`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from framefleet import metrics
from framefleet.domain.errors import FramefleetError

PATIENCE_SECONDS = 3.0
"""Well below Prometheus' own patience with a scrape (10 s)."""

Probe = Callable[[], None]
"""Looks whether a service is there; raises a FramefleetError when not."""


class _Look(threading.Thread):
    """One question to one service."""

    def __init__(self, name: str, probe: Probe) -> None:
        super().__init__(name=f"look at {name}", daemon=True)
        self._probe = probe
        self.up = False
        self.seconds: float | None = None

    def run(self) -> None:
        """Ask."""
        started = time.monotonic()
        try:
            self._probe()
        except FramefleetError:
            return
        self.seconds = time.monotonic() - started
        self.up = True


class DependencyCollector(Collector):
    """`framefleet_dependency_up` and `framefleet_dependency_seconds`."""

    def __init__(self, probes: Mapping[str, Probe], patience: float = PATIENCE_SECONDS) -> None:
        self._probes = probes
        self._patience = patience
        self._lock = threading.Lock()
        self._looks: dict[str, _Look] = {}

    def collect(self) -> Iterator[Metric]:
        """Ask every service, and say what came back in time."""
        up = GaugeMetricFamily(
            metrics.DEPENDENCY_UP.name, metrics.DEPENDENCY_UP.text, labels=metrics.DEPENDENCY_UP.labels
        )
        seconds = GaugeMetricFamily(
            metrics.DEPENDENCY_SECONDS.name, metrics.DEPENDENCY_SECONDS.text, labels=metrics.DEPENDENCY_SECONDS.labels
        )
        for name, look in self._ask().items():
            up.add_metric([name], float(look.up))
            if look.seconds is not None:
                seconds.add_metric([name], look.seconds)
        yield up
        yield seconds

    def up(self, name: str) -> bool:
        """Whether a service answered in time when it was asked last; True for one that nobody asks."""
        look = self._looks.get(name)
        return look is None or look.up

    def _ask(self) -> dict[str, _Look]:
        with self._lock:
            for name, probe in self._probes.items():
                last = self._looks.get(name)
                # One that still waits for its answer is not joined by another at every scrape.
                if last is None or not last.is_alive():
                    self._looks[name] = _Look(name, probe)
                    self._looks[name].start()
            looks = dict(self._looks)
        deadline = time.monotonic() + self._patience
        for look in looks.values():
            look.join(max(0.0, deadline - time.monotonic()))
        return looks
