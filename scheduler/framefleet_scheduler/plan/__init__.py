"""The planner: task + probe results + settings -> subtasks with dependencies. Pure."""

from framefleet_scheduler.plan.apart import plan_possible
from framefleet_scheduler.plan.planner import PlanSettings, plan_task, probe_subtasks

__all__ = ["PlanSettings", "plan_possible", "plan_task", "probe_subtasks"]
