"""The command line, as somebody with a key of the server runs it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from framefleet.cli.main import main
from framefleet.domain.access import Role
from tests.api.conftest import Api


@pytest.fixture
def server(api: Api, live_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server that is meant, with a producer's key."""
    monkeypatch.setenv("FRAMEFLEET_SERVER", live_url)
    monkeypatch.setenv("FRAMEFLEET_KEY", ":".join(api.key(Role.PRODUCER)))
    return live_url


def said(capsys: pytest.CaptureFixture[str], *command: str, code: int = 0) -> Any:
    """What a command prints under --json, and that it ends with this code."""
    capsys.readouterr()
    assert main([*command, "--json"]) == code
    return json.loads(capsys.readouterr().out)
