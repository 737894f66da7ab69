"""How Alibaba's gateway wraps answers and refuses: HTTP statuses, JSON objects, request ids in upper case.

Codes of the gateway are those of the vendor's public documents; see docs/howto/imm.md and docs/howto/ice.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from framefleet_scheduler.clouds.call import Front, Refusal
from framefleet_scheduler.clouds.gate import Refused, Why
from framefleet_scheduler.clouds.signatures import Claim
from framefleet_scheduler.clouds.wire import Answer, RawRequest

_SHUT: dict[Why, tuple[int, str]] = {
    Why.NO_KEY: (400, "MissingAccessKeyId"),
    Why.UNKNOWN_KEY: (404, "InvalidAccessKeyId.NotFound"),
    Why.SIGNATURE: (400, "SignatureDoesNotMatch"),
    Why.EXPIRED: (400, "InvalidTimeStamp.Expired"),
    Why.DATE: (400, "InvalidTimeStamp.Format"),
    Why.REPLAY: (400, "SignatureNonceUsed"),
    Why.METHOD: (400, "InvalidSignatureMethod"),
    Why.TOKEN: (400, "InvalidSecurityToken.NotSupported"),
    Why.FORMAT: (400, "InvalidParameter"),
    Why.ACTION: (403, "Forbidden.RAM"),
    Why.RATE: (429, "Throttling.User"),
    Why.GUESSES: (429, "Throttling.User"),
}
_PROTOCOL = frozenset(
    {
        "Action",
        "Version",
        "Format",
        "Timestamp",
        "SignatureNonce",
        "SignatureMethod",
        "SignatureVersion",
        "SignatureType",
        "AccessKeyId",
        "Signature",
        "SecurityToken",
        "RegionId",
    }
)
RETRY_SECONDS = 2.0


class Alibaba:
    """The family of Alibaba's dialects."""

    def __init__(self, fronts: Mapping[str, Front]) -> None:
        self.fronts = fronts

    def new_request_id(self) -> str:
        """A UUID in upper case."""
        return str(uuid4()).upper()

    def success(self, request_id: str, body: Mapping[str, Any]) -> Answer:
        """With the request id beside the fields."""
        return Answer(200, {"RequestId": request_id, **body})

    def failure(self, request_id: str, refusal: Refusal) -> Answer:
        """A status of 400 or more: at 200 the SDKs see a success."""
        headers = {}
        if refusal.retry_after is not None:
            # Their own header, in milliseconds; they heed no other.
            headers["x-acs-retry-after"] = str(math.ceil(refusal.retry_after * 1000))
        body = {
            "RequestId": request_id,
            "HostId": "framefleet",
            "Code": refusal.code,
            "Message": refusal.message,
            "Recommend": "",
            **refusal.more,
        }
        return Answer(refusal.status, body, headers)

    def shut(self, refused: Refused) -> Refusal:
        """As their gateway refuses."""
        status, code = _SHUT[refused.why]
        return Refusal(code, refused.message, status=status, retry_after=refused.retry_after)

    def unknown_version(self, version: str) -> Refusal:
        """Neither IMM nor ICE."""
        known = ", ".join(self.fronts)
        return Refusal("InvalidVersion", f"there is no version {version[:40]!r} here; there are {known}", status=404)

    def unknown_action(self, action: str) -> Refusal:
        """Not one of theirs, or one that is not offered here."""
        return Refusal("InvalidAction.NotFound", f"the operation {action[:80]!r} is not offered here", status=404)

    def malformed(self, message: str) -> Refusal:
        """Bad encoding."""
        return Refusal("InvalidParameter", message)

    def too_large(self, message: str) -> Refusal:
        """A body above the limit."""
        return Refusal("RequestEntityTooLarge", message, status=413)

    def unavailable(self, message: str) -> Refusal:
        """Come again soon."""
        return Refusal("ServiceUnavailable", message, status=503, retry_after=RETRY_SECONDS)

    def broken(self) -> Refusal:
        """Our fault."""
        return Refusal("InternalError", "the request broke the server; its log has the request's id", status=500)

    def parameters(self, request: RawRequest, claim: Claim) -> dict[str, Any]:
        """All are texts, from the query and a form body; those of the protocol are left out."""
        return {name: value for name, value in claim.parameters.items() if name not in _PROTOCOL}
