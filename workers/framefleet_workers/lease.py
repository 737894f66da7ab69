"""The lease of a running attempt: renewed from a thread of its own, which also learns of cancel and loss."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from framefleet.domain.errors import StateUnavailable
from framefleet.ports import Claim, Claims, Progress
from framefleet_workers.process import Interrupt


class Lease:
    """Keeps a claim alive while used as a context manager; `interrupt` fires on cancel and loss."""

    def __init__(self, claims: Claims, claim: Claim, lease_seconds: float, beat_seconds: float) -> None:
        self._claims = claims
        self._claim = claim
        self._lease_seconds = lease_seconds
        self._beat_seconds = beat_seconds
        self._over = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease {claim.sid}", daemon=True)
        self.interrupt = Interrupt()
        self.progress = Progress(0.0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over = True
        self._wake.set()
        self._thread.join(timeout=5)

    def confirm(self) -> None:
        """Make sure that the claim is still ours, right now; raises Interrupted when not, StateUnavailable when unknown.

        Called just before something becomes visible to others.
        """
        self.interrupt.check()
        self._judge(self._beat())
        self.interrupt.check()

    def look(self) -> None:
        """Something has happened to the claim: beat now instead of a little later."""
        self._wake.set()

    def _renew(self) -> None:
        while True:
            self._wake.wait(self._beat_seconds)
            self._wake.clear()
            if self._over:
                return
            try:
                self._judge(self._beat())
            except StateUnavailable:
                continue  # the work goes on; the lease is judged when Redis is back
            if self.interrupt.is_set():
                return

    def _beat(self) -> str:
        claim = self._claim
        return self._claims.beat(claim.sid, claim.fence, claim.nonce, self._lease_seconds, self.progress)

    def _judge(self, answer: str) -> None:
        if answer in {"cancel", "lost"}:
            self.interrupt.set(answer)
