"""What probes and plans say, as JSON and as text."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from framefleet.cli.output import table

if TYPE_CHECKING:
    from framefleet.domain.media_info import MediaInfo
    from framefleet.domain.preview import MediaView, PlannedSubtask
    from framefleet.domain.subtask import Subtask
    from framefleet.embedded import PlannedTask


def media_json(media: MediaInfo) -> dict[str, Any]:
    """A probe's result, with the frame index (a film has thousands of keyframes) in short."""
    from framefleet.domain.preview import media_view

    return media_view(media).model_dump(mode="json")


def describe_media(found: MediaInfo | MediaView) -> str:
    """A probe's result as text: the container, then a line per stream."""
    from framefleet.cli.figures import size
    from framefleet.domain.preview import MediaView, media_view

    media = found if isinstance(found, MediaView) else media_view(found)

    facts = [media.container, size(media.size_bytes)]
    if media.duration is not None:
        facts.append(f"{float(media.duration):.3f} s")
    if media.bitrate:
        facts.append(f"{media.bitrate / 1000:.0f} kbit/s")
    if media.start:
        facts.append(f"starts at {float(media.start):.3f} s")
    lines = [", ".join(facts)]
    rows: list[tuple[str, ...]] = []
    for v in media.video:
        rate = v.average_rate or v.nominal_rate
        more = [f"{v.width}x{v.height}", f"{float(rate):.6g} fps" if rate else "", v.pixel_format or ""]
        more += [f"turned {v.rotation}°"] if v.rotation else []
        more += ["HDR"] if v.hdr else []
        more += ["interlaced"] if v.interlaced else []
        more += ["cover picture"] if v.attached_picture else []
        rows.append((f"#{v.index}", "video", _codec(v.codec, v.profile), _joined(*more, v.language or "")))
    for a in media.audio:
        layout = a.layout or f"{a.channels} channels"
        rate_text = f"{a.bitrate / 1000:.0f} kbit/s" if a.bitrate else ""
        more = [f"{a.sample_rate} Hz", layout, rate_text, a.language or ""]
        rows.append((f"#{a.index}", "audio", _codec(a.codec, a.profile), _joined(*more)))
    rows += [(f"#{o.index}", o.kind, o.codec, o.language or "") for o in media.other]
    if rows:
        lines.append(table(rows))
    if media.index is not None:
        kind = "constant" if media.index.constant_rate else "variable"
        lines.append(f"{media.index.frames} frames at a {kind} rate, {media.index.keyframes} keyframes")
    return "\n".join(lines)


def _codec(codec: str, profile: str | None) -> str:
    return f"{codec} ({profile})" if profile else codec


def _joined(*parts: str) -> str:
    return ", ".join(filter(None, parts))


# --- plan -----------------------------------------------------------------------------------


def plan_json(planned: PlannedTask) -> dict[str, Any]:
    """A plan with its commands as argument lists."""
    return planned.view().model_dump(mode="json")


def describe_plan(planned: PlannedTask, *, commands: bool) -> str:
    """A plan as text: a line per subtask; with `commands` what FFmpeg gets, ready to be copied."""
    subtasks = planned.plan.subtasks
    lines = [subtask_table(subtasks)]
    total = sum(s.weight for s in subtasks)
    lines.append(
        f"{len(subtasks)} subtasks for {float(planned.plan.duration):.3f} s of film, about {total:.0f} CPU seconds"
    )
    for subtask in subtasks if commands else ():
        for argv in planned.commands.get(subtask.n, []):
            lines += ["", f"# {subtask.n}: {subtask.kind} {subtask.label}", shlex.join(argv)]
    return "\n".join(lines)


def subtask_table(subtasks: Iterable[Subtask | PlannedSubtask]) -> str:
    """A line per subtask."""
    rows = [(str(s.n), s.kind, s.tag, f"{s.weight:.1f}", _numbers(s.needs), s.label) for s in subtasks]
    return table(rows, ("N", "KIND", "TAG", "CPU S", "NEEDS", "WHAT"))


def _numbers(values: tuple[int, ...]) -> str:
    """`1-4, 7`: a join of a film needs hundreds."""
    parts: list[str] = []
    first = last = None
    for n in (*sorted(values), None):
        if last is not None and n == last + 1:
            last = n
            continue
        if first is not None:
            parts.append(str(first) if first == last else f"{first}-{last}")
        first = last = n
    return ", ".join(parts)
