"""Paths of MPS's outputs: variables in braces, numbers, and what each kind of element is called by itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from framefleet_scheduler.clouds.call import Refusal
from framefleet_scheduler.clouds.fields import Wire, Works
from framefleet_scheduler.clouds.tencent.mps.places import Place
from framefleet_scheduler.clouds.tencent.mps.words import MPS
from framefleet_scheduler.clouds.tencent.words import unsupported

MOST_CHARACTERS = 1_000
_VARIABLE = re.compile(r"\{([^{}]*)\}")
_HARMFUL = re.compile(r"[{}\x00-\x1f\x7f]")
DEFAULTS: Mapping[str, str] = {
    "Transcode": "{inputName}_transcode_{definition}.{format}",
    "AnimatedGraphics": "{inputName}_animatedGraphic_{definition}.{format}",
    "SnapshotByTimeOffset": "{inputName}_snapshotByTimeOffset_{definition}_{number}.{format}",
    "SampleSnapshot": "{inputName}_sampleSnapshot_{definition}_{number}.{format}",
    "ImageSprites": "{inputName}_imageSprite_{definition}_{number}.{format}",
    "WebVtt": "{inputName}_imageSprite_{definition}.{format}",
    "AdaptiveDynamicStreaming": "{inputName}_adaptiveDynamicStreaming_{definition}.{format}",
}
"""By the type of the result."""


class NumberFormat(Wire):
    """How `{number}` is written."""

    InitialValue: Annotated[int | None, Field(ge=0, le=1_000_000), Works("0 if it is left out")] = None
    Increment: Annotated[int | None, Works("1; others are refused")] = None
    MinLength: Annotated[int | None, Field(ge=0, le=9), Works("up to 9")] = None
    PlaceHolder: Annotated[str | None, Works("`0`; others are refused")] = None


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of an element's pictures."""

    first: int = 0
    digits: int = 1

    @property
    def variable(self) -> str:
        """As our addresses have it."""
        return "{index}" if self.digits <= 1 else f"{{index:0{self.digits}d}}"

    def written(self, place: int) -> str:
        """Of the picture at a place, counted from 0."""
        return f"{self.first + place:0{self.digits}d}"


def numbers(given: NumberFormat | None) -> Numbers:
    """What is asked for. Raises Refusal."""
    if given is None:
        return Numbers()
    if given.Increment not in {None, 1}:
        raise unsupported("ObjectNumberFormat.Increment is 1 here: pictures are numbered without gaps")
    if given.PlaceHolder not in {None, "", "0"}:
        raise unsupported("ObjectNumberFormat.PlaceHolder is 0 here")
    return Numbers(given.InitialValue or 0, max(1, given.MinLength or 1))


def folder(given: str | None, source: Place) -> str:
    """`OutputDir`: with a slash at both ends. Raises Refusal."""
    if not given:
        return source.folder if source.folder.startswith("/") else "/"
    if not (given.startswith("/") and given.endswith("/")) or len(given) > MOST_CHARACTERS or _HARMFUL.search(given):
        raise MPS.wrong("OutputDir", f"OutputDir {given[:80]!r} is to begin and to end with a slash")
    return given


def path(
    template: str | None, kind: str, source: Place, below: str, *, definition: int, extension: str, number: str
) -> str:
    """The whole path of an output, `number` in the place of its number. Raises Refusal."""
    text = template or DEFAULTS[kind]
    if len(text) > MOST_CHARACTERS:
        raise MPS.wrong("OutputObjectPath", f"OutputObjectPath has up to {MOST_CHARACTERS} characters")
    if not text.endswith(".{format}"):
        raise MPS.wrong("OutputObjectPath", f"OutputObjectPath {text[:80]!r} is to end with .{{format}}")
    known = {
        "inputName": plain(source.stem),
        "inputFormat": plain(source.extension),
        "definition": str(definition),
        "format": extension,
        "number": number,
    }
    filled = _filled(text, known)
    return filled if filled.startswith("/") else below + filled


def map_name(template: str | None, source: Place, definition: int) -> str:
    """`WebVttObjectName` without its extension. Raises Refusal."""
    filled = path(template, "WebVtt", source, "", definition=definition, extension="vtt", number="")
    if "/" in filled:
        raise unsupported("WebVttObjectName is a name without a folder here: the map lies beside the sheets")
    return filled.removesuffix(".vtt")


def plain(text: str) -> str:
    """A name of the caller's that may stand in an address: without braces, slashes and control characters."""
    return _HARMFUL.sub("_", text).replace("/", "_")


def _filled(text: str, known: Mapping[str, str]) -> str:
    for name in _VARIABLE.findall(text):
        if name not in known:
            raise _unknown(name, known)
    if _HARMFUL.search(_VARIABLE.sub("", text)):
        raise MPS.wrong("OutputObjectPath", "a path has no control characters, and braces around variables only")
    return _VARIABLE.sub(lambda found: known[found[1]], text)


def _unknown(name: str, known: Mapping[str, str]) -> Refusal:
    return MPS.wrong("OutputObjectPath", f"{{{name[:40]}}} is no variable of this path; there are {', '.join(known)}")
