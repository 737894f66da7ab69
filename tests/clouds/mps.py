"""MPS as a user's program has it: the official SDK in a process of its own, called operation by operation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.clouds.sdks import PROGRAMS, Account, Asker

SECONDS = 120.0


class Refused(Exception):
    """What the SDK raised."""

    def __init__(self, name: str, code: str, message: str, request_id: str) -> None:
        super().__init__(f"{code}: {message}")
        self.name, self.code, self.message, self.request_id = name, code, message, request_id


@dataclass(frozen=True)
class Sdk:
    """The SDK in its process."""

    asker: Asker

    def call(self, do: str, **parameters: Any) -> dict[str, Any]:
        """What an operation answers. Raises Refused."""
        answer = self.asker.ask({"do": do, "with": parameters})
        if "raised" in answer:
            raise Refused(*answer["raised"])
        return answer

    def refused(self, do: str, **parameters: Any) -> Refused:
        """What an operation is refused with."""
        try:
            answer = self.call(do, **parameters)
        except Refused as refused:
            assert (refused.name, bool(refused.request_id)) == ("TencentCloudSDKException", True)
            return refused
        raise AssertionError(f"{do} was not refused: {answer}")

    def start(self, source: str = "film.mp4", bucket: str = "films", **parameters: Any) -> str:
        """ProcessMedia of a film; the task's id."""
        given = {"InputInfo": cos(source, bucket), "OutputStorage": out(), "OutputDir": "/mps/", **parameters}
        return str(self.call("ProcessMedia", **given)["TaskId"])

    def end(self, task_id: str) -> dict[str, Any]:
        """DescribeTaskDetail once the task has ended."""
        ends = time.monotonic() + SECONDS
        while (found := self.call("DescribeTaskDetail", TaskId=task_id))["Status"] != "FINISH":
            assert time.monotonic() < ends, f"{task_id} did not end: {found}"
            time.sleep(0.2)
        return found

    def results(self, task_id: str) -> list[dict[str, Any]]:
        """The results of a task's elements once it has ended: each with its type as `Type`."""
        found = self.end(task_id)["WorkflowTask"]["MediaProcessResultSet"]
        shown = []
        for one in found:
            (result,) = [value for name, value in one.items() if name != "Type" and value is not None]
            shown.append({"Type": one["Type"], **result})
        return shown


def cos(source: str, bucket: str = "films") -> dict[str, Any]:
    """InputInfo of an object."""
    return {"Type": "COS", "CosInputInfo": {"Bucket": bucket, "Region": "ap-guangzhou", "Object": f"/{source}"}}


def out(bucket: str = "results") -> dict[str, Any]:
    """OutputStorage."""
    return {"Type": "COS", "CosOutputStorage": {"Bucket": bucket, "Region": "ap-guangzhou"}}


@contextmanager
def started(account: Account, method: str = "TC3-HMAC-SHA256", verb: str = "POST") -> Iterator[Sdk]:
    """The SDK, with an account's key."""
    whose = {"ENDPOINT": account.endpoint, "KEY_ID": account.key, "KEY_SECRET": account.secret}
    asker = Asker("tencent", PROGRAMS / "mps_calls.py", method, verb, **whose)
    try:
        yield Sdk(asker)
    finally:
        asker.close()
