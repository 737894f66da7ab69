"""ACS3-HMAC-SHA256: Alibaba's current SDKs (IMM, ICE from major version 6).

The rules are those of the vendor's page "V3 request body and signature mechanism", as the Python SDK (tea-openapi 0.4) keeps them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from datetime import timedelta

from framefleet_scheduler.clouds.signatures.claim import Claim, Malformed, Reason, Scheme
from framefleet_scheduler.clouds.signatures.reading import (
    canonical,
    check_signed,
    only_header,
    read_authorization,
    read_iso_time,
    read_key_id,
    read_nonce,
    read_parameters,
    signed_paths,
)
from framefleet_scheduler.clouds.wire import RawRequest, query_pairs

_ALGORITHM = "ACS3-HMAC-SHA256"
_SKEW = timedelta(minutes=15)
_NEEDED = ("host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version")


def claimed(request: RawRequest) -> Claim:
    """What it says about itself, in time proportional to its size. Raises Malformed."""
    authorization = only_header(request, "authorization")
    if not authorization:
        if request.header("x-acs-bearer-token"):
            raise Malformed(Reason.BEARER, "a bearer token is no signature, which is what is asked for here")
        raise Malformed(Reason.NO_AUTHORIZATION, "there is no Authorization")
    said = read_authorization(authorization, _ALGORITHM)
    token = only_header(request, "x-acs-security-token")
    # What a body is depends on its type, so that is signed with it. (The async client gives an empty body a type, unsigned.)
    also = ["content-type"] * bool(request.body) + ["x-acs-security-token"] * bool(token)
    check_signed(request, said.signed_headers, [*_NEEDED, *also])
    headers = {name: only_header(request, name) for name in (*_NEEDED, *also)}
    if headers["x-acs-content-sha256"] != hashlib.sha256(request.body).hexdigest():
        raise Malformed(Reason.BODY_MISMATCH, "x-acs-content-sha256 is not the SHA-256 of the body")
    return Claim(
        scheme=Scheme.ACS3,
        key_id=read_key_id(said.credential),
        signature=said.signature,
        at=read_iso_time(headers["x-acs-date"]),
        skew=_SKEW,
        nonce=read_nonce(headers["x-acs-signature-nonce"]),
        token=token,
        action=headers["x-acs-action"],
        version=headers["x-acs-version"],
        parameters=read_parameters(request),
        algorithm=_ALGORITHM,
        signed_headers=said.signed_headers,
    )


def is_right(request: RawRequest, claim: Claim, secret: str) -> bool:
    """Whether who knows the secret has signed this."""
    query = canonical(query_pairs(request.query))
    headers = _canonical_headers(request, claim.signed_headers)
    content_sha256 = request.header("x-acs-content-sha256")
    for path in signed_paths(request):
        signed = "\n".join((request.method, path, query, headers, ";".join(claim.signed_headers), content_sha256))
        # All clients sign the UTF-8 of their headers. The sync one sends them as latin-1, the async one as UTF-8.
        for sent in {signed.encode(), signed.encode("latin-1")}:
            if hmac.compare_digest(_signature(sent, secret), claim.signature):
                return True
    return False


def _canonical_headers(request: RawRequest, names: tuple[str, ...]) -> str:
    """A line for each, with a newline after it; several values are sorted and joined."""
    values = defaultdict(list)
    for name, value in request.headers:
        values[name].append(value.strip())
    return "".join(f"{name}:{','.join(sorted(values[name]))}\n" for name in names)


def _signature(canonical_request: bytes, secret: str) -> str:
    text = f"{_ALGORITHM}\n{hashlib.sha256(canonical_request).hexdigest()}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
