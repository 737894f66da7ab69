"""What is wrong with a template, told before it is kept: over HTTP, and in the editor of the console."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from framefleet.domain.access import Role
from framefleet.domain.template import Listed, predefined, validated
from framefleet_scheduler.api.template_draft import verdict
from framefleet_scheduler.console.settings_table import tables
from framefleet_scheduler.console.template_list import differences
from tests.api.conftest import Api
from tests.api.test_console import HTML, log_in, send


def checked(api: Api, text: str, name: str = "mine") -> dict[str, Any]:
    answer = api.request("POST", f"/v1/templates/{name}/check", Role.VIEWER, content=text)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body["valid"] == (not body["mistakes"]) == (body["settings"] is not None)
    return body


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("base: hls-h264\nsegment_seconds: 99\naudio:\n  bitrte: 1", [("segment_seconds", 2), ("audio.bitrte", 4)]),
        ('{"kind": "file",\n "video": {"crf": "a"}}', [("video.crf", 2)]),
        (
            "kind: ladder\n\nrenditions:\n- name: a\n- name: b\n  video: {crf: -1}",
            [("renditions[0].video", 4), ("renditions[1].video.crf", 6)],
        ),
        ("a: [1\nb: 2", [(None, 2)]),
        ("kind: film", [("kind", 1)]),
        ("base: nothing", [("base", 1)]),
        ("kind: file\ncontainer: webm\nvideo:\n  codec: h264", [("video.codec", 4)]),
        ("- 1", [(None, None)]),
        ("", [(None, None)]),
        ("[" * 5000, [(None, None)]),
        ("a: &x [1]\nb: *x", [(None, None)]),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_field_and_line(api: Api, text: str, told: list[tuple[str, int]]) -> None:
    assert [(one["field"], one["line"]) for one in checked(api, text)["mistakes"]] == told


def test_what_could_be_kept_is_shown_with_every_default_and_is_not_kept(api: Api) -> None:
    api.request("POST", "/v1/templates/base", json={"base": "hls-h264", "segment_seconds": 6})
    body = checked(api, "base: base@1\ndescription: mine")

    assert (body["kind"], body["settings"]["segment_seconds"], body["settings"]["start_number"]) == ("ladder", 6, 1)
    assert api.request("GET", "/v1/templates/mine").status_code == 404
    assert checked(api, "kind: snapshot", "hls-h264")["mistakes"][0]["field"] == "name"
    assert checked(api, "\x00")["mistakes"]
    broken = api.request("POST", "/v1/templates/mine/check", content=b"\xff")
    assert (broken.status_code, broken.json()["mistakes"][0]["message"]) == (200, "the document is not UTF-8")
    assert api.request("POST", "/v1/templates/mine/check", content=b"x" * 70_000).status_code == 413


def test_a_text_that_stands_for_gigabytes_is_refused_at_once() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefghijk", "bcdefghijkl", strict=True)
    )
    began = time.process_time()

    found = verdict(bomb, Listed())

    assert "anchors" in found.mistakes[0].message
    assert time.process_time() - began < 30


def test_the_tables_have_every_field_and_say_what_is_set() -> None:
    settings = predefined()["hls-h264"]
    found = {table.path: table for table in tables(validated(settings, ""), settings)}

    assert {row.name for row in found[""].own} == {"kind", "description", "packaging", "segment_seconds"}
    assert ("start_number", "1") in {(row.name, row.value) for row in found[""].defaults}
    assert "crf" in {row.name for row in found["renditions[0].video"].own}
    assert len(found["renditions[0].video"].defaults) > 20
    assert found["renditions[1].video"].defaults == []
    assert all(row.about for row in found["renditions[0].video"].defaults)


def test_differences_are_lines_that_went_and_came() -> None:
    found = differences({"kind": "snapshot", "description": "-- a", "count": 1}, {"kind": "snapshot", "count": 2})

    assert [line for line in found if line[0]] == [
        ("-", "description: -- a"),
        ("-", "count: 1"),
        ("+", "count: 2"),
    ]


def test_the_editor_keeps_what_was_typed_when_it_is_refused(api: Api) -> None:
    csrf = log_in(api)
    text = "</textarea><script>alert(1)</script>\n: ["

    answer = send(api, "/templates/edit", csrf, name="mine", version="", text=text, action="keep")

    assert answer.status_code == 400
    assert "&lt;/textarea&gt;&lt;script&gt;" in answer.text
    assert "<script>alert" not in answer.text
    assert api.desk.templates.all() == []


def test_the_editor_refuses_a_name_that_is_taken(api: Api) -> None:
    csrf = log_in(api)
    api.desk.templates.create("mine", {"kind": "snapshot"})
    fields = {"version": "", "text": "kind: sprite", "action": "keep"}

    for name in ("mine", "hls-h264", "../x", ""):
        answer = send(api, "/templates/edit", csrf, name=name, **fields)
        assert answer.status_code in {400, 409}, name
        assert "wrong</strong>" in answer.text
    assert [(one.name, one.version) for one in api.desk.templates.all()] == [("mine", 1)]


def test_a_template_named_as_a_page_has_a_page(api: Api) -> None:
    log_in(api)
    api.desk.templates.create("new", {"kind": "snapshot", "description": "has the name of a page"})

    assert 'href="/templates/new@1"' in api.client.get("/templates", headers=HTML).text
    assert "has the name of a page" in api.client.get("/templates/new@1", headers=HTML).text
    assert json.dumps("snapshot").replace('"', "&#34;") in api.client.get("/templates/new@1", headers=HTML).text


def test_a_template_of_another_version_of_framefleet_is_shown_as_broken(api: Api) -> None:
    made = api.desk.templates.create("mine", {"kind": "snapshot"})
    later = made.model_copy(update={"version": 2, "settings": {"kind": "hologram"}})
    api.desk.store.put("templates/mine/000002.json", later.model_dump_json().encode())
    log_in(api)

    assert "hologram" in api.client.get("/templates", headers=HTML).text
    assert "cannot use it" in api.client.get("/templates/mine", headers=HTML).text
