"""Runbooks: what they tell a person to type exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from framefleet.cli.main import main
from framefleet.settings import ALL
from tests.monitoring.rules import ROOT, RUNBOOKS, unknown_metrics

PAGES = sorted(RUNBOOKS.glob("*.md"))
ALERT_PAGES = [page for page in PAGES if page.name != "README.md"]
SETTINGS = {f"FRAMEFLEET_{name.upper()}" for kind in ALL for name in kind.model_fields}


def commands(page: Path) -> list[str]:
    """Command lines of `framefleet` in blocks and in the text."""
    text = page.read_text("utf-8")
    blocks = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    inline = re.findall(r"`(framefleet [^`]*)`", text)
    return [line for line in [*blocks, *inline] if line.startswith("framefleet ")]


def test_there_are_pages_and_commands() -> None:
    assert len(ALERT_PAGES) > 10
    assert {c.split()[1] for page in PAGES for c in commands(page)} >= {"explain", "workers", "doctor", "drain"}


@pytest.mark.parametrize("page", ALERT_PAGES, ids=lambda page: page.stem)
def test_a_page_says_what_it_means_how_to_see_it_and_what_to_do(page: Path) -> None:
    assert re.findall(r"^## (.*)$", page.read_text("utf-8"), re.MULTILINE) == [
        "What it means",
        "How to see it",
        "What to do",
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_commands_exist_and_take_the_options_it_shows(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in commands(page):
        verbs = re.findall(r"^framefleet ((?:[a-z]+ ?)+)", command)[0].split()
        with pytest.raises(SystemExit) as ended:
            main([*verbs, "--help"])
        shown = capsys.readouterr().out

        assert ended.value.code == 0, command
        assert [o for o in re.findall(r"--[a-z-]+", command) if o not in shown] == [], command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_queries_settings_and_links_are_real(page: Path) -> None:
    text = page.read_text("utf-8")
    queries = re.findall(r"```promql\n(.*?)```", text, re.DOTALL)
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text)]

    assert {metric for query in queries for metric in unknown_metrics(query)} == set()
    assert {name for name in re.findall(r"FRAMEFLEET_[A-Z0-9_]+", text) if name not in SETTINGS} == set()
    assert [link for link in links if not (page.parent / link).exists()] == []
    assert [path for path in re.findall(r"`(deploy/[^`]+)`", text) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_log_lines_it_names_are_documented(page: Path) -> None:
    documented = (ROOT / "docs/events.md").read_text("utf-8")
    named = re.findall(
        r"`((?:slot|lease|subtask|loop|advance|rebuild|broker|redis|store|scheduler|worker)\.[a-z_]+)`",
        page.read_text("utf-8"),
    )

    assert [name for name in named if f"`{name}`" not in documented] == []
