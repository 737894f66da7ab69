"""Tencent VOD (Video on Demand), API of 2018-07-17."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

DOCUMENTED: Mapping[str, type[BaseModel]] = {}
"""Operations whose fields are told in docs/howto, with what they take."""
