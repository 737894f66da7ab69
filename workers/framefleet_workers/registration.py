"""What a slot says of itself every few seconds, and what it is told in return."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import structlog

from framefleet import __version__
from framefleet.domain.errors import StateUnavailable
from framefleet.ports import Claims, WorkerInfo
from framefleet_workers.execute import Executor

log = structlog.get_logger()

REGISTER_SECONDS = 3.0
REGISTERED_FOR_SECONDS = 12.0


class Registration(threading.Thread):
    """Says that the slot lives and what it does, and learns whether it is drained."""

    def __init__(self, claims: Claims, executor: Executor, worker: str, tag: str, encoders: tuple[str, ...]) -> None:
        super().__init__(name="registration", daemon=True)
        self._claims = claims
        self._executor = executor
        self._worker, self._tag = worker, tag
        self.encoders = encoders
        """Those that open here, as far as that is known."""
        self._now = threading.Event()
        self._ended = False
        self._stopping = False
        self.drained = False
        """It shall take no new work."""
        self.on_drained: Callable[[], None] = lambda: None

    def run(self) -> None:
        """Until `end`."""
        while not self._ended:
            self._now.clear()
            self.register()
            self._now.wait(REGISTER_SECONDS)

    def register(self) -> None:
        """Register now, in the calling thread."""
        self._register(REGISTERED_FOR_SECONDS)

    def look(self) -> None:
        """Register now: something has changed."""
        self._now.set()

    def stopping(self) -> None:
        """The slot takes nothing more; no order is meant for it from now on."""
        self._stopping = True
        self.look()

    def end(self) -> None:
        """The slot is gone."""
        self._ended = self._stopping = True
        self.look()
        self.join(5)
        self._register(0.0)

    def _register(self, seconds: float) -> None:
        sid, ailment = self._executor.busy_with, self._executor.ailment
        if self._stopping:
            state = "stopping"
        elif ailment is not None:
            state = "sick"
        elif self.drained:
            state = "drained"
        else:
            state = "busy" if sid else "idle"
        info = WorkerInfo(
            id=self._worker,
            host=socket.gethostname(),
            tag=self._tag,
            state=state,
            sid=sid,
            version=__version__,
            encoders=self.encoders,
            reason=None if ailment is None else f"{ailment.code}: {ailment.message}",
        )
        try:
            drained = self._claims.register(info, seconds)
        except StateUnavailable:
            log.debug("state.awaited")
            return
        if drained != self.drained:
            self.drained = drained
            log.info("slot.drained" if drained else "slot.undrained", worker=self._worker)
            self._now.set()  # so that the others know
        if drained:
            self.on_drained()
