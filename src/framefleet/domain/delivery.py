"""A delivery: one event on its way to one webhook. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum

from framefleet.domain.value import Value
from framefleet.domain.webhook import FINAL_EVENTS

ANSWER_CHARACTERS = 500
"""Of what a receiver says that are kept."""
_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")


class DeliveryState(StrEnum):
    """How far a delivery is."""

    WAITING = "waiting"
    """It is under way, or will be tried again."""
    DELIVERED = "delivered"
    """The receiver has answered with a status of 200 to 299."""
    DEAD = "dead"
    """Given up: nobody took it for a day, or the receiver said that it is gone."""


class Try(Value):
    """One call and what came of it."""

    at: datetime
    status: int | None = None
    """What the receiver answered; None: nothing."""
    error: str | None = None
    """Why there is no answer."""
    answer: str = ""
    """The first characters of it, without those that cannot be shown."""
    seconds: float = 0.0


class DeliveryRecord(Value):
    """A delivery as users see it."""

    id: str
    """The event's id, and what the receiver sees in Framefleet-Delivery. The same for every try."""
    task_id: str
    run: int
    event: str
    """`task.succeeded`, ..."""
    pipeline: str
    url: str
    """Without its query."""
    host: str
    """Host and port."""
    state: DeliveryState
    created_at: datetime
    tries: int = 0
    """Since it was entered, or replayed."""
    next_at: datetime | None = None
    """When it is tried next."""
    ended_at: datetime | None = None
    """When it was delivered or given up."""
    replayed: bool = False
    """Somebody has asked for it once more."""
    attempts: tuple[Try, ...] = ()
    """Oldest first: the first ones and the last."""

    @property
    def final(self) -> bool:
        """Whether it tells the end of a run: its body is that run's record."""
        return self.event in FINAL_EVENTS


class Letter(Value):
    """A delivery with all that is needed to send it."""

    record: DeliveryRecord
    name: str
    """Of the webhook, below its task."""
    body: str
    """Empty for a final event."""


def is_delivery_id(text: str) -> bool:
    """Whether a delivery may have this id."""
    return _ID.fullmatch(text) is not None


def shown_answer(body: bytes) -> str:
    """What is kept of a receiver's answer: it may be anything."""
    text = body.decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text)[:ANSWER_CHARACTERS].strip()
