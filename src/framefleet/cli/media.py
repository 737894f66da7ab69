"""`framefleet plan`, `probe` and `version`: looking, without doing anything."""

from __future__ import annotations

import argparse
import platform
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framefleet import __version__
from framefleet.cli.output import OK, emit, missing_extra, table

if TYPE_CHECKING:
    from framefleet.domain.media_info import MediaInfo
    from framefleet.embedded import PlannedTask


def version(options: argparse.Namespace) -> int:
    """Ours, and Python's."""
    if options.json:
        emit({"version": __version__, "python": platform.python_version()})
    else:
        print(f"framefleet {__version__} (Python {platform.python_version()})")
    return OK


def probe(options: argparse.Namespace) -> int:
    """What is in a media file."""
    from framefleet.cli import config, naming

    try:
        from framefleet import embedded
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None
    settings = config.settings()
    config.log_quietly(settings)
    media = embedded.probe(naming.source_uri(options.source, Path.cwd()), settings)
    if options.json:
        emit(media_json(media))
    else:
        print(describe_media(media))
    return OK


def plan(options: argparse.Namespace) -> int:
    """The subtasks of a request, and with -v their FFmpeg commands."""
    from framefleet.cli import config, request
    from framefleet.cli.run import cores
    from framefleet.cli.templates import registry

    settings = config.settings()
    with registry(settings, options.folder) as templates:
        body = request.of_options(options, templates, Path("out"))
        try:
            from framefleet import embedded
        except ModuleNotFoundError as error:
            raise missing_extra(error) from None
        config.log_quietly(settings)
        planned = embedded.plan_task(body, settings, options.slots or cores(), templates)
    if options.json:
        emit(plan_json(planned))
    else:
        print(describe_plan(planned, commands=options.verbose))
    return OK


# --- probe ----------------------------------------------------------------------------------


def media_json(media: MediaInfo) -> dict[str, Any]:
    """A probe's result, with the frame index (a film has thousands of keyframes) in short."""
    short = None
    if media.index is not None:
        short = {
            "frames": media.index.count,
            "keyframes": len(media.index.keyframes),
            "constant_rate": len(media.index.runs) <= 1,
        }
    return media.model_dump(mode="json", exclude={"index"}) | {"index": short}


def describe_media(media: MediaInfo) -> str:
    """A probe's result as text: the container, then a line per stream."""
    from framefleet.cli.figures import size

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
        kind = "constant" if len(media.index.runs) <= 1 else "variable"
        lines.append(f"{media.index.count} frames at a {kind} rate, {len(media.index.keyframes)} keyframes")
    return "\n".join(lines)


def _codec(codec: str, profile: str | None) -> str:
    return f"{codec} ({profile})" if profile else codec


def _joined(*parts: str) -> str:
    return ", ".join(filter(None, parts))


# --- plan -----------------------------------------------------------------------------------


def plan_json(planned: PlannedTask) -> dict[str, Any]:
    """A plan with its commands as argument lists."""
    subtasks = [
        {
            "n": s.n,
            "kind": s.kind.value,
            "tag": s.tag.value,
            "needs": list(s.needs),
            "label": s.label,
            "weight": round(s.weight, 3),
            "commands": planned.commands.get(s.n, []),
        }
        for s in planned.plan.subtasks
    ]
    targets = {name: list(numbers) for name, numbers in planned.plan.targets.items()}
    return {"duration": float(planned.plan.duration), "targets": targets, "subtasks": subtasks}


def describe_plan(planned: PlannedTask, *, commands: bool) -> str:
    """A plan as text: a line per subtask; with `commands` what FFmpeg gets, ready to be copied."""
    subtasks = planned.plan.subtasks
    rows = [(str(s.n), s.kind, s.tag, f"{s.weight:.1f}", _numbers(s.needs), s.label) for s in subtasks]
    lines = [table(rows, ("N", "KIND", "TAG", "CPU S", "NEEDS", "WHAT"))]
    total = sum(s.weight for s in subtasks)
    lines.append(
        f"{len(subtasks)} subtasks for {float(planned.plan.duration):.3f} s of film, about {total:.0f} CPU seconds"
    )
    for subtask in subtasks if commands else ():
        for argv in planned.commands.get(subtask.n, []):
            lines += ["", f"# {subtask.n}: {subtask.kind} {subtask.label}", shlex.join(argv)]
    return "\n".join(lines)


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
