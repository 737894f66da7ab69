"""Embedded mode: the same scheduler and executor in one process. A composition root: it may import the services."""

from framefleet.embedded.cluster import run_task
from framefleet.embedded.dryrun import PlannedTask, plan_task, probe

__all__ = ["PlannedTask", "plan_task", "probe", "run_task"]
