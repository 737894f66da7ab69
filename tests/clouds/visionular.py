"""Visionular's dialect as its users' programs see it: requests, and waiting for tasks."""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.clouds.conftest import Cloud
from tests.clouds.recording import watched
from tests.clouds.sdks import Account
from tests.waiting import eventually

OK = 0
SECONDS = 300.0


@dataclass(frozen=True)
class Asked:
    """An answer."""

    status: int
    code: int
    message: str
    data: dict[str, Any]


def ask(
    account: Account,
    method: str,
    operation: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    query: str = "",
) -> Asked:
    """One request, as `requests` and the vendor's SDK send it."""
    token = base64.b64encode(f"{account.key}:{account.secret}".encode()).decode()
    about = {"Authorization": f"Basic {token}", "auth-type": "use-basic", **(headers or {})}
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    url = f"http://{watched('http', account.endpoint)}/vodencoding/v1/{operation}{query}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, about, method=method), timeout=60) as answer:
            status, said = answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            status, said = refused.code, json.loads(refused.read())
    assert set(said) == {"code", "msg", "data", "request_id"}
    assert re.fullmatch("[0-9a-f]{32}", said["request_id"])
    return Asked(status, said["code"], said["msg"], said["data"])


def fine(*args: Any, **more: Any) -> dict[str, Any]:
    """The data of an answer that is none of a refusal."""
    asked = ask(*args, **more)
    assert (asked.status, asked.code, asked.message) == (200, OK, "success"), asked
    return asked.data


def added(account: Account, prefix: str, **more: str) -> str:
    """The id of a storage that leads to a folder of `results`."""
    return str(fine(account, "POST", "add_storage", {"bucket": "results", "prefix": prefix, **more})["storage_id"])


def created(cloud: Cloud, storage: str, template: str, output: str, **more: Any) -> str:
    """The id of a new task."""
    body = {"template_name": template, "input": "oss://films/film.mp4", "output": output, "storage_id": storage, **more}
    return str(fine(cloud.account, "POST", "create_task", body)["task_id"])


def queried(account: Account, task_id: str) -> dict[str, Any]:
    """The task object."""
    return fine(account, "GET", "query_task", query=f"?task_id={task_id}")


def ended(account: Account, task_id: str, seen: set[str] | None = None) -> dict[str, Any]:
    """The task object of its end; the statuses until then are noted in `seen`."""

    def look() -> dict[str, Any] | None:
        task = queried(account, task_id)
        if seen is not None:
            seen.add(task["status"])
        return task if task["status"] in {"succeeded", "failed"} else None

    return eventually(look, f"the end of {task_id}", SECONDS)
