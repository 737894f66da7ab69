"""Tencent's signature, version 1: `HmacSHA1` and `HmacSHA256`.

It is over the parameters as they are, not encoded. So a value that holds `&` and `=` reads like two parameters, and who stands between
can make two of it: the scheme is as weak as that, and TLS is the answer. Names are signed with `_` as `.`, and read so.
"""

from __future__ import annotations

import base64
import hmac
from datetime import timedelta
from itertools import product

from framefleet_scheduler.clouds.signatures.claim import Claim, Malformed, Reason, Scheme
from framefleet_scheduler.clouds.signatures.reading import (
    only_header,
    read_base64_signature,
    read_key_id,
    read_nonce,
    read_signed_parameters,
    read_unix_time,
    signed_paths,
    without_port,
)
from framefleet_scheduler.clouds.wire import RawRequest

_DIGESTS = {"HmacSHA1": "sha1", "HmacSHA256": "sha256"}
_SKEW = timedelta(minutes=5)


def claimed(request: RawRequest) -> Claim:
    """What it says about itself, in time proportional to its size. Raises Malformed."""
    parameters = read_signed_parameters(request)
    if "SecretId" not in parameters or "Signature" not in parameters:
        raise Malformed(Reason.NO_AUTHORIZATION, "there is no SecretId or no Signature")
    algorithm = parameters.get("SignatureMethod", "HmacSHA1")
    if algorithm not in _DIGESTS:
        raise Malformed(Reason.BAD_METHOD, f"the supported signatures are {', '.join(_DIGESTS)}")
    # The signature does not tell `_` from `.` in names, so neither may the reader.
    dotted = {name.replace("_", "."): value for name, value in parameters.items()}
    if len(dotted) != len(parameters):
        raise Malformed(Reason.BAD_FORMAT, "two parameters are one to the signature, which reads `_` as `.`")
    if not only_header(request, "host"):
        raise Malformed(Reason.BAD_FORMAT, "there is no Host")
    return Claim(
        scheme=Scheme.TC1,
        key_id=read_key_id(parameters["SecretId"]),
        signature=read_base64_signature(parameters["Signature"]),
        at=read_unix_time(parameters.get("Timestamp", "")),
        skew=_SKEW,
        nonce=read_nonce(parameters.get("Nonce", "")),
        token=parameters.get("Token", ""),
        action=parameters.get("Action", ""),
        version=parameters.get("Version", ""),
        parameters=dotted,
        algorithm=algorithm,
    )


def is_right(request: RawRequest, claim: Claim, secret: str) -> bool:
    """Whether who knows the secret has signed this."""
    query = "&".join(f"{name}={value}" for name, value in sorted(claim.parameters.items()) if name != "Signature")
    host = request.header("host")
    # The Node SDK signs the host without the port that it sends.
    hosts = dict.fromkeys((host, without_port(host)))
    return any(
        hmac.compare_digest(
            _signature(f"{request.method}{name}{path}?{query}", claim.algorithm, secret), claim.signature
        )
        for name, path in product(hosts, signed_paths(request))
    )


def _signature(text: str, algorithm: str, secret: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), _DIGESTS[algorithm])).decode()
