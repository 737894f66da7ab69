"""Cursors: places in a listing as text that callers hand back and cannot read.

A place is the id and time of what was looked at last, which may be of a pipeline that the caller may not see. So it is sealed with
the schedulers' secret.
"""

from __future__ import annotations

import re

from framefleet.domain.errors import InvalidRequest
from framefleet.ports import ObjectStore, Place
from framefleet.seal import SealBroken
from framefleet_scheduler.api.secret import Secret

_PLACE = re.compile(r"([0-9]{1,15}) ([A-Za-z0-9_.-]{1,200})")
_ABOUT = "cursor"


class Cursors:
    """Writes and reads them. Safe to share between threads. Raises StoreUnavailable while the secret cannot be read."""

    def __init__(self, store: ObjectStore) -> None:
        self._secret = Secret(store)

    def cursor(self, place: Place | None) -> str | None:
        """Of a place; None at the end."""
        if place is None:
            return None
        return self._secret.seal().seal(f"{place.created_ms} {place.id}", _ABOUT)

    def place(self, text: str | None) -> Place | None:
        """Of a cursor. Raises InvalidRequest."""
        if text is None:
            return None
        try:
            match = _PLACE.fullmatch(self._secret.seal().open(text, _ABOUT))
        except SealBroken:
            match = None
        if match is None:
            raise InvalidRequest(
                "that is no cursor of a listing", field="cursor", hint="Take `next` of the page before."
            )
        return Place(int(match[1]), match[2])
