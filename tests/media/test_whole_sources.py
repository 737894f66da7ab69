"""Sources on web servers that know no byte ranges, such as Python's own: they give a file from its beginning only."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from framefleet.adapters.guard_proxy import GuardProxy
from framefleet.adapters.http_guard import HttpGuard
from framefleet.adapters.storages import Storages
from framefleet.domain.errors import DiskFull, FramefleetError, Retry, SourceForbidden
from framefleet.domain.task import accept, parse_request, utc_now
from framefleet_workers import scratch
from framefleet_workers import sources as sources_of_work
from framefleet_workers.process import Interrupt
from framefleet_workers.scratch import RESERVE_BYTES, Room
from framefleet_workers.work import Limits, Tools, Work
from tests.fakes import MemoryStore
from tests.media import sources
from tests.media.harness import ALMOST_EVERYTHING, OneProcess, SubtaskFailed
from tests.media.judge import ffmpeg, judge
from tests.media.serving import serving

FAST = {"video": {"preset": "ultrafast"}}


class Whole(SimpleHTTPRequestHandler):
    """What `python -m http.server` answers."""

    def do_GET(self) -> None:
        with suppress(ConnectionError):  # who has seen enough hangs up
            super().do_GET()

    def announced(self) -> bytes:
        """The file's bytes, of which the head of an answer has been sent."""
        data = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", '"the same"')
        self.end_headers()
        return data

    def log_message(self, *_: object) -> None:
        """Quiet."""


class Streamed(Whole):
    """Does not say how long a file is."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        data = Path(self.translate_path(self.path)).read_bytes()
        with suppress(ConnectionError):
            self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))


class Breaking(Whole):
    """Hangs up half-way."""

    def do_GET(self) -> None:
        data = self.announced()
        with suppress(ConnectionError):
            self.wfile.write(data[: len(data) // 2])


class Slow(Whole):
    """Takes three seconds for a file."""

    def do_GET(self) -> None:
        data = self.announced()
        with suppress(ConnectionError):
            for at in range(0, len(data), len(data) // 30):
                self.wfile.write(data[at : at + len(data) // 30])
                Event().wait(0.1)


class Dripping(Whole):
    """Sends a byte now and then."""

    def do_GET(self) -> None:
        data = self.announced()
        with suppress(ConnectionError):
            for at in range(len(data)):
                self.wfile.write(data[at : at + 1])
                Event().wait(0.05)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MP4 with its index at the end, as FFmpeg writes them."""
    path = tmp_path_factory.mktemp("whole") / "film.mp4"
    cut = ["-i", str(sources.make("pal.mp4")), "-t", "9", "-c", "copy"]
    subprocess.run([ffmpeg(), "-v", "error", *cut, str(path)], check=True)
    return path


def task(uri: str, out: Path) -> dict[str, Any]:
    targets = [
        {"name": "film", "template": "mp4-h264-360p", "uri": f"file://{out}/film.mp4", "overrides": FAST},
        {"name": "same", "template": "remux-mp4", "uri": f"file://{out}/same.mp4"},
        {"name": "shot", "template": "snapshot", "uri": f"file://{out}/shot_{{index:03d}}.jpg"},
    ]
    return {"sources": [{"uri": uri}], "targets": targets}


def left_behind(cluster: OneProcess) -> list[Path]:
    return [p for p in (cluster.folder / "scratch").rglob("*") if p.is_file()]


@pytest.mark.parametrize("server", [Whole, Streamed])
def test_an_mp4_with_its_index_at_the_end_is_made_from_a_server_that_knows_no_ranges(
    film: Path, tmp_path: Path, server: type[Whole]
) -> None:
    cluster = OneProcess(tmp_path)
    with serving(film.parent, server) as address:
        made = cluster.run(task(f"{address}/film.mp4", tmp_path / "out"))

    chunks = [s for s in cluster.plan.subtasks if s.kind == "transcode"]
    assert len(chunks) > 2  # sound, and pictures from somewhere in its middle
    assert list(made) == ["film", "same", "shot"]
    for name in ("film", "same"):
        found = judge(film, tmp_path / "out" / f"{name}.mp4")
        assert (found.lost, found.doubled, found.strange, found.ordered, found.splices) == (0, 0, 0, True, 0)
    assert left_behind(cluster) == []


