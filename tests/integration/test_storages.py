"""Addresses lead to real stores, and refusals come out as errors of the source or of the target."""

from __future__ import annotations

import os
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.guard_proxy import GuardProxy
from framefleet.adapters.http_guard import HttpGuard
from framefleet.adapters.s3 import S3Store
from framefleet.adapters.storage_config import DirectoryConfig, S3Config
from framefleet.adapters.storages import (
    CONTENT_TYPES,
    SourceAccess,
    Storages,
)
from framefleet.domain.address import parse
from framefleet.domain.errors import (
    FramefleetError,
    InvalidSource,
    InvalidTarget,
    SourceEmpty,
    SourceForbidden,
    SourceNotFound,
    SourceTooLarge,
    SourceUnavailable,
    StoreUnavailable,
    TargetNotWritable,
)
from tests.conftest import FfmpegBuild
from tests.services import S3


@pytest.fixture
def config(s3_server: S3) -> S3Config:
    return S3Config.model_validate(
        {"endpoint": s3_server.url, "access_key": s3_server.access_key, "secret_key": s3_server.secret_key}
    )


@pytest.fixture
def storages(config: S3Config, s3_bucket: str, tmp_path: Path) -> Iterator[Storages]:
    """Default S3; `archive`: a folder of the test's bucket; `disk`: a directory; file:// below `files`."""
    (tmp_path / "files").mkdir()
    named: dict[str, S3Config | DirectoryConfig] = {
        "archive": config.model_copy(update={"bucket": s3_bucket, "prefix": "archive"}),
        "disk": DirectoryConfig(kind="directory", root=tmp_path / "disk"),
    }
    storages = Storages(config, named, [tmp_path / "files"])
    yield storages
    storages.close()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"0123456789")
    return path


@pytest.fixture(params=["s3://{bucket}", "storage://archive", "storage://disk", "file://{files}"])
def base(request: pytest.FixtureRequest, s3_bucket: str, tmp_path: Path) -> str:
    """Start of an address, in each kind of place."""
    return str(request.param).format(bucket=s3_bucket, files=tmp_path / "files")


def read(access: SourceAccess) -> bytes:
    if access.url.startswith("/"):
        return Path(access.url).read_bytes()
    with urllib.request.urlopen(access.url, timeout=10) as answer:
        return bytes(answer.read())


def serve(folder: Path) -> ThreadingHTTPServer:
    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@pytest.fixture
def website(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "www").mkdir()
    server = serve(tmp_path / "www")
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


# --- every kind of place ---------------------------------------------------------------------


def test_what_is_published_can_be_read_as_a_source(storages: Storages, base: str, clip: Path) -> None:
    address = parse(f"{base}/launch/film 1.mp4")

    storages.check_writable(address)
    storages.publish(address, clip)
    access = storages.source_url(address, 60)

    assert read(access) == b"0123456789"
    assert access.bytes == 10
    assert storages.source_url(address, 60).identity == access.identity
    clip.write_bytes(b"9876543210")
    storages.publish(address, clip)
    assert storages.source_url(address, 60).identity != access.identity


def test_a_source_that_is_missing_empty_or_too_large_is_refused(storages: Storages, base: str, clip: Path) -> None:
    address = parse(f"{base}/film.mp4")
    with pytest.raises(SourceNotFound):
        storages.source_url(address, 60)

    storages.publish(address, clip)
    with pytest.raises(SourceTooLarge):
        storages.source_url(address, 60, max_bytes=9)
    assert storages.source_url(address, 60, max_bytes=10).bytes == 10

    clip.write_bytes(b"")
    storages.publish(address, clip)
    with pytest.raises(SourceEmpty):
        storages.source_url(address, 60)


def test_the_check_of_a_target_leaves_nothing(storages: Storages, base: str) -> None:
    place = storages.locate(parse(f"{base}/new/folder/film.mp4"), "target")

    storages.check_writable(parse(f"{base}/new/folder/film.mp4"))

    assert list(place.store.list("")) == []
    if isinstance(place.store, DirectoryStore):
        assert not place.store.path("new").exists()


