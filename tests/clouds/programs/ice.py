"""Calls operations of ICE with the SDK that is on the path, one for each line that comes in: prints what it got, or raised.

A line is {"call": "SubmitMediaConvertJob", "with": {...}} with the fields of the SDK's request model as on the wire. The argument says
how: `sync`, `async`, or `core` for the legacy core SDK, whose requests have no models; with `core` a line may say `"method": "GET"`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from typing import Any


def client() -> Any:
    """The SDK's client."""
    from alibabacloud_ice20201109.client import Client
    from alibabacloud_tea_openapi.models import Config

    config = Config(
        access_key_id=os.environ["KEY_ID"],
        access_key_secret=os.environ["KEY_SECRET"],
        endpoint=os.environ["ENDPOINT"],
        protocol="http",
        region_id="cn-shanghai",
    )
    return Client(config)


def by_model(kind: str) -> Any:
    """Asks with request models, in one of both kinds of client."""
    from alibabacloud_ice20201109 import models

    one = client()

    def ask(line: dict[str, Any]) -> Any:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", line["call"]).lower()
        model = getattr(models, line["call"] + "Request", None)
        takes = [] if model is None else [model().from_map(line["with"])]
        if kind == "async":
            return asyncio.run(getattr(one, name + "_async")(*takes)).body.to_map()
        return getattr(one, name)(*takes).body.to_map()

    return ask


def by_core() -> Any:
    """Asks with the legacy core SDK."""
    from aliyunsdkcore.client import AcsClient
    from aliyunsdkcore.request import CommonRequest

    one = AcsClient(os.environ["KEY_ID"], os.environ["KEY_SECRET"], "cn-shanghai")

    def ask(line: dict[str, Any]) -> Any:
        request = CommonRequest(domain=os.environ["ENDPOINT"], version="2020-11-09", action_name=line["call"])
        request.set_protocol_type("http")
        request.set_method(line.get("method", "POST"))
        for name, value in line["with"].items():
            text = value if isinstance(value, str) else json.dumps(value)
            if line.get("method") == "BODY":
                request.add_body_params(name, text)
            else:
                request.add_query_param(name, text)
        if line.get("method") == "BODY":
            request.set_method("POST")
        return json.loads(one.do_action_with_exception(request))

    return ask


def main() -> None:
    """One answer for each line."""
    ask = by_core() if sys.argv[1] == "core" else by_model(sys.argv[1])
    for line in sys.stdin:
        try:
            said = {"got": ask(json.loads(line))}
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises is what is looked at
            code = getattr(error, "code", None) or getattr(error, "error_code", None)
            statuses = (getattr(error, name, None) for name in ("status_code", "statusCode", "http_status"))
            status = next((one for one in statuses if one), None)
            said = {"raised": type(error).__name__, "code": code, "status": status, "message": str(error)[:600]}
        print(json.dumps(said), flush=True)


main()
