"""A request of a cloud's SDK as it came, and the answer to it. Knows no dialect, no framework and no connection.

Signatures are over what was sent, so nothing here is decoded before it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

MOST_PAIRS = 4_096
"""In one query or form. The largest calls of the SDKs that were seen have some hundreds (flattened lists)."""
MOST_ESCAPES = 1 << 19
"""In one query or form: reading one takes far longer than the byte it stands for, and nobody is known yet."""
_BLOCK = 1 << 16
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_FORM = "application/x-www-form-urlencoded"


class Unreadable(ValueError):
    """A query or a form has a broken escape, or is not UTF-8."""


class TooManyPairs(Unreadable):
    """A query or a form has more than MOST_PAIRS names, empty ones included, or more than MOST_ESCAPES escapes."""


@dataclass(frozen=True, slots=True)
class RawRequest:
    """One request. All its text is latin-1: one character for each byte that came."""

    method: str
    path: str
    """Not decoded, without the query."""
    query: str
    """Not decoded, without the question mark."""
    headers: tuple[tuple[str, str], ...]
    """In the order in which they came; names in lower case."""
    body: bytes
    client: str
    """The address of the caller."""

    def header(self, name: str) -> str:
        """The first value of that name; '' where there is none."""
        return next((value for known, value in self.headers if known == name), "")

    def values(self, name: str) -> list[str]:
        """All of that name, in order."""
        return [value for known, value in self.headers if known == name]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back: a JSON object."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


def query_pairs(raw: str) -> list[tuple[str, str]]:
    """The decoded names and values of a query or a form, in order; `+` is a space, and what has no `=` has an empty value.

    Takes time in proportion to the text. Raises Unreadable, TooManyPairs.
    """
    if raw.count("&") >= MOST_PAIRS:
        raise TooManyPairs(f"there are more than {MOST_PAIRS} parameters")
    broken = _BROKEN_ESCAPE.search(raw)
    if broken:
        raise Unreadable(f"{raw[broken.start() :][:40]!r} does not begin with an escape of two hexadecimal digits")
    if raw.count("%") > MOST_ESCAPES:
        raise TooManyPairs(f"there are more than {MOST_ESCAPES} characters written as escapes")
    pairs = (part.partition("=") for part in raw.split("&") if part)
    return [(_decoded(name), _decoded(value)) for name, _, value in pairs]


def is_form(request: RawRequest) -> bool:
    """Whether its body holds parameters, urlencoded."""
    return request.header("content-type").partition(";")[0].strip().lower() == _FORM


def _decoded(text: str) -> str:
    try:
        return b"".join(_unquoted(text.replace("+", " ").encode("latin-1"))).decode()
    except UnicodeError as error:
        raise Unreadable(f"{text[:40]!r} is not UTF-8") from error


def _unquoted(text: bytes) -> Iterator[bytes]:
    """Without escapes, block by block: the standard library makes an object of each escape of what it is given."""
    at = 0
    while at < len(text):
        end = at + _BLOCK
        cut = text.find(b"%", end - 2, end)  # an escape has three bytes
        end = cut if cut > at else end
        yield unquote_to_bytes(text[at:end])
        at = end
