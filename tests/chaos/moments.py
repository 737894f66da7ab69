"""Moments at which a fault can be placed exactly: what a host is about to say to a service, or has just been told by it."""

from __future__ import annotations

from dataclasses import dataclass

from framefleet.adapters.redis_state.scripts import load
from tests.chaos.fleet import Fleet, Host
from tests.chaos.proxy import Trap

ANY_TIME = "any time"


@dataclass(frozen=True)
class Moment:
    """Bytes of one request, on its way to the server, or (`answered`) its answer on the way back."""

    worker: bool
    service: str
    pattern: str
    """May name {work} and {bucket}."""
    answered: bool


def _both(name: str, *, worker: bool, service: str, pattern: str) -> dict[str, Moment]:
    return {
        f"before {name}": Moment(worker, service, pattern, answered=False),
        f"after {name}, unheard": Moment(worker, service, pattern, answered=True),
    }


def _script(name: str) -> str:
    return load(name).digest


MOMENTS: dict[str, Moment] = {
    # Workers, in the order of an attempt.
    **_both("claim", worker=True, service="redis", pattern=_script("claim")),
    **_both("an upload", worker=True, service="s3", pattern=r"^PUT /{work}/tasks/\S+/a\d+-"),
    **_both("publishing", worker=True, service="s3", pattern=r"^(PUT|POST) /{bucket}/out/"),
    **_both("DONE", worker=True, service="s3", pattern=r"^PUT /{work}/tasks/\S+/DONE"),
    **_both("the report", worker=True, service="amqp", pattern=r"framefleet\.v1\.results.*sid"),
    **_both("a beat", worker=True, service="redis", pattern=_script("beat")),
    # Schedulers, in the order of a task.
    **_both("request.json", worker=False, service="s3", pattern=r"^PUT /{work}/tasks/\S+/request\.json"),
    **_both("entering a task", worker=False, service="redis", pattern=_script("create")),
    **_both("an order", worker=False, service="amqp", pattern=r"framefleet\.v1\.cpu.*queue_name"),
    **_both("noting an order", worker=False, service="redis", pattern=_script("published")),
    **_both("noting DONE", worker=False, service="redis", pattern=_script("done")),
    **_both("plan.json", worker=False, service="s3", pattern=r"^PUT /{work}/tasks/\S+/plan\.json"),
    **_both("entering a plan", worker=False, service="redis", pattern=_script("plan")),
    **_both("END", worker=False, service="s3", pattern=r"^PUT /{work}/tasks/\S+/END"),
    **_both("noting END", worker=False, service="redis", pattern=_script("finish")),
    **_both("cleaning", worker=False, service="s3", pattern=r"^POST /{work}\?delete"),
}


class Armed:
    """A trap on every host that may come to the moment."""

    def __init__(self, fleet: Fleet, moment: Moment) -> None:
        pattern = moment.pattern.replace("{work}", fleet.work_bucket).replace("{bucket}", fleet.bucket)
        self.trap = Trap(pattern.encode(), answered=moment.answered)
        self._hosts = fleet.workers if moment.worker else fleet.schedulers
        self._proxies = [host.proxies[moment.service] for host in self._hosts]
        for proxy in self._proxies:
            proxy.traps.append(self.trap)

    def wait(self, seconds: float) -> Host | None:
        """The host that came to the moment and is held there; None when none did in time."""
        if not self.trap.sprung.wait(seconds):
            return None
        return next(h for h, p in zip(self._hosts, self._proxies, strict=True) if p is self.trap.proxy)

    def disarm(self, *, cut: bool) -> None:
        """Let go what is held, or lose it; nothing is caught any more."""
        self.trap.release(cut=cut)
        for proxy in self._proxies:
            proxy.traps.remove(self.trap)
