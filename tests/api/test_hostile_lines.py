"""The server as it listens, spoken to through bare sockets by senders that are slow, many, or lie."""

from __future__ import annotations

import dataclasses
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, ClassVar

import pytest

from framefleet.domain.access import Role
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.limits import Limits
from framefleet_scheduler.api.server import ApiServer
from tests.api.conftest import Api

DEADLINE = 120.0
ELSEWHERE = [
    "/v1/tasks/%00",
    "/v1/tasks/x/outputs/%00/a",
    "/v1/tasks/x/outputs/x/..%2f..%2f..%2fetc%2fpasswd",
    "/v1/tasks/x/outputs/x/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/v1/tasks/x/outputs/..%00.zip",
    "/v1/tasks/x/outputs/a%0d%0aSet-Cookie:%20x=y.zip",
    "/v1/tasks/x/sources/..%2f0",
    "/v1/uploads/..%2f..%2fkeys",
    "/v1/templates/..%2f..%2fetc",
    "/v1/storages/%2e%2e",
    "/assets/x/..%2f..%2fassets.py",
    "/assets/x/%00",
    "/v1/../etc/passwd",
    "//etc/passwd",
    "/%ff%fe",
    "/tasks/%0d%0aLocation:%20x",
]
RUBBISH = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50 + b"\r\n\r\n",
    b"GET  /v1/tasks HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /v1/\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\nb: \x00\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    b"POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
]
SHORT = Limits(connections=8, head_seconds=0.4, idle_seconds=60, body_seconds=0.4, rest_seconds=0.4)

Answer = tuple[int, dict[str, str], bytes]


class Line:
    """One connection."""

    made: ClassVar[list[Line]] = []

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self.made.append(self)

    def send(self, text: str | bytes) -> None:
        self.socket.sendall(text.encode("latin-1") if isinstance(text, str) else text)

    def rest(self) -> bytes:
        """All that comes until the server closes the connection."""
        found = b""
        self.socket.settimeout(DEADLINE)
        try:
            while block := self.socket.recv(65536):
                found += block
        except ConnectionResetError:
            pass
        return found

    def answers(self, count: int = 1) -> list[Answer]:
        """So many answers, each with its status, headers and body."""
        with self.socket.makefile("rb") as file:
            return [self._answer(file) for _ in range(count)]

    def _answer(self, file: BinaryIO) -> Answer:
        status, headers = int(file.readline().split()[1]), {}
        while (line := file.readline().decode("latin-1").strip()) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return status, headers, file.read(int(headers.get("content-length", 0)))

    def drip(self, byte: bytes) -> bytes:
        """Send a byte again and again until something comes or the line is closed; what came."""
        self.socket.settimeout(0.05)
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            try:
                self.socket.sendall(byte)
                return self.socket.recv(65536)
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                return b""
        raise AssertionError("the server listens for ever")


@contextmanager
def served(desk: Desk, **changes: Any) -> Iterator[int]:
    """The port of a server, without keys unless said."""
    server = ApiServer(dataclasses.replace(desk, **{"asks_for_keys": False} | changes), "127.0.0.1", 0)
    server.start()
    try:
        yield server.port
    finally:
        for line in Line.made:
            line.socket.close()
        Line.made.clear()
        server.stop()


def test_no_body_is_waited_for_before_the_key_is_known(api: Api) -> None:
    paths = api.client.get("/openapi.json").json()["paths"]
    routes = [(m, p) for p, operations in paths.items() for m, o in operations.items() if "requestBody" in o]
    assert len(routes) > 10

    with served(api.desk, asks_for_keys=True, limits=Limits(rest_seconds=0.1)) as port:
        for method, path in routes:
            line = Line(port)
            name = path.replace("{n}", "1").replace("{", "").replace("}", "")
            line.send(f"{method.upper()} {name} HTTP/1.1\r\nHost: localhost\r\n")
            line.send("Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n")

            ((status, _, body),) = line.answers()

            assert (status, json.loads(body)["error"]["code"]) == (401, "unauthenticated"), (method, path)


@pytest.fixture
def short(api: Api) -> Iterator[int]:
    """The port of a server that waits for nobody."""
    with served(api.desk, limits=SHORT) as made:
        yield made


@pytest.fixture
def port(api: Api) -> Iterator[int]:
    """The port of a server with the limits there are."""
    with served(api.desk) as made:
        yield made


@pytest.fixture
def keyed(api: Api) -> Iterator[int]:
    """The port of a server that asks for keys."""
    with served(api.desk, asks_for_keys=True) as made:
        yield made


def get(path: str, *headers: str, version: str = "1.1", method: str = "GET") -> str:
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: localhost", *headers, "", ""])


def ask(port: int, text: str | bytes) -> Answer:
    line = Line(port)
    line.send(text)
    return line.answers()[0]


def code(answer: Answer) -> tuple[int, str]:
    assert answer[1]["content-type"] == "application/json", answer
    error = json.loads(answer[2])["error"]
    assert set(error) == {"code", "message", "field", "hint", "request_id"}
    assert error["hint"]
    return answer[0], error["code"]


