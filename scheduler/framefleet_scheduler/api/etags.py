"""Versions of settings as ETags: `"3"` is the third."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header

from framefleet.domain.versioned import EXISTING

IfMatch = Annotated[
    str | None,
    Header(pattern=r'^(\*|(W/)?"[0-9]{1,6}")$', description='The version, as `"3"`; `*`: only if there is one.'),
]
_ETAG = re.compile(r'(?:W/)?"([0-9]{1,6})"')


def etag(version: int) -> str:
    """Of a version."""
    return f'"{version}"'


def expected(if_match: str | None) -> int | None:
    """The version that a header asks for; EXISTING for `*`, None for no header."""
    match = _ETAG.fullmatch(if_match or "")
    return int(match[1]) if match else EXISTING if if_match == "*" else None


def is_known(version: int, if_none_match: str | None) -> bool:
    """Whether the caller has seen this version."""
    if if_none_match is None:
        return False
    return etag(version) in {part.strip().removeprefix("W/") for part in if_none_match.split(",")}
