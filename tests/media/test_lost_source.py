"""Sources whose server goes away while they are read."""

from __future__ import annotations

import re
import socket
import struct
from pathlib import Path

import pytest

from framefleet.domain.errors import Retry
from tests.media import sources
from tests.media.harness import OneProcess, SubtaskFailed
from tests.media.serving import Ranges, serving


class Cutting(Ranges):
    """Closes the first `cuts` connections that ask for the end of the file, where its index is, half-way through."""

    cuts = 0

    def do_GET(self) -> None:
        wanted = re.fullmatch(r"bytes=([1-9]\d*)-", self.headers.get("Range", ""))
        if wanted is None or type(self).cuts <= 0:
            super().do_GET()
            return
        type(self).cuts -= 1
        data = Path(self.translate_path(self.path)).read_bytes()
        first = int(wanted[1])
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - first))
        self.end_headers()
        self.wfile.write(data[first : (first + len(data)) // 2])
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


def remux(address: str, out: Path) -> dict[str, object]:
    target = {"name": "same", "template": "remux-mp4", "uri": f"file://{out}/same.mp4"}
    return {"sources": [{"uri": f"{address}/pal.mp4"}], "targets": [target]}


def test_I7_a_source_is_not_called_broken_because_its_connection_broke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cutting, "cuts", 1)
    film = sources.make("pal.mp4")
    with serving(film.parent, Cutting) as address:
        made = OneProcess(tmp_path).run(remux(address, tmp_path / "out"))

    assert 0 == Cutting.cuts
    assert ["same"] == list(made)


def test_I7_a_source_that_is_broken_is_refused_at_the_first_attempt(tmp_path: Path) -> None:
    (tmp_path / "pal.mp4").write_bytes(bytes(range(256)) * 400)
    with serving(tmp_path) as address, pytest.raises(SubtaskFailed) as failed:
        OneProcess(tmp_path).run(remux(address, tmp_path / "out"))

    assert Retry.PERMANENT is failed.value.error.retry