# --- what is not configured or not allowed ---------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "source_error", "target_error"),
    [
        ("storage://nowhere/a", InvalidSource, InvalidTarget),
        ("http://example.org/a", InvalidSource, InvalidTarget),
        ("file:///etc/passwd", SourceForbidden, TargetNotWritable),
        ("storage://disk/a//b", InvalidSource, InvalidTarget),
        ("s3://records/a", SourceForbidden, TargetNotWritable),
    ],
)
def test_a_place_that_is_not_for_everybody_is_refused_by_role(
    config: S3Config,
    tmp_path: Path,
    uri: str,
    source_error: type[FramefleetError],
    target_error: type[FramefleetError],
) -> None:
    named = {"disk": DirectoryConfig(kind="directory", root=tmp_path)}
    storages = Storages(config, named, [tmp_path / "files"], reserved=["records"])

    if not uri.startswith("http"):  # as a source that is no store's, but fine
        with pytest.raises(source_error):
            storages.source_url(parse(uri), 60)
    with pytest.raises(target_error):
        storages.check_writable(parse(uri))


def test_without_a_default_server_there_is_no_s3() -> None:
    with pytest.raises(InvalidSource):
        Storages(None, {}, []).locate(parse("s3://bucket/a"))
    with pytest.raises(SourceForbidden):
        Storages(None, {}, []).locate(parse("file:///a"))


def test_embedded_mode_reads_every_file(clip: Path) -> None:
    access = Storages(None, {}, [Path("/")]).source_url(parse(f"file://{clip}"), 60)

    assert access.url == str(clip)
    assert access.identity == f"10+{clip.stat().st_mtime_ns}"


def test_stores_are_made_once_for_each_bucket(storages: Storages) -> None:
    first = storages.locate(parse("s3://bucket-one/a")).store
    again = storages.locate(parse("s3://bucket-one/b")).store
    other = storages.locate(parse("s3://bucket-two/a")).store

    assert first is again
    assert isinstance(first, S3Store)
    assert isinstance(other, S3Store)
    assert first.connection is other.connection


def test_names_from_requests_do_not_fill_the_memory(storages: Storages) -> None:
    for n in range(1000):
        storages.locate(parse(f"s3://bucket-{n}/a"))

    assert len(storages._stores) <= 256


# --- S3 --------------------------------------------------------------------------------------


def test_a_bucket_that_is_not_there(storages: Storages) -> None:
    with pytest.raises(SourceNotFound):
        storages.source_url(parse("s3://no-such-bucket/a"), 60)
    with pytest.raises(TargetNotWritable) as refused:
        storages.check_writable(parse("s3://no-such-bucket/a"))
    assert refused.value.info().hint


def test_credentials_that_are_not_accepted(config: S3Config, s3_bucket: str, clip: Path) -> None:
    wrong = S3Config.model_validate({**config.model_dump(), "secret_key": "another"})
    storages = Storages(wrong, {}, [])
    address = parse(f"s3://{s3_bucket}/a")

    with pytest.raises(SourceForbidden):
        storages.source_url(address, 60)
    with pytest.raises(TargetNotWritable):
        storages.check_writable(address)
    with pytest.raises(TargetNotWritable):
        storages.publish(address, clip)
    storages.close()


def test_a_server_that_is_away_is_no_fault_of_the_task(clip: Path) -> None:
    storages = Storages(S3Config(endpoint="127.0.0.1:1", secure=False), {}, [])
    address = parse("s3://bucket/a")

    with pytest.raises(SourceUnavailable):
        storages.source_url(address, 60)
    with pytest.raises(StoreUnavailable):
        storages.publish(address, clip)
    storages.close()


@pytest.mark.parametrize("extension", sorted(CONTENT_TYPES))
def test_published_files_have_the_type_players_expect(
    storages: Storages, s3_bucket: str, clip: Path, extension: str
) -> None:
    address = parse(f"s3://{s3_bucket}/out{extension.upper()}")
    storages.publish(address, clip)

    with urllib.request.urlopen(storages.source_url(address, 60).url, timeout=10) as answer:
        assert answer.headers["Content-Type"] == CONTENT_TYPES[extension]


