"""What each operation takes, for the page in docs/howto."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from framefleet_scheduler.clouds.tencent.mps import requests, workflows
from framefleet_scheduler.clouds.tencent.mps.template_calls import FAMILIES

REQUESTS: Mapping[str, type[BaseModel]] = {
    "ProcessMedia": requests.ProcessMedia,
    "DescribeTaskDetail": requests.TaskId,
    "DescribeTasks": requests.DescribeTasks,
    "ManageTask": requests.ManageTask,
    "DescribeMediaMetaData": requests.DescribeMediaMetaData,
    "ParseNotification": requests.ParseNotification,
    "CreateWorkflow": workflows.Workflow,
    "ResetWorkflow": workflows.ResetWorkflow,
    "EnableWorkflow": workflows.EnableWorkflow,
    "DisableWorkflow": workflows.WorkflowId,
    "DeleteWorkflow": workflows.WorkflowId,
    "DescribeWorkflows": workflows.DescribeWorkflows,
    **{name: model for family in FAMILIES for name, model in family.requests.items()},
}
"""By operation."""
