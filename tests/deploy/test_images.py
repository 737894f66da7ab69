"""The Dockerfile, as far as it can be judged without building it; `make rehearse` builds it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from framefleet.settings import SchedulerSettings, WorkerSettings, load
from tests.deploy.dockerfile import DOCKERFILE, ROOT, entry_point, environment, lineage, setting, stages

IMAGES = ("scheduler", "worker-cpu", "worker-gpu")
IN_IMAGES = ("scheduler", "worker", "otel")
"""The extras."""
each_image = pytest.mark.parametrize("image", IMAGES)


def pins() -> dict[str, str]:
    lines = (ROOT / "deploy" / "docker" / "constraints.txt").read_text("utf-8").splitlines()
    return {
        canonicalize_name(name): version
        for name, _, version in (line.partition("==") for line in lines if not line.startswith("#"))
    }


def test_hadolint_has_nothing_to_say() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True, timeout=120)

    assert (done.returncode, done.stdout) == (0, "")


@each_image
def test_an_image_runs_as_nobody_in_particular(image: str) -> None:
    assert setting(image, "USER") == "10001:10001"
    assert lineage(image)[-1].name == image


@each_image
def test_process_one_passes_signals_on(image: str) -> None:
    assert entry_point(image)[:2] == ["/usr/bin/tini", "--"]
    assert entry_point(image)[2] == ("framefleet-scheduler" if image == "scheduler" else "framefleet-worker")


@each_image
def test_health_is_asked_where_it_is_answered(image: str) -> None:
    kind: type[SchedulerSettings | WorkerSettings] = SchedulerSettings if image == "scheduler" else WorkerSettings
    variables = {name: value for name, value in environment(image).items() if name.startswith("FRAMEFLEET_")}

    settings, warnings = load(kind, variables)

    assert warnings == []
    assert settings.metrics_host == "0.0.0.0"
    assert f"127.0.0.1:{settings.metrics_port}/healthz" in setting(image, "HEALTHCHECK")
    assert str(settings.metrics_port) in setting(image, "EXPOSE").split()


@each_image
def test_an_image_says_what_it_is(image: str) -> None:
    labels = " ".join(rest for stage in lineage(image) for name, rest in stage.steps if name == "LABEL")

    for label in ("title", "version", "licenses", "description"):
        assert f"org.opencontainers.image.{label}=" in labels


def test_the_version_of_an_image_is_that_of_its_tag() -> None:
    done = subprocess.run(
        ["make", "-n", "images", "VERSION=1.2.3"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert "--build-arg VERSION=1.2.3 -t framefleet/$image:1.2.3" in done.stdout
    assert setting("worker-cpu", "ARG") == "VERSION"


def test_a_gpu_image_asks_for_the_encoder() -> None:
    assert "video" in environment("worker-gpu")["NVIDIA_DRIVER_CAPABILITIES"]


def test_the_base_is_pinned_and_there_is_one() -> None:
    assert re.search(r"^ARG BASE=debian:\d+\.\d+-slim$", DOCKERFILE.read_text("utf-8"), re.MULTILINE)
    known = stages()
    assert {stage.parent for stage in known.values()} - set(known) == {"${BASE}"}


def test_an_image_can_send_spans() -> None:
    steps = [rest for stage in stages().values() for name, rest in stage.steps if name == "RUN" and "*.whl" in rest]

    assert len(steps) == 2
    assert all(",otel]" in step for step in steps), "FRAMEFLEET_OTLP_ENDPOINT would end the process"


def test_the_tools_of_the_build_stay_behind() -> None:
    for image in IMAGES:
        installed = " ".join(rest for stage in lineage(image) for name, rest in stage.steps if name == "RUN")
        assert "python3-venv" not in installed
        assert installed.count("apt-get install") == installed.count("rm -rf /var/lib/apt/lists/*")


def test_the_context_has_what_is_copied_and_nothing_else() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")]
    copied = {
        rest.split()[0]
        for stage in stages().values()
        for name, rest in stage.steps
        if name == "COPY" and not rest.startswith("--from")
    }

    assert copied == set(allowed)


def test_everything_that_is_installed_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    waiting = [
        Requirement(one) for one in [*project["dependencies"], *(one for name in IN_IMAGES for one in extras[name])]
    ]
    found, seen = pins(), set()

    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        assert name in found, f"{name} has no pin: run deploy/docker/pin.sh"
        assert requirement.specifier.contains(found[name], prereleases=True), requirement
        if (name, frozenset(requirement.extras)) in seen:
            continue
        seen.add((name, frozenset(requirement.extras)))
        try:
            below = requires(requirement.name) or []
        except PackageNotFoundError:  # what only another version of Python needs
            continue
        # Debian's Python is another one than ours: what it needs differs.
        for text in below:
            one = Requirement(text)
            of_debian = {"python_version": "3.11", "python_full_version": "3.11.2", "sys_platform": "linux"}
            wanted = [{**of_debian, "extra": extra} for extra in ("", *requirement.extras)]
            if one.marker is None or any(one.marker.evaluate(dict(where)) for where in wanted):
                waiting.append(one)
    assert set(found) == {name for name, _ in seen}
