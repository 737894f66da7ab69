"""The HTTP client's wire: what is sent again and what is not, whom the key is shown, what errors become."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from framefleet.domain.errors import FramefleetError
from framefleet.http_client import ServerUnavailable, UnexpectedAnswer
from framefleet.http_client import wire as wires
from framefleet.http_client.wire import Wire
from framefleet.producer import Rejected
from tests.services.answering import answering, reply

OK = reply(200, b'{"a": 1}')
BROKEN = b""


def problem(status: int, code: str, *headers: str, **more: Any) -> bytes:
    error = {"code": code, "message": "no", "field": "x", "hint": "h", "request_id": "r1", **more}
    return reply(status, json.dumps({"error": error}).encode(), *headers)


class Slept:
    """Remembers how long."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


_open: list[Wire] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _open:
        _open.pop().close()


def wire(url: str, slept: Slept | None = None, **more: Any) -> Wire:
    _open.append(Wire(url, "id", "secret", sleep=slept or Slept(), **more))
    return _open[-1]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_line_that_breaks_is_mended_where_a_request_may_come_twice(method: str) -> None:
    with answering(BROKEN, reply(200, b'{"a": 1}', cut=3), OK) as server:
        assert wire(server.url).call(method, "x") == {"a": 1}

    assert len(server.seen) == 3


def test_what_may_not_come_twice_is_not_sent_again() -> None:
    with answering(BROKEN, OK) as server:
        with pytest.raises(ServerUnavailable):
            wire(server.url).call("POST", "x", document={})

        assert len(server.seen) == 1
        assert wire(server.url).call("POST", "x", document={}, repeatable=True) == {"a": 1}


def test_a_connection_is_kept_and_what_may_not_come_twice_gets_its_own() -> None:
    with answering(OK, OK, OK) as server:
        one = wire(server.url)
        for _ in range(2):
            one.call("GET", "x")
        assert server.connections == 1
        one.call("POST", "x", document={})
        assert server.connections == 2


def test_who_is_sent_away_waits_as_long_as_was_said() -> None:
    slept = Slept()
    with answering(problem(429, "too_many_requests", "Retry-After: 3"), problem(503, "overloaded"), OK) as server:
        assert wire(server.url, slept).call("POST", "x", document={}) == {"a": 1}

    assert 3 <= slept.seconds[0] < 4
    assert len(server.seen) == 3


def test_a_service_that_is_away_is_asked_again_only_where_that_is_safe() -> None:
    away = problem(503, "state_unavailable", "Retry-After: 2")
    with answering(away, away, OK) as server:
        with pytest.raises(ServerUnavailable) as refused:
            wire(server.url).call("POST", "x", document={})
        assert wire(server.url).call("GET", "x") == {"a": 1}

    assert (refused.value.code, refused.value.retry_after) == ("state_unavailable", 2)
    assert "r1" in str(refused.value.hint_text)


def test_patience_ends() -> None:
    slept = Slept()
    with answering(*[problem(503, "overloaded", "Retry-After: 20")] * 3) as server, pytest.raises(ServerUnavailable):
        wire(server.url, slept, patience=10).call("GET", "x")

    assert slept.seconds == [], "the server will not be back within the patience"


def test_patience_begins_with_the_first_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        now = 0.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(wires, "time", clock)

    def late(_: object) -> bytes:
        clock.now += 1000.0
        return BROKEN

    with answering(late, OK) as server:
        assert wire(server.url, patience=1.0).call("PUT", "x") == {"a": 1}
    with answering(late, late, OK) as server, pytest.raises(ServerUnavailable):
        wire(server.url, patience=1.0).call("PUT", "x")
    with answering(late, late, OK) as server:
        assert wire(server.url, patience=1.0).call("PUT", "x", patience=2000.0) == {"a": 1}


def test_a_refusal_has_all_that_the_server_says() -> None:
    with answering(problem(409, "task_final")) as server, pytest.raises(Rejected) as refused:
        wire(server.url).call("GET", "x")

    error = refused.value
    assert (error.code, error.status, error.message) == ("task_final", 409, "no")
    assert (error.field, error.hint_text, error.request_id) == ("x", "h", "r1")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(404, b"<html>not here</html>"), UnexpectedAnswer),
        (reply(200, b"<html>hello</html>"), UnexpectedAnswer),
        (reply(403, b'{"error": "no"}'), UnexpectedAnswer),
        (problem(500, "internal_error"), FramefleetError),
    ],
)
def test_what_is_no_answer_of_ours_is_told_so(answer: bytes, kind: type[FramefleetError]) -> None:
    with answering(answer) as server, pytest.raises(kind) as refused:
        wire(server.url).call("GET", "x")

    assert type(refused.value) is kind


def test_another_server_never_gets_the_key() -> None:
    with (
        answering(OK) as other,
        answering(reply(307, b"", f"Location: {other.url}/v1/tasks")) as server,
        pytest.raises(UnexpectedAnswer, match="does not get the key"),
    ):
        wire(server.url).call("GET", "x")

    assert other.seen == []


def test_on_the_same_server_it_goes_where_it_is_sent() -> None:
    with answering(reply(308, b"", "Location: /other?a=b"), OK) as server:
        assert wire(server.url).call("GET", "x") == {"a": 1}

    assert [seen.line.split()[1] for seen in server.seen] == ["/x", "/other?a=b"]


def test_names_are_quoted_and_the_path_of_the_server_is_kept() -> None:
    with answering(OK) as server:
        wire(f"{server.url}/behind/").call(
            "GET", "v1", "a/b ?#é", query={"x": "1&2", "y": True, "z": None, "w": ["1", "2"]}
        )

    assert server.seen[0].line == "GET /behind/v1/a%2Fb%20%3F%23%C3%A9?x=1%262&y=true&w=1&w=2 HTTP/1.1"
    assert server.seen[0].headers["authorization"] == "Basic aWQ6c2VjcmV0"


@pytest.mark.parametrize("url", ["ftp://host", "host:80", "http://", "http://id:secret@host", "http://host/?a=b"])
def test_what_is_no_address_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address") as refused:
        Wire(url)

    assert "secret" not in str(refused.value)


def test_a_server_that_is_not_there_is_told_so_and_the_key_is_not() -> None:
    with pytest.raises(ServerUnavailable) as refused:
        wire("http://127.0.0.1:9", patience=0).call("GET", "x")

    assert "secret" not in repr(refused.value)
