"""What is around every request: an id, headers, a line in the log, and a bound on how many there are at once."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from framefleet_scheduler.api.around import Around
from tests.api.conftest import Api

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


@pytest.mark.parametrize("path", ["/v1/pipelines", "/healthz", "/v1/nothing"])
def test_every_answer_has_an_id_and_the_headers_that_browsers_heed(api: Api, path: str) -> None:
    answer = api.client.get(path, headers={"X-Request-Id": "mine-1"})

    assert answer.headers["x-request-id"] == "mine-1"
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_so_has_the_answer_to_a_defect_and_the_log_says_500(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(api.desk.access, "all", broken)
    with capture_logs() as lines:
        answer = api.request("GET", "/v1/keys", headers={"X-Request-Id": "mine-2"})

    assert (answer.status_code, answer.json()["error"]["request_id"]) == (500, "mine-2")
    assert answer.headers["x-request-id"] == "mine-2"
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    (line,) = [line for line in lines if line["event"] == "request.answered"]
    assert line["status"] == 500


def test_files_are_counted_apart_and_whether_the_process_lives_is_always_said() -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def application(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["path"] == "/file":
            scope["state"]["apart"] = True
        if scope["path"] in {"/slow", "/file"}:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            began.set()
            await go_on.wait()
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    around = Around(application, most_at_once=2)

    async def ask(path: str) -> int:
        statuses: list[int] = []

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": []}
        await around(scope, receive, send)
        return statuses[0]

    async def begin(path: str) -> asyncio.Task[int]:
        began.clear()
        task = asyncio.create_task(ask(path))
        await began.wait()
        return task

    async def run() -> None:
        open_ones = [await begin("/file") for _ in range(5)]
        assert await ask("/quick") == 200, "files do not count"
        open_ones += [await begin("/slow") for _ in range(2)]
        assert await ask("/quick") == 503
        assert [await ask("/healthz"), await ask("/readyz")] == [200, 200]
        go_on.set()
        assert [await one for one in open_ones] == [200] * 7
        assert await ask("/quick") == 200

    asyncio.run(run())