@pytest.mark.parametrize("name", ["fast.mp4", "film.mkv", "film.ts", "film.mov"])
def test_what_can_be_read_from_its_beginning_is_not_copied(film: Path, tmp_path: Path, name: str) -> None:
    flags = [] if name.endswith((".mkv", ".ts")) else ["-movflags", "+faststart"]
    (tmp_path / "www").mkdir()
    there = str(tmp_path / "www" / name)
    subprocess.run([ffmpeg(), "-v", "error", "-i", str(film), "-c", "copy", *flags, there], check=True)

    with serving(tmp_path / "www", Whole) as address, capture_logs() as lines:
        made = OneProcess(tmp_path).run(task(f"{address}/{name}", tmp_path / "out"))

    assert list(made) == ["film", "same", "shot"]
    assert [line for line in lines if line["event"] == "source.copied"] == []


def test_I8_a_copy_that_breaks_off_is_fetched_again_by_the_next_attempt(film: Path, tmp_path: Path) -> None:
    cluster = OneProcess(tmp_path)
    with serving(film.parent, Breaking) as address, pytest.raises(SubtaskFailed) as failed:
        cluster.run(task(f"{address}/film.mp4", tmp_path / "out"))

    assert failed.value.error.code == "source_unavailable"
    assert failed.value.error.field == "sources[0].uri"
    assert failed.value.error.retry is Retry.TRANSIENT
    assert left_behind(cluster) == []


@pytest.mark.parametrize(
    ("server", "limits"),
    [
        (Whole, replace(ALMOST_EVERYTHING, scratch_bytes=RESERVE_BYTES + (1 << 16))),
        (Streamed, replace(ALMOST_EVERYTHING, max_source_bytes=1 << 17)),
    ],
    ids=["more than the scratch directory holds", "more than allowed, which its server does not say"],
)
def test_I9_a_source_too_large_to_be_copied_is_refused_with_a_way_out(
    film: Path, tmp_path: Path, server: type[Whole], limits: Limits
) -> None:
    cluster = OneProcess(tmp_path, limits=limits)
    with serving(film.parent, server) as address, pytest.raises(SubtaskFailed) as failed:
        cluster.run(task(f"{address}/film.mp4", tmp_path / "out"))

    error = failed.value.error
    assert (error.code, error.field, error.retry) == ("source_too_large", "sources[0].uri", Retry.PERMANENT)
    assert "knows no byte ranges" in error.message
    assert "+faststart" in (error.hint or "")
    assert left_behind(cluster) == []


# --- two attempts on one machine ---------------------------------------------------------------


@pytest.fixture
def attempt(tmp_path: Path) -> Callable[[str, str], Work]:
    def make(name: str, uri: str) -> Work:
        folder = tmp_path / "scratch" / name
        folder.mkdir(parents=True)
        return Work(
            task=accept(parse_request(task(uri, tmp_path / "out")), now=utc_now()),
            sid=f"{name}.1.1",
            prefix="",
            folder=folder,
            store=MemoryStore(),
            storages=Storages(None, {}, [], allow_private=True),
            tools=Tools(ffmpeg(), (), ""),
            limits=ALMOST_EVERYTHING,
            lease=cast(Any, SimpleNamespace(interrupt=Interrupt())),
        )

    return make


@pytest.fixture
def www(film: Path, tmp_path: Path) -> Iterator[str]:
    (tmp_path / "www").mkdir()
    shutil.copy(film, tmp_path / "www" / "film.mp4")
    with serving(tmp_path / "www", Whole) as address:
        yield f"{address}/film.mp4"


