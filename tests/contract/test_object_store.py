"""Every object store keeps the same promises: a directory, and S3 on a real server."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.s3 import S3Store
from framefleet.adapters.store_errors import StoreRefused
from framefleet.ports import ObjectStore
from tests.contract.stores import keys, open_s3, race
from tests.services import S3

CREATORS = 8


@pytest.fixture
def s3(s3_server: S3, s3_bucket: str) -> Iterator[S3Store]:
    store = open_s3(s3_server, s3_bucket)
    yield store
    store.close()


@pytest.fixture(params=["directory", "s3", "s3 with prefix"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "directory":
        return DirectoryStore(tmp_path / "store")
    s3: S3Store = request.getfixturevalue("s3")
    return s3 if request.param == "s3" else s3.sibling(s3.bucket, "some/folder")


# --- reading and writing ---------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5000])
def test_what_is_put_is_got(store: ObjectStore, data: bytes) -> None:
    store.put("tasks/1/request.json", data)

    assert store.get("tasks/1/request.json") == data


def test_put_replaces(store: ObjectStore) -> None:
    store.put("k", b"first")
    before = store.stat("k")
    store.put("k", b"other")  # as long as the first
    after = store.stat("k")

    assert store.get("k") == b"other"
    assert before is not None
    assert after is not None
    assert before.etag != after.etag


def test_what_is_not_there_is_none(store: ObjectStore, tmp_path: Path) -> None:
    assert store.get("missing") is None
    assert store.stat("missing") is None
    assert store.get("not/even/a/folder") is None
    assert not store.fetch("missing", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert keys(store) == []


@pytest.mark.parametrize(
    "key", ["ünï/cödé 文", "with space & + % ? #.txt", "a=b;c@d!'()*~$,:[x]", "deep/" * 20 + "end"]
)
def test_keys_are_any_text(store: ObjectStore, key: str) -> None:
    store.put(key, b"1")

    assert store.get(key) == b"1"
    assert keys(store) == [key]
    store.delete([key])
    assert store.get(key) is None


@pytest.mark.parametrize("key", ["../up", "a/../../up", "a/./b", "."])
def test_a_key_with_dots_is_refused(store: ObjectStore, key: str) -> None:
    for attempt in (lambda: store.put(key, b""), lambda: store.create(key, b""), lambda: store.get(key)):
        with pytest.raises(StoreRefused) as refused:
            attempt()
        assert refused.value.reason == "InvalidKey"


def test_stat_tells_size_time_and_key(store: ObjectStore) -> None:
    store.put("a/b", b"12345")

    info = store.stat("a/b")
    listed = next(iter(store.list("a/")))

    assert info is not None
    assert (info.key, info.bytes) == ("a/b", 5)
    assert info.modified.tzinfo is not None
    assert (listed.key, listed.bytes, listed.etag) == (info.key, info.bytes, info.etag)


def test_a_folder_is_no_object(store: ObjectStore, tmp_path: Path) -> None:
    store.put("a/b", b"1")

    assert store.get("a") is None
    assert store.stat("a") is None
    assert not store.fetch("a", tmp_path / "out")
    store.delete(["a"])
    assert store.get("a/b") == b"1"


# --- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1000, 40_000_000], ids=["empty", "small", "in parts"])
def test_files_go_up_and_come_down_whole(store: ObjectStore, tmp_path: Path, size: int) -> None:
    block = os.urandom(1_000_000)
    data = (block * (size // len(block) + 1))[:size]
    source = tmp_path / "source"
    source.write_bytes(data)

    store.put_file("out/film.mp4", source, "video/mp4")
    source.unlink()

    assert store.fetch("out/film.mp4", tmp_path / "new folder" / "back")
    assert hashlib.sha256((tmp_path / "new folder" / "back").read_bytes()).digest() == hashlib.sha256(data).digest()
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == ["back"]
    info = store.stat("out/film.mp4")
    assert info is not None
    assert info.bytes == size


def test_uploading_a_file_that_is_gone_says_so(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        store.put_file("k", tmp_path / "gone")
    assert keys(store) == []


def test_fetch_replaces_the_file(store: ObjectStore, tmp_path: Path) -> None:
    store.put("k", b"new")
    (tmp_path / "out").write_bytes(b"old and longer")

    assert store.fetch("k", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"new"


def test_the_url_can_be_read(store: ObjectStore) -> None:
    store.put("a folder/clip.mp4", b"0123456789")

    url = store.url("a folder/clip.mp4", 60)

    if url.startswith("/"):
        assert Path(url).read_bytes() == b"0123456789"
    else:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Range": "bytes=3-5"}), timeout=10) as answer:
            assert answer.read() == b"345"


# --- create ----------------------------------------------------------------------------------


def test_create_writes_once(store: ObjectStore) -> None:
    assert store.create("DONE", b"mine")
    assert not store.create("DONE", b"yours")
    assert store.get("DONE") == b"mine"


def test_create_does_not_replace_what_was_put(store: ObjectStore) -> None:
    store.put("k", b"")

    assert not store.create("k", b"new")
    assert store.get("k") == b""


def test_create_succeeds_again_after_a_delete(store: ObjectStore) -> None:
    store.create("k", b"1")
    store.delete(["k"])

    assert store.create("k", b"2")


@pytest.mark.parametrize("turn", range(3))
def test_of_concurrent_creators_exactly_one_wins(store: ObjectStore, turn: int) -> None:
    key = f"tasks/{turn}/DONE"
    results = race(CREATORS, lambda n: store.create(key, f"creator {n}".encode() * 1000))

    assert results.count(True) == 1
    assert store.get(key) == f"creator {results.index(True)}".encode() * 1000
    assert keys(store) == [key]


def test_the_self_test_passes_and_leaves_nothing(store: ObjectStore) -> None:
    assert isinstance(store, DirectoryStore | S3Store)
    store.self_test()

    assert keys(store) == []


# --- list and delete -------------------------------------------------------------------------


def test_list_is_recursive_ordered_and_by_prefix_not_folder(store: ObjectStore) -> None:
    for key in ["b", "a/2", "a/1", "a/10/x", "ab/1", "a/1x/y"]:
        store.put(key, b"")

    assert keys(store) == ["a/1", "a/10/x", "a/1x/y", "a/2", "ab/1", "b"]
    assert keys(store, "a/") == ["a/1", "a/10/x", "a/1x/y", "a/2"]
    assert keys(store, "a") == ["a/1", "a/10/x", "a/1x/y", "a/2", "ab/1"]
    assert keys(store, "a/1") == ["a/1", "a/10/x", "a/1x/y"]
    assert keys(store, "a/10/x") == ["a/10/x"]
    assert keys(store, "c/") == []


def test_list_goes_past_one_page(store: ObjectStore) -> None:
    names = [f"d/{n:04d}" for n in range(1100)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda key: store.put(key, b""), names))

    assert keys(store, "d/") == names
    store.delete(names)
    assert keys(store) == []


def test_delete_takes_what_is_not_there(store: ObjectStore) -> None:
    store.put("a/b/c", b"1")
    store.put("a/d", b"1")

    store.delete(["a/b/c", "missing", "a/d/below a file"])
    store.delete([])

    assert keys(store) == ["a/d"]


def test_delete_and_put_in_one_folder_do_not_disturb_each_other(store: ObjectStore) -> None:
    def work(n: int) -> bool:
        for turn in range(20):
            store.put(f"shared/folder/{n}", str(turn).encode())
            if store.get(f"shared/folder/{n}") != str(turn).encode():
                return False
            store.delete([f"shared/folder/{n}"])
        return True

    assert all(race(CREATORS, work))


# --- copies ----------------------------------------------------------------------------------


def test_a_copy_within_one_store(store: ObjectStore) -> None:
    store.put("a", b"bytes")

    assert store.copy_from(store, "a", "b/c")
    assert store.get("b/c") == b"bytes"
    assert store.get("a") == b"bytes"


def test_there_is_no_copy_of_nothing(store: ObjectStore) -> None:
    assert not store.copy_from(store, "missing", "b")
    assert keys(store) == []


def test_a_copy_from_another_kind_of_store_is_refused(store: ObjectStore, s3: S3Store, tmp_path: Path) -> None:
    other: ObjectStore = DirectoryStore(tmp_path / "other") if isinstance(store, S3Store) else s3
    other.put("a", b"bytes")

    assert not store.copy_from(other, "a", "b")
    assert store.get("b") is None
