"""`framefleet upload` and `download`: files to a server and back, gone on with after a break."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from framefleet.cli import moving
from framefleet.cli.bar import bar
from framefleet.cli.files import fetch, notes_folder
from framefleet.cli.main import main
from framefleet.domain.errors import FramefleetError
from framefleet.http_client import HttpClient, Rejected
from framefleet.http_client.notes import Notes
from tests.api import command, test_outputs
from tests.api.command import said
from tests.api.conftest import Api
from tests.services.answering import Reply, answering, reply

made = test_outputs.made
server = command.server
ID = "a" * 26


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "a film.mov"
    path.write_bytes(bytes(range(256)) * 10)
    return path


def test_a_file_is_sent_once(server: str, api: Api, film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upload", str(film)]) == 0
    told = capsys.readouterr()

    assert told.out.startswith("storage://uploads/")
    assert told.err == "sent a film.mov (2.6 kB)\n"
    assert main(["upload", str(film)]) == 0
    assert capsys.readouterr().err == "a film.mov is already there (2.6 kB)\n"
    again = said(capsys, "upload", str(film))
    assert (again["uri"], again["state"]) == (told.out.strip(), "complete")
    film.write_bytes(b"another film")
    changed = said(capsys, "upload", str(film))
    assert changed["uri"] != again["uri"]
    place = api.desk.locate(api_address(changed["uri"]))
    assert place.store.get(place.key) == b"another film"


def api_address(uri: str) -> Any:
    from framefleet.domain.address import source_address

    return source_address(uri, "uri")


def shown(state: str, *parts: int) -> bytes:
    there = [{"n": n, "bytes": min(4, 10 - 4 * (n - 1))} for n in parts]
    upload = {"id": ID, "uri": "storage://uploads/x", "bytes": 10, "state": state, "part_bytes": 4, "part_count": 3}
    return reply(200, json.dumps(upload | {"parts": there}).encode())


def refusal(status: int, code: str) -> bytes:
    return reply(status, json.dumps({"error": {"code": code, "message": code}}).encode())


def sending(path: Path, notes: Path, *replies: Reply) -> tuple[list[str], Exception | None]:
    """What one call of the client asks a server that answers so, and how it fails."""
    failure: Exception | None = None
    with answering(*replies) as asked, HttpClient(asked.url, patience=0) as client:
        client._wire._origin = "http://always.the.same"
        try:
            client.upload(path, notes=notes, parallel=1)
        except (FramefleetError, OSError) as error:
            failure = error
    return [seen.line.removesuffix(" HTTP/1.1") for seen in asked.seen], failure


def test_what_broke_goes_on_with_the_parts_that_are_missing(tmp_path: Path) -> None:
    path, notes = tmp_path / "film.mov", tmp_path / "notes"
    path.write_bytes(b"aaaabbbbcc")

    begun, broken = sending(path, notes, shown("open"), reply(200, b"{}"), refusal(503, "store_unavailable"))
    (tmp_path / "elsewhere").mkdir()
    path = path.rename(tmp_path / "elsewhere/film.mov")
    gone_on, _ = sending(path, notes, shown("open", 1), reply(200, b"{}"), reply(200, b"{}"), shown("complete"))

    assert broken is not None
    assert begun[:2] == ["POST /v1/uploads", f"PUT /v1/uploads/{ID}/parts/1"]
    assert gone_on == [
        f"GET /v1/uploads/{ID}",
        f"PUT /v1/uploads/{ID}/parts/2",
        f"PUT /v1/uploads/{ID}/parts/3",
        f"POST /v1/uploads/{ID}/complete",
    ]


def test_what_the_server_has_no_more_or_is_not_the_file_is_begun_anew(tmp_path: Path) -> None:
    path, notes = tmp_path / "film.mov", tmp_path / "notes"
    path.write_bytes(b"aaaabbbbcc")
    all_there = shown("open", 1, 2, 3)

    _, corrupt = sending(path, notes, all_there, refusal(409, "upload_corrupt"))
    after_corrupt, _ = sending(path, notes, all_there, shown("complete"))
    after_gone, _ = sending(path, notes, refusal(404, "upload_not_found"), all_there, shown("complete"))
    refused, error = sending(path, notes, refusal(403, "forbidden"))

    assert isinstance(corrupt, Rejected)
    assert after_corrupt == ["POST /v1/uploads", f"POST /v1/uploads/{ID}/complete"]
    assert after_gone == [f"GET /v1/uploads/{ID}", "POST /v1/uploads", f"POST /v1/uploads/{ID}/complete"]
    assert refused == [f"GET /v1/uploads/{ID}"]
    assert isinstance(error, Rejected)


def test_a_part_that_another_call_made_needless_is_no_failure(tmp_path: Path) -> None:
    path = tmp_path / "film.mov"
    path.write_bytes(b"aaaabbbbcc")

    asked, failure = sending(
        path, tmp_path / "notes", shown("open", 1, 2), refusal(409, "upload_complete"), shown("complete")
    )

    assert failure is None
    assert asked[-1] == f"POST /v1/uploads/{ID}/complete"


def test_a_note_that_is_none_is_not_believed_and_old_ones_go(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "notes", "http://h")
    notes.keep("old", "1", ID)
    (old,) = (tmp_path / "notes").iterdir()
    os.utime(old, (1, 1))
    notes.keep("film", "2", ID)
    (kept,) = (tmp_path / "notes").iterdir()

    assert (notes.find("old", "1"), notes.find("film", "2")) == (None, ID)
    assert Notes(tmp_path / "notes", "http://other").find("film", "2") is None
    kept.write_bytes(b"../../x\xff")
    assert notes.find("film", "2") is None
    nowhere = Notes(kept / "below a file", "http://h")
    nowhere.keep("film", "2", ID)
    assert nowhere.find("film", "2") is None


@pytest.mark.parametrize("file", ["nothing.mov", "."])
def test_what_cannot_be_read_is_said_before_anything_is_sent(
    server: str, tmp_path: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = 2 if file == "." else 1
    assert said(capsys, "upload", str(tmp_path / file), code=code)["error"]["code"] == "file_unusable"


def test_without_a_server_it_is_said(capsys: pytest.CaptureFixture[str], film: Path, tmp_path: Path) -> None:
    assert said(capsys, "upload", str(film), code=2)["error"]["code"] == "not_configured"
    assert said(capsys, "download", "t", "-o", str(tmp_path), code=2)["error"]["code"] == "not_configured"


def test_what_a_task_made_is_fetched(
    server: str, made: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id, folder = made.split("/")[3], tmp_path / "in"
    expected = {name.removeprefix("hls/"): body for name, (body, _) in test_outputs.FILES.items()}

    everything = said(capsys, "download", task_id, "-o", str(folder))
    one = said(capsys, "download", task_id, "x", "--output", str(tmp_path / "one"))

    assert {name: (folder / "x" / name).read_bytes() for name in expected} == expected
    assert {name: (tmp_path / "one" / name).read_bytes() for name in expected} == expected
    assert [f["path"] for f in everything["files"]] == [str(folder / "x" / name) for name in expected]
    assert sum(f["bytes"] for f in one["files"]) == sum(map(len, expected.values()))
    assert main(["download", task_id, "-o", str(folder)]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == [str(folder / "x" / name) for name in expected]
    assert "x/v0/1.m4s is already there (5.1 kB)" in told.err.splitlines()
    (folder / "x/v0/1.m4s").unlink()
    assert main(["download", task_id, "-o", str(folder)]) == 0
    assert "fetched x/v0/1.m4s (5.1 kB)" in capsys.readouterr().err.splitlines()


def test_of_a_target_that_is_none_the_others_are_named(
    server: str, made: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = made.split("/")[3]

    error = said(capsys, "download", task_id, "y", "-o", str(tmp_path / "in"), code=2)["error"]

    assert (error["code"], error["message"]) == ("output_not_found", "the task has no target y, but x")
    assert f"`framefleet status {task_id}`" in error["hint"]


def test_of_a_task_that_has_made_nothing_nothing_is_fetched(
    server: str, api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = api.submit()["id"]

    for more in ([], ["x"]):
        error = said(capsys, "download", task_id, *more, "-o", str(tmp_path / "in"), code=2)["error"]
        assert (error["code"], "queued" in error["hint"]) == ("output_not_found", True)
    assert not (tmp_path / "in").exists()


def test_a_folder_that_cannot_be_is_said(
    server: str, made: str, film: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = said(capsys, "download", made.split("/")[3], "-o", str(film), code=1)["error"]

    assert error["code"] == "file_unusable"


@pytest.mark.parametrize("name", ["..", "../x", "/etc", "a/../..", "a\\b", ""])
def test_no_target_s_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    task = {"id": "t", "state": "succeeded", "targets": [{"name": name, "state": "succeeded"}]}
    listed = json.dumps([{"name": "x", "bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}]).encode()
    with (
        answering(reply(200, listed), reply(200, b"x")) as server,
        HttpClient(server.url, patience=0) as client,
        pytest.raises(FramefleetError, match="would lie elsewhere"),
    ):
        fetch(client, task, tmp_path / "in" / "it")

    assert list(tmp_path.iterdir()) == []


def test_lines_tell_the_tenths_of_large_files_and_the_end_of_all() -> None:
    lines: list[str] = []
    told = moving.Lines("sent", lines.append)

    for done in (0, 5, 19, 20, 21, 60, 99, 100, 100):
        told("film\x1b[2J.mov", done << 20, 100 << 20)
    for name in ("a", "b"):
        for done in (1, 2):
            told(name, done, 2)
    told("none", 0, 0)
    for name, first in (("whole", 2), ("broken", 1)):
        for done in (first, 2, 2):
            told(name, done, 2)

    assert lines == [
        "film_[2J.mov: 10 % of 105 MB",
        "film_[2J.mov: 20 % of 105 MB",
        "film_[2J.mov: 60 % of 105 MB",
        "film_[2J.mov: 90 % of 105 MB",
        "sent film_[2J.mov (105 MB)",
        "sent a (2 B)",
        "sent b (2 B)",
        "sent none (0 B)",
        "whole is already there (2 B)",
        "sent broken (2 B)",
    ]


def test_the_bar_shows_the_file_that_moves_and_no_markup_of_its_name() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100)
    with bar(console) as moved:
        moved("[red]film\x1b]0;x\x07", 512, 1024)
        moved("second", 0, 10)
        moved("second", 10, 10)

    assert "\x1b]0;" not in text.getvalue()
    assert "second" in text.getvalue()
    assert "100%" in text.getvalue() or "10/10 bytes" in text.getvalue()


def test_notes_lie_where_a_person_s_state_does() -> None:
    assert notes_folder({"XDG_STATE_HOME": "/s"}) == Path("/s/framefleet/uploads")
    assert notes_folder({}) == Path.home() / ".local/state/framefleet/uploads"
