"""By which scheme a request is signed. Looks only at names, so that it costs next to nothing for requests that are no cloud's."""

from __future__ import annotations

from framefleet_scheduler.clouds.signatures.claim import Scheme
from framefleet_scheduler.clouds.wire import RawRequest, is_form


def recognize(request: RawRequest) -> Scheme | None:
    """The scheme whose module has to read it; None for a request that is signed by none of them.

    An Authorization of any other kind decides against all of them: no SDK of these clouds sends one beside signed parameters.
    """
    authorization = request.header("authorization")
    if authorization.startswith("TC3-") or authorization == "SKIP":
        return Scheme.TC3
    if authorization.startswith("ACS3-"):
        return Scheme.ACS3
    if authorization:
        return None
    if _has(request, "SecretId"):
        return Scheme.TC1
    if _has(request, "AccessKeyId") or _has(request, "BearerToken"):
        return Scheme.RPC1
    return Scheme.ACS3 if request.header("x-acs-bearer-token") else None


def _has(request: RawRequest, name: str) -> bool:
    """Whether a parameter of that name, written without escapes as all SDKs do, stands in the query or the form."""
    first, later = f"{name}=", f"&{name}="
    if request.query.startswith(first) or later in request.query:
        return True
    return is_form(request) and (request.body.startswith(first.encode()) or later.encode() in request.body)
