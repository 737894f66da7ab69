"""What a sick slot does: it takes no work, says why, and looks now and then whether its host is well again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from framefleet.domain.errors import FramefleetError
from framefleet_workers.capabilities import look_again
from framefleet_workers.health import Ailment
from framefleet_workers.scratch import too_little

log = structlog.get_logger()

FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 10 * 60.0
RELAPSE_SECONDS = 5 * 60.0
"""Sick again within this time after it was well: the pauses go on growing."""

Examine = Callable[[], str | None]
"""What is wrong with this host; None when nothing is."""


class SickLeave:
    """Of one slot, through its whole life."""

    def __init__(self, examine: Examine, first_pause: float = FIRST_PAUSE_SECONDS) -> None:
        self._examine = examine
        self._first_pause = first_pause
        self._pause = first_pause
        self._well_since = float("-inf")

    def spend(self, ailment: Ailment, stop: threading.Event) -> bool:
        """Wait until the host is well; False when `stop` came first."""
        if time.monotonic() - self._well_since > RELAPSE_SECONDS:
            self._pause = self._first_pause
        log.warning("slot.sick", code=ailment.code, message=ailment.message)
        while not stop.wait(self._pause):
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
            wrong = self._examine()
            if wrong is None:
                self._well_since = time.monotonic()
                log.info("slot.well")
                return True
            log.warning("slot.still_sick", message=wrong, again_in_s=round(self._pause))
        return False


def examine(ffmpeg: str, tag: str, encoders: tuple[str, ...], scratch: Path, most: int | None) -> str | None:
    """What is wrong with this host, for a slot of this tag that opened these encoders when it started. `most`: bytes that scratch
    files may take.
    """
    try:
        full = too_little(scratch, most)
        if full is not None:
            return full
        for found in look_again(ffmpeg, tag, encoders):
            if not found.opens:
                return f"{found.encoder} does not open: {found.reason}"
    except (FramefleetError, OSError) as error:
        return str(error)
    return None
