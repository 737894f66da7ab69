"""Visionular AuroraCloud's dialect: paths below /vodencoding/v1/, keys by HTTP Basic, an envelope with a code of 0."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from framefleet_scheduler.clouds.visionular.requests import (
    CreateTask,
    ListTasks,
    NamedTemplate,
    QueryTask,
    Storage,
    StorageId,
    Template,
)

DOCUMENTED: Mapping[str, type[BaseModel]] = {
    "create_task": CreateTask,
    "query_task": QueryTask,
    "list_task": ListTasks,
    "add_template": Template,
    "query_template": NamedTemplate,
    "add_storage": Storage,
    "del_storage": StorageId,
}
"""Operations whose fields are told in docs/howto, with what they take."""
