"""Generations of Redis, and who leads."""

from __future__ import annotations

from framefleet.adapters.redis_state.scripts import Scripts
from framefleet.domain.subtask import Tag


class RedisEpochs:
    """Implements `framefleet.ports.Epochs`."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def current(self) -> int | None:
        """The generation; None when Redis is empty. Raises StateUnavailable."""
        word, *rest = self._scripts.run("current")
        return int(rest[0]) if word == "OK" else None

    def server(self) -> str:
        """Which process Redis is: another one after a restart or a failover. Raises StateUnavailable."""
        return self._scripts.server()

    def rebuild(self, number: int) -> None:
        """Say that the rebuild for a generation begins to write. Raises StateUnavailable."""
        self._scripts.run("rebuild", number)

    def begin(self, number: int, *, rebuilt: bool = False, quiet_seconds: float = 0.0) -> bool:
        """Open a generation; a newer one is kept. Raises StateUnavailable.

        `rebuilt`: only if Redis has not been lost since `rebuild` and no later rebuild has begun, else False. No scheduler
        is handed orders for `quiet_seconds`, so that running work is adopted before it is given away.
        """
        return self._scripts.applied("begin", number, int(rebuilt), round(quiet_seconds * 1000))

    def time(self) -> tuple[float, int]:
        """Redis' clock (seconds since 1970), and how often it is known to have been set. Raises StateUnavailable."""
        _, milliseconds, steps = self._scripts.run("clock")
        return int(milliseconds) / 1000, int(steps)

    def clock_set(self, seconds: float, steps: int) -> bool:
        """Redis' clock was set by so much: leases, delays and orders move with it. Raises StateUnavailable.

        `steps` as `time` said it: False when somebody else has moved them.
        """
        return self._scripts.applied("clock_set", round(seconds * 1000), steps, *Tag)

    def lead(self, who: str, seconds: float) -> bool:
        """Become or stay the leader for `seconds`; False while somebody else is. Raises StateUnavailable.

        Two leaders are harmless (every step may be taken twice); this only saves work.
        """
        return self._scripts.applied("lead", who, round(seconds * 1000))
