"""Tencent VOD (Video on Demand), API of 2018-07-17."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from framefleet_scheduler.clouds.tencent.vod.front import OPERATIONS

DOCUMENTED: Mapping[str, type[BaseModel]] = {name: takes for name, (takes, _) in OPERATIONS.items()}
"""Operations whose fields are told in docs/howto, with what they take."""
