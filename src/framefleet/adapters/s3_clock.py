"""Requests that are signed by the server's clock: a machine whose own clock is wrong, or jumps, goes on working.

S3 refuses signatures that are more than 15 minutes old or early. Imports the SDK, so it is imported when a client is made.
Two of the SDK's private calls are overridden: `_build_headers`, which dates a request, and `_url_open`, which sends it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import structlog
from minio import Minio
from minio.error import S3Error
from minio.time import to_amz_date

from framefleet.domain.task import utc_now

log = structlog.get_logger()

SAME = timedelta(minutes=5)
"""Clocks that are no further apart agree: a refusal then has another reason. S3 allows 15 minutes."""


class ServerClock:
    """The time as the server has it: ours, corrected by what its refusals said. Safe to share between threads."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        """`now` is this machine's clock."""
        self._now = now
        self.ahead = timedelta(0)
        """How far the server's clock is ahead of this machine's, as far as known."""

    def now(self) -> datetime:
        """The server's time."""
        return self._now() + self.ahead

    def learn(self, date: str | None, signed: datetime) -> bool:
        """Take over the time of an answer (an HTTP date) to a request that was signed then; False when the two agree."""
        try:
            server = parsedate_to_datetime(date or "").astimezone(UTC)
        except ValueError:
            return False
        if abs(server - signed) <= SAME:
            return False
        self.ahead = server - self._now()
        return True


class ClockedMinio(Minio):
    """The SDK's client, with its requests dated by a ServerClock."""

    def __init__(self, *arguments: Any, clock: ServerClock, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._clock = clock

    def _build_headers(self, *arguments: Any, **options: Any) -> tuple[Any, datetime]:
        headers, _ = super()._build_headers(*arguments, **options)
        date = self._clock.now()
        headers["x-amz-date"] = to_amz_date(date)
        return headers, date

    def _url_open(self, method: str, region: str, *arguments: Any, headers: Any = None, **options: Any) -> Any:
        send: Any = super()._url_open
        signed, before = self._clock.now(), self._clock.ahead
        try:
            # The SDK writes into the dictionary.
            return send(method, region, *arguments, headers=dict(headers or {}), **options)
        except S3Error as error:
            # By status and not by code: the answer to a HEAD has none.
            if error.response.status != 403 or not self._clock.learn(error.response.headers.get("Date"), signed):
                raise
        try:
            answer = send(method, region, *arguments, headers=dict(headers or {}), **options)
        except S3Error as error:
            if error.response.status == 403:  # it was not for the time; perhaps something between us has a wrong clock
                self._clock.ahead = before
            raise
        log.warning("clock.corrected", store_is_ahead_s=round(self._clock.ahead.total_seconds()))
        return answer
