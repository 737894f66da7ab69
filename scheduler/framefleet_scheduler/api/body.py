"""Bodies of requests, no larger and no slower than is agreed."""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from framefleet.domain.errors import InvalidRequest, RequestTimeout, RequestTooLarge

BODY_SECONDS = 30.0


async def body_of(request: Request, most: int, seconds: float = BODY_SECONDS) -> bytes:
    """The whole body. Raises RequestTooLarge as soon as it has more than `most` bytes, RequestTimeout."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise RequestTooLarge(f"the body may have {most} bytes")
                parts.append(part)
    except ClientDisconnect:
        raise InvalidRequest("the line broke before the body was there") from None
    except TimeoutError:
        raise RequestTimeout(f"the body did not come within {seconds:g} s") from None
    return b"".join(parts)
