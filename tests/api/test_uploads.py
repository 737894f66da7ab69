"""Uploads over HTTP, into a directory: parts of 1000 bytes."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from framefleet import uploads as uploads_module
from framefleet.domain import keys
from framefleet.domain.access import Role
from framefleet.domain.address import parse
from framefleet.domain.errors import UploadQuotaExceeded
from framefleet.domain.states import TaskState
from tests.api.conftest import Api, task_request

FILM = bytes(range(256)) * 10
"""2560 bytes: parts of 1000, 1000 and 560."""


def begin(api: Api, role: Role = Role.PRODUCER, **changes: Any) -> dict[str, Any]:
    answer = api.request("POST", "/v1/uploads", role, json={"name": "film.mp4", "bytes": len(FILM), **changes})
    assert answer.status_code == 201, answer.text
    begun: dict[str, Any] = answer.json()
    return begun


def send(api: Api, upload: dict[str, Any], *numbers: int, film: bytes = FILM) -> None:
    for n in numbers:
        part = film[(n - 1) * 1000 : n * 1000]
        answer = api.request("PUT", f"/v1/uploads/{upload['id']}/parts/{n}", Role.PRODUCER, content=part)
        assert (answer.status_code, answer.json()) == (200, {"n": n, "bytes": len(part)})


def finish(api: Api, upload: dict[str, Any]) -> Any:
    return api.request("POST", f"/v1/uploads/{upload['id']}/complete", Role.PRODUCER)


def whole(api: Api, **changes: Any) -> dict[str, Any]:
    upload = begin(api, **changes)
    send(api, upload, 1, 2, 3)
    assert finish(api, upload).json()["state"] == "complete"
    return upload


def left(api: Api) -> list[str]:
    return [info.key for info in api.desk.store.list("uploads/")]


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_parts_come_in_any_order_and_again_and_make_the_file(api: Api) -> None:
    upload = begin(api, sha256=hashlib.sha256(FILM).hexdigest())
    path = f"/v1/uploads/{upload['id']}"
    assert (upload["part_bytes"], upload["part_count"], upload["state"]) == (1000, 3, "open")
    send(api, upload, 3)
    send(api, upload, 1, film=b"\0" * 3000)
    assert api.request("GET", path, Role.PRODUCER).json()["parts"] == [{"n": 1, "bytes": 1000}, {"n": 3, "bytes": 560}]
    refused = finish(api, upload)
    assert code(refused) == (409, "upload_incomplete")
    assert refused.json()["error"]["message"].endswith(": 2")

    send(api, upload, 2, 1)
    done = finish(api, upload)

    assert (done.status_code, done.json()["state"], done.json()["uri"]) == (200, "complete", upload["uri"])
    assert finish(api, upload).json() == done.json() == api.request("GET", path, Role.PRODUCER).json()
    assert upload["uri"] == f"storage://uploads/{upload['id']}/film.mp4"
    assert api.desk.store.get(keys.uploaded(upload["id"], "film.mp4")) == FILM
    assert code(api.request("PUT", f"{path}/parts/1", Role.PRODUCER, content=FILM[:1000])) == (409, "upload_complete")
    assert not [key for key in left(api) if "/part/" in key]


def test_a_part_of_another_size_is_refused_however_it_is_sent(api: Api) -> None:
    upload = begin(api)
    path = f"/v1/uploads/{upload['id']}/parts"

    def streamed(size: int) -> Iterator[bytes]:
        yield b"x" * (size - 1)
        yield b"x"

    for content in (b"x" * 999, b"x" * 1001, streamed(999), streamed(1001), b""):
        assert code(api.request("PUT", f"{path}/1", Role.PRODUCER, content=content)) == (400, "invalid_part")
    assert code(api.request("PUT", f"{path}/4", Role.PRODUCER, content=b"x")) == (400, "invalid_part")
    assert not [key for key in left(api) if "/part/" in key]


def test_what_is_not_what_was_announced_is_removed(api: Api) -> None:
    upload = begin(api, sha256="0" * 64)
    send(api, upload, 1, 2, 3)

    assert code(finish(api, upload)) == (409, "upload_corrupt")

    assert left(api) == []
    assert code(finish(api, upload)) == (404, "upload_not_found")


def test_a_file_has_bytes_and_not_too_many(api: Api) -> None:
    for size in (0, (1 << 20) + 1):
        answer = api.request("POST", "/v1/uploads", Role.PRODUCER, json={"name": "a", "bytes": size})
        assert code(answer) == (400, "invalid_request")
    for wrong in ({"bytes": True}, {"name": ""}, {"name": "\ud800"}, {"sha256": "x"}, {"more": 1}):
        body = json.dumps({"name": "a", "bytes": 5, **wrong})
        assert code(api.request("POST", "/v1/uploads", Role.PRODUCER, content=body)) == (400, "invalid_request"), wrong


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\films\\a.mov", "a.mov"),
        ("a\nb\x00c\u202e.mp4", "a_b_c_.mp4"),
        ('"><script>.mp4', "___script_.mp4"),
        ("...", "file"),
        (".hidden.mp4", "hidden.mp4"),
        ("x" * 900 + ".mp4", "x" * 146 + ".mp4"),
        ("ü" * 300 + ".mp4", "ü" * 73 + ".mp4"),
        ("a.ff-part", "a_ff-part"),
        ("Mein Film (1).mov", "Mein Film (1).mov"),
    ],
)
def test_names_are_made_harmless(api: Api, given: str, made: str) -> None:
    upload = whole(api, name=given)

    assert upload["name"] == made
    assert api.desk.store.get(keys.uploaded(upload["id"], made)) == FILM
    assert api.desk.storages.source_url(parse(upload["uri"]), 60).bytes == len(FILM)


def test_uploads_of_another_key_do_not_exist_but_for_admins_of_everything(api: Api) -> None:
    upload = whole(api)
    path = f"/v1/uploads/{upload['id']}"
    strangers = [api.key(Role.PRODUCER), api.key(Role.PRODUCER, ["default"]), api.key(Role.ADMIN, ["default"])]
    calls = [("GET", ""), ("PUT", "/parts/1"), ("GET", "/parts/1/url"), ("POST", "/complete"), ("DELETE", "")]
    subtitled = task_request(
        sources=[{"uri": "s3://in/a.mov", "subtitles": [{"uri": upload["uri"], "language": "eng"}]}]
    )

    for auth in strangers:
        for method, rest in calls:
            assert code(api.client.request(method, path + rest, auth=auth)) == (404, "upload_not_found"), (method, rest)
        for body in (task_request(sources=[{"uri": upload["uri"]}]), subtitled):
            for route in ("tasks", "plan"):
                answer = api.client.post(f"/v1/{route}", auth=auth, json=body)
                assert code(answer) == (404, "upload_not_found"), route
        answer = api.client.post("/v1/probe", auth=auth, json={"uri": upload["uri"]})
        assert code(answer) == (404, "upload_not_found")
    assert api.request("GET", path, Role.ADMIN).status_code == 200
    assert api.client.get(path, auth=api.key(Role.VIEWER)).status_code == 403
    for role in (Role.PRODUCER, Role.ADMIN):
        body = task_request(sources=[{"uri": upload["uri"]}])
        assert api.request("POST", "/v1/tasks", role, json=body).status_code == 202


def test_an_upload_goes_but_not_while_a_task_reads_it(api: Api) -> None:
    upload, other = whole(api), begin(api)
    send(api, other, 1)
    task = api.submit(sources=[{"uri": upload["uri"]}])
    path = f"/v1/uploads/{upload['id']}"

    assert code(api.request("DELETE", path, Role.PRODUCER)) == (409, "upload_in_use")
    assert api.request("DELETE", f"/v1/uploads/{other['id']}", Role.PRODUCER).status_code == 204
    api.desk.control.cancel(task["id"])
    api.state.tasks.finish(api.state.tasks.record(task["id"]).model_copy(update={"state": TaskState.CANCELED}))  # type: ignore[union-attr]

    assert api.request("DELETE", path, Role.PRODUCER).status_code == 204
    assert left(api) == []
    assert code(api.request("GET", path, Role.PRODUCER)) == (404, "upload_not_found")


def test_a_directory_has_no_addresses_for_parts(api: Api) -> None:
    upload = begin(api)

    assert code(api.request("GET", f"/v1/uploads/{upload['id']}/parts/1/url", Role.PRODUCER)) == (
        409,
        "upload_through_us",
    )


def test_only_so_many_parts_come_at_once_and_so_many_of_a_key(api: Api) -> None:
    upload, other = begin(api), begin(api, Role.ADMIN)
    path, taken = f"/v1/uploads/{upload['id']}/parts/1", Counter({"another": 16})
    api.client.app.state.parts = taken  # type: ignore[attr-defined]

    refused = api.request("PUT", path, Role.PRODUCER, content=FILM[:1000])
    assert (code(refused), refused.headers["retry-after"]) == ((429, "too_many_requests"), "1")

    taken["another"] = 0
    taken[api.secrets[Role.PRODUCER][0]] = 4
    assert code(api.request("PUT", path, Role.PRODUCER, content=FILM[:1000])) == (429, "too_many_requests")
    answer = api.request("PUT", f"/v1/uploads/{other['id']}/parts/1", Role.ADMIN, content=FILM[:1000])
    assert answer.status_code == 200
    del taken[api.secrets[Role.PRODUCER][0]]
    send(api, upload, 1)
    assert taken.total() == 0


def test_what_was_joined_by_one_who_died_is_shown_with_all_its_parts_and_gone_on_with(api: Api) -> None:
    upload = begin(api)
    send(api, upload, 1, 2, 3)
    agreed, parts = api.desk.uploads.get(upload["id"]), api.desk.uploads._parts
    key = keys.uploaded(agreed.id, agreed.name)
    parts.join(key, agreed.token, parts.there(key, agreed.token) or [])
    parts.give_up(key, agreed.token)  # as an S3 server does with the parts it has joined
    path = f"/v1/uploads/{upload['id']}"

    shown = api.request("GET", path, Role.PRODUCER).json()
    put = api.request("PUT", f"{path}/parts/2", Role.PRODUCER, content=FILM[1000:2000])

    assert (shown["state"], [part["bytes"] for part in shown["parts"]]) == ("open", [1000, 1000, 560])
    assert code(put) == (409, "upload_complete")
    assert finish(api, upload).json()["state"] == "complete"
    assert api.desk.store.get(key) == FILM


def test_an_upload_is_completed_once_at_a_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    upload, other = begin(api), begin(api)
    send(api, upload, 1, 2, 3)
    send(api, other, 1, 2, 3)
    joining, go_on = threading.Event(), threading.Event()
    parts = api.desk.uploads._parts
    join, joined = parts.join, []

    def slow(key: str, *more: Any) -> None:
        joined.append(key)
        if upload["id"] in key:
            joining.set()
            assert go_on.wait(60)
        join(key, *more)

    monkeypatch.setattr(parts, "join", slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(finish, api, upload)
        try:
            assert joining.wait(60)
            second, third = finish(api, upload), finish(api, other)
            monkeypatch.setattr(uploads_module, "MOST_COMPLETED_AT_ONCE", 1)
            too_many = finish(api, other)
        finally:
            go_on.set()
        assert first.result(60).status_code == 200

    assert (code(second), second.headers["retry-after"]) == ((429, "too_many_requests"), "5")
    assert third.status_code == 200
    assert code(too_many) == (429, "too_many_requests")
    assert finish(api, upload).json()["state"] == "complete"
    assert len(joined) == 2


def test_what_is_taken_away_while_it_is_completed_leaves_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = begin(api)
    send(api, upload, 1, 2, 3)
    verify = api.desk.uploads._verify

    def removed_meanwhile(*found: Any) -> None:
        verify(*found)
        assert api.request("DELETE", f"/v1/uploads/{upload['id']}", Role.PRODUCER).status_code == 204

    monkeypatch.setattr(api.desk.uploads, "_verify", removed_meanwhile)

    assert code(finish(api, upload)) == (404, "upload_not_found")
    assert left(api) == []


@pytest.mark.parametrize("complete", [True, False])
def test_what_is_about_to_go_is_gone_to_its_key(api: Api, complete: bool) -> None:
    upload = whole(api) if complete else begin(api)
    path = f"/v1/uploads/{upload['id']}"
    api.desk.store.create(keys.upload_closed(upload["id"]), b"")

    for method, rest in [("GET", ""), ("PUT", "/parts/1"), ("GET", "/parts/1/url"), ("POST", "/complete")]:
        assert code(api.request(method, path + rest, Role.PRODUCER)) == (404, "upload_not_found"), (method, rest)
    assert listed(api)["uploads"] == []


def listed(api: Api, role: Role = Role.PRODUCER, **query: Any) -> dict[str, Any]:
    answer = api.request("GET", "/v1/uploads", role, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_key_sees_its_own_uploads_the_newest_first_in_pages(api: Api) -> None:
    assert listed(api) == {"uploads": [], "next": None, "used_bytes": 0, "quota_bytes": None}
    done = whole(api)
    others = [begin(api) for _ in range(3)]
    begin(api, Role.ADMIN)

    first = listed(api, limit=3)
    second = listed(api, limit=3, cursor=first["next"])

    entries = [*first["uploads"], *second["uploads"]]
    assert {entry["id"] for entry in entries} == {upload["id"] for upload in (done, *others)}
    assert [entry["created_at"] for entry in entries] == sorted((e["created_at"] for e in entries), reverse=True)
    assert (len(first["uploads"]), second["next"], first["used_bytes"]) == (3, None, 4 * len(FILM))
    assert {entry["id"]: entry["state"] for entry in entries}[done["id"]] == "complete"
    assert {"uri": done["uri"], "name": "film.mp4", "bytes": len(FILM)}.items() <= next(
        entry for entry in entries if entry["id"] == done["id"]
    ).items()
    for entry in entries:
        assert api.request("DELETE", f"/v1/uploads/{entry['id']}", Role.PRODUCER).status_code == 204
    assert listed(api)["uploads"] == []
    assert listed(api)["used_bytes"] == 0


def test_a_page_goes_on_where_the_one_before_ended_though_its_last_upload_has_gone(api: Api) -> None:
    uploads = [begin(api) for _ in range(3)]
    first = listed(api, limit=1)
    (gone,) = first["uploads"]
    api.request("DELETE", f"/v1/uploads/{gone['id']}", Role.PRODUCER)

    rest = listed(api, cursor=first["next"])["uploads"]

    assert {entry["id"] for entry in rest} == {upload["id"] for upload in uploads} - {gone["id"]}


def test_uploads_of_another_key_are_listed_for_admins_of_everything_only(api: Api) -> None:
    upload = begin(api)
    producer = api.secrets[Role.PRODUCER][0]

    assert [entry["id"] for entry in listed(api, Role.ADMIN, by=producer)["uploads"]] == [upload["id"]]
    admin = api.client.get("/v1/uploads", params={"by": producer}, auth=api.key(Role.ADMIN, ["default"]))
    other = api.client.get("/v1/uploads", params={"by": producer}, auth=api.key(Role.PRODUCER))
    assert (code(admin), code(other)) == ((403, "forbidden"), (403, "forbidden"))
    assert api.request("GET", "/v1/uploads", Role.VIEWER).status_code == 403
    for by in ("../state", "a/b", "ffk"):
        assert api.request("GET", "/v1/uploads", params={"by": by}).status_code == 400
    assert api.request("GET", "/v1/uploads", params={"cursor": "x"}).status_code == 400


def test_the_uploads_of_a_key_have_no_more_bytes_than_the_operator_allows(api: Api) -> None:
    api.desk.uploads.quota_bytes = 2 * len(FILM)
    first = whole(api)
    begin(api)

    refused = api.request("POST", "/v1/uploads", Role.PRODUCER, json={"name": "x.mp4", "bytes": 1})

    assert code(refused) == (409, "upload_quota_exceeded")
    assert refused.json()["error"]["field"] == "bytes"
    assert len(listed(api)["uploads"]) == 2
    assert listed(api)["quota_bytes"] == 2 * len(FILM)
    assert begin(api, Role.ADMIN)["state"] == "open"  # of another key
    api.request("DELETE", f"/v1/uploads/{first['id']}", Role.PRODUCER)
    assert begin(api)["state"] == "open"


def test_of_uploads_begun_at_the_same_moment_none_stays_beyond_the_quota(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = api.desk.uploads
    uploads.quota_bytes = len(FILM)
    began = uploads._parts.begin
    before = left(api)

    def late(*arguments: Any) -> str:
        """Another begins one between our look and our entry."""
        monkeypatch.setattr(uploads._parts, "begin", began)
        uploads.begin("other.mp4", len(FILM), by="me")
        return began(*arguments)

    monkeypatch.setattr(uploads._parts, "begin", late)
    with pytest.raises(UploadQuotaExceeded):
        uploads.begin("film.mp4", len(FILM), by="me")
    (kept,) = uploads.of("me")
    uploads.remove(uploads.get(kept.id))
    assert left(api) == before
