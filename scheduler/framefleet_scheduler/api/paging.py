"""Cursors: places in a listing as text that callers hand back and cannot read.

A place is the id and time of what was looked at last, which may be of a pipeline that the caller may not see. So it is sealed with
the schedulers' secret: its HMAC is both the proof of it and what its text is hidden with (a synthetic IV, as in RFC 5297).
"""

from __future__ import annotations

import base64
import hmac
import re

from framefleet.domain.errors import InvalidRequest
from framefleet.ports import ObjectStore, Place
from framefleet_scheduler.api.secret import Secret

_PLACE = re.compile(r"([0-9]{1,15}) ([A-Za-z0-9_.-]{1,200})")
_PROOF_BYTES = 16
_BLOCK_BYTES = 32


class Cursors:
    """Writes and reads them. Safe to share between threads. Raises StoreUnavailable while the secret cannot be read."""

    def __init__(self, store: ObjectStore) -> None:
        self._secret = Secret(store)

    def cursor(self, place: Place | None) -> str | None:
        """Of a place; None at the end."""
        if place is None:
            return None
        said = f"{place.created_ms} {place.id}".encode()
        proof = self._proof(said)
        return base64.urlsafe_b64encode(proof + self._hidden(proof, said)).decode().rstrip("=")

    def place(self, text: str | None) -> Place | None:
        """Of a cursor. Raises InvalidRequest."""
        if text is None:
            return None
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            sealed = b""
        proof = sealed[:_PROOF_BYTES]
        said = self._hidden(proof, sealed[_PROOF_BYTES:])
        ours = hmac.compare_digest(proof, self._proof(said))
        match = _PLACE.fullmatch(said.decode()) if ours else None
        if match is None:
            raise InvalidRequest(
                "that is no cursor of a listing", field="cursor", hint="Take `next` of the page before."
            )
        return Place(int(match[1]), match[2])

    def _proof(self, said: bytes) -> bytes:
        return self._secret.mac("cursor", said)[:_PROOF_BYTES]

    def _hidden(self, proof: bytes, text: bytes) -> bytes:
        """The text, hidden; hidden text again."""
        blocks = range(-(-len(text) // _BLOCK_BYTES))
        mask = b"".join(self._secret.mac("mask", proof + bytes([number])) for number in blocks)
        return bytes(one ^ other for one, other in zip(text, mask, strict=False))
