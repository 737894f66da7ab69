"""What Alibaba ICE (Intelligent Cloud Editing), API of 2020-11-09 tells when a task ends."""

from __future__ import annotations

from framefleet.domain.webhook import Hook
from framefleet_scheduler.clouds.engine import Engine, Known
from framefleet_scheduler.notify import Said


def told(engine: Engine, known: Known, event: str, hook: Hook) -> Said | None:
    """The message of an event."""
    return None