# --- slow ------------------------------------------------------------------------------------


def test_headers_that_never_end_are_cut_off(short: int) -> None:
    line = Line(short)
    line.send("GET /v1/tasks HTTP/1.1\r\nHost: localhost\r\nX-Slow: a")

    came = line.drip(b"a") + line.rest()

    assert came.startswith(b"HTTP/1.1 408 ")
    assert b'"request_timeout"' in came


def test_a_second_request_that_never_ends_is_cut_off_too(short: int) -> None:
    line = Line(short)
    line.send(get("/healthz"))
    assert line.answers()[0][0] == 200

    assert line.drip(b"G").startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 400 "))


@pytest.mark.parametrize("said", ["", "\r\n"])
def test_who_says_nothing_is_cut_off(short: int, said: str) -> None:
    line = Line(short)
    line.send(said)

    assert line.rest()[:13] in {b"", b"HTTP/1.1 400 ", b"HTTP/1.1 408 "}


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/keys"), ("POST", "/v1/uploads"), ("PATCH", "/v1/pipelines/x"), ("POST", "/v1/deliveries/replay")],
)
def test_bodies_that_never_end_are_cut_off(short: int, method: str, path: str) -> None:
    line = Line(short)
    line.send(get(path, "Content-Type: application/json", "Content-Length: 100000", method=method))

    came = line.drip(b" ") + line.rest()

    assert came.startswith(b"HTTP/1.1 408 ")
    assert b'"request_timeout"' in came


def test_the_rest_of_a_body_nobody_reads_is_not_listened_to_for_ever(short: int) -> None:
    line = Line(short)
    line.send(get("/healthz", "Content-Length: 100000"))
    assert line.answers()[0][0] == 200

    assert line.drip(b" ") == b""


@pytest.mark.parametrize("path", ["/v1/keys", "/v1/uploads", "/v1/tasks", "/v1/plan"])
def test_bodies_without_end_are_not_kept_in_memory_also_of_who_has_no_key(keyed: int, path: str) -> None:
    line = Line(keyed)
    line.send(get(path, "Content-Type: application/json", "Transfer-Encoding: chunked", method="POST"))
    block, came, sent = b"10000\r\n" + b" " * 65536 + b"\r\n", b"", 0

    try:
        while sent < 64 and not came:
            line.send(block)
            sent += 1
            line.socket.setblocking(False)
            try:
                came = line.socket.recv(65536)
            except BlockingIOError:
                pass
            line.socket.settimeout(DEADLINE)
        # No more than is kept at once: the server has stopped to listen, or it has answered.
        line.send(block * 64)
        came = came or line.socket.recv(65536)
    except (ConnectionResetError, BrokenPipeError):
        pass

    assert came == b"" or came.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 401 ")), came


# --- many ------------------------------------------------------------------------------------


def test_many_idle_connections_keep_nobody_out(api: Api) -> None:
    with served(api.desk, limits=Limits(connections=8, head_seconds=600.0, idle_seconds=600)) as port:
        idle = [Line(port) for _ in range(40)]
        for line in idle[-8:]:
            line.send("GET /v1/tasks HTTP/1.1\r\n")

        answers = [ask(port, get("/healthz", "Connection: close")) for _ in range(5)]

        assert [status for status, _, _ in answers] == [200] * 5
        assert idle[0].rest() == b"", "the one that did nothing for longest had to go"


def test_when_all_are_busy_a_new_connection_is_told_to_come_again(api: Api) -> None:
    with served(api.desk, limits=Limits(connections=3)) as port:
        busy = [Line(port) for _ in range(3)]
        for line in busy:
            line.send(get("/v1/events", "Accept: text/event-stream"))
            assert line.socket.recv(12) == b"HTTP/1.1 200"

        refused = Line(port).answers()[0]

        assert (code(refused), refused[1]["connection"]) == ((503, "overloaded"), "close")
        assert int(refused[1]["retry-after"]) >= 1


# --- lies and rubbish ------------------------------------------------------------------------


def test_long_lines_pass_and_longer_ones_are_refused_as_everything_is(port: int) -> None:
    passes = ask(port, get(f"/v1/tasks?tag=a%3D{'x' * (127 * 1024)}"))
    line = Line(port)
    line.send(f"GET /v1/tasks HTTP/1.1\r\nHost: localhost\r\nX-Large: {'x' * 170_000}")

    assert passes[0] in {200, 400}
    assert json.loads(passes[2])
    assert code(line.answers()[0]) == (400, "invalid_request")


def test_what_is_no_http_is_refused_in_the_shape_of_all_refusals(port: int) -> None:
    for rubbish in RUBBISH:
        line = Line(port)
        line.send(rubbish)

        answer = line.answers()[0]

        assert (code(answer), answer[1]["connection"]) == ((400, "invalid_request"), "close"), rubbish
        assert line.rest() == b""


