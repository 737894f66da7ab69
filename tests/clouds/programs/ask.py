"""Asks for one task, each time a line comes in, with the SDK that is on the path: prints what it raised, or got.

A line is an account as JSON: endpoint, key, secret, perhaps the token of temporary credentials, and `padding` that makes the id of the
task longer. The argument says how it is asked:
`imm`, `ice`, `vod/TC3-HMAC-SHA256`, `mps/HmacSHA1`, ...
"""

from __future__ import annotations

import json
import sys
from typing import Any


def alibaba(account: dict[str, str]) -> Any:
    """The configuration of Alibaba's SDKs."""
    from alibabacloud_tea_openapi.models import Config

    return Config(
        access_key_id=account["key"],
        access_key_secret=account["secret"],
        security_token=account.get("token"),
        endpoint=account["endpoint"],
        protocol="http",
        region_id="any",
    )


def imm(account: dict[str, str], _: str) -> Any:
    """IMM's GetTask."""
    from alibabacloud_imm20200930 import client, models

    asked = models.GetTaskRequest(
        project_name="nobody", task_id="MediaConvert-0" + account.get("padding", ""), task_type="MediaConvert"
    )
    return client.Client(alibaba(account)).get_task(asked).body.to_map()


def ice(account: dict[str, str], _: str) -> Any:
    """ICE's GetMediaConvertJob."""
    from alibabacloud_ice20201109 import client, models

    asked = models.GetMediaConvertJobRequest(job_id="0" * 32 + account.get("padding", ""))
    return client.Client(alibaba(account)).get_media_convert_job(asked).body.to_map()


def tencent(account: dict[str, str], method: str) -> tuple[Any, Any]:
    """The configuration of Tencent's SDKs."""
    from tencentcloud.common.credential import Credential
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile

    profile = ClientProfile(signMethod=method, httpProfile=HttpProfile(protocol="http", endpoint=account["endpoint"]))
    return Credential(account["key"], account["secret"], account.get("token")), profile


def vod(account: dict[str, str], method: str) -> Any:
    """VOD's DescribeTaskDetail."""
    from tencentcloud.vod.v20180717 import models, vod_client

    who, profile = tencent(account, method)
    asked = models.DescribeTaskDetailRequest()
    asked.TaskId = "1-Procedure-0t0" + account.get("padding", "")
    return json.loads(vod_client.VodClient(who, "", profile).DescribeTaskDetail(asked).to_json_string())


def mps(account: dict[str, str], method: str) -> Any:
    """MPS' DescribeTaskDetail."""
    from tencentcloud.mps.v20190612 import models, mps_client

    who, profile = tencent(account, method)
    asked = models.DescribeTaskDetailRequest()
    asked.TaskId = "1-WorkflowTask-0" + account.get("padding", "")
    return json.loads(mps_client.MpsClient(who, "", profile).DescribeTaskDetail(asked).to_json_string())


def main() -> None:
    """One answer for each line."""
    dialect, _, method = sys.argv[1].partition("/")
    ask = {"imm": imm, "ice": ice, "vod": vod, "mps": mps}[dialect]
    for line in sys.stdin:
        try:
            said = {"got": ask(json.loads(line), method)}
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises is what is looked at
            about = {name: getattr(error, name, None) for name in ("code", "request_id", "requestId")}
            said = {"raised": type(error).__name__, "message": str(error)[:400], **about}
        print(json.dumps(said), flush=True)


main()
