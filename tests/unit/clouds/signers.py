"""The four schemes from the side of a client, written from the vendors' published rules and without the code under test.

For what the SDKs at hand do not do: the Node SDK's host without a port, values of headers in lower case, HMAC-SHA256 with RPC.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from framefleet_scheduler.clouds.wire import RawRequest
from tests.unit.clouds.signed import KEY_ID, SECRET

HOST = "media.example:8080"
FORM = "application/x-www-form-urlencoded"
NONCE = "1234567890"
UNIX = 1795333595  # 2026-11-22T07:46:35Z
ISO, DAY = "2026-11-22T07:46:35Z", "2026-11-22"


def _hex(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _mac(key: bytes, text: str, digest: str) -> str:
    return base64.b64encode(hmac.new(key, text.encode(), digest).digest()).decode()


def _encoded(some: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='~')}={quote(some[name], safe='~')}" for name in sorted(some))


def acs3(
    query: Mapping[str, str],
    *,
    form: Mapping[str, str] | None = None,
    method: str = "POST",
    accept: tuple[str, ...] = (),
) -> RawRequest:
    """With the query in the order in which it is given, and perhaps with several headers `accept`, signed."""
    body = urlencode(form).encode() if form else b""
    headers = {
        "host": HOST,
        "x-acs-action": "GetTask",
        "x-acs-content-sha256": _hex(body),
        "x-acs-date": ISO,
        "x-acs-signature-nonce": NONCE,
        "x-acs-version": "2020-09-30",
    }
    headers |= {"content-type": FORM} if form else {}
    values = headers | ({"accept": ",".join(sorted(accept))} if accept else {})
    names = sorted(values)
    lines = "".join(f"{name}:{values[name]}\n" for name in names)
    canonical = f"{method}\n/\n{_encoded(query)}\n{lines}\n{';'.join(names)}\n{_hex(body)}"
    signature = hmac.new(
        SECRET.encode(), f"ACS3-HMAC-SHA256\n{_hex(canonical.encode())}".encode(), "sha256"
    ).hexdigest()
    headers["authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={KEY_ID},SignedHeaders={';'.join(names)},Signature={signature}"
    )
    sent = (*headers.items(), *(("accept", f" {value} ") for value in accept))
    return RawRequest(method, "/", urlencode(query), sent, body, "192.0.2.1")


def rpc1(
    query: Mapping[str, str], *, form: Mapping[str, str] | None = None, method: str = "POST", digest: str = "sha1"
) -> RawRequest:
    """The parameters of the operation may be in the query, in the form, or in both."""
    ours = dict(query) | {
        "Action": "SubmitTranscodeJob",
        "Version": "2020-11-09",
        "AccessKeyId": KEY_ID,
        "SignatureMethod": f"HMAC-{digest.upper()}",
        "SignatureVersion": "1.0",
        "SignatureNonce": NONCE,
        "Timestamp": ISO,
    }
    to_sign = f"{method}&%2F&{quote(_encoded(ours | dict(form or {})), safe='~')}"
    ours["Signature"] = _mac(f"{SECRET}&".encode(), to_sign, digest)
    headers = [("host", HOST), *([("content-type", FORM)] if form else [])]
    return RawRequest(method, "/", urlencode(ours), tuple(headers), urlencode(form or {}).encode(), "192.0.2.1")


def tc3(
    body: bytes = b"{}",
    *,
    query: str = "",
    method: str = "POST",
    path: str = "/",
    signed_host: str = HOST,
    content_type: str = "application/json; charset=UTF-8",
    service: str = "vod",
    lower: bool = False,
    also: tuple[str, ...] = (),
) -> RawRequest:
    """With more headers signed (`also`), and with values in lower case (`lower`), as the published rule has it."""
    headers = {
        "host": HOST,
        "content-type": content_type,
        "x-tc-action": "ProcessMedia",
        "x-tc-version": "2018-07-17",
        "x-tc-timestamp": str(UNIX),
    }
    values = headers | {"host": signed_host}
    names = sorted(("content-type", "host", *also))
    lines = "".join(f"{name}:{values[name].lower() if lower else values[name]}\n" for name in names)
    canonical = f"{method}\n{path}\n{query}\n{lines}\n{';'.join(names)}\n{_hex(body)}"
    scope = f"{DAY}/{service}/tc3_request"
    key = f"TC3{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    to_sign = f"TC3-HMAC-SHA256\n{UNIX}\n{scope}\n{_hex(canonical.encode())}"
    signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    headers["authorization"] = (
        f"TC3-HMAC-SHA256 Credential={KEY_ID}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return RawRequest(method, path, query, tuple(headers.items()), body, "192.0.2.1")


def tc1(
    parameters: Mapping[str, str],
    *,
    method: str = "POST",
    path: str = "/",
    signed_path: str = "/",
    signed_host: str = HOST,
    digest: str | None = None,
) -> RawRequest:
    """In a form (POST) or in the query (GET). Without a digest, SignatureMethod is left out, and it is SHA-1."""
    ours = dict(parameters) | {
        "Action": "ProcessMedia",
        "Version": "2018-07-17",
        "SecretId": KEY_ID,
        "Nonce": NONCE,
        "Timestamp": str(UNIX),
    }
    ours |= {"SignatureMethod": f"Hmac{digest.upper()}"} if digest else {}
    dotted = {name.replace("_", "."): value for name, value in ours.items()}
    to_sign = f"{method}{signed_host}{signed_path}?" + "&".join(f"{name}={dotted[name]}" for name in sorted(dotted))
    ours["Signature"] = _mac(SECRET.encode(), to_sign, digest or "sha1")
    query, body = ("", urlencode(ours).encode()) if method == "POST" else (urlencode(ours), b"")
    return RawRequest(method, path, query, (("host", HOST), ("content-type", FORM)), body, "192.0.2.1")
