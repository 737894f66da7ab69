"""Who may come in: each SDK's own exception for each way of being refused, and what a man in the middle can do."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from tests.browser.conftest import missing
from tests.chaos.wrong_clock import WrongClock, compiled
from tests.clouds.conftest import Cloud
from tests.clouds.meddler import Change, Meddler
from tests.clouds.sdks import PROGRAMS, Account, Asker
from tests.waiting import eventually

WAYS = [
    ("imm5", "imm"),
    ("imm4", "imm"),
    ("ice6", "ice"),
    ("ice5", "ice"),
    ("tencent", "vod/TC3-HMAC-SHA256"),
    ("tencent", "mps/TC3-HMAC-SHA256"),
    ("tencent", "vod/HmacSHA256"),
    ("tencent", "mps/HmacSHA1"),
]
_ALIBABA = {
    "unknown": "InvalidAccessKeyId.NotFound",
    "signature": "SignatureDoesNotMatch",
    "expired": "InvalidTimeStamp.Expired",
    "token": "InvalidSecurityToken.NotSupported",
    "replay": "SignatureNonceUsed",
    "action": "Forbidden.RAM",
    "size": "RequestEntityTooLarge",
}
_TENCENT = {
    "unknown": "AuthFailure.SecretIdNotFound",
    "signature": "AuthFailure.SignatureFailure",
    "expired": "AuthFailure.SignatureExpire",
    "token": "AuthFailure.TokenFailure",
    "replay": "AuthFailure.SignatureExpire",
    "action": "UnauthorizedOperation",
    "size": "RequestSizeLimitExceeded",
}


@dataclass(frozen=True)
class Way:
    """An SDK, in one of its ways to sign, on a machine whose clock can be set."""

    sdk: str
    how: str
    asker: Asker
    clock: WrongClock

    def says(self, account: Account, **more: str) -> dict[str, Any]:
        """What it raises."""
        return self.asker.ask({**asdict(account), **more})

    def code(self, what: str) -> str:
        """What its dialect calls a refusal."""
        return (_TENCENT if self.sdk == "tencent" else _ALIBABA)[what]


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: "-".join(way).replace("/", "-"))
def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    sdk, how = request.param
    folder = tmp_path_factory.mktemp("clock")
    library = compiled(folder)
    if library is None:
        missing("a C compiler is not installed")
    clock = WrongClock(library, folder / "clock")
    asker = Asker(sdk, PROGRAMS / "ask.py", how, **clock.variables)
    yield Way(sdk, how, asker, clock)
    asker.close()


def test_only_keys_that_sign_come_in(cloud: Cloud, way: Way) -> None:
    known = cloud.account
    stranger = Account(known.endpoint, "a" * 16, known.secret)
    plain = cloud.key("--role", "producer")
    wrong = Account(known.endpoint, known.key, "wrong")
    limited = cloud.key("--role", "producer", "--signs", "--action", "imm:List*", "--action", "vod:Create*")

    for account, what in ((stranger, "unknown"), (plain, "unknown"), (wrong, "signature"), (limited, "action")):
        said = way.says(account)
        assert (said["code"], what) == (way.code(what), what)
        request_id = said["request_id"] or said["requestId"] or re.findall("[0-9A-F-]{36}", said["message"])[0]
        assert re.fullmatch("[0-9A-Fa-f-]{36}", request_id)
    assert way.says(known, token="sts")["code"] == way.code("token")


def test_clocks_that_are_wrong(cloud: Cloud, way: Way) -> None:
    for seconds, is_refused in ((-1000, True), (1000, True), (-200, False), (200, False)):
        way.clock.set(seconds)
        try:
            said = way.says(cloud.account)
        finally:
            way.clock.set(0)
        assert (said.get("code") == way.code("expired")) == is_refused, (seconds, said)


def test_what_is_too_large_is_refused(cloud: Cloud, way: Way) -> None:
    """Alibaba's SDKs put all into the request's line, Tencent's into the body."""
    for size in (100_000, 5_000_000):
        said = way.says(cloud.account, padding="x" * size)
        assert (said["code"] == way.code("size")) == (size == 5_000_000), said["code"]
        assert said["raised"] in {"ClientException", "TencentCloudSDKException"}, said


def test_the_log_says_of_each_request_who_asked_for_what_and_what_became_of_it(cloud: Cloud, way: Way) -> None:
    mine = cloud.key("--role", "producer", "--signs", "--action", "imm:*", "--action", "ice:*", "--action", "mps:*")

    said = way.says(mine)

    def told() -> dict[str, Any] | None:
        lines = [json.loads(line) for line in cloud.server.logged().splitlines() if mine.key in line]
        return next((line for line in lines if line["event"] == "request.answered"), None)

    line = eventually(told, "the line of the request")
    door = way.how.partition("/")[0]
    action = {"imm": "GetTask", "ice": "GetMediaConvertJob"}.get(door, "DescribeTaskDetail")
    assert (line["door"], line["action"], line["code"]) == (door, action, said["code"])
    assert line["cloud_request_id"] in json.dumps(said)


def parameter(request: bytes) -> bytes:
    head, end, body = (
        request.replace(b"nobody", b"somebod", 1).replace(b"JobId=0", b"JobId=1", 1).partition(b"\r\n\r\n")
    )
    return head + end + body.replace(b"Task-0", b"Task-1").replace(b"dure-0", b"dure-1")


def host(request: bytes) -> bytes:
    return re.sub(rb"(?i)\r\nhost: [^\r]*", b"\r\nHost: else.example.com", request, count=1)


def when(request: bytes) -> bytes:
    for at in (
        rb"(?i)(x-acs-date: .{18})(.)",
        rb"(?i)(x-tc-timestamp: \d{9})(\d)",
        rb"(Timestamp=[^&]*)(\d)(?=[Z&]|%5A|\Z)",
    ):
        changed = re.sub(at, lambda found: found[1] + (b"1" if found[2] == b"0" else b"0"), request, count=1)
        if changed != request:
            return changed
    raise AssertionError(request)


@pytest.mark.parametrize("change", [parameter, host, when], ids=lambda change: change.__name__)
def test_what_somebody_changes_on_the_way(cloud: Cloud, way: Way, change: Change) -> None:
    with Meddler(cloud.account.endpoint) as honest, Meddler(cloud.account.endpoint, change) as meddler:
        fine = way.says(Account(honest.endpoint, cloud.account.key, cloud.account.secret))
        said = way.says(Account(meddler.endpoint, cloud.account.key, cloud.account.secret))

    assert fine.get("code") not in {way.code("signature"), way.code("expired")}
    is_covered = not (change is host and way.sdk == "ice5")  # RPC v1 does not sign the host
    assert (said["code"] == way.code("signature")) == is_covered, said


def test_a_request_counts_once(cloud: Cloud, way: Way) -> None:
    with Meddler(cloud.account.endpoint) as meddler:
        way.says(Account(meddler.endpoint, cloud.account.key, cloud.account.secret))
        said = meddler.again(meddler.sent[0])
        while way.how.endswith("TC3-HMAC-SHA256") and way.code("replay").encode() not in said:
            time.sleep(0.1)  # in its first two seconds it may be another one, equal to the first
            said = meddler.again(meddler.sent[0])
    assert way.code("replay").encode() in said
