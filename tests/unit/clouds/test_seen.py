"""The pages of what was seen on the wire: how they are made, and that those in docs/howto are of this code."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path

import pytest

from framefleet_scheduler.clouds.alibaba.ice import front as ice
from framefleet_scheduler.clouds.alibaba.imm import front as imm
from framefleet_scheduler.clouds.tencent.mps import front as mps
from framefleet_scheduler.clouds.tencent.vod import front as vod
from framefleet_scheduler.clouds.visionular import front as visionular
from tests.clouds import seen

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "howto" / "clouds-seen.md"
OPERATIONS: dict[str, Collection[str]] = {
    "imm": imm.OPERATIONS,
    "ice": ice.OPERATIONS,
    "vod": vod.OPERATIONS,
    "mps": mps.OPERATIONS,
    "visionular": [f"{method} {path}" for method, path in visionular.OPERATIONS],
}
_ROW = re.compile(r"^\| (.+?) \| `(.+?)` \| .* \| (\d+) \| .* \|$", re.MULTILINE)


@pytest.mark.parametrize("door", OPERATIONS)
def test_every_operation_that_is_offered_was_answered_to_an_sdk(door: str) -> None:
    part = PAGE.read_text(encoding="utf-8").partition(f"\n## {seen.NAMES[door]}\n")[2].partition("\n## ")[0]
    answered = {operation for _, operation, count in _ROW.findall(part) if int(count)}

    # A workflow of MPS is run by its number, and no bucket's upload begins it.
    assert answered | {"EnableWorkflow"} == {*OPERATIONS[door], "EnableWorkflow"}, "run `make seen`"


def test_the_sdks_are_those_that_the_tests_install() -> None:
    pinned = set(re.findall(r"(\S+)==([\d.]+)", (ROOT / "deploy/setup.sh").read_text(encoding="utf-8")))
    named = {sdk for sdk, _, _ in _ROW.findall(PAGE.read_text(encoding="utf-8")) if sdk[-1].isdigit()}

    assert {(seen.plain(sdk.split(" ")[0]), sdk.split(" ")[1]) for sdk in named} == {
        (seen.plain(name), version) for name, version in pinned if name.startswith(("ali", "tencent"))
    }


@pytest.mark.parametrize("name", seen.SESSIONS)
def test_a_session_ends_with_an_output_that_was_looked_at(name: str) -> None:
    text = (PAGE.parent / "sessions" / f"{name}.md").read_text(encoding="utf-8")

    assert "answered 200" in text
    assert re.search(r"^\*\*Output `\S+`\*\*, as ffprobe has it: .* s; ", text, re.MULTILINE)
    assert not re.search("signature|127.0.0.1", text.partition("\n## ")[2], re.IGNORECASE)


def _answer(status: int, body: object) -> str:
    return f"HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\n\r\n{json.dumps(body)}"


def test_what_went_over_the_wire_becomes_rows_and_a_session(tmp_path: Path) -> None:
    asked = "GET /vodencoding/v1/query_task?task_id=t1 HTTP/1.1\r\nHost: here\r\nAuthorization: Basic c2VjcmV0\r\n\r\n"
    made = 'POST /vodencoding/v1/create_task HTTP/1.1\r\nHost: here\r\n\r\n{"input": "a", "extra": "{\\"b\\": 1}"}'
    lines: list[dict[str, object]] = [
        {"sdk": "http", "request": made, "answer": _answer(200, {"code": 0, "data": {"task_id": "t1"}})},
        {"sdk": "http", "request": asked, "answer": _answer(200, {"code": 0, "data": {"status": "running"}})},
        {"sdk": "http", "request": asked, "answer": _answer(200, {"code": 0, "data": {"status": "succeeded"}})},
        {"sdk": "http", "request": asked, "answer": _answer(404, {"code": 40400, "data": {}})},
        {
            "path": "out.mp4",
            "probe": {
                "format": {"format_name": "mov", "duration": "6"},
                "streams": [
                    {"codec_type": "video", "codec_name": "h264", "width": 2, "height": 4, "avg_frame_rate": "25/1"}
                ],
            },
        },
    ]
    test = "tests/clouds/test_a.py::test_a_film_is_made[one]"
    (tmp_path / "1.jsonl").write_text("".join(json.dumps({"test": test, **line}) + "\n" for line in lines))

    events = list(seen.read(tmp_path))
    found = seen.rows(one for one in events if isinstance(one, seen.Exchange))
    page, session = seen.table(found), seen.session(events)

    assert "| plain HTTP | `GET query_task` | Basic GET | a film is made | 2 | `40400` 1 |" in page
    assert "| plain HTTP | `POST create_task` | Basic POST | a film is made | 1 |  |" in page
    assert '"extra": {\n    "b": 1\n  }' in session
    assert "answered 404, asked 3 times; the last answer:" in session
    assert "running" not in session
    assert "**Output `out.mp4`**, as ffprobe has it: mov, 6.00 s; h264 2x4 at 25/1/s." in session
    assert "c2VjcmV0" not in session
