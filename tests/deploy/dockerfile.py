"""A Dockerfile as stages of instructions, as far as ours goes. Runs nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"


@dataclass
class Stage:
    """One FROM and what follows it."""

    name: str
    parent: str
    steps: list[tuple[str, str]] = field(default_factory=list)
    """(instruction, rest), in order."""

    def last(self, instruction: str) -> str | None:
        """The rest of the last one of a kind."""
        return next((rest for name, rest in reversed(self.steps) if name == instruction), None)


def stages(path: Path = DOCKERFILE) -> dict[str, Stage]:
    """By name, in order."""
    text = "\n".join(line for line in path.read_text("utf-8").splitlines() if not line.lstrip().startswith("#"))
    found: dict[str, Stage] = {}
    stage: Stage | None = None
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        instruction, _, rest = line.strip().partition(" ")
        if instruction == "FROM":
            parent, _, name = rest.partition(" AS ")
            stage = found[name] = Stage(name, parent)
        elif instruction and stage is not None:
            stage.steps.append((instruction, rest.strip()))
    return found


def lineage(name: str) -> list[Stage]:
    """A stage and those it is made on, the first one first."""
    known = stages()
    line = [known[name]]
    while line[0].parent in known:
        line.insert(0, known[line[0].parent])
    return line


def environment(name: str) -> dict[str, str]:
    """What an image sets."""
    made: dict[str, str] = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    for stage in lineage(name):
        for instruction, rest in stage.steps:
            if instruction == "ENV":
                for variable, value in re.findall(r'(\w+)=("[^"]*"|\S+)', rest):
                    made[variable] = value.strip('"').replace("$PATH", made["PATH"])
    return made


def setting(name: str, instruction: str) -> str:
    """The one in force in an image."""
    return next(rest for stage in reversed(lineage(name)) if (rest := stage.last(instruction)) is not None)


def entry_point(name: str) -> list[str]:
    """What an image starts."""
    made: list[str] = json.loads(setting(name, "ENTRYPOINT"))
    return made
