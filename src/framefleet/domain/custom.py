"""Templates that users keep: numbered versions of a document, and what may stand in one. Pure; knows no store.

A document is the settings of a target (see `domain/template.py`), or those that differ from another template's, which
it names as `base`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from framefleet.domain.complaint import field_path
from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.template import Known, Listed, found, laid_over, predefined, validated
from framefleet.domain.value import Value

MAX_DOCUMENT_BYTES = 64 << 10
LAST_VERSION = 999_999
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REFERENCE = re.compile(rf"({_NAME.pattern})(?:@([1-9][0-9]{{0,5}}))?")


class TemplateVersion(Value):
    """One version of a template, as it is stored. Never changed."""

    name: str
    version: int = Field(ge=1, le=LAST_VERSION)
    first: int = Field(ge=1, le=LAST_VERSION)
    """The oldest version that may still be named; what lies before it was deleted."""
    created_at: datetime
    settings: dict[str, Any] | None
    """As written, with those of `base` below them; None: with this version the template was deleted."""
    nonce: str
    """Tells writers apart who try to make the same version."""

    @property
    def reference(self) -> str:
        """`NAME@VERSION`: what names this version for ever."""
        return f"{self.name}@{self.version}"

    @property
    def kind(self) -> str:
        """The kind of target it is for."""
        return str((self.settings or {}).get("kind", ""))

    @property
    def description(self) -> str:
        """What it makes, in its author's words."""
        return str((self.settings or {}).get("description", ""))


def split_reference(text: str) -> tuple[str, int | None] | None:
    """`mine@3` as ("mine", 3), `mine` as ("mine", None); None for what can name no template."""
    match = _REFERENCE.fullmatch(text)
    return (match[1], int(match[2]) if match[2] else None) if match else None


def check_name(name: str) -> None:
    """Raises InvalidTemplate for a name that no template of a user can have."""
    if not _NAME.fullmatch(name):
        raise InvalidTemplate(
            f"{name!r} cannot be the name of a template",
            field="name",
            hint="Use up to 64 letters, digits, dots, dashes and underscores; a letter or digit first.",
        )
    if name.lower() in predefined():
        raise InvalidTemplate(
            f"{name} is a predefined template, which cannot be changed",
            field="name",
            hint=f"Choose another name, and begin the document with `base: {name.lower()}`.",
        )


def checked(document: Any, known: Known | None = None, *, path: str = "") -> dict[str, Any]:
    """The settings of a document, its base's below them. Raises InvalidTemplate, UnknownField or UnknownTemplate.

    `path` is where the document stands, for messages.
    """
    if not isinstance(document, Mapping):
        raise InvalidTemplate("a template is an object of settings, such as {kind: snapshot, count: 5}")
    settings = _plain(document)
    base = settings.pop("base", None)
    if base is not None:
        if not isinstance(base, str):
            raise InvalidTemplate("base must be the name of a template", field=field_path(path, ["base"]))
        settings = laid_over(found(base, known or Listed(), field=field_path(path, ["base"]))[1], settings)
    validated(settings, path)
    return settings


def _plain(document: Mapping[Any, Any]) -> dict[str, Any]:
    """The document as JSON would hold it: YAML knows dates and keys that are no text, which no template has."""
    try:
        text = json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    except RecursionError:
        raise InvalidTemplate("the document is nested too deeply") from None
    except (TypeError, ValueError) as error:
        raise InvalidTemplate(f"the document has a value that JSON has not: {error}") from None
    if len(text) > MAX_DOCUMENT_BYTES:
        raise InvalidTemplate(f"the document has {len(text)} bytes; {MAX_DOCUMENT_BYTES} are allowed")
    plain: dict[str, Any] = json.loads(text)
    return plain
