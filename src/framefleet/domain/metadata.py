"""Titles, chapters and covers: what a target asks, and what its file is to carry. Seconds."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from framefleet.domain.errors import InvalidTemplate
from framefleet.domain.timeline import Rational
from framefleet.domain.value import Value

TagName = Literal[
    "title",
    "artist",
    "album",
    "album_artist",
    "comment",
    "composer",
    "copyright",
    "date",
    "description",
    "genre",
    "show",
    "track",
    "creation_time",
]
"""What a file may say about itself; each container that takes one gives it back under the same name."""

_ALL: frozenset[str] = frozenset(
    {"title", "artist", "album", "album_artist", "comment", "composer", "copyright", "date", "description", "genre"}
    | {"show", "track"}
)
TAGS_IN: dict[str, frozenset[str]] = {
    "mp4": _ALL | {"creation_time"},
    "m4a": _ALL | {"creation_time"},
    "mov": frozenset({"title", "artist", "album", "comment", "copyright", "date", "genre", "creation_time"}),
    "mkv": _ALL | {"creation_time"},
    "webm": _ALL | {"creation_time"},
    "flv": _ALL,
    "mp3": _ALL,
    # Its comments have one place for a comment and a description.
    "ogg": _ALL - {"description"},
    "opus": _ALL - {"description"},
    "mka": _ALL | {"creation_time"},
    "flac": _ALL - {"description"},
}
CHAPTERS_IN = frozenset({"mp4", "m4a", "mov", "mkv", "mka", "webm"})
COVER_IN = frozenset({"mp4", "m4a", "mkv"})
SPEED_IN = frozenset({"mp4", "mov", "m4a"})
COVER_CODECS = frozenset({"mjpeg", "png"})

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?Z?")
_NUMBERED = re.compile(r"\d{1,4}(/\d{1,4})?")
_GENRE_NUMBER = re.compile(r"\(?\d+\)?")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
MAX_CHAPTERS = 1000

TagText = Annotated[
    str,
    BeforeValidator(lambda text: text.strip() if isinstance(text, str) else text),
    Field(min_length=1, max_length=2048, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]+$"),
]


class MetadataSettings(Value):
    """What a file says about itself."""

    keep: bool = True
    """True: tags of the first source go into the output, as far as its container can say them. False: they are stripped."""
    set: dict[TagName, TagText] = Field(default={}, max_length=13)
    """Tags that are set, over those that are kept. `creation_time` is UTC, `2026-01-02T03:04:05Z`."""
    chapters: bool | None = None
    """Chapters of all sources, trimmed and joined as the film is. None: kept where the container can. False: left out."""
    cover: bool | None = None
    """The first source's attached picture. None: kept where the container can. False: left out."""

    speed: float | None = Field(default=None, ge=0.5, le=2)
    """How fast a player is asked to play the file, 1 is as it was recorded. A mark that players may heed (mp4, mov, m4a): nothing
    is encoded faster or slower, and sound and duration stay. None: no mark."""

    @model_validator(mode="after")
    def _a_time(self) -> MetadataSettings:
        if "creation_time" in self.set and not _is_time(self.set["creation_time"]):
            raise ValueError("creation_time in set must be a UTC time such as 2026-01-02T03:04:05Z")
        return self


def _is_time(text: str) -> bool:
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text[:19])
    except ValueError:
        return False
    return True


class Chapter(Value):
    """A part of a film that has a name."""

    start: Rational
    end: Rational
    title: str = ""


class Cover(Value):
    """A picture attached to a source."""

    source: int
    stream: int
    codec: str


class Carried(Value):
    """What a file is to carry beside its streams."""

    tags: dict[str, str] = {}
    demanded: tuple[str, ...] = ()
    """Tags that were asked for: they must arrive. Those of a source go along as the container can say them."""
    chapters: tuple[Chapter, ...] = ()
    cover: Cover | None = None
    speed: float | None = None


def check_metadata(settings: MetadataSettings, container: str, path: str) -> None:
    """Refuse what a container cannot say; raises InvalidTemplate with the field."""
    known = TAGS_IN.get(container, frozenset())
    for name in settings.set:
        if name not in known:
            hint = f"It takes {', '.join(sorted(known))}." if known else "Leave metadata.set out."
            raise InvalidTemplate(f"{container} has no place for {name}", field=f"{path}.set.{name}", hint=hint)
    if container in {"mp4", "m4a"} and not _NUMBERED.fullmatch(settings.set.get("track", "1")):
        raise InvalidTemplate(
            f"a track of {container} is a number",
            field=f"{path}.set.track",
            hint="Write 3, or 3/12 for the third of 12.",
        )
    if container == "mp3" and _GENRE_NUMBER.fullmatch(settings.set.get("genre", "")):
        raise InvalidTemplate(
            "a number would be read as the genre of that number", field=f"{path}.set.genre", hint="Write its name."
        )
    for wanted, fitting, what in (
        (settings.chapters, CHAPTERS_IN, "chapters"),
        (settings.cover, COVER_IN, "cover"),
        (settings.speed, SPEED_IN, "speed"),
    ):
        if wanted and container not in fitting:
            raise InvalidTemplate(
                f"{container} has no place for {what}",
                field=f"{path}.{what}",
                hint=f"{', '.join(sorted(fitting))} have.",
            )


def known_tags(found: dict[str, str]) -> dict[str, str]:
    """Of a file's own tags those we know, without control characters and within limits."""
    tags = {}
    for name, value in found.items():
        key = name.lower()
        text = _CONTROL.sub(" ", value.encode("utf-8", "replace").decode()).strip()[:2048]
        if key in _ALL or (key == "creation_time" and _is_time(text)):
            tags[key] = text
    return {k: v for k, v in tags.items() if v}
