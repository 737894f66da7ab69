"""The planner: task + probe results + settings -> subtasks with dependencies. Pure."""

from framefleet_scheduler.plan.planner import PlanSettings, plan_task, probe_subtasks

__all__ = ["PlanSettings", "plan_task", "probe_subtasks"]