def test_attempts_beside_each_other_share_a_copy_that_lasts_as_long_as_one_of_them(
    attempt: Callable[[str, str], Work], www: str, film: Path
) -> None:
    first, second = attempt("a", www), attempt("b", www)

    copy = sources_of_work.address(first, 0)
    assert sources_of_work.address(first, 0) == copy
    shared = Path(sources_of_work.address(second, 0))

    assert shared.samefile(copy)
    assert scratch.room(first.folder.parent, 1 << 30).free > (1 << 30) - 1.5 * film.stat().st_size
    shutil.rmtree(first.folder)
    assert shared.read_bytes() == film.read_bytes()


def test_a_copy_that_takes_long_is_not_taken_for_one_that_hangs(
    attempt: Callable[[str, str], Work], film: Path
) -> None:
    with serving(film.parent, Slow) as address:
        slow = attempt("a", f"{address}/film.mp4")
        slow.stall_seconds = 1.5

        assert Path(sources_of_work.address(slow, 0)).read_bytes() == film.read_bytes()


def test_I5_a_server_that_drips_holds_up_nobody(attempt: Callable[[str, str], Work], film: Path) -> None:
    with serving(film.parent, Dripping) as address:
        work = attempt("a", f"{address}/film.mp4")
        work.stall_seconds = 1.0

        with pytest.raises(FramefleetError) as stalled:
            sources_of_work.address(work, 0)

    assert stalled.value.retry is not Retry.PERMANENT


def test_attempts_that_start_together_fetch_a_source_once(attempt: Callable[[str, str], Work], film: Path) -> None:
    with serving(film.parent, Slow) as address, ThreadPoolExecutor() as pool:
        works = [attempt(name, f"{address}/film.mp4") for name in "abc"]
        copies = list(pool.map(lambda work: Path(sources_of_work.address(work, 0)), works))

    assert all(copy.samefile(copies[0]) for copy in copies)
    assert copies[0].read_bytes() == film.read_bytes()
    assert not list(works[0].folder.parent.glob("*.lock"))


def test_a_source_that_is_forgotten_is_fetched_again(
    attempt: Callable[[str, str], Work], www: str, film: Path, tmp_path: Path
) -> None:
    work = attempt("a", www)
    first = Path(sources_of_work.address(work, 0))
    first.write_bytes(b"half")
    sources_of_work.forget(work, 0)

    assert Path(sources_of_work.address(work, 0)).read_bytes() == film.read_bytes()


def test_a_source_that_has_changed_is_copied_anew(
    attempt: Callable[[str, str], Work], www: str, film: Path, tmp_path: Path
) -> None:
    first, second = attempt("a", www), attempt("b", www)
    copy = sources_of_work.address(first, 0)
    other = film.read_bytes() + bytes(8)
    (tmp_path / "www" / "film.mp4").write_bytes(other)

    assert Path(sources_of_work.address(second, 0)).read_bytes() == other
    assert Path(copy).read_bytes() == film.read_bytes()


def test_I9_a_copy_is_fetched_through_the_guard(attempt: Callable[[str, str], Work], www: str) -> None:
    work = attempt("a", www)
    with GuardProxy(HttpGuard(allow_private=False)) as proxy, pytest.raises(SourceForbidden):
        work.tools = replace(work.tools, web=proxy.environment())
        sources_of_work.address(work, 0)

    assert not any(work.folder.glob("source-*[0-9a-f]"))


def test_a_copy_goes_to_another_worker_while_there_is_no_room(
    attempt: Callable[[str, str], Work], www: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources_of_work, "room", lambda *_: Room(free=RESERVE_BYTES + 1, size=1 << 40))

    with pytest.raises(DiskFull) as full:
        sources_of_work.address(attempt("a", www), 0)

    assert full.value.field == "sources[0].uri"


def test_a_disk_that_is_full_now_is_no_fault_of_a_source_whose_size_nobody_says(
    attempt: Callable[[str, str], Work], film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources_of_work, "room", lambda *_: Room(free=RESERVE_BYTES + (1 << 17), size=1 << 40))

    with serving(film.parent, Streamed) as address, pytest.raises(DiskFull):
        sources_of_work.address(attempt("a", f"{address}/film.mp4"), 0)
