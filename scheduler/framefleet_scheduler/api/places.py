"""Only so many at once, in one process: for what holds a connection, or this machine's disk, for long."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request

from framefleet.domain.errors import TooManyRequests


@dataclass(frozen=True, slots=True)
class Places:
    """`most` for all together, and `each` for a key, so that one does not keep the others out."""

    name: str
    """Of the attribute of the application's state that counts them."""
    most: int
    each: int
    refusal: str
    come_again: int
    """Seconds."""

    @asynccontextmanager
    async def one(self, request: Request, key_id: str) -> AsyncIterator[None]:
        """A place for as long as the block. Raises TooManyRequests. On the event loop, which is what keeps the count right."""
        state = request.app.state
        if not hasattr(state, self.name):
            setattr(state, self.name, Counter())
        taken: Counter[str] = getattr(state, self.name)
        if taken[key_id] >= self.each or taken.total() >= self.most:
            refused = TooManyRequests(self.refusal)
            refused.retry_after = self.come_again
            raise refused
        taken[key_id] += 1
        try:
            yield
        finally:
            taken[key_id] -= 1
            if not taken[key_id]:
                del taken[key_id]
