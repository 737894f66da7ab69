"""What a worker says over HTTP about its host."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from framefleet_workers import metrics_server


def test_it_tells_how_much_room_there_is_before_the_scratch_directory_exists(tmp_path: Path) -> None:
    scratch = tmp_path / "not" / "made" / "yet"
    collector = metrics_server.ScratchCollector(scratch)
    assert metrics_server.start("127.0.0.1", 0, tmp_path, collector, lambda: True) is None, "port 0 is off"
    samples = {family.name: family.samples[0].value for family in collector.collect()}

    assert samples["framefleet_scratch_size_bytes"] == shutil.disk_usage(tmp_path).total
    assert 0 < samples["framefleet_scratch_free_bytes"] <= samples["framefleet_scratch_size_bytes"]


def test_of_a_part_of_a_disk_it_tells_the_part(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    collector = metrics_server.ScratchCollector(scratch, 10 << 20)

    def told() -> list[float]:
        return [family.samples[0].value for family in collector.collect()]

    assert told() == [10 << 20, 10 << 20]
    scratch.mkdir()
    (scratch / "file").write_bytes(b"x" * (4 << 20))
    assert told() == [6 << 20, 10 << 20]


def test_a_scrape_has_the_numbers_of_the_slots_and_of_the_host(tmp_path: Path) -> None:
    from tests.services import ports

    port = ports.reserve()
    server = metrics_server.start("127.0.0.1", port, tmp_path, metrics_server.ScratchCollector(tmp_path), lambda: True)
    assert server is not None
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            page = answer.read().decode()
    finally:
        server.shutdown()
        server.server_close()

    assert "framefleet_scratch_free_bytes" in page


def test_it_is_ready_when_its_slots_are(tmp_path: Path) -> None:
    from tests.services import ports

    port, up = ports.reserve(), [False]
    server = metrics_server.start("127.0.0.1", port, tmp_path, metrics_server.ScratchCollector(tmp_path), lambda: up[0])
    assert server is not None
    address = f"http://127.0.0.1:{port}/readyz"
    try:
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(address)
        up[0] = True
        with urllib.request.urlopen(address) as answer:
            assert answer.status == 200
    finally:
        server.shutdown()
        server.server_close()
