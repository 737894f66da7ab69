"""Whatever the input: a right output or a refusal with a code of its own, and nothing opened, leaked or left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from framefleet.domain.errors import FramefleetError
from tests.conftest import FfmpegBuild
from tests.media import judge
from tests.media.harness import OneProcess, SubtaskFailed, request
from tests.media.odd_inputs import INPUTS, SECRET, Bench, Odd


@dataclass
class Visitors:
    """A web server in a private network: everything that comes is counted."""

    seen: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture(scope="module")
def visitors() -> Iterator[Visitors]:
    found = Visitors()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.seen.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, visitors: Visitors) -> Bench:
    folder = tmp_path_factory.mktemp("odd")
    secret = folder / "secret.txt"
    secret.write_text(SECRET)
    return Bench(folder, visitors.url, secret)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, ffmpeg: FfmpegBuild) -> OneProcess:
    return OneProcess(tmp_path_factory.mktemp("c"), str(ffmpeg.ffmpeg), str(ffmpeg.ffprobe) if ffmpeg.ffprobe else None)


@pytest.mark.parametrize("odd", INPUTS, ids=lambda odd: ascii(odd.name))
def test_every_input_gives_a_right_output_or_its_own_refusal(
    odd: Odd, bench: Bench, cluster: OneProcess, visitors: Visitors, tmp_path: Path
) -> None:
    source = bench.folder / odd.name
    if not source.exists():
        odd.make(bench, source)
    wanted = request(source, tmp_path / "out", odd.template)
    wanted["sources"] = [{"uri": "file://" + quote(str(source).encode("utf-8", "surrogateescape"))}]
    if odd.template.startswith("mp4"):
        wanted["targets"][0]["overrides"] = {"video": {"preset": "ultrafast"}}

    outcome: int | str
    said = ""
    try:
        files = cluster.run(wanted)[odd.template].files
        outcome = len(judge.times(tmp_path / "out" / f"{odd.template}.mp4")) if odd.outcome else 0
        assert files[0].bytes
    except (SubtaskFailed, FramefleetError) as failed:
        info = failed.error if isinstance(failed, SubtaskFailed) else failed.info()
        outcome, said = info.code, info.model_dump_json()
        assert info.hint, said

    assert outcome in ({odd.outcome, odd.or_else} - {""}), said
    if isinstance(outcome, str):
        assert not list((tmp_path / "out").rglob("*")) if (tmp_path / "out").exists() else True
    assert SECRET not in said
    assert not visitors.seen
    scratch = cluster.folder / "scratch"
    assert [p for p in scratch.rglob("*") if p.is_file()] == []


def test_the_page_of_strange_sources_tells_what_is_tried() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "strange-sources.md"
    lines = [line for line in page.read_text("utf-8").splitlines() if line.startswith("| `")]
    told = [(cells[1].strip(), cells[-2].strip()) for cells in (line.split("|") for line in lines)]

    assert told == [(f"`{ascii(odd.name)[1:-1]}`", _in_words(odd)) for odd in INPUTS]


def _in_words(odd: Odd) -> str:
    frames = {0: "the sound", 1: "1 frame"}
    out = f"`{odd.outcome}`" if isinstance(odd.outcome, str) else frames.get(odd.outcome, f"{odd.outcome} frames")
    return f"{out} or `{odd.or_else}`" if odd.or_else else out


def test_the_server_would_have_been_visited(visitors: Visitors) -> None:
    """The test above proves something only if the address works."""
    import urllib.request
    from urllib.error import HTTPError

    with pytest.raises(HTTPError):
        urllib.request.urlopen(visitors.url + "/proof", timeout=5)
    assert visitors.seen.pop() == "/proof"
