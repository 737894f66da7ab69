"""Calls operations of VOD, each time a line comes in, with the client's own method and models: prints what it raised, or got.

A line is JSON: `action`, `asked` (the request's fields), and the account: endpoint, key, secret. Arguments: how requests are signed,
the method of HTTP, and `async` for the client that is awaited.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

IS_ASYNC = sys.argv[3:] == ["async"]


def client(line: dict[str, Any]) -> Any:
    """As the vendor's examples make one, but for endpoint and protocol."""
    from tencentcloud.common.credential import Credential
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile
    from tencentcloud.vod.v20180717 import vod_client, vod_client_async

    http = HttpProfile(protocol="http", endpoint=line["endpoint"], reqMethod=sys.argv[2])
    profile = ClientProfile(signMethod=sys.argv[1], httpProfile=http)
    module = vod_client_async if IS_ASYNC else vod_client
    return module.VodClient(Credential(line["key"], line["secret"]), "ap-guangzhou", profile)


async def awaited(line: dict[str, Any], asked: Any) -> Any:
    """What the client that is awaited gets."""
    async with client(line) as found:
        return await getattr(found, line["action"])(asked)


def call(line: dict[str, Any]) -> Any:
    """What the operation answers, as the SDK's own model has it."""
    from tencentcloud.vod.v20180717 import models

    if line.get("raw"):  # a field that the newest SDK's model has no more
        return client(line).call_json(line["action"], line["asked"])["Response"]
    asked = getattr(models, f"{line['action']}Request")()
    asked.from_json_string(json.dumps(line["asked"]))
    got = asyncio.run(awaited(line, asked)) if IS_ASYNC else getattr(client(line), line["action"])(asked)
    return json.loads(got.to_json_string())


def main() -> None:
    """One answer for each line."""
    from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

    for text in sys.stdin:
        try:
            said = {"got": call(json.loads(text))}
        except TencentCloudSDKException as error:
            said = {"raised": error.get_code(), "message": error.get_message(), "request_id": error.get_request_id()}
        print(json.dumps(said), flush=True)


main()
