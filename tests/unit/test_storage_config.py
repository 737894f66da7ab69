"""Named storages come from a file; its mistakes are told, its secrets are not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from framefleet.adapters.storage_config import DirectoryConfig, S3Config, load_storages
from framefleet.adapters.storages import SourceAccess, Storages
from framefleet.domain.address import parse
from framefleet_scheduler.api.storages import _fixed

ARCHIVE: dict[str, Any] = {
    "kind": "s3",
    "endpoint": "https://s3.example:9000",
    "bucket": "archive",
    "access_key_env": "ARCHIVE_KEY",
    "secret_key_env": "ARCHIVE_SECRET",
}
ENVIRON = {"ARCHIVE_KEY": "key", "ARCHIVE_SECRET": "hidden"}


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_storages_are_read_from_a_file(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"storages.{form}"
    if form == "json":
        path.write_text(json.dumps({"archive": ARCHIVE, "nas": {"kind": "directory", "root": "/mnt/nas"}}))
    else:
        lines = "".join(f"  {name}: {value}\n" for name, value in ARCHIVE.items())
        path.write_text(f"# ours\narchive:\n{lines}nas: {{kind: directory, root: /mnt/nas}}\n")

    found = load_storages(path, ENVIRON)

    archive = found["archive"]
    assert isinstance(archive, S3Config)
    assert (archive.endpoint, archive.secure) == ("s3.example:9000", True)
    assert archive.credentials(ENVIRON) == ("key", "hidden")
    assert found["nas"] == DirectoryConfig(kind="directory", root=Path("/mnt/nas"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"archive": {**ARCHIVE, "bukket": "hidden"}}, "bukket"),
        ({"archive": {**ARCHIVE, "kind": "ftp"}}, "archive"),
        ({"archive": {**ARCHIVE, "bucket": None}}, "bucket"),
        ({"archive": {**ARCHIVE, "endpoint": "host/hidden"}}, "endpoint"),
        ({"archive": {**ARCHIVE, "secret_key": "hidden"}}, "secret_key_env"),
        ({"archive": {**ARCHIVE, "secret_key_env": None}}, "secret key"),
        ({"archive": {**ARCHIVE, "secret_key_env": "NOT_THERE"}}, "NOT_THERE"),
        ({"archive": {**ARCHIVE, "secret_key_env": None, "secret_key": ["hidden"]}}, "secret_key"),
        ({"a/b": ARCHIVE}, "a/b"),
        ({"nas": {"kind": "directory", "root": "mnt"}}, "absolute"),
        (["hidden"], "dictionary"),
    ],
)
def test_a_mistake_in_the_file_is_told_without_its_secrets(tmp_path: Path, content: object, told: str) -> None:
    path = tmp_path / "storages.json"
    path.write_text(json.dumps(content))

    with pytest.raises(ValueError, match=told) as raised:
        load_storages(path, ENVIRON)

    assert str(path) in str(raised.value)
    assert "hidden" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file"):
        load_storages(tmp_path / "missing.yaml")
    (tmp_path / "bad.yaml").write_text("a: [hidden\n")
    with pytest.raises(ValueError, match="not YAML") as raised:
        load_storages(tmp_path / "bad.yaml")
    assert "hidden" not in str(raised.value)
    (tmp_path / "empty.yaml").write_text("")
    assert load_storages(tmp_path / "empty.yaml") == {}


def test_a_missing_variable_is_found_at_the_start() -> None:
    broken = S3Config(endpoint="host", access_key_env="NOT_THERE", secret_key_env="NOT_THERE")

    with pytest.raises(ValueError, match="NOT_THERE"):
        Storages(None, {"archive": broken}, [])


def test_secrets_are_not_printed() -> None:
    config = S3Config.model_validate({"endpoint": "host", "access_key": "key", "secret_key": "hidden"})
    storages = Storages(config, {}, [])
    place = storages.locate(parse("s3://bucket/a"))

    for text in (repr(config), str(config.model_dump()), config.model_dump_json(), repr(place), repr(storages)):
        assert "hidden" not in text


def test_a_presigned_address_is_not_printed() -> None:
    access = SourceAccess("http://host/a?X-Amz-Signature=hidden", 1, "x")

    assert "hidden" not in repr(access)
    assert replace(access, bytes=2).url == access.url


def test_what_the_api_shows_of_the_operators_storages_has_no_keys() -> None:
    named = S3Config.model_validate(ARCHIVE)
    given = S3Config.model_validate(
        {"endpoint": "s3.example", "bucket": "films", "access_key": "hidden-key", "secret_key": "hidden"}
    )

    shown = [_fixed("archive", config).model_dump_json() for config in (named, given)]

    assert all('"bucket":' in text and "s3.example" in text for text in shown)
    assert not any(word in text for text in shown for word in ("hidden", "ARCHIVE_KEY", "ARCHIVE_SECRET", "***"))
