"""Alibaba ICE (Intelligent Cloud Editing), API of 2020-11-09."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

DOCUMENTED: Mapping[str, type[BaseModel]] = {}
"""Operations whose fields are told in docs/howto, with what they take."""
