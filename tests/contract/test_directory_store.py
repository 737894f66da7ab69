"""What a directory as an object store promises beyond the port: paths, links, full disks, killed writers."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.store_errors import StoreRefused
from framefleet.domain.errors import DiskFull, UnsafeStore
from tests.contract.stores import keys


@pytest.fixture
def directory(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


def everything(directory: DirectoryStore) -> list[str]:
    return sorted(str(p.relative_to(directory.root)) for p in directory.root.rglob("*"))


@pytest.mark.parametrize("key", ["", "/etc/passwd", "a//b", "a/", "..", "a\0b", "x.ff-part", "\udce4"])
def test_directory_refuses_keys_that_are_no_relative_path(directory: DirectoryStore, key: str) -> None:
    with pytest.raises(StoreRefused):
        directory.put(key, b"")
    with pytest.raises(StoreRefused):
        directory.url(key, 1)


def test_directory_does_not_follow_links_out(directory: DirectoryStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    directory.put("inside", b"1")
    (directory.root / "file").symlink_to(tmp_path / "secret")
    (directory.root / "folder").symlink_to(tmp_path)
    (directory.root / "alias").symlink_to(directory.root / "inside")

    for key in ["file", "folder/secret"]:
        for attempt in (
            directory.get,
            directory.stat,
            lambda k: directory.put(k, b""),
            lambda k: directory.create(k, b""),
        ):
            with pytest.raises(StoreRefused) as refused:
                attempt(key)
            assert refused.value.reason == "AddressNotAllowed"
    with pytest.raises(StoreRefused):
        directory.delete(["folder/secret"])
    assert keys(directory) == ["alias", "inside"]
    assert (tmp_path / "secret").read_text() == "s"

    directory.delete(["file"])
    assert not (directory.root / "file").is_symlink()
    assert (tmp_path / "secret").exists()


def test_directory_lists_in_order_of_keys_not_of_names(directory: DirectoryStore) -> None:
    for key in ["a/b", "a.b", "a-b", "a0"]:
        directory.put(key, b"")

    assert keys(directory) == ["a-b", "a.b", "a/b", "a0"]


def test_directory_removes_the_folders_that_delete_empties(directory: DirectoryStore) -> None:
    directory.put("a/b/c", b"")
    directory.put("a/d", b"")

    directory.delete(["a/b/c"])
    assert everything(directory) == ["a", "a/d"]
    directory.delete(["a/d"])
    assert everything(directory) == []


def test_directory_keeps_empty_folders_that_are_not_its_own(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, prune=False)
    store.put("mine/out.mp4", b"")

    store.delete(["mine/out.mp4"])

    assert (tmp_path / "mine").is_dir()


def test_directory_refuses_a_file_where_a_folder_is_and_the_other_way_round(directory: DirectoryStore) -> None:
    directory.put("a/b", b"1")

    for key in ["a", "a/b/c"]:
        for attempt in (directory.put, directory.create):
            with pytest.raises(StoreRefused) as refused:
                attempt(key, b"")
            assert refused.value.reason == "KeyConflict"
    assert everything(directory) == ["a", "a/b"]


def test_directory_takes_a_name_that_is_too_long_for_a_bad_key(directory: DirectoryStore) -> None:
    with pytest.raises(StoreRefused) as refused:
        directory.put("x" * 300, b"")
    assert refused.value.reason == "InvalidKey"
    assert everything(directory) == []


def test_directory_does_not_open_pipes(directory: DirectoryStore) -> None:
    directory.root.mkdir()
    os.mkfifo(directory.root / "pipe")

    assert directory.get("pipe") is None
    assert keys(directory) == []


def test_directory_reports_a_full_disk_and_leaves_nothing(
    directory: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    for attempt in (directory.put, directory.create):
        with pytest.raises(DiskFull):
            attempt("a/b", b"1")
    assert keys(directory) == []
    assert [name for name in everything(directory) if name != "a"] == []


def test_directory_is_unsafe_where_there_are_no_hard_links(
    directory: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)

    with pytest.raises(UnsafeStore):
        directory.self_test()


def test_directory_shows_nothing_of_a_killed_writer_and_cleans_it(directory: DirectoryStore) -> None:
    script = f"""
import os, pathlib, signal
from framefleet.adapters.directory import DirectoryStore
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
DirectoryStore(pathlib.Path({str(directory.root)!r})).put("a/b", b"half")
"""
    killed = subprocess.run([sys.executable, "-c", script], check=False)

    assert killed.returncode == -9
    assert len(everything(directory)) == 2
    assert keys(directory) == []
    assert directory.clean() == 0, "a file of today may be another process's"
    assert directory.clean("a/", older_s=-1, recursive=False) == 1
    assert everything(directory) == ["a"]


def test_directory_writes_files_others_may_read(directory: DirectoryStore) -> None:
    before = os.umask(0o022)
    try:
        directory.put("k", b"")
    finally:
        os.umask(before)

    assert stat.S_IMODE((directory.root / "k").stat().st_mode) == 0o644


def test_directory_copies_are_independent_of_their_original(directory: DirectoryStore, tmp_path: Path) -> None:
    other = DirectoryStore(tmp_path / "other")
    other.put("a", b"original" * 100_000)

    assert directory.copy_from(other, "a", "b")
    with (directory.root / "b").open("r+b") as copy:
        copy.write(b"EDITED")

    assert other.get("a") == b"original" * 100_000
