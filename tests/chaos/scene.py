"""Where a fault happens, and what it may use."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from tests.chaos import processes
from tests.chaos.fleet import Fleet, Host
from tests.chaos.producer import Producer
from tests.chaos.verbs import Operator


@dataclass
class Scene:
    """Where a fault happens."""

    fleet: Fleet
    producer: Producer
    operator: Operator
    rng: random.Random
    host: Host
    """The victim, where the fault has one: the host that is held at the moment, if it is of that kind."""
    port: int
    """The held connection's client port; 0 when nothing is held."""
    tasks: list[str]
    """All that were submitted, the oldest first."""

    def wait(self, shortest: float, longest: float) -> None:
        """Let the outage last, for a time the seed chooses. Seconds."""
        time.sleep(self.rng.uniform(shortest, longest))

    def slot(self) -> list[int]:
        """The slot that is held at the moment, else any."""
        slots = self.fleet.slots_of(self.host)
        if self.port and (found := processes.holder(self.port, slots)):
            return [found]
        return self.rng.sample(slots, min(1, len(slots)))
