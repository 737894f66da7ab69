"""Where a task came from: the call of a cloud's dialect that made it, kept beside the task and never changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from framefleet.domain.errors import InvalidRequest
from framefleet.domain.task import token_task_id
from framefleet.domain.value import Value

DOOR_TAG = "framefleet:door"
"""Its value is `lane(...)`: by it a dialect lists its tasks."""
ID_TAG = "framefleet:id"
"""What the dialect calls the task."""
PARTS_TAG = "framefleet:parts"
"""Of the first of several tasks that are one for the dialect; its value is that of `DOOR_TAG`, so that they are listed by it."""
_OUR_TAGS = frozenset({DOOR_TAG, ID_TAG, PARTS_TAG})
_TOKEN = re.compile(r"[a-z]{1,20}\.[0-9a-f]{48}")


class Origin(Value):
    """As it is stored."""

    door: str
    """Name of the front."""
    id: str
    """What the dialect calls the task."""
    tenant: str
    scope: str = ""
    """Within the tenant: a project, an application's number."""
    key: str
    """Id of the access key that called."""
    action: str
    """The operation that made the task."""
    created_at: datetime
    request_id: str = ""
    request: dict[str, Any]
    """Its parameters as they came, without secrets."""
    notes: dict[str, Any] = {}
    """What the translation has to know again when it answers, e.g. which target belongs to which element."""


def token(door: str, tenant: str, vendor_id: str) -> str:
    """The client token of a dialect's task: the id of ours follows from it, so neither has to be looked up."""
    return f"{door}.{hashlib.sha256(f'{tenant}/{vendor_id}'.encode()).hexdigest()[:48]}"


def refuse_ours(tags: Iterable[str], client_token: str) -> None:
    """What the dialects know their tasks by is nobody else's, whatever the tenant: else one could fill the lists of another, or take
    the ids of its tasks. Raises InvalidRequest.
    """
    if not _OUR_TAGS.isdisjoint(tags):
        raise InvalidRequest(
            f"the tags {', '.join(sorted(_OUR_TAGS))} are of tasks that cloud SDKs make",
            field="tags",
            hint="Leave them out.",
        )
    if _TOKEN.fullmatch(client_token) is not None:
        raise InvalidRequest("the client_token is one of tasks that cloud SDKs make", field="client_token")


def task_id(door: str, tenant: str, vendor_id: str) -> str:
    """Our id of a dialect's task."""
    return token_task_id(token(door, tenant, vendor_id))


def lane(door: str, tenant: str, scope: str) -> str:
    """What is listed together."""
    return f"{door}/{tenant}/{scope}"


def users_tags(tags: dict[str, str]) -> dict[str, str]:
    """A task's tags without ours."""
    return {name: value for name, value in tags.items() if name not in _OUR_TAGS}
