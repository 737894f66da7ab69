"""Short texts sealed with a key: nobody without it reads them, changes them, or passes one off as another.

AES-SIV (RFC 5297) needs no nonce that could be used twice: one text for one purpose is always sealed the same.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import SecretStr

if TYPE_CHECKING:
    from Crypto.Cipher._mode_siv import SivMode

_DOMAIN = b"framefleet seal 1:"
_TAG_BYTES = 16


class SealBroken(ValueError):
    """The text was sealed with another key or for another purpose, was changed, or is none that was sealed."""


class Seal:
    """Seals and opens. Safe to share between threads."""

    def __init__(self, key: str) -> None:
        """`key` may be any text: the 64 bytes that AES-256-SIV needs are its SHA-512, with a prefix of ours."""
        from Crypto.Cipher import AES  # of the extras

        digest = hashlib.sha512(_DOMAIN + key.encode()).digest()
        # A cipher seals or opens once.
        self._new: Callable[[], SivMode] = lambda: AES.new(digest, AES.MODE_SIV)

    def seal(self, text: str, about: str) -> str:
        """In characters of URLs. `about`: what the text is for; it opens for nothing else."""
        cipher = self._cipher(about)
        hidden, tag = cipher.encrypt_and_digest(text.encode())
        return base64.urlsafe_b64encode(tag + hidden).decode().rstrip("=")

    def open(self, sealed: str, about: str) -> str:
        """What was sealed about that. Raises SealBroken."""
        cipher = self._cipher(about)
        try:
            raw = base64.b64decode(sealed + "=" * (-len(sealed) % 4), altchars=b"-_", validate=True)
            return cipher.decrypt_and_verify(raw[_TAG_BYTES:], raw[:_TAG_BYTES]).decode()
        except ValueError:
            raise SealBroken("the text was not sealed with this key for this") from None

    def _cipher(self, about: str) -> SivMode:
        cipher = self._new()
        cipher.update(about.encode())
        return cipher


def seal_of(key: SecretStr) -> Seal | None:
    """The seal with a key of the settings; None where none is set."""
    return Seal(key.get_secret_value()) if key.get_secret_value() else None
