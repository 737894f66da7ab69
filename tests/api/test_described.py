"""/openapi.json is complete: every operation has words, refusals, and an example that it takes."""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framefleet.domain.access import Role
from framefleet.domain.storage import storage_settings
from tests.api.conftest import Api
from tests.json_schema import valid


def operations(api: Api) -> tuple[dict[str, Any], list[tuple[str, str, dict[str, Any]]]]:
    document = api.client.get("/openapi.json").json()
    found = [(m, p, o) for p, methods in document["paths"].items() for m, o in methods.items()]
    return document, [(method, path, operation) for method, path, operation in found if path.startswith("/v1/")]


def test_every_operation_has_words_and_refusals(api: Api) -> None:
    _, found = operations(api)
    assert len(found) > 30

    for method, path, operation in found:
        where = f"{method} {path}"
        assert operation.get("summary"), where
        assert len(operation.get("description", "")) > 5, f"{where}: the handler's docstring is its description"
        assert {"400", "401", "403", "429", "500", "503"} <= set(operation["responses"]), f"{where}: use refusals()"
        for code, answer in operation["responses"].items():
            assert answer["description"], where
            if "ProblemBody" in str(answer):
                assert "example" in answer["content"]["application/json"], f"{where} {code}: use refusals()"


def test_every_operation_with_a_body_may_refuse_it_for_its_size_and_its_slowness(api: Api) -> None:
    _, found = operations(api)

    for method, path, operation in found:
        if "requestBody" in operation:
            for code in ("408", "413"):
                answer = operation["responses"].get(code, {})
                assert "ProblemBody" in str(answer), f"{method} {path} {code}"
                assert "example" in answer["content"]["application/json"], f"{method} {path} {code}"


def test_every_body_has_an_example_that_its_schema_allows(api: Api) -> None:
    document, found = operations(api)
    text = json.dumps(document["components"]["schemas"]).replace("#/components/schemas/", "#/$defs/")
    definitions = {"$defs": json.loads(text)}

    for method, path, operation in found:
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            if kind != "application/json":
                continue
            where = f"{method} {path}: give it an example in api/examples.py"
            assert "example" in content, where
            schema = json.loads(json.dumps(content["schema"]).replace("#/components/schemas/", "#/$defs/"))
            assert valid(content["example"], schema, definitions), where


def test_examples_are_accepted(api: Api) -> None:
    """Over a server in which what they name exists."""
    _, found = operations(api)
    task = api.submit()["id"]
    api.request("POST", "/v1/templates/old", json={"base": "mp4-h264-720p"})

    for method, path, operation in found:
        if not _has_json(operation) or path in _WAITING:
            continue
        body = operation["requestBody"]["content"]["application/json"]["example"]
        name = "old" if method == "put" else "mine"
        if (
            path == "/v1/storages/{name}"
        ):  # the example is an endpoint somewhere; where one may be is the operator's to say
            assert storage_settings(body).kind == "s3"
            body = {"kind": "directory", "root": str(api.allowed / "films")}
        answer = api.request(method.upper(), path.replace("{task_id}", task).replace("{name}", name), json=body)
        accepted = answer.status_code < 400 or answer.json()["error"]["code"] in _NOT_NOW
        assert accepted, f"{method} {path}: {answer.text}"


_NOT_NOW = {
    "task_not_final",
}
"""What an example may meet here: nothing has ended."""


_WAITING = {"/v1/probe", "/v1/plan", "/v1/webhooks/test"}
"""The first two wait for a worker, of which there is none; their bodies are parsed as those of /v1/tasks. The last goes out."""


def _has_json(operation: dict[str, Any]) -> bool:
    return "example" in operation.get("requestBody", {}).get("content", {}).get("application/json", {})


# --- bodies nobody expects ---------------------------------------------------------------------

_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(2**63) - 1, 1e308, -0.0]),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=40),
    st.sampled_from(
        [
            "\ud800",
            "\x00",
            "\u202e",
            "a" * 70_000,
            "../../x",
            "s3://",
            "storage://../x",
            "http://[::1",
            "{index}",
            "%00",
        ]
    ),
    st.just([]),
    st.just({}),
    st.recursive(
        st.none(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
)


def _paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, child in children for path in _paths(child, (*at, key)))]


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    head, *rest = path
    if isinstance(value, dict):
        return {**value, head: _replaced(value[head], tuple(rest), new)}
    return [_replaced(one, tuple(rest), new) if n == head else one for n, one in enumerate(value)]


@st.composite
def mutated(draw: st.DrawFn, body: Any) -> bytes:
    """A valid body with some of it replaced, doubled, nested or cut, as bytes that need not be JSON."""
    for _ in range(draw(st.integers(0, 2))):
        path = draw(st.sampled_from(_paths(body)))
        body = _replaced(body, path, draw(_ODD))
    text = json.dumps(body, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    match draw(st.integers(0, 9)):
        case 0:
            return text[: draw(st.integers(0, len(text)))]
        case 1:
            depth = draw(st.sampled_from([50, 2_000, 60_000]))
            return b'{"sources":' + b"[" * depth + b"]" * depth + b"}"
        case 2:
            return text[:1] + b'"name":"a","name":"b",' + text[1:]
        case 3:
            return text.replace(b'"', draw(st.sampled_from([b"\xff", b"'", b"\x00"])), 1)
        case 4:
            return b"\xef\xbb\xbf" + text
        case _:
            return text


def test_no_body_breaks_the_server(api: Api) -> None:
    """FUZZ_EXAMPLES=20000 makes a long run of it."""
    _, found = operations(api)
    assert len(found) > 8
    targets = [
        (m, p, o["requestBody"]["content"]["application/json"]["example"])
        for m, p, o in found
        if _has_json(o) and p not in _WAITING
    ]
    auth = api.key(Role.ADMIN)
    api.desk.rates._per_second = api.desk.rates._burst = 1e9

    @settings(
        max_examples=int(os.environ.get("FUZZ_EXAMPLES", "400")),
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(targets).flatmap(lambda t: st.tuples(st.just(t), mutated(t[2]))))
    def check(case: tuple[tuple[str, str, Any], bytes]) -> None:
        (method, path, _), body = case
        path = path.replace("{task_id}", "nothing").replace("{name}", "fuzzed").replace("{storage}", "fuzzed")
        answer = api.client.request(
            method.upper(), path, content=body, headers={"Content-Type": "application/json"}, auth=auth
        )
        assert answer.status_code < 500, (path, body[:300], answer.text)
        if answer.status_code >= 400:
            error = answer.json()["error"]
            assert set(error) == {"code", "message", "field", "hint", "request_id"}, (path, answer.text)
            assert error["code"], answer.text

    check()
