"""Headers, queries and bodies that somebody sends to break the server: each is refused, and none is a defect of it."""

from __future__ import annotations

import pytest

from framefleet.domain.access import Role
from framefleet.domain.errors import Forbidden
from framefleet_scheduler.api.origin import check_origin
from tests.api.conftest import Api

DEEP = b"[" * 2_000
TEXTS = [
    "!!bool foo",
    '!!int ""',
    "a: !!timestamp x",
    'a: !!float "1:x"',
    '"\\UFFFFFFFF"',
    '{"a": "\\ud800"}',
    "? {a: b}\n: c",
    "a: 2001-99-99",
    "[" * 2_000,
]
"""Of templates, where YAML is read."""
ROUTES = [
    ("POST", "/v1/tasks"),
    ("POST", "/v1/plan"),
    ("POST", "/v1/probe"),
    ("POST", "/v1/keys"),
    ("POST", "/v1/uploads"),
    ("PUT", "/v1/storages/mine"),
    ("PATCH", "/v1/pipelines/mine"),
    ("POST", "/v1/deliveries/replay"),
    ("POST", "/v1/webhooks/test"),
]
BODIES = [DEEP, b'{"a":' + DEEP, b'{"name": "\\ud800", "url": "\\ud800"}', b"1" * 5_000, b"\xff"]


def test_no_header_of_a_key_breaks_the_server(api: Api) -> None:
    for header in (b"Basic \xe9", b"Basic \xff\xff", b"Bearer \xe9:\xe9", b"\xe9 x", b"Basic"):
        answer = api.client.get("/v1/tasks", headers=[(b"Authorization", header)])

        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated"), header


@pytest.mark.parametrize("path", ["/v1/pipelines/pause", "/login"])
def test_no_origin_breaks_the_server_or_passes_for_its_own(api: Api, path: str) -> None:
    object.__setattr__(api.desk, "asks_for_keys", False)

    for origin in ("http://[", "null", "", "http://", "http://[::1", "//", "a b"):
        answer = api.client.post(path, headers={"Origin": origin, "Host": "localhost", "Accept": "*/*"})

        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden"), origin


@pytest.mark.parametrize("headers", [{"origin": "null"}, {"origin": "null", "host": ""}, {"origin": "", "host": ""}])
def test_an_origin_without_a_host_is_that_of_no_server(headers: dict[str, str]) -> None:
    with pytest.raises(Forbidden):
        check_origin(headers)


def test_no_text_of_a_template_breaks_its_check(api: Api) -> None:
    for text in TEXTS:
        answer = api.request("POST", "/v1/templates/mine/check", Role.VIEWER, content=text.encode())

        assert answer.status_code == 200, (text[:99], answer.text)
        assert not answer.json()["valid"], text[:99]
        assert answer.json()["mistakes"], text[:99]


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/templates/other"), ("PUT", "/v1/templates/mine")])
def test_no_body_of_a_template_breaks_the_server(api: Api, method: str, path: str) -> None:
    api.request("POST", "/v1/templates/mine", json={"base": "mp4-h264-720p"})

    for body in (DEEP, b'{"a":' + DEEP, b'{"base": "mp4-h264-720p", "description": "\\ud800"}', b"\xff"):
        answer = api.request(method, path, content=body)

        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_template"), body[:99]


def test_no_body_breaks_the_server(api: Api) -> None:
    for method, path in ROUTES:
        for body in BODIES:
            answer = api.request(method, path, content=body, headers={"Content-Type": "application/json"})

            assert 400 <= answer.status_code < 500, (path, body[:99], answer.text)
            assert answer.json()["error"]["code"]


@pytest.mark.parametrize("path", ["/v1/audit", "/v1/tasks"])
def test_no_time_breaks_a_listing(api: Api, path: str) -> None:
    for query in ({"since": "0001-01-01T00:00:00+23:59"}, {"until": "9999-12-31T23:59:59-23:59"}):
        answer = api.request("GET", path, params=query)
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert (error["code"], error["field"]) == ("invalid_request", next(iter(query)))
    for query in (
        {"since": "0001-01-01T00:00:00Z"},
        {"until": "0001-01-01T00:00:00Z"},
        {"until": "9999-12-31T23:59:59.999999"},
        {"since": "9999-12-31T23:59:59Z", "until": "0001-01-01T00:00:00Z"},
    ):
        assert api.request("GET", path, params=query).status_code == 200, query
