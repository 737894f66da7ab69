"""`framefleet templates`, and one's own templates in `run`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from framefleet.cli import request
from framefleet.cli.main import main
from framefleet.domain.errors import FramefleetError
from framefleet.domain.template import resolve

DOCUMENT = "base: snapshot\ndescription: Five stills\ncount: 5\n"


@pytest.fixture(autouse=True)
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Whoever runs the tests has no templates of their own."""
    folder = tmp_path / "config"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    monkeypatch.delenv("FRAMEFLEET_S3_ENDPOINT", raising=False)
    return folder


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "stills.yaml"
    path.write_text(DOCUMENT)
    return str(path)


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    """What a command prints as JSON."""
    main([*argv, "--json"])
    return json.loads(capsys.readouterr().out)


def test_the_templates_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["templates"]) == 0
    assert "hls-h264" in capsys.readouterr().out

    assert main(["templates", "show", "sprite"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == resolve("sprite").model_dump(mode="json")

    assert main(["templates", "show", "nope"]) == 2
    assert "[unknown_template]" in capsys.readouterr().err


def test_json_may_stand_before_or_after_the_action(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["templates", "--json", "show", "sprite"], ["templates", "show", "--json", "sprite"]):
        assert main(argv) == 0
        assert json.loads(capsys.readouterr().out)["columns"] == 10


def test_a_template_is_created_updated_and_deleted(config: Path, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "templates", "create", "stills", file)["version"] == 1
    assert said(capsys, "templates", "update", "stills", file, "--if-version", "1")["version"] == 2
    assert said(capsys, "templates", "show", "stills@1")["count"] == 5
    assert [v["version"] for v in said(capsys, "templates", "versions", "stills")] == [1, 2]
    assert {"name": "stills", "kind": "snapshot", "description": "Five stills", "version": 2} in said(
        capsys, "templates"
    )
    assert (
        said(capsys, "templates", "update", "stills", file, "--if-version", "1")["error"]["code"] == "template_changed"
    )
    assert said(capsys, "templates", "create", "stills", file)["error"]["code"] == "template_exists"
    assert (config / "framefleet/templates/stills/000002.json").exists()

    assert main(["templates", "delete", "stills"]) == 0
    assert main(["templates", "show", "stills"]) == 2


def test_another_folder_can_be_used(
    tmp_path: Path, file: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "team")

    assert main(["templates", "create", "stills", file, "--templates", folder]) == 0
    assert main(["templates", "--templates", folder, "show", "stills"]) == 0
    assert main(["templates", "show", "stills"]) == 2
    assert not config.exists()
    assert main(["templates", "--templates", file]) == 2


def test_a_file_can_be_shown_before_it_is_created(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "templates", "show", file)["count"] == 5


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("kind: snapshot\ncuont: 5\n", "unknown_field", "cuont"),
        ("kind: [", "invalid_template", None),
        ("just text", "invalid_template", None),
        ("base: nope", "unknown_template", "base"),
        (None, "invalid_template", None),
    ],
)
def test_a_bad_file_is_refused(
    text: str | None, code: str, field: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.yaml"
    if text is not None:
        path.write_text(text)

    error = said(capsys, "templates", "create", "bad", str(path))["error"]

    assert (code, field) == (error["code"], error["field"])


# --- in requests ----------------------------------------------------------------------------


def build(*templates: str, settings: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    made = request.build(["a.mov"], templates, Path("/out"), name="film", settings=settings)
    return list(made["targets"])


def test_a_run_can_take_a_template_from_a_file(file: str) -> None:
    (target,) = build(file, settings=("format=png", "stills:count=6"))

    assert target["name"] == "stills"
    assert target["template"] is None
    assert target["uri"] == "file:///out/film-stills_{index:03d}.png"
    assert target["overrides"] == {
        "kind": "snapshot", "description": "Five stills", "count": 6, "format": "png"
    }  # fmt: skip


def test_two_files_of_one_name_are_refused(tmp_path: Path, file: str) -> None:
    other = tmp_path / "more" / "stills.yaml"
    other.parent.mkdir()
    other.write_text(DOCUMENT)

    assert len(build(file, file)) == 1
    with pytest.raises(FramefleetError, match="two templates are called stills"):
        build(file, str(other))


def test_a_mistake_in_a_file_is_told_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("base: mp4-h264-360p\nvideo: {crf: 99}\n")

    with pytest.raises(FramefleetError) as caught:
        build(str(path))

    assert caught.value.message.startswith(f"{path}.video.crf must be a number from 0 to 63")


def test_a_version_in_a_name_is_part_of_the_outputs_name(file: str, config: Path) -> None:
    from framefleet.templates import open_registry, user_folder

    assert main(["templates", "create", "stills", file]) == 0
    with open_registry(None, user_folder({"XDG_CONFIG_HOME": str(config)})) as known:  # type: ignore[arg-type]
        made = request.build(["a.mov"], ["stills@1", "stills"], Path("/out"), name="film", known=known)

    assert [(t["name"], t["template"]) for t in made["targets"]] == [("stills-1", "stills@1"), ("stills", "stills")]
