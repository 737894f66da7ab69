"""A guard against headers that pika cannot decode. Knows nothing of what headers mean."""

from __future__ import annotations

from typing import Any

import pika.data

_decode_value = pika.data.decode_value
_TIMESTAMP = b"T"
_TIMESTAMP_BYTES = 9
"""The type's letter and 64 bits."""


def tolerate_odd_headers() -> None:
    """Let headers hold dates beyond the year 9999: they are read as None. For the whole process; safe to repeat.

    pika 1.4 raises while it reads such a message, and loses the connection over it. The message would be delivered,
    and end the connection, again and again: one producer's header would block the queue for all.
    """
    pika.data.decode_value = _tolerant


def _tolerant(encoded: bytes, offset: int) -> tuple[Any, int]:
    try:
        value: tuple[Any, int] = _decode_value(encoded, offset)
    except (ValueError, OverflowError, OSError):
        if encoded[offset : offset + 1] != _TIMESTAMP:
            raise
        return None, offset + _TIMESTAMP_BYTES
    else:
        return value
