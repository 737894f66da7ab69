"""transcode, text: the subtitles that are drawn into the picture, as one file for all chunks."""

from __future__ import annotations

from framefleet.domain.records import Track, TracksOutput
from framefleet.domain.subtask import TextSpec
from framefleet.media.ass import ass
from framefleet.media.burn import burned_file
from framefleet_workers import subtitles
from framefleet_workers.work import Work


def handle(work: Work, spec: TextSpec) -> TracksOutput:
    """Read the texts of all sources and put them on the film's clock."""
    found, _ = subtitles.written(work, [spec.track], looks=not spec.plain)
    cues, head = (found[0].cues, found[0].head) if found else ((), None)
    form = "srt" if head is None else "ass"
    path = work.path(f"texts.{form}")
    path.write_text(burned_file(cues) if head is None else ass(head, cues), "utf-8")
    stored = work.upload(path, f"{spec.id}/texts.{form}")
    return TracksOutput(
        tracks=(Track(id=spec.id, codecs=form, scale=1000, init=stored, segments=(), frames=len(cues), form=form),)
    )
