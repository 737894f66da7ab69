"""Alibaba IMM (Intelligent Media Management), API of 2020-09-30."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

DOCUMENTED: Mapping[str, type[BaseModel]] = {}
"""Operations whose fields are told in docs/howto, with what they take."""
