"""Targets of which nothing is encoded."""

from __future__ import annotations

from collections.abc import Sequence

from framefleet.domain.errors import InvalidTemplate, SourceNoSubtitles
from framefleet.domain.subtask import ConcatSpec, RemuxPackage
from framefleet.domain.task import Source, Target
from framefleet.domain.template import RemuxTemplate
from framefleet_scheduler.plan import copies, subtitles
from framefleet_scheduler.plan.timeline import Part


def spec(
    target: Target, template: RemuxTemplate, parts: Sequence[Part], sources: Sequence[Source], path: str
) -> ConcatSpec:
    """What makes the target; `path` is its place in the request.

    Raises as `copies.remux`, and SourceNoSubtitles.
    """
    shown, below = template.subtitles, f"{path}.overrides.subtitles"
    if not template.video and template.audio is None:
        return _texts_alone(target, template, parts, sources, below)
    package, film, warnings = copies.remux(template, parts, sources, path)
    if shown is not None and package.pieces:
        raise InvalidTemplate(
            "a remux keeps subtitles of one whole source only",
            field=below,
            hint="Leave them out, do not join or trim, or use an encoding template.",
        )
    texts, left_out = subtitles.tracks(shown, parts, sources, below, template.container)
    return ConcatSpec(
        target=target.name,
        uri=target.uri,
        package=package,
        duration=film,
        subtitles=texts,
        sidecar=subtitles.form(shown),
        sidecar_names=subtitles.names(shown, texts),
        warnings=(*warnings, *left_out),
    )


def _texts_alone(
    target: Target, template: RemuxTemplate, parts: Sequence[Part], sources: Sequence[Source], below: str
) -> ConcatSpec:
    shown = template.subtitles
    texts, left_out = subtitles.tracks(shown, parts, sources, below)
    if not texts:
        raise SourceNoSubtitles("no source has subtitles that are texts", field=below)
    return ConcatSpec(
        target=target.name,
        uri=target.uri,
        package=RemuxPackage(container=template.container, source=parts[0].source, streams=(), frames=None),
        duration=parts[-1].offset + parts[-1].length,
        subtitles=texts,
        sidecar=subtitles.form(shown),
        sidecar_names=subtitles.names(shown, texts),
        warnings=left_out,
    )
