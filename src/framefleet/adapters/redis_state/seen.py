"""What was seen once and counts once: nonces and signatures of requests."""

from __future__ import annotations

from framefleet.adapters.redis_state.scripts import Scripts


class RedisSeen:
    """Implements `framefleet.ports.Seen`."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def first(self, name: str, what: str, seconds: float) -> str:
        """What the name was used for first, within the seconds it is remembered. Raises StateUnavailable."""
        return str(self._scripts.run("seen", name, what, int(seconds * 1000))[1])
