"""Storages over HTTP: set, shown without secrets, tried, deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from framefleet.domain.access import Role
from tests.api.conftest import Api

ARCHIVE: dict[str, Any] = {
    "kind": "s3",
    "endpoint": "http://10.0.0.7:9000",
    "bucket": "films",
    "credentials": "archive",
}


def put(api: Api, settings: Any = ARCHIVE, name: str = "archive", **more: Any) -> Any:
    return api.request("PUT", f"/v1/storages/{name}", content=json.dumps(settings), **more)


def code(answer: Any) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["field"]


def test_a_storage_is_made_changed_and_shown(api: Api) -> None:
    made = put(api)
    changed = put(api, {**ARCHIVE, "prefix": "/2026/"})
    shown = api.request("GET", "/v1/storages/archive", Role.VIEWER)

    assert (made.status_code, made.headers["etag"], changed.status_code) == (201, '"1"', 200)
    assert shown.headers["etag"] == '"2"'
    settings = {"endpoint": "10.0.0.7:9000", "secure": False, "prefix": "2026", "region": "us-east-1"}
    assert shown.json()["settings"] == {**ARCHIVE, **settings}
    listed = api.request("GET", "/v1/storages", Role.VIEWER).json()["storages"]
    assert [(s["name"], s["origin"], s["writable"]) for s in listed] == [
        ("archive", "registry", True),
        ("out", "operator", True),
        ("samples", "built_in", False),
        ("uploads", "built_in", False),
    ]


def test_of_two_changes_of_one_version_the_second_is_refused(api: Api) -> None:
    put(api)
    put(api, {**ARCHIVE, "bucket": "other"}, headers={"If-Match": '"1"'})

    assert code(put(api, headers={"If-Match": '"1"'})) == (409, "storage_changed", "version")
    assert code(put(api, headers={"If-None-Match": "*"})) == (409, "storage_changed", "version")
    assert put(api, name="second", headers={"If-None-Match": "*"}).status_code == 201
    refused = api.request("DELETE", "/v1/storages/archive", headers={"If-Match": '"1"'})
    assert code(refused) == (409, "storage_changed", "version")


def test_a_deleted_one_is_gone_and_its_numbers_go_on(api: Api) -> None:
    put(api)

    assert api.request("DELETE", "/v1/storages/archive").status_code == 204

    assert code(api.request("GET", "/v1/storages/archive"))[:2] == (404, "unknown_storage")
    assert code(api.request("DELETE", "/v1/storages/archive"))[:2] == (404, "unknown_storage")
    assert put(api).json()["version"] == 3


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({**ARCHIVE, "secret_key": "hidden"}, "secret_key"),
        ({**ARCHIVE, "endpoint": "user:hidden@host"}, "endpoint"),
        ({**ARCHIVE, "endpoint": "http://host/path"}, "endpoint"),
        ({**ARCHIVE, "credentials": "../hidden"}, "credentials"),
        ({**ARCHIVE, "credentials": "HOME"}, "credentials"),
        ({**ARCHIVE, "prefix": "a/../hidden"}, "prefix"),
        ({**ARCHIVE, "bucket": "a/b"}, "bucket"),
        ({"kind": "directory", "root": "/etc"}, "root"),
        ({"kind": "directory", "root": "{allowed}/../hidden"}, "root"),
        ({"kind": "directory", "root": "hidden"}, "root"),
        ({"kind": "hidden"}, "kind"),
        ({"bucket": "hidden"}, "kind"),
        ({**ARCHIVE, "endpoint": "host:99999"}, "endpoint"),
        ({**ARCHIVE, "endpoint": "host", "secure": "yes"}, "secure"),
        ({**ARCHIVE, "prefix": "\ud800"}, "prefix"),
        ([], None),
    ],
)
def test_settings_that_cannot_be_are_refused_without_what_was_sent(api: Api, settings: Any, field: str | None) -> None:
    if isinstance(settings, dict) and "root" in settings:
        settings["root"] = settings["root"].format(allowed=api.allowed)

    refused = put(api, settings)

    assert code(refused) == (400, "invalid_storage", field)
    assert "hidden" not in refused.text


def test_a_link_does_not_lead_a_storage_out_of_what_is_allowed(api: Api) -> None:
    api.allowed.mkdir()
    (api.allowed / "out").symlink_to("/etc")

    assert code(put(api, {"kind": "directory", "root": f"{api.allowed}/out"})) == (400, "invalid_storage", "root")


@pytest.mark.parametrize("name", ["uploads", "samples", "out"])
def test_what_is_built_in_or_the_operators_is_not_changed_here(api: Api, name: str) -> None:
    assert code(put(api, name=name))[:2] == (409, "storage_fixed")
    assert code(api.request("DELETE", f"/v1/storages/{name}"))[:2] == (409, "storage_fixed")


def test_only_admins_of_everything_change_or_try_them(api: Api) -> None:
    scoped = api.key(Role.ADMIN, ["night"])

    for call in [("PUT", ""), ("DELETE", ""), ("POST", "/check")]:
        for auth in (scoped, api.key(Role.PRODUCER)):
            answer = api.client.request(call[0], f"/v1/storages/archive{call[1]}", auth=auth, json=ARCHIVE)
            assert answer.status_code == 403, call


def test_a_check_says_what_works_and_leaves_nothing(api: Api) -> None:
    api.allowed.mkdir()
    put(api, {"kind": "directory", "root": f"{api.allowed}/films"}, "films")
    put(api)

    good = api.request("POST", "/v1/storages/films/check").json()
    bad = api.request("POST", "/v1/storages/archive/check").json()

    assert [(s["step"], s["ok"]) for s in good["steps"]] == [(s, True) for s in ("write", "read", "list", "delete")]
    assert good["ok"] and not [p for p in api.allowed.rglob("*") if p.is_file()]
    assert (bad["ok"], bad["steps"][0]["step"]) == (False, "locate")
    assert "FRAMEFLEET_CREDENTIALS_ARCHIVE_ACCESS_KEY" in bad["steps"][0]["hint"]


def test_any_version_is_one_that_there_is(api: Api) -> None:
    assert code(put(api, headers={"If-Match": "*"})) == (409, "storage_changed", "version")
    assert api.request("GET", "/v1/storages/archive").status_code == 404
    assert put(api).status_code == 201

    changed = put(api, headers={"If-Match": "*"})

    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert api.request("DELETE", "/v1/storages/archive", headers={"If-Match": "*"}).status_code == 204
    assert code(put(api, headers={"If-Match": "*"})) == (409, "storage_changed", "version"), "it was deleted"
