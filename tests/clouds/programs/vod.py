"""Calls operations of VOD, each time a line comes in, with the client's own method and models: prints what it raised, or got.

A line is JSON: `action`, `asked` (the request's fields), and the account: endpoint, key, secret. Arguments: how requests are signed,
and the method of HTTP.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def client(line: dict[str, Any]) -> Any:
    """As the vendor's examples make one, but for endpoint and protocol."""
    from tencentcloud.common.credential import Credential
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile
    from tencentcloud.vod.v20180717 import vod_client

    http = HttpProfile(protocol="http", endpoint=line["endpoint"], reqMethod=sys.argv[2])
    profile = ClientProfile(signMethod=sys.argv[1], httpProfile=http)
    return vod_client.VodClient(Credential(line["key"], line["secret"]), "ap-guangzhou", profile)


def call(line: dict[str, Any]) -> Any:
    """What the operation answers, as the SDK's own model has it."""
    from tencentcloud.vod.v20180717 import models

    if line.get("raw"):  # a field that the newest SDK's model has no more
        return client(line).call_json(line["action"], line["asked"])["Response"]
    asked = getattr(models, f"{line['action']}Request")()
    asked.from_json_string(json.dumps(line["asked"]))
    return json.loads(getattr(client(line), line["action"])(asked).to_json_string())


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
