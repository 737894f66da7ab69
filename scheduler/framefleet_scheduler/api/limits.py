"""How long and how much a connection may take of the server. What is slower or larger is cut off.

Handlers have limits of their own for the bodies they read (`body`, `uploads`); these hold for every request, also before anybody
knows who asks.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PARTS = re.compile(r"/v1/uploads/[^/]+/parts/[^/]+")
"""They are large, and limited by their handler."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one process."""

    connections: int = 768
    """At once; below what a process may usually have open, so that files and services still find room."""
    head_seconds: float = 15.0
    """From the first byte of a request, or from the beginning of a connection, to the end of the headers."""
    idle_seconds: int = 30
    """Between two requests of a connection."""
    body_seconds: float = 35.0
    """For a body; more than handlers give, so that their refusals come first."""
    body_bytes: int = 4 << 20
    """Likewise."""
    rest_seconds: float = 10.0
    """For the rest of a body that has been answered already."""


class BoundedBodies:
    """ASGI middleware: no body is read for ever, or without end, whoever reads it."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or _PARTS.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        seconds, most = self._limits.body_seconds, self._limits.body_bytes
        loop = asyncio.get_running_loop()
        deadline, size, whole = loop.time() + seconds, 0, False

        async def bounded() -> Message:
            nonlocal size, whole
            if whole:  # only the end of the connection is waited for
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, f"the body did not come within {seconds:g} s") from None
            size += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if size > most:
                raise HTTPException(413, f"a body may have {most} bytes")
            return message

        await self._app(scope, bounded, send)
