"""ICE's priorities, 1 to 10 and higher first, as ours. Pure."""

from __future__ import annotations

from framefleet.domain.priority import HIGHEST
from framefleet_scheduler.clouds.alibaba.ice import words

DEFAULT = 6


def check(path: str, value: int | None) -> None:
    """Refuse what is none. Raises Refusal."""
    words.check_within(path, value, 1, 10)


def ours(value: int) -> int:
    """0 to 9: six is the middle of both; below it a step is ten hundredths of the scale, above it twelve and a half."""
    place = (value - DEFAULT) * (10 if value < DEFAULT else 12.5)
    return int((place + 50) / 100 * HIGHEST + 0.5)
