"""What is printed about runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.judge import INVARIANTS, Verdict
from tests.chaos.runner import Run


@dataclass(frozen=True)
class SeedReport:
    """One seed."""

    seed: int
    seconds: float
    run: Run
    verdict: Verdict
    folder: str


def text(reports: Sequence[SeedReport]) -> str:
    """Seeds, faults by kind and moment, the table of invariants, the cost."""
    lines = [
        "",
        "seed  seconds  tasks  faults  placed  succeeded  failed  canceled  identical  wasted CPU s  silent  verdict",
    ]
    for r in reports:
        o, faults = r.verdict.outcomes, r.run.told.faults
        placed = sum(1 for _, moment, met in faults if met and moment != "any time")
        lines.append(
            f"{r.seed:4d}{r.seconds:9.0f}{len(r.run.told.tasks):7d}{len(faults):8d}{placed:8d}{o['succeeded']:11d}"
            f"{o['failed']:8d}{o['canceled']:10d}{r.verdict.identical:11d}{r.verdict.wasted_cpu:14.1f}{r.verdict.silent:8d}"
            f"  {'holds' if r.verdict.holds else 'VIOLATED'}"
        )
    kinds = Counter(fault for r in reports for fault, _, _ in r.run.told.faults)
    lines += ["", "faults by kind"] + [f"  {number:4d}  {kind}" for kind, number in kinds.most_common()]
    left_out = Counter(fault for r in reports for fault in r.run.left_out)
    lines += [f"   ---  {kind} (left out of {number} seeds)" for kind, number in sorted(left_out.items())]
    moments = Counter(m if met else f"{m} (not met in time)" for r in reports for _, m, met in r.run.told.faults)
    lines += ["", "faults by moment"] + [f"  {number:4d}  {moment}" for moment, number in moments.most_common()]
    verbs = sum((r.verdict.verbs for r in reports), Counter())
    lines += ["", "confirmed to the operator"] + [f"  {number:4d}  {verb}" for verb, number in verbs.most_common()]
    if reused := sum(r.verdict.reused for r in reports):
        lines += ["", f"{reused} subtasks took over finished work"]
    lines += ["", f"{sum(r.verdict.calls for r in reports)} calls of webhooks"]
    lines += ["", "invariants"]
    for name, meaning in INVARIANTS.items():
        found = [v for r in reports for v in r.verdict.violations[name]]
        lines.append(f"  {'ok ' if not found else f'{len(found)} x'}  {name}: {meaning}")
        lines += [f"         {what}" for what in found[:20]]
    useful = sum(r.verdict.useful_cpu for r in reports)
    wasted = sum(r.verdict.wasted_cpu for r in reports)
    silent, silent_cpu = sum(r.verdict.silent for r in reports), sum(r.verdict.silent_cpu for r in reports)
    lines += [
        "",
        f"FFmpeg's CPU: {useful:.1f} s in attempts that succeeded, {wasted:.1f} s in attempts that said that they did not;",
        f"{silent} attempts died without a word, with at most {silent_cpu:.1f} s.",
    ]
    bad = [r for r in reports if not r.verdict.holds]
    lines += [f"seed {r.seed} is to be seen again with --seeds {r.seed}; its logs are in {r.folder}" for r in bad]
    return "\n".join(lines)
