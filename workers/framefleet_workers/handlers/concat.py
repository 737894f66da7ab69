"""concat: join a target's parts, package, verify, publish."""

from __future__ import annotations

from framefleet.domain.records import PublishedOutput
from framefleet.domain.subtask import ConcatSpec, FilePackage, LadderPackage, RemuxPackage
from framefleet_workers.handlers import join, ladder, remux
from framefleet_workers.work import Work


def handle(work: Work, spec: ConcatSpec) -> PublishedOutput:
    """Do what the target's package asks for."""
    match spec.package:
        case FilePackage():
            return join.handle(work, spec, spec.package)
        case LadderPackage():
            return ladder.handle(work, spec, spec.package)
        case RemuxPackage():
            return remux.handle(work, spec, spec.package)
