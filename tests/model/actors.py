"""Processes as threads that stop before each effect on the outside world, until they are told to go on, or die there.

So the real code of schedulers and workers is interleaved call by call, in an order that a test chooses and can repeat.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

from framefleet.domain.errors import FramefleetError

_P = TypeVar("_P")
_SECONDS = 120.0


class Killed(BaseException):
    """The process is gone: nothing may handle this."""


class Actor:
    """Does one thing at a time, effect by effect. Only one actor moves at any time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.next_effect = ""
        self.what = ""
        """What it does now; empty when it is idle."""
        self.error: BaseException | None = None
        self._may = threading.Semaphore(0)
        self._stands = threading.Semaphore(0)
        self._thread: threading.Thread | None = None
        self._dead = False

    @property
    def busy(self) -> bool:
        """Whether it stands before an effect."""
        return bool(self.what)

    def begin(self, what: str, work: Callable[[], object], done: Callable[[], None] = lambda: None) -> None:
        """Start, up to the first effect. `done` is called when the work has ended without an error."""
        assert not self.busy
        self.what, self._dead, self.error = what, False, None
        self._thread = threading.Thread(target=self._run, args=(work, done), name=self.name, daemon=True)
        self._thread.start()
        self._wait()

    def go_on(self, effects: int = 1) -> None:
        """Take so many effects, or as many as there are left."""
        while effects > 0 and self.busy:
            self._may.release()
            self._wait()
            effects -= 1

    def finish(self) -> None:
        """Take all that are left."""
        self.go_on(100_000)

    def kill(self) -> None:
        """End before the next effect."""
        if self.busy:
            self._dead = True
            self._may.release()
            self._wait()

    def effect(self, name: str) -> None:
        """Called before each effect, by whoever works for this actor; others pass."""
        if threading.current_thread() is not self._thread:
            return
        if not self._dead:
            self.next_effect = name
            self._stands.release()
            self._may.acquire()
        if self._dead:
            raise Killed

    def _wait(self) -> None:
        assert self._stands.acquire(timeout=_SECONDS), f"{self.name} hangs after {self.next_effect} of {self.what}"
        if not self.busy and self._thread is not None:
            self._thread.join(_SECONDS)

    def _run(self, work: Callable[[], object], done: Callable[[], None]) -> None:
        try:
            work()
            done()
        except (Killed, FramefleetError):
            pass  # dead, or a service was away: what was not done comes again
        except BaseException as error:  # noqa: BLE001 - raised by whoever moves the actors
            self.error = error
        self.what = ""
        self._stands.release()


class _Gated:
    def __init__(self, port: object, actor: Actor) -> None:
        self._port = port
        self._actor = actor

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def call(*values: Any, **named: Any) -> Any:
            self._actor.effect(name)
            return method(*values, **named)

        return call


def gated(port: _P, actor: Actor) -> _P:
    """The same port, whose every call is an effect of this actor."""
    return cast(_P, _Gated(port, actor))
