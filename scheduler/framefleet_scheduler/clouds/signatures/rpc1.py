"""Alibaba's RPC signature, version 1.0: ICE before major version 6, and the legacy core SDK.

It covers the method and all parameters, and no header: what the request is to do stands in the parameters only.
"""

from __future__ import annotations

import base64
import hmac
from datetime import timedelta

from framefleet_scheduler.clouds.signatures.claim import Claim, Malformed, Reason, Scheme
from framefleet_scheduler.clouds.signatures.reading import (
    canonical,
    read_base64_signature,
    read_iso_time,
    read_key_id,
    read_nonce,
    read_signed_parameters,
)
from framefleet_scheduler.clouds.wire import RawRequest

_DIGESTS = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256"}
_VERSION = "1.0"
_SKEW = timedelta(minutes=15)


def claimed(request: RawRequest) -> Claim:
    """What it says about itself, in time proportional to its size. Raises Malformed."""
    parameters = read_signed_parameters(request)
    if "BearerToken" in parameters or parameters.get("SignatureType") == "BEARERTOKEN":
        raise Malformed(Reason.BEARER, "a bearer token is no signature, which is what is asked for here")
    if "AccessKeyId" not in parameters or "Signature" not in parameters:
        raise Malformed(Reason.NO_AUTHORIZATION, "there is no AccessKeyId or no Signature")
    algorithm = parameters.get("SignatureMethod", "HMAC-SHA1")
    if algorithm not in _DIGESTS or parameters.get("SignatureVersion", _VERSION) != _VERSION:
        raise Malformed(Reason.BAD_METHOD, f"the supported signatures are {', '.join(_DIGESTS)}, version {_VERSION}")
    return Claim(
        scheme=Scheme.RPC1,
        key_id=read_key_id(parameters["AccessKeyId"]),
        signature=read_base64_signature(parameters["Signature"]),
        at=read_iso_time(parameters.get("Timestamp", "")),
        skew=_SKEW,
        nonce=read_nonce(parameters.get("SignatureNonce", "")),
        token=parameters.get("SecurityToken", ""),
        action=parameters.get("Action", ""),
        version=parameters.get("Version", ""),
        parameters=parameters,
        algorithm=algorithm,
    )


def is_right(request: RawRequest, claim: Claim, secret: str) -> bool:
    """Whether who knows the secret has signed this."""
    query = canonical((name, value) for name, value in claim.parameters.items() if name != "Signature")
    # Encoded once more; of what has to be escaped, an encoded query holds these three only.
    query = query.replace("%", "%25").replace("=", "%3D").replace("&", "%26")
    signed = f"{request.method}&%2F&{query}"
    ours = hmac.digest(f"{secret}&".encode(), signed.encode(), _DIGESTS[claim.algorithm])
    return hmac.compare_digest(base64.b64encode(ours).decode(), claim.signature)
