"""What is wrong with a template that somebody is writing, and where in the text; or what it would make. Pure but for reading
the templates it is based on.

The text comes from outside, so YAML's anchors are refused: a few hundred bytes of them stand for gigabytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from framefleet.domain.custom import MAX_DOCUMENT_BYTES, check_name, checked
from framefleet.domain.errors import InvalidTemplate, RequestError
from framefleet.domain.template import Known, Template, validated
from framefleet.templates import parse_document

_UNREADABLE = (yaml.YAMLError, RecursionError, ValueError, OverflowError)
"""What YAML's scanner and parser raise; the last for "\\UFFFFFFFF"."""
_LINE = re.compile(r"\(line (\d+)\)|: line (\d+) ")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong."""

    message: str
    field: str | None = None
    hint: str | None = None
    line: int | None = None
    """Of the text, from 1; None where the field does not stand in it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Either mistakes, or settings."""

    mistakes: tuple[Mistake, ...] = ()
    settings: Mapping[str, Any] | None = None
    """As they would be stored: those of the base below the text's own."""
    template: Template | None = None
    """With every default."""


def parsed(text: str) -> Any:
    """The document of a text, JSON or YAML. Raises InvalidTemplate."""
    if len(text.encode()) > MAX_DOCUMENT_BYTES:
        raise InvalidTemplate(f"the document has more than {MAX_DOCUMENT_BYTES} bytes")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise InvalidTemplate("anchors (&x, *x) are not taken", hint="Write the value in each place.")
    except _UNREADABLE:
        pass  # told with its line below, unless it is JSON
    return parse_document(text)


def verdict(text: str, known: Known, *, name: str | None = None) -> Verdict:
    """Of a text; `name` is what it is to be kept under. Raises ServiceError when the templates cannot be read."""
    try:
        if name is not None:
            check_name(name)
    except RequestError as error:
        return Verdict((Mistake(error.message, error.field, error.hint_text),))
    try:
        document = parsed(text)
        settings = checked(document, known)
        return Verdict((), settings, validated(settings, ""))
    except RequestError as error:
        return Verdict(_mistakes(error, text))


def _mistakes(error: RequestError, text: str) -> tuple[Mistake, ...]:
    lines = _lines(text)
    if error.mistakes:
        return tuple(
            Mistake(message, field or None, error.hint_text, _line(lines, field)) for field, message in error.mistakes
        )
    line = _line(lines, error.field or "")
    said = _LINE.search(error.message)
    if line is None and said:
        line = int(said[1] or said[2])
    return (Mistake(error.message, error.field, error.hint_text, line),)


def _line(lines: Mapping[str, int], field: str) -> int | None:
    """Of a field, or of what it is missing in."""
    while field:
        if field in lines:
            return lines[field]
        field = re.sub(r"(\.|^)[^.\[]+$|\[\d+\]$", "", field)
    return None


def _lines(text: str) -> dict[str, int]:
    """Where each field stands: its path -> its line, from 1. Nothing for a text that is no YAML."""
    found: dict[str, int] = {}
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is not None:
            _walk(root, "", found, set())
    except _UNREADABLE:
        return {}
    return found


def _walk(node: yaml.Node, path: str, found: dict[str, int], seen: set[int]) -> None:
    if id(node) in seen:
        return  # an anchor's, which may stand in very many places
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = f"{path}.{key.value}" if path else str(key.value)
            found.setdefault(below, key.start_mark.line + 1)
            _walk(value, below, found, seen)
    elif isinstance(node, yaml.SequenceNode):
        for at, value in enumerate(node.value):
            found.setdefault(f"{path}[{at}]", value.start_mark.line + 1)
            _walk(value, f"{path}[{at}]", found, seen)
