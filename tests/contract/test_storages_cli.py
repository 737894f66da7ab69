"""`framefleet storages` over the folder of a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from framefleet.adapters.directory import DirectoryStore
from framefleet.cli.main import main
from framefleet.storage_registry import StorageRegistry

SETTINGS = "endpoint: http://10.0.0.7:9000\nbucket: films\nkind: s3\ncredentials: films\n"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data" / "store").mkdir(parents=True)
    (tmp_path / "films.yaml").write_text(SETTINGS)
    (tmp_path / "nas.yaml").write_text(f"kind: directory\nroot: {tmp_path}/allowed/nas\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRAMEFLEET_STORAGE_ROOTS", f"{tmp_path}/allowed")
    return tmp_path / "data"


def said(capsys: pytest.CaptureFixture[str], data: Path, *args: str, code: int = 0) -> Any:
    assert main(["storages", *args, "--data", str(data), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_storage_is_set_shown_changed_and_deleted(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, data, "set", "films", "films.yaml")["version"] == 1
    assert said(capsys, data, "set", "films", "films.yaml", "--if-version", "1")["version"] == 2
    assert (
        said(capsys, data, "set", "films", "films.yaml", "--if-version", "1", code=2)["error"]["code"]
        == "storage_changed"
    )
    assert said(capsys, data, "show", "films")["settings"]["endpoint"] == "10.0.0.7:9000"
    assert StorageRegistry(DirectoryStore(data / "store")).get("films").version == 2
    assert [s["name"] for s in said(capsys, data)] == ["films", "outputs"]
    said(capsys, data, "delete", "films")
    assert said(capsys, data, "show", "films", code=2)["error"]["code"] == "unknown_storage"


def test_a_check_tells_by_its_exit_code(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, data, "set", "films", "films.yaml")
    said(capsys, data, "set", "nas", "nas.yaml")
    (data.parent / "allowed").mkdir()

    assert said(capsys, data, "check", "nas")["ok"]
    assert said(capsys, data, "check", "outputs")["ok"]
    assert said(capsys, data, "check", "films", code=1)["error"]["code"] == "storage_unusable"


def test_what_may_not_be_is_refused(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAMEFLEET_STORAGE_ROOTS", "")

    assert said(capsys, data, "set", "nas", "nas.yaml", code=2)["error"]["code"] == "invalid_storage"
    assert said(capsys, data, "set", "uploads", "films.yaml", code=2)["error"]["code"] == "storage_fixed"
    assert said(capsys, data, "set", "films", "missing.yaml", code=2)["error"]["code"] == "invalid_storage"
    assert said(capsys, data.parent, "show", "films", code=2)["error"]["code"] == "not_configured"
