"""Calls MPS with the official SDK, one operation for each line that comes in: `{"do": "ProcessMedia", "with": {...}}`.

Prints for each what the SDK made of the answer, or its exception: `{"raised": ["TencentCloudSDKException",
code, message, request id]}`.
The arguments are how requests are signed, and POST or GET.
"""

from __future__ import annotations

import json
import os
import sys

from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.mps.v20190612 import models, mps_client

method, verb = sys.argv[1:3]
http = HttpProfile(protocol="http", endpoint=os.environ["ENDPOINT"], reqMethod=verb)
who = Credential(os.environ["KEY_ID"], os.environ["KEY_SECRET"])
client = mps_client.MpsClient(who, "ap-guangzhou", ClientProfile(signMethod=method, httpProfile=http))

for line in sys.stdin:
    wanted = json.loads(line)
    request = getattr(models, f"{wanted['do']}Request")()
    request.from_json_string(json.dumps(wanted["with"]))
    try:
        answer = getattr(client, wanted["do"])(request).to_json_string()
    except TencentCloudSDKException as error:
        said = [type(error).__name__, error.get_code(), error.get_message(), error.get_request_id()]
        answer = json.dumps({"raised": said})
    print(answer, flush=True)
