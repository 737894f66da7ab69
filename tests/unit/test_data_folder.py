"""The folder of `framefleet serve`: who may look into it, and that no address leads there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from framefleet.domain.errors import DataUnusable
from framefleet.embedded.data import DataFolder
from framefleet.settings import SettingsError


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "srv/data")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_nobody_else_may_look_into_what_is_made(folder: DataFolder) -> None:
    before = os.umask(0)
    try:
        with folder.locked():
            assert [mode(path) for path in (folder.root, folder.store, folder.redis)] == [0o700] * 3
    finally:
        os.umask(before)


@pytest.mark.parametrize("taken", ["data", "data/store"])
def test_a_file_in_the_folder_s_place_is_told(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).parent.mkdir(exist_ok=True)
    (tmp_path / taken).write_bytes(b"a film")

    with pytest.raises(DataUnusable) as refused, DataFolder(tmp_path / "data").locked():
        pass

    assert refused.value.message == f"{tmp_path / taken} is not a folder"
    assert refused.value.hint_text == "Give a folder to --data."


def test_a_folder_has_a_seal_key_of_its_own_for_nobody_else(folder: DataFolder) -> None:
    before = os.umask(0)
    try:
        with folder.locked():
            key = folder.seal_key()
    finally:
        os.umask(before)

    assert mode(folder.root / "seal_key") == 0o600
    assert len(key) == 64
    assert DataFolder(folder.root).seal_key() == key
    assert sorted(path.name for path in folder.root.iterdir()) == ["lock", "redis", "seal_key", "store"]


def test_of_two_that_make_it_at_once_one_does(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.root.mkdir(parents=True)
    link, first = os.link, list[str]()

    def slower(*paths: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        first.append(folder.seal_key())
        link(*paths)

    monkeypatch.setattr(os, "link", slower)

    assert [folder.seal_key()] == first
    assert [path.name for path in folder.root.iterdir()] == ["seal_key"]


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40])
def test_a_seal_key_that_is_none_is_told(folder: DataFolder, content: bytes) -> None:
    folder.root.mkdir(parents=True)
    (folder.root / "seal_key").write_bytes(content)

    with pytest.raises(DataUnusable, match="has no seal key in it"):
        folder.seal_key()


def test_a_folder_in_which_none_can_be_made_is_told(folder: DataFolder) -> None:
    with pytest.raises(DataUnusable, match="seal_key: No such file"):
        folder.seal_key()


def test_a_folder_that_is_there_stays_as_it_is(folder: DataFolder) -> None:
    folder.root.mkdir(parents=True)
    folder.root.chmod(0o750)

    with folder.locked():
        assert (mode(folder.root), mode(folder.store)) == (0o750, 0o700)


@pytest.mark.parametrize(
    "name", [".", "srv", "srv/data", "srv/data/store", "srv/data/store/tasks", "srv/data/redis", "link"]
)
def test_no_address_leads_to_what_is_the_server_s_own(folder: DataFolder, tmp_path: Path, name: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "srv")

    with pytest.raises(SettingsError, match="must not be allowed for addresses"):
        folder.keep_apart([tmp_path / "films", tmp_path / name])


def test_a_data_folder_that_is_a_link_is_known_by_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")

    with pytest.raises(SettingsError):
        DataFolder(tmp_path / "data").keep_apart([tmp_path / "disk"])


def test_other_folders_may_be_allowed(folder: DataFolder, tmp_path: Path) -> None:
    folder.keep_apart(
        [tmp_path / "films", folder.outputs, tmp_path / "srv/data-of-others", tmp_path / "srv/data/storeroom"]
    )
