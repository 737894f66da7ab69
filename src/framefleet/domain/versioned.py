"""What is kept as a row of numbered versions."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from framefleet.domain.value import Value

LAST_VERSION = 999_999
EXISTING = -1
"""As a version that is asked for: whichever is the latest, if there is one."""


class Versioned(Value):
    """One version, as it is stored. Never changed."""

    version: int = Field(default=0, ge=0, le=LAST_VERSION)
    """0: nobody has set anything."""
    changed_at: datetime | None = None
    nonce: str = ""
    """Tells writers apart who try to make the same version."""
