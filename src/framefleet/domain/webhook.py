"""Signed calls over HTTP: where they may go, how they are signed, how a receiver checks them, and when they are tried
again. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Literal, get_args
from urllib.parse import SplitResult, quote, urlsplit

from pydantic import ConfigDict, Field

from framefleet.domain.errors import InvalidWebhook
from framefleet.domain.value import Value

TaskEvent = Literal["task.queued", "task.running", "task.progress", "task.succeeded", "task.failed", "task.canceled"]
EVENTS: tuple[TaskEvent, ...] = get_args(TaskEvent)
FINAL_EVENTS: tuple[TaskEvent, ...] = ("task.succeeded", "task.failed", "task.canceled")
PROGRESS: TaskEvent = "task.progress"
"""Of which only the newest matters: nothing of it outlives Redis, and nobody hears of one that was not taken."""
MOST_URL_CHARACTERS = 2048
CUT = "?..."
"""Stands for the query of an address that is shown."""
SIGNATURE_HEADER = "Framefleet-Signature"
EVENT_HEADER = "Framefleet-Event"
DELIVERY_HEADER = "Framefleet-Delivery"
REPLAY_SECONDS = 300
"""How old a call may be for a receiver that checks; older ones may have been recorded and sent again by somebody else."""
GIVE_UP_SECONDS = 24 * 3600
_FIRST_DELAY_SECONDS = 5.0
_LONGEST_DELAY_SECONDS = 3600.0
_HEADER = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


_HOST = re.compile(r"[A-Za-z0-9_.-]{1,253}|[0-9A-Fa-f:.]{2,45}")


class Hook(Value):
    """What is kept of a webhook apart from its task, and shown nowhere."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: str = Field(repr=False)
    secret: str | None = Field(default=None, repr=False)
    form: str | None = None
    """In whose words the calls are; None: ours."""


def parsed_url(url: str, field: str = "url") -> SplitResult:
    """The address written so that every reader takes it for the same. Raises InvalidWebhook with `field`."""
    if len(url) > MOST_URL_CHARACTERS:
        raise InvalidWebhook(f"the address has {len(url)} characters; it may have {MOST_URL_CHARACTERS}", field=field)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidWebhook("the address cannot be read", field=field) from None
    if parts.scheme not in {"http", "https"}:
        raise InvalidWebhook("only http and https addresses are called", field=field)
    if "@" in parts.netloc:
        raise InvalidWebhook("the address has a user or a password in it", field=field, hint="Use a secret instead.")
    if not host or not _HOST.fullmatch(host):
        raise InvalidWebhook("the address has no host, or one that cannot be", field=field)
    if port == 0:
        raise InvalidWebhook("there is no port 0", field=field)
    named = f"[{host}]" if ":" in host else host
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return SplitResult(parts.scheme, named if port is None else f"{named}:{port}", path or "/", query, "")


def host_of(url: str) -> str:
    """Host and port, by which receivers are told apart."""
    parts = parsed_url(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.hostname}:{port}"


def shown_url(url: str, field: str = "url") -> str:
    """The address as it may be shown: without its query, where tokens are. Raises InvalidWebhook with `field`."""
    parts = parsed_url(url, field)
    return f"{parts.scheme}://{parts.netloc}{parts.path}" + (CUT if parts.query else "")


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The header's value: HMAC-SHA256 over the timestamp (seconds since 1970), a dot and the body as it is sent."""
    digest = hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def is_signed(secret: str, header: str, body: bytes, now: float, window: float = REPLAY_SECONDS) -> bool:
    """Whether a call came from who has the secret, within the replay window (seconds) of `now`."""
    match = _HEADER.fullmatch(header)
    if match is None or abs(now - int(match[1])) > window:
        return False
    return hmac.compare_digest(signature(secret, int(match[1]), body), header)


def delay(attempts: int, chance: float) -> float:
    """Seconds until the next try after so many (1 or more); `chance` (0..1) spreads receivers that came back together."""
    whole = min(_FIRST_DELAY_SECONDS * 2.0 ** min(attempts - 1, 20), _LONGEST_DELAY_SECONDS)
    return whole * (0.75 + 0.5 * chance)
