"""Room for files of running subtasks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from framefleet.domain.errors import DiskFull
from framefleet_workers.scratch import RESERVE_BYTES, attempt_directory, room
from framefleet_workers.sick_leave import examine

MOST = RESERVE_BYTES + (8 << 20)


def fill(folder: Path, mebibytes: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "file").write_bytes(b"x" * (mebibytes << 20))


def test_a_disk_of_its_own_is_as_large_as_it_is(tmp_path: Path) -> None:
    assert room(tmp_path).size == shutil.disk_usage(tmp_path).total
    # A limit beyond the disk makes no room.
    assert room(tmp_path, 1 << 60).size == shutil.disk_usage(tmp_path).total


def test_of_a_part_of_a_disk_what_all_attempts_have_taken_is_gone(tmp_path: Path) -> None:
    for attempt in ("1-a-1", "2-b-1/parts"):
        fill(tmp_path / attempt, 3)

    assert room(tmp_path, 10 << 20).free == 4 << 20
    fill(tmp_path / "3-c-1", 6)
    assert room(tmp_path, 10 << 20).free == 0


def test_a_file_that_attempts_share_takes_its_room_once(tmp_path: Path) -> None:
    fill(tmp_path / "1-a-1", 4)
    (tmp_path / "2-b-1").mkdir()
    (tmp_path / "2-b-1" / "file").hardlink_to(tmp_path / "1-a-1" / "file")

    assert room(tmp_path, 10 << 20).free == 6 << 20


def test_nothing_is_started_in_a_part_of_a_disk_that_is_taken(tmp_path: Path) -> None:
    with attempt_directory(tmp_path, "t.1.2", 7, MOST) as path:
        fill(path, 9)
        with pytest.raises(DiskFull, match="only 63 MiB"), attempt_directory(tmp_path, "t.1.3", 8, MOST):
            pass

    with attempt_directory(tmp_path, "t.1.3", 8, MOST):
        pass


def test_a_slot_stays_sick_until_its_part_of_the_disk_has_room(tmp_path: Path) -> None:
    fill(tmp_path / "1-a-1", 9)
    assert "63 MiB" in (examine("ffmpeg", "cpu", (), tmp_path, MOST) or "")

    shutil.rmtree(tmp_path / "1-a-1")
    assert examine("ffmpeg", "cpu", (), tmp_path, MOST) is None
