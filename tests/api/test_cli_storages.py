"""`framefleet storages` to the work bucket and over HTTP: the same output and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framefleet.cli.main import main
from tests.api import test_cli_over_http
from tests.api.conftest import Api
from tests.api.test_cli_over_http import Ask

way = test_cli_over_http.way
ask = test_cli_over_http.ask


@pytest.fixture(autouse=True)
def roots(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.allowed.mkdir()
    monkeypatch.setenv("FRAMEFLEET_STORAGE_ROOTS", str(api.allowed))


def file(tmp_path: Path, **settings: object) -> str:
    path = tmp_path / "settings.yaml"
    path.write_text(json.dumps(settings))
    return str(path)


def test_they_are_set_shown_tried_and_deleted(
    api: Api, ask: Ask, way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    films, others = f"{api.allowed}/films", f"{api.allowed}/others"

    made = ask("storages", "set", "films", file(tmp_path, kind="directory", root=films))
    changed = ask("storages", "set", "films", file(tmp_path, kind="directory", root=others), "--if-version", "1")

    assert set(made) == {"name", "version", "changed_at", "settings", "kind"}
    assert (made["version"], changed["version"], changed["settings"]["root"]) == (1, 2, others)
    assert ask("storages", "show", "films") == changed
    assert ask("storages")[0] == changed
    assert ask("storages", "check", "films")["ok"]
    assert main(["storages"]) == 0
    text = capsys.readouterr().out
    lines = [line.split() for line in text.splitlines()]
    assert ["films", "directory", "2", others] in lines
    assert ["uploads", "built", "in", "-", "only", "read"] in lines
    assert ("out directory - set by the operator" in " ".join(text.split())) is (way == "http")
    assert main(["storages", "show", "films"]) == 0
    assert capsys.readouterr().out == f"# films, version 2\nkind: directory\nroot: {others}\n"
    assert ask("storages", "delete", "films", "--if-version", "1", code=2)["error"]["code"] == "storage_changed"
    assert ask("storages", "delete", "films") == {"name": "films", "deleted": True}
    assert ask("storages", "show", "films", code=2)["error"]["code"] == "unknown_storage"
    assert [entry["what"] for entry in ask("audit", "--limit", "3")] == [
        "storage.delete",
        "storage.change",
        "storage.change",
    ]


def test_what_cannot_be_is_refused_alike(ask: Ask, tmp_path: Path) -> None:
    outside = file(tmp_path, kind="directory", root="/etc")

    assert ask("storages", "set", "films", outside, code=2)["error"]["code"] == "invalid_storage"
    assert ask("storages", "set", "uploads", outside, code=2)["error"]["code"] == "storage_fixed"
    assert ask("storages", "set", "films", str(tmp_path / "none"), code=2)["error"]["code"] == "invalid_storage"
    assert ask("storages", "check", "films", code=2)["error"]["code"] == "unknown_storage"
    assert ask("storages", "set", "a b", outside, code=2)["error"]["code"] in {"invalid_storage", "invalid_request"}


def test_the_operator_s_and_the_built_in_ones_are_treated_alike(
    api: Api, ask: Ask, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # What the server has; the command line of a machine has it from there.
    monkeypatch.setenv("FRAMEFLEET_STORAGES", file(tmp_path, out={"kind": "directory", "root": str(api.out)}))
    api.desk.storage_registry.put("out", {"kind": "directory", "root": f"{api.allowed}/hidden"})

    assert ask("storages", "show", "out") == {"name": "out", "kind": "directory", "version": None}
    assert ask("storages", "show", "uploads") == {"name": "uploads", "kind": "built_in", "version": None}
    assert ask("storages") == [{"name": "out", "kind": "directory", "version": None}]
    assert main(["storages", "show", "out"]) == 0
    assert capsys.readouterr().out == f"# out, not set here\nkind: directory\nroot: {api.out}\n"
    for verb, name in [("delete", "out"), ("delete", "uploads"), ("check", "samples")]:
        assert ask("storages", verb, name, code=2)["error"]["code"] == "storage_fixed", (verb, name)
    assert api.desk.storage_registry.get("out").version == 1
    assert ask("storages", "check", "out")["ok"]
