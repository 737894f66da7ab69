"""Pipelines: named lanes with a share of the workers and limits of their own. Pure; knows no store.

What an operator sets is a row of numbered versions, as for templates, so that two who change one pipeline at once do
not undo each other. A pipeline that nobody has set works: weight 1, no limits.
"""

from __future__ import annotations

import re

from pydantic import Field

from framefleet.domain import priority
from framefleet.domain.errors import InvalidRequest
from framefleet.domain.versioned import Versioned

DEFAULT = "default"
EVERYTHING = "_all"
"""Stands for all pipelines at once: paused, nothing of any is released. No pipeline can have this name."""
DRY = "_dry"
"""The lane of dry runs (`Task.dry`): no pipeline's limits or pauses hold them back, only a pause of
everything; nothing of them is listed, counted or told."""
LEAST_WEIGHT = 0.001
MOST_WEIGHT = 1_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Pipeline(Versioned):
    """One version of a pipeline's settings, as it is stored. Never changed."""

    name: str
    weight: float = Field(default=1.0, ge=LEAST_WEIGHT, le=MOST_WEIGHT)
    """Its share of the workers beside other pipelines that have work: of the time they work, not of the subtasks."""
    max_tasks: int | None = Field(default=None, ge=1)
    """Most tasks that have begun and not ended; None: no limit."""
    max_subtasks: int | None = Field(default=None, ge=1)
    """Most subtasks that run or have been handed out; None: no limit."""
    default_priority: int | None = Field(default=None, ge=priority.LOWEST, le=priority.HIGHEST)
    """Of tasks that name none; None: the usual one."""
    paused: bool = False
    """Nothing more of it begins. What runs goes on."""


def check_name(name: str) -> None:
    """Raises InvalidRequest for a name no pipeline can have."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"{name!r} cannot be the name of a pipeline",
            field="pipeline",
            hint="Use up to 64 letters, digits, dots, dashes and underscores; a letter or digit first.",
        )
