"""AES-128 of whole HLS segments: CBC with PKCS7 padding (RFC 8216, section 4.3.2.4)."""

from __future__ import annotations

from Crypto.Cipher import AES
from Crypto.Util.Padding import pad


def encrypted(data: bytes, key: bytes, number: int) -> bytes:
    """A segment encrypted with its sequence number as initialization vector."""
    return AES.new(key, AES.MODE_CBC, number.to_bytes(16, "big")).encrypt(pad(data, AES.block_size))
