"""Visionular AuroraCloud's dialect."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

DOCUMENTED: Mapping[str, type[BaseModel]] = {}
"""Operations whose fields are told in docs/howto, with what they take."""
