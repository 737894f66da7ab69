"""Style sheets and scripts, under addresses that change when they do, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response

from framefleet.domain.errors import OutputNotFound

router = APIRouter()

STATIC = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
_FOR_EVER = "public, max-age=31536000, immutable"


@cache
def _all() -> dict[str, bytes]:
    files = sorted(path for path in STATIC.rglob("*") if path.suffix in _TYPES)
    return {path.relative_to(STATIC).as_posix(): path.read_bytes() for path in files}


@cache
def digest() -> str:
    """Of all of them: scripts name each other without it."""
    whole = hashlib.sha256()
    for name, body in _all().items():
        whole.update(name.encode() + b"\0" + body)
    return whole.hexdigest()[:12]


def address(name: str) -> str:
    """Where a file is served. Raises KeyError when there is none."""
    if name not in _all():
        raise KeyError(name)
    return f"/assets/{digest()}/{name}"


@router.get("/assets/{version}/{name:path}")
def serve(version: str, name: str) -> Response:
    """A file; what an older page asks for gets today's, and keeps it for no time."""
    body = _all().get(name)
    if body is None:
        raise OutputNotFound("there is no such file of the console")
    headers = {"Cache-Control": _FOR_EVER if version == digest() else "no-cache"}
    return Response(body, media_type=_TYPES[Path(name).suffix], headers=headers)
