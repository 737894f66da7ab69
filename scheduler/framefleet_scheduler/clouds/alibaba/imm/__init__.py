"""Alibaba IMM (Intelligent Media Management), API of 2020-09-30."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from framefleet_scheduler.clouds.alibaba.imm import projects, requests

DOCUMENTED: Mapping[str, type[BaseModel]] = {
    "CreateMediaConvertTask": requests.CreateMediaConvertTask,
    "GetTask": requests.GetTask,
    "ListTasks": requests.ListTasks,
    "DetectMediaMeta": requests.DetectMediaMeta,
    "CreateProject": projects.CreateProject,
    "GetProject": projects.GetProject,
    "ListProjects": projects.ListProjects,
    "UpdateProject": projects.UpdateProject,
    "DeleteProject": projects.DeleteProject,
}
"""Operations whose fields are told in docs/howto, with what they take."""
