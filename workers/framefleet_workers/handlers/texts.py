"""transcode, text: the subtitles that are drawn into the picture, as one file for all chunks."""

from __future__ import annotations

from framefleet.domain.records import Track, TracksOutput
from framefleet.domain.subtask import TextSpec
from framefleet.media.burn import burned_file
from framefleet_workers import subtitles
from framefleet_workers.work import Work


def handle(work: Work, spec: TextSpec) -> TracksOutput:
    """Read the texts of all sources and put them on the film's clock."""
    found, _ = subtitles.written(work, [spec.track])
    cues = found[0].cues if found else ()
    path = work.path("texts.srt")
    path.write_text(burned_file(cues), "utf-8")
    stored = work.upload(path, f"{spec.id}/texts.srt")
    return TracksOutput(
        tracks=(Track(id=spec.id, codecs="srt", scale=1000, init=stored, segments=(), frames=len(cues), form="srt"),)
    )
