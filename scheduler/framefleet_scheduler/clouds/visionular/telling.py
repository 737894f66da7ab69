"""What Visionular's storages are told when a task ends: its task object, posted to `notify`. The vendor's form is not public."""

from __future__ import annotations

import json

from framefleet.domain.webhook import Hook
from framefleet_scheduler.clouds.engine import Engine, Known
from framefleet_scheduler.clouds.visionular.operations import shown
from framefleet_scheduler.notify import Said


def told(engine: Engine, known: Known, event: str, hook: Hook) -> Said | None:
    """The task as `query_task` answers it."""
    return Said(json.dumps(shown(engine, known), separators=(",", ":")).encode())
