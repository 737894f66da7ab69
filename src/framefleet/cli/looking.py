"""`framefleet probe` and `plan` with --server: what the server's workers find. Files of this machine are sent there first."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from framefleet.cli.files import readable, send
from framefleet.cli.output import OK, CliError, emit, table
from framefleet.cli.reach import client

if TYPE_CHECKING:
    from framefleet.domain.preview import Figure, PlanView, TargetView


def probe(options: argparse.Namespace) -> int:
    """What is in a source."""
    from framefleet.cli.described import describe_media
    from framefleet.cli.remote import made
    from framefleet.domain.preview import MediaView

    with client(options) as server:
        source = options.source if "://" in options.source else str(send(server, readable(options.source))["uri"])
        answer = server.probe(source)
    answer.pop("frame", None)
    emit(answer) if options.json else print(describe_media(made(MediaView, answer)))
    return OK


def plan(options: argparse.Namespace) -> int:
    """What a request would become."""
    from framefleet.cli.remote import made
    from framefleet.cli.submission import for_server
    from framefleet.domain.preview import PlanView

    given = {"--slots": options.slots, "--verbose": options.verbose, "--templates": options.folder}
    for option in (name for name, value in given.items() if value):
        raise CliError("invalid_request", f"{option} does not go with --server", hint="It is about this machine.")
    with client(options) as server:
        answer = server.plan(for_server(options, server))
    emit(answer) if options.json else print(describe_view(made(PlanView, answer)))
    return OK


def describe_view(plan: PlanView) -> str:
    """A plan as text: its subtasks, what each target would be, what it may cost."""
    from framefleet.cli.described import subtask_table
    from framefleet.cli.figures import size, took

    rows = [row for target in plan.outputs for row in _rows(target)]
    cost = plan.estimate
    return "\n".join(
        [
            subtask_table(plan.subtasks),
            "",
            table(rows, ("TARGET", "MAKES", "SIZE", "HOW")),
            *(f"{target.name}: {warning}" for target in plan.outputs for warning in target.warnings),
            "",
            f"{len(plan.subtasks)} subtasks for {plan.duration:.3f} s of film",
            _figure("CPU time", cost.cpu_seconds, took),
            _figure("from first subtask to end", cost.wall_seconds, took),
            _figure("outputs", cost.output_bytes, lambda value: size(round(value))),
        ]
    )


def _rows(target: TargetView) -> list[tuple[str, ...]]:
    """A line for each rendition, sound track and sort of picture."""
    rows: list[tuple[str, ...]] = [
        (target.name, f"picture {one.name}", f"{one.width}x{one.height}", f"{one.encoder} {one.preset}".strip())
        for one in target.renditions
    ]
    rows += [
        (target.name, f"sound {one.language or ''}".strip(), f"{one.channels} ch", one.codec) for one in target.sound
    ]
    if target.pictures is not None:
        many = target.pictures
        rows.append((target.name, f"{many.count} pictures", f"{many.width}x{many.height}", many.format))
    return rows or [(target.name, target.kind, "", target.packaging or "")]


def _figure(what: str, figure: Figure, said: Any) -> str:
    value = "unknown" if figure.value is None else f"{said(figure.value)} ({figure.sure.replace('_', ' ')})"
    return f"{what}: {value}, {figure.basis}"
