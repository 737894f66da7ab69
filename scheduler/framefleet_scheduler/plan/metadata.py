"""Tags, chapters and covers of a target: what the sources say, cut and joined as the film is."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from framefleet.domain.metadata import (
    CHAPTERS_IN,
    COVER_CODECS,
    COVER_IN,
    MAX_CHAPTERS,
    TAGS_IN,
    Carried,
    Chapter,
    Cover,
    MetadataSettings,
)
from framefleet_scheduler.plan.timeline import Part


def carried(settings: MetadataSettings, container: str, parts: Sequence[Part]) -> Carried:
    """What a file in this container is to carry."""
    fitting = TAGS_IN.get(container, frozenset())
    kept = {k: v for k, v in parts[0].media.tags.items() if k in fitting} if settings.keep else {}
    with_chapters = settings.chapters is not False and container in CHAPTERS_IN
    return Carried(
        tags=kept | {str(k): v for k, v in settings.set.items()},
        demanded=tuple(sorted(settings.set)),
        chapters=chapters(parts) if with_chapters else (),
        cover=_cover(parts[0]) if settings.cover is not False and container in COVER_IN else None,
        speed=settings.speed,
    )


def chapters(parts: Sequence[Part]) -> tuple[Chapter, ...]:
    """The sources' chapters on the joined timeline; what is trimmed away is left out."""
    found: list[Chapter] = []
    for part in parts:
        for chapter in part.media.chapters:
            start = max(Fraction(0), chapter.start - part.media.start - part.trim)
            end = min(part.length, chapter.end - part.media.start - part.trim)
            if end - start > Fraction(1, 1000):
                found.append(Chapter(start=start + part.offset, end=end + part.offset, title=chapter.title))
    return tuple(found[:MAX_CHAPTERS])


def _cover(part: Part) -> Cover | None:
    pictures = [v for v in part.media.video if v.attached_picture and v.codec in COVER_CODECS]
    return Cover(source=part.source, stream=pictures[0].index, codec=pictures[0].codec) if pictures else None
