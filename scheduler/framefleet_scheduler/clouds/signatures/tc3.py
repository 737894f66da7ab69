"""TC3-HMAC-SHA256: what Tencent's SDKs sign with unless they are told otherwise.

It covers type, host, time and the body (or the query of a GET), and not the headers that say what to do (X-TC-Action, X-TC-Version,
X-TC-Region): over plain HTTP, who stands between can turn one operation into another with the same body. TLS, and keys that may
call few operations, are the answer to that.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from datetime import timedelta

from framefleet_scheduler.clouds.signatures.claim import Claim, Malformed, Reason, Scheme
from framefleet_scheduler.clouds.signatures.reading import (
    check_signed,
    only_header,
    read_authorization,
    read_key_id,
    read_parameters,
    read_unix_time,
    signed_paths,
    without_port,
)
from framefleet_scheduler.clouds.wire import RawRequest

_ALGORITHM = "TC3-HMAC-SHA256"
_SKEW = timedelta(minutes=5)
_NEEDED = ("content-type", "host")
_UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
# Any service: the Node SDK takes the first label of the host it sends to, `127` for 127.0.0.1.
_CREDENTIAL = re.compile(r"([^/]+)/(([0-9]{4}-[0-9]{2}-[0-9]{2})/[!-.0-~]{1,253})/tc3_request")


def claimed(request: RawRequest) -> Claim:
    """What it says about itself, in time proportional to its size. Raises Malformed."""
    authorization = only_header(request, "authorization")
    if not authorization:
        raise Malformed(Reason.NO_AUTHORIZATION, "there is no Authorization")
    if authorization == "SKIP":
        raise Malformed(Reason.SKIPPED, "the client was told to skip the signature")
    said = read_authorization(authorization, _ALGORITHM)
    check_signed(request, said.signed_headers, _NEEDED)
    for name in said.signed_headers:
        only_header(request, name)
    credential = _CREDENTIAL.fullmatch(said.credential)
    if credential is None:
        raise Malformed(Reason.BAD_FORMAT, "Credential is not <id>/<date>/<service>/tc3_request")
    at = read_unix_time(only_header(request, "x-tc-timestamp"))
    if credential[3] != f"{at:%Y-%m-%d}":
        raise Malformed(Reason.BAD_DATE, "the date in Credential is not the day of X-TC-Timestamp in UTC")
    return Claim(
        scheme=Scheme.TC3,
        key_id=read_key_id(credential[1]),
        signature=said.signature,
        at=at,
        skew=_SKEW,
        token=only_header(request, "x-tc-token"),
        action=only_header(request, "x-tc-action"),
        version=only_header(request, "x-tc-version"),
        parameters=read_parameters(request) if request.method == "GET" else {},
        algorithm=_ALGORITHM,
        signed_headers=said.signed_headers,
        scope=credential[2],
    )


def is_right(request: RawRequest, claim: Claim, secret: str) -> bool:
    """Whether who knows the secret has signed this."""
    key = _derived_key(secret, claim.scope)
    return any(
        hmac.compare_digest(_signature(signed, request, claim, key), claim.signature)
        for signed in _canonical_requests(request, claim.signed_headers)
    )


def _canonical_requests(request: RawRequest, names: tuple[str, ...]) -> Iterator[bytes]:
    """All that an SDK may have signed, the likeliest first.

    The published rule has the values of headers in lower case, the SDKs leave them as they are. The Node SDK signs the host
    without the port that it sends. By the rule, the body of a GET and the query of a POST are not signed, so no SDK sends them;
    here both are always part of it, so that nobody can add them.
    """
    unsigned = only_header(request, "x-tc-content-sha256") == _UNSIGNED_PAYLOAD
    payload_sha256 = hashlib.sha256(_UNSIGNED_PAYLOAD.encode() if unsigned else request.body).hexdigest()
    values = {name: request.header(name).strip() for name in names}
    portless = values | {"host": without_port(values["host"])}
    blocks = ["".join(f"{name}:{value}\n" for name, value in some.items()) for some in (values, portless)]
    for block in dict.fromkeys((*blocks, *(block.lower() for block in blocks))):
        for path in signed_paths(request):
            yield "\n".join((request.method, path, request.query, block, ";".join(names), payload_sha256)).encode(
                "latin-1"
            )


def _signature(canonical_request: bytes, request: RawRequest, claim: Claim, key: bytes) -> str:
    digest = hashlib.sha256(canonical_request).hexdigest()
    text = "\n".join((_ALGORITHM, request.header("x-tc-timestamp"), f"{claim.scope}/tc3_request", digest))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _derived_key(secret: str, scope: str) -> bytes:
    """Good for one day and one service."""
    key = f"TC3{secret}".encode()
    for part in (*scope.split("/"), "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
