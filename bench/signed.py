"""Signs requests as the clouds' SDKs do, but at the cost of a few hashes: the SDKs themselves send some dozens a second."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote


@dataclass(frozen=True)
class Signer:
    """Who signs, and how: `acs3` (Alibaba) or `tc3` (Tencent)."""

    scheme: Literal["acs3", "tc3"]
    key: str
    secret: str
    version: str
    """Of the API."""

    def request(self, host: str, action: str, parameters: Mapping[str, Any]) -> bytes:
        """A whole request, signed now."""
        return (self._acs3 if self.scheme == "acs3" else self._tc3)(host, action, parameters)

    def _acs3(self, host: str, action: str, parameters: Mapping[str, Any]) -> bytes:
        texts = {k: v if isinstance(v, str) else json.dumps(v, separators=(",", ":")) for k, v in parameters.items()}
        query = "&".join(f"{quote(name, safe='-_.~')}={quote(texts[name], safe='-_.~')}" for name in sorted(texts))
        nothing = hashlib.sha256(b"").hexdigest()
        headers = {
            "host": host,
            "x-acs-action": action,
            "x-acs-content-sha256": nothing,
            "x-acs-date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-version": self.version,
        }
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        canonical = f"POST\n/\n{query}\n{lines}\n{names}\n{nothing}"
        said = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(self.secret.encode(), said.encode(), hashlib.sha256).hexdigest()
        headers["Authorization"] = f"ACS3-HMAC-SHA256 Credential={self.key},SignedHeaders={names},Signature={signature}"
        return _request(f"/?{query}", headers, b"")

    def _tc3(self, host: str, action: str, parameters: Mapping[str, Any]) -> bytes:
        body = json.dumps(parameters).encode()
        now = datetime.now(UTC)
        kind, names = "application/json", "content-type;host"
        canonical = f"POST\n/\n\ncontent-type:{kind}\nhost:{host}\n\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{now:%Y-%m-%d}/bench/tc3_request"
        at = str(int(now.timestamp()))
        said = f"TC3-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"TC3{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, said.encode(), hashlib.sha256).hexdigest()
        headers = {
            "Host": host,
            "Content-Type": kind,
            "X-TC-Action": action,
            "X-TC-Version": self.version,
            "X-TC-Timestamp": at,
            "Authorization": f"TC3-HMAC-SHA256 Credential={self.key}/{scope}, SignedHeaders={names}, Signature={signature}",
        }
        return _request("/", headers, body)


def _request(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n").encode() + body