def test_both_lengths_are_no_way_to_smuggle_a_request(port: int) -> None:
    line = Line(port)
    line.send(
        "POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\n" + get("/healthz", "Connection: close")
    )

    came = line.rest()

    assert came.startswith(b"HTTP/1.1 400 ")
    assert b" 500 " not in came


@pytest.mark.parametrize("lie", ["zz\r\n", "-5\r\nhello\r\n", "5\r\nhelloworld\r\n", f"{'f' * 40}\r\nx"])
def test_chunks_that_lie_are_refused_and_the_server_lives(port: int, lie: str) -> None:
    line = Line(port)
    line.send(get("/v1/tasks", "Content-Type: application/json", "Transfer-Encoding: chunked", method="POST") + lie)

    assert code(line.answers()[0]) == (400, "invalid_request")
    assert ask(port, get("/healthz"))[0] == 200


def test_rubbish_behind_a_good_request_spoils_only_itself(port: int) -> None:
    line = Line(port)
    line.send(get("/healthz") + get("/v1/tasks") + "\x01\x02rubbish\r\n\r\n")

    good, tasks, bad = line.answers(3)

    assert (good[0], tasks[0]) == (200, 200)
    assert code(bad) == (400, "invalid_request")
    assert line.rest() == b""


def test_a_line_that_breaks_in_a_body_is_no_defect(api: Api, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    line = Line(port)
    line.send(get("/v1/tasks", "Content-Length: 1000", method="POST") + "{")
    line.socket.close()

    assert ask(port, get("/healthz"))[0] == 200
    told = capsys.readouterr()
    assert "api.broken" not in told.out + told.err


# --- lesser known ways to say the same -------------------------------------------------------


def test_who_waits_for_a_100_gets_it_or_the_refusal(port: int) -> None:
    line = Line(port)
    line.send(get("/v1/tasks", "Expect: 100-continue", "Content-Length: 2", method="POST"))
    assert line.socket.recv(len("HTTP/1.1 100 Continue\r\n\r\n")).startswith(b"HTTP/1.1 100")
    line.send("{}")

    assert code(line.answers()[0])[0] == 400


def test_http_1_0_is_answered_and_closed(port: int) -> None:
    line = Line(port)
    line.send("GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")

    assert b" 200 " in line.rest().splitlines()[0]


@pytest.mark.parametrize("path", ["/v1/tasks", "/healthz", "/v1/nothing", "/"])
def test_a_head_has_no_body(port: int, path: str) -> None:
    line = Line(port)
    line.send(get(path, "Connection: close", method="HEAD"))

    head, _, body = line.rest().partition(b"\r\n\r\n")

    assert int(head.split()[1]) < 500
    assert body == b""


def test_an_absolute_target_means_its_path_and_its_host(port: int) -> None:
    good = ask(port, get("http://localhost/v1/tasks?limit=1"))
    other = ask(port, get("http://evil.example/v1/tasks"))

    assert (good[0], json.loads(good[2])["tasks"]) == (200, [])
    assert code(other) == (403, "forbidden")


def test_no_path_leads_anywhere_else(port: int) -> None:
    for path in ELSEWHERE:
        answer = ask(port, get(path))

        assert code(answer)[0] in {400, 404}, path
        assert "set-cookie" not in answer[1]
        assert b"root:" not in answer[2]


def test_an_id_of_a_request_splits_no_answer(port: int) -> None:
    answer = ask(port, get("/healthz", "X-Request-Id: a%0d%0aX-Evil: 1"))

    assert "x-evil" not in answer[1]


# --- hosts -----------------------------------------------------------------------------------


def test_a_server_without_keys_answers_to_the_names_it_was_given(api: Api) -> None:
    with served(api.desk, hosts=("films.example.com",)) as port:

        def host(name: str) -> Any:
            return ask(port, f"GET /v1/tasks HTTP/1.1\r\nHost: {name}\r\n\r\n")

        assert host("films.example.com")[0] == host("FILMS.example.com.:8080")[0] == 200
        assert code(host("more.films.example.com")) == (403, "forbidden")
        assert "FRAMEFLEET_API_HOSTS" in json.loads(host("evil.example")[2])["error"]["hint"]


def test_with_keys_a_host_is_as_good_as_another(api: Api, keyed: int) -> None:
    key_id, secret = api.key(Role.VIEWER)
    request = f"GET /v1/tasks HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer {key_id}:{secret}\r\n\r\n"

    assert ask(keyed, request)[0] == 200


def test_who_sends_a_line_that_is_far_too_long_hears_the_answer(port: int) -> None:
    """SDKs of clouds put whole requests into it, and would take a line that breaks for a fault of the network."""
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(b"POST /?Parameter=" + b"x" * 5_000_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            said = b""
            while part := line.recv(65536):
                said += part
        assert said.startswith(b"HTTP/1.1 413 ")
        assert b"RequestEntityTooLarge" in said
