"""Every object store keeps the same promises: a directory, and S3 on a real server."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.s3 import S3Store
from framefleet.adapters.store_errors import StoreRefused
from framefleet.domain.errors import DiskFull, StoreUnavailable, UnsafeStore
from framefleet.ports import ObjectStore
from tests.services import S3

CREATORS = 8


def open_s3(server: S3, bucket: str, prefix: str = "", **changed: Any) -> S3Store:
    settings: dict[str, Any] = {
        "endpoint": server.endpoint,
        "access_key": server.access_key,
        "secret_key": server.secret_key,
        "region": server.region,
        "secure": False,
    }
    return S3Store(bucket=bucket, prefix=prefix, **(settings | changed))


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


def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [info.key for info in store.list(prefix)]


def race(creators: int, create: Callable[[int], bool]) -> list[bool]:
    """What each creator was told; all start at the same moment."""
    start = threading.Barrier(creators)

    def run(n: int) -> bool:
        start.wait(timeout=30)
        return create(n)

    with ThreadPoolExecutor(creators) as pool:
        return list(pool.map(run, range(creators)))


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
    assert os.listdir(tmp_path / "new folder") == ["back"]
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


# --- the directory's own ---------------------------------------------------------------------


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


def test_importing_the_s3_store_does_not_import_the_sdk() -> None:
    script = "import sys, framefleet.adapters.s3 as _; sys.exit('minio' in sys.modules or 'urllib3' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


# --- S3's own --------------------------------------------------------------------------------


def test_s3_keeps_to_its_prefix(s3: S3Store) -> None:
    below = s3.sibling(s3.bucket, "/some/folder/")
    below.put("a", b"1")

    assert keys(s3) == ["some/folder/a"]
    assert keys(below) == ["a"]
    assert keys(s3.sibling(s3.bucket, "some/fold")) == []


def test_s3_keeps_the_content_type_also_in_a_copy(s3: S3Store, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"1")
    s3.put_file("master.m3u8", tmp_path / "f", "application/vnd.apple.mpegurl")
    s3.copy_from(s3, "master.m3u8", "copy.m3u8")

    with urllib.request.urlopen(s3.url("copy.m3u8", 60), timeout=10) as answer:
        assert answer.headers["Content-Type"] == "application/vnd.apple.mpegurl"


def test_s3_copies_between_buckets_of_one_account_only(s3: S3Store, s3_server: S3) -> None:
    other = s3.sibling(s3_server.new_bucket())
    other.put("a", b"1")
    stranger = open_s3(s3_server, other.bucket, access_key="somebody else")

    assert s3.copy_from(other, "a", "b")
    assert not s3.copy_from(stranger, "a", "c")
    s3_server.delete_bucket(other.bucket)


def test_s3_leaves_copies_above_the_limit_to_the_caller(s3: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framefleet.adapters.s3.COPY_LIMIT", 3)
    s3.put("a", b"1234")

    assert not s3.copy_from(s3, "a", "b")


def test_s3_writable_or_not_is_found_out_without_a_trace(s3: S3Store, s3_server: S3) -> None:
    s3.check_writable("out/film.mp4")

    assert keys(s3) == []
    assert list(s3_server.client().list_objects(s3.bucket)) == []
    for store, reason in [
        (s3.sibling("no-such-bucket"), "NoSuchBucket"),
        (open_s3(s3_server, s3.bucket, secret_key="wrong"), "AccessDenied"),
        (open_s3(s3_server, s3.bucket, access_key="nobody"), "AccessDenied"),
        (open_s3(s3_server, s3.bucket, access_key=None, secret_key=None), "AccessDenied"),
    ]:
        with pytest.raises(StoreRefused) as refused:
            store.check_writable("out/film.mp4")
        assert refused.value.reason == reason
        store.close()


def test_s3_refuses_without_the_right_key(s3: S3Store, s3_server: S3, tmp_path: Path) -> None:
    stranger = open_s3(s3_server, s3.bucket, secret_key="wrong")
    (tmp_path / "f").write_bytes(b"1")
    for attempt in (
        lambda: stranger.put("k", b""),
        lambda: stranger.put_file("k", tmp_path / "f"),
        lambda: stranger.create("k", b""),
        lambda: stranger.get("k"),
        lambda: stranger.stat("k"),
        lambda: stranger.fetch("k", tmp_path / "out"),
        lambda: stranger.delete(["k"]),
        lambda: list(stranger.list("")),
    ):
        with pytest.raises(StoreRefused) as refused:
            attempt()
        assert refused.value.reason == "AccessDenied"
        assert "wrong" not in str(refused.value)
    stranger.close()


def test_s3_says_that_there_is_no_bucket(s3: S3Store) -> None:
    nowhere = s3.sibling("no-such-bucket")

    for attempt in (lambda: nowhere.get("k"), lambda: list(nowhere.list(""))):
        with pytest.raises(StoreRefused) as refused:
            attempt()
        assert refused.value.reason == "NoSuchBucket"


def test_s3_that_is_not_there_is_unavailable(s3: S3Store, s3_server: S3) -> None:
    gone = open_s3(s3_server, "bucket", endpoint="127.0.0.1:1")

    for attempt in (lambda: gone.get("k"), lambda: gone.put("k", b""), lambda: gone.create("k", b"")):
        with pytest.raises(StoreUnavailable) as away:
            attempt()
        assert not isinstance(away.value, StoreRefused)
    gone.close()


def test_s3_winner_whose_answer_was_lost_is_told_false_and_finds_its_own_bytes(
    s3: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = s3.connection.client
    first = client._put_object

    def twice(*arguments: Any) -> Any:  # what the SDK's retry does after a lost answer
        first(*arguments[:3], dict(arguments[3]))
        return first(*arguments[:3], dict(arguments[3]))

    monkeypatch.setattr(client, "_put_object", twice)

    assert not s3.create("DONE", b"nonce")
    assert s3.get("DONE") == b"nonce"


def test_s3_self_test_finds_a_server_that_ignores_the_condition(s3: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    client = s3.connection.client
    put = client._put_object
    monkeypatch.setattr(client, "_put_object", lambda bucket, key, data, _: put(bucket, key, data))

    with pytest.raises(UnsafeStore):
        s3.self_test()


def test_the_public_call_of_the_sdk_still_cannot_create_conditionally(s3: S3Store) -> None:
    """When this fails, the SDK has learned it and the private call can go."""
    client = s3.connection.client
    for data in (b"1", b"2"):
        client.put_object(s3.bucket, "k", BytesIO(data), 1, metadata={"If-None-Match": "*"})

    assert s3.get("k") == b"2"
