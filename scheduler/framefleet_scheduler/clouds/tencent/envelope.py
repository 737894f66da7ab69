"""How Tencent's gateway wraps answers and refuses: always HTTP 200 and exactly `application/json`, errors inside.

Codes are those of the vendor's public documents; see docs/howto/tencent-vod.md and docs/howto/tencent-mps.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from framefleet_scheduler.clouds.call import Front, Refusal
from framefleet_scheduler.clouds.gate import Refused, Why
from framefleet_scheduler.clouds.signatures import Claim, Scheme
from framefleet_scheduler.clouds.tencent.flat import unflattened
from framefleet_scheduler.clouds.wire import Answer, RawRequest, is_form

_SHUT: dict[Why, str] = {
    Why.NO_KEY: "AuthFailure.InvalidAuthorization",
    Why.UNKNOWN_KEY: "AuthFailure.SecretIdNotFound",
    Why.SIGNATURE: "AuthFailure.SignatureFailure",
    Why.EXPIRED: "AuthFailure.SignatureExpire",
    Why.DATE: "AuthFailure.InvalidAuthorization",
    Why.REPLAY: "AuthFailure.SignatureExpire",
    Why.METHOD: "AuthFailure.InvalidAuthorization",
    Why.TOKEN: "AuthFailure.TokenFailure",
    Why.FORMAT: "AuthFailure.InvalidAuthorization",
    Why.ACTION: "UnauthorizedOperation",
    Why.RATE: "RequestLimitExceeded",
    Why.GUESSES: "RequestLimitExceeded",
}
_PROTOCOL = frozenset(
    {
        "Action",
        "Version",
        "Region",
        "Timestamp",
        "Nonce",
        "SecretId",
        "Signature",
        "SignatureMethod",
        "RequestClient",
        "Language",
        "Token",
    }
)


class Tencent:
    """The family of Tencent's dialects."""

    def __init__(self, fronts: Mapping[str, Front]) -> None:
        self.fronts = fronts

    def new_request_id(self) -> str:
        """A UUID in lower case."""
        return str(uuid4())

    def success(self, request_id: str, body: Mapping[str, Any]) -> Answer:
        """Within `Response`."""
        return Answer(200, {"Response": {**body, "RequestId": request_id}})

    def failure(self, request_id: str, refusal: Refusal) -> Answer:
        """Status 200, too: at any other the SDKs see a broken network."""
        error = {"Code": refusal.code, "Message": refusal.message}
        return Answer(200, {"Response": {"Error": error, **refusal.more, "RequestId": request_id}})

    def shut(self, refused: Refused) -> Refusal:
        """As their gateway refuses."""
        return Refusal(_SHUT[refused.why], refused.message)

    def unknown_version(self, version: str) -> Refusal:
        """Neither VOD nor MPS."""
        known = ", ".join(self.fronts)
        return Refusal("NoSuchVersion", f"there is no version {version[:40]!r} here; there are {known}")

    def unknown_action(self, action: str) -> Refusal:
        """Not one of theirs, or one that is not offered here."""
        return Refusal("InvalidAction", f"the operation {action[:80]!r} is not offered here")

    def malformed(self, message: str) -> Refusal:
        """Not JSON, or no parameters."""
        return Refusal("InvalidParameter", message)

    def too_large(self, message: str) -> Refusal:
        """A body above the limit."""
        return Refusal("RequestSizeLimitExceeded", message)

    def unavailable(self, message: str) -> Refusal:
        """Come again soon."""
        return Refusal("ResourceUnavailable", message)

    def broken(self) -> Refusal:
        """Our fault."""
        return Refusal("InternalError", "the request broke the server; its log has the request's id")

    def parameters(self, request: RawRequest, claim: Claim) -> dict[str, Any]:
        """A JSON body, else flattened texts (`A.0.B=1`) of the query or a form, as lists and objects of texts."""
        if claim.scheme == Scheme.TC3 and request.method != "GET" and not is_form(request):
            found = json.loads(request.body or b"{}")
            if not isinstance(found, dict):
                raise ValueError("the body is no JSON object")
            return found
        given = claim.parameters
        if claim.scheme == Scheme.TC1:
            given = {name: value for name, value in given.items() if name not in _PROTOCOL}
        return unflattened(given.items())
