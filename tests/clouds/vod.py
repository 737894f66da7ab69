"""VOD as its users' programs see it: a caller for tests, and waiting for tasks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from tests.clouds.conftest import Cloud
from tests.clouds.sdks import PROGRAMS, Account, Asker

WAYS = (
    "TC3-HMAC-SHA256 POST",
    "TC3-HMAC-SHA256 GET",
    "HmacSHA256 POST",
    "HmacSHA1 GET",
    "TC3-HMAC-SHA256 POST async",
    "HmacSHA256 GET async",
)


class Refused(Exception):
    """What the SDK raised."""

    def __init__(self, said: dict[str, Any]) -> None:
        super().__init__(f"{said['raised']}: {said['message']}")
        self.code = said["raised"]
        self.message = said["message"]
        self.request_id = said["request_id"]


@dataclass(frozen=True)
class Vod:
    """One SDK, signing in one way."""

    asker: Asker
    account: Account

    def __call__(self, action: str, **asked: Any) -> dict[str, Any]:
        """What an operation answers. Raises Refused."""
        return self._said({"action": action, "asked": asked})

    def raw(self, action: str, **asked: Any) -> dict[str, Any]:
        """As the call, with fields that the SDK's model of the request does not have."""
        return self._said({"action": action, "asked": asked, "raw": True})

    def _said(self, line: dict[str, Any]) -> dict[str, Any]:
        said = self.asker.ask({**asdict(self.account), **line})
        if "raised" in said:
            raise Refused(said)
        return dict(said["got"])

    def ended(self, task_id: str, seconds: float = 120, **more: Any) -> dict[str, Any]:
        """A task's detail when it has ended."""
        until = time.monotonic() + seconds
        while True:
            found = self("DescribeTaskDetail", TaskId=task_id, **more)
            if found["Status"] not in {"WAITING", "PROCESSING"}:
                return found
            assert time.monotonic() < until, found
            time.sleep(0.2)


@contextmanager
def caller(cloud: Cloud, way: str = WAYS[0], account: Account | None = None) -> Iterator[Vod]:
    """A program with the SDK."""
    asker = Asker("tencent", PROGRAMS / "vod.py", *way.split())
    try:
        yield Vod(asker, account or cloud.account)
    finally:
        asker.close()


def outputs(found: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Outputs of a task's elements of a kind, all of which succeeded."""
    made = []
    for item in found["ProcedureTask"]["MediaProcessResultSet"]:
        if item["Type"] == kind:
            (task,) = [value for value in item.values() if isinstance(value, dict)]
            assert task["Status"] == "SUCCESS", task
            assert (task["ErrCode"], task["ErrCodeExt"], task["Progress"]) == (0, "", 100)
            made.append(task["Output"])
    return made


def below(cloud: Cloud, url: str) -> str:
    """Which file below the buckets an address of an answer means."""
    name = url.rpartition("/outputs/")[2].partition("/")[2]
    target = url.rpartition("/outputs/")[2].partition("/")[0]
    task = url.partition("/tasks/")[2].partition("/")[0]
    status, record = cloud.server.request("GET", f"/v1/tasks/{task}")
    assert status == 200, record
    uri = next(one["uri"] for one in record["targets"] if one["name"] == target)
    return f"{uri.removeprefix('storage://').rpartition('/')[0]}/{name}"