# --- files -----------------------------------------------------------------------------------


def test_what_is_no_regular_file_is_no_source(storages: Storages, tmp_path: Path) -> None:
    (tmp_path / "files" / "folder").mkdir()
    os.mkfifo(tmp_path / "files" / "pipe")

    for name in ("folder", "pipe"):
        with pytest.raises(InvalidSource):
            storages.source_url(parse(f"file://{tmp_path}/files/{name}"), 60)


def test_a_link_out_of_the_allowed_folder_is_forbidden(storages: Storages, tmp_path: Path, clip: Path) -> None:
    (tmp_path / "files" / "link.mp4").symlink_to(clip)
    (tmp_path / "files" / "out").symlink_to(tmp_path)

    with pytest.raises(SourceForbidden):
        storages.source_url(parse(f"file://{tmp_path}/files/link.mp4"), 60)
    with pytest.raises(TargetNotWritable):
        storages.check_writable(parse(f"file://{tmp_path}/files/out/new.mp4"))


def test_a_target_that_cannot_be_made_is_refused_early(storages: Storages, tmp_path: Path) -> None:
    (tmp_path / "files" / "file").write_bytes(b"1")
    (tmp_path / "files" / "folder").mkdir()

    for name in ("file/below.mp4", "file/far/below.mp4", "folder"):
        with pytest.raises(TargetNotWritable) as refused:
            storages.check_writable(parse(f"file://{tmp_path}/files/{name}"))
        assert refused.value.info().hint


def test_a_folder_that_may_not_be_written_is_refused_early(
    storages: Storages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write everywhere, so the answer of the operating system is made up."""
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(TargetNotWritable, match="may not be written"):
        storages.check_writable(parse(f"file://{tmp_path}/files/a.mp4"))


def test_the_check_of_a_target_removes_what_a_killed_publisher_left(storages: Storages, tmp_path: Path) -> None:
    old, new = (tmp_path / "files" / f".{n}.ff-part" for n in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))

    storages.check_writable(parse(f"file://{tmp_path}/files/a.mp4"))

    assert not old.exists()
    assert new.exists()


# --- http ------------------------------------------------------------------------------------


def test_http_sources_are_guarded(storages: Storages, config: S3Config, website: str, tmp_path: Path) -> None:
    (tmp_path / "www" / "a.mp4").write_bytes(b"12345")
    address = parse(f"{website}/a.mp4")

    with pytest.raises(SourceForbidden):
        storages.source_url(address, 60)

    access = Storages(config, {}, [], allow_private=True).source_url(address, 60)
    assert (access.url, access.bytes) == (f"{website}/a.mp4", 5)
    with pytest.raises(SourceTooLarge):
        Storages(config, {}, [], allow_private=True).source_url(address, 60, max_bytes=4)


def test_ffmpeg_reads_through_the_proxy_and_only_what_is_allowed(
    ffmpeg: FfmpegBuild, website: str, tmp_path: Path
) -> None:
    quiet = [str(ffmpeg.ffmpeg), "-loglevel", "error"]
    pattern = ["-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=1", "-c:v", "mpeg4"]
    subprocess.run([*quiet, *pattern, str(tmp_path / "www" / "a.mp4")], check=True, stdin=subprocess.DEVNULL)
    decode = [*quiet, "-protocol_whitelist", "http,https,tcp,tls,httpproxy"]
    decode += ["-i", f"{website}/a.mp4", "-f", "null", "-"]

    def status(guard: HttpGuard) -> tuple[int, str]:
        with GuardProxy(guard) as proxy:
            environment = {**os.environ, **proxy.environment()}
            done = subprocess.run(
                decode, check=False, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
            )
            return done.returncode, done.stderr

    assert status(HttpGuard(allowed=["127.0.0.1"])) == (0, "")
    code, log = status(HttpGuard())
    assert code != 0
    assert "403" in log
