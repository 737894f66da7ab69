"""Calls of IMM through its SDK: `imm.py sync|async '[["CreateProject", {...}], ["Wait", {...}]]'`.

One line of JSON for each: the answer's body, or {"error": {...}} of the SDK's own exception. `$Task` stands for the id of the last
task. `Wait` polls GetTask until the task has ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from typing import Any

from alibabacloud_imm20200930 import models
from alibabacloud_imm20200930.client import Client
from alibabacloud_tea_openapi import models as openapi

client = Client(
    openapi.Config(
        access_key_id=os.environ["KEY_ID"],
        access_key_secret=os.environ["KEY_SECRET"],
        endpoint=os.environ["ENDPOINT"],
        protocol="http",
        region_id="cn-hangzhou",
    )
)


def call(action: str, request: dict[str, Any], *, is_async: bool) -> dict[str, Any]:
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()
    asked = getattr(models, f"{action}Request")().from_map(request)
    try:
        if is_async:
            answer = asyncio.run(getattr(client, f"{name}_async")(asked))
        else:
            answer = getattr(client, name)(asked)
    except Exception as error:  # noqa: BLE001 - whichever class of the SDK it is, is told
        status = getattr(error, "status_code", None) or getattr(error, "statusCode", None)
        told = {"type": type(error).__name__, "code": getattr(error, "code", None), "message": str(error)}
        return {"error": {**told, "status": status, "retry_after": getattr(error, "retry_after", None)}}
    return dict(answer.body.to_map())


def main(mode: str, steps: list[tuple[str, dict[str, Any]]]) -> None:
    is_async, task = mode == "async", ""
    for action, given in steps:
        request = {name: task if value == "$Task" else value for name, value in given.items()}
        if action == "Wait":
            ends = time.monotonic() + 120
            while True:
                asked = {"TaskType": "MediaConvert", "TaskId": task, **request}
                answer = call("GetTask", asked, is_async=is_async)
                if answer.get("Status") != "Running" or time.monotonic() > ends:
                    break
                time.sleep(0.2)
        else:
            answer = call(action, request, is_async=is_async)
        task = answer.get("TaskId") or task
        print(json.dumps(answer))


main(sys.argv[1], json.loads(sys.argv[2]))
