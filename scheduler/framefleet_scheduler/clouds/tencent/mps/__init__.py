"""Tencent MPS (Media Processing Service), API of 2019-06-12."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from framefleet_scheduler.clouds.tencent.mps.documented import REQUESTS

DOCUMENTED: Mapping[str, type[BaseModel]] = REQUESTS
"""Operations whose fields are told in docs/howto, with what they take."""
