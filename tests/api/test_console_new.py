"""The page for a new task: what its form means, what is told when it is wrong, and another task like one there is."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

from framefleet.domain.access import Role
from framefleet.domain.errors import RequestError
from framefleet.domain.task import accept, parse_request
from framefleet.domain.template import predefined
from framefleet_scheduler.console.wanted import request_of
from tests.api.conftest import Api, task_request
from tests.api.test_console import HTML, NASTY, OURS, log_in, send
from tests.factories import NOW

FORM = {"source": "s3://in/a.mov", "template": "mp4-h264-360p", "folder": "storage://out/film"}


def created(api: Api, csrf: str, **fields: Any) -> dict[str, Any]:
    """The task that the form made."""
    answer = send(api, "/new", csrf, **FORM | fields)
    assert answer.status_code == 303, answer.text
    task: dict[str, Any] = api.client.get(f"/v1{answer.headers['location']}").json()
    return task


def test_every_predefined_template_has_an_address_it_can_use() -> None:
    fields = {"source": ["s3://in/a.mov"], "folder": ["storage://out/x/"], "template": list(predefined())}

    task = accept(parse_request(request_of(fields, None)), now=NOW)

    uris = [target.uri for target in task.targets]
    assert len(set(uris)) == len(predefined())
    assert {"storage://out/x/hls-h264/main.m3u8", "storage://out/x/dash-h264/main.mpd"} < set(uris)
    assert {"storage://out/x/snapshot_{index:03d}.jpg", "storage://out/x/cover.jpg"} < set(uris)


def test_a_form_becomes_a_task(api: Api) -> None:
    csrf = log_in(api, Role.PRODUCER)

    task = created(
        api,
        csrf,
        template=["mp4-h264-360p", "snapshot"],
        name=" a film ",
        priority="7",
        tags="show=x1\n\nseason = 2",
        **{"overrides:mp4-h264-360p": '{"video": {"crf": 21}}'},
    )

    assert (task["name"], task["priority"], task["tags"]) == ("a film", 7, {"show": "x1", "season": "2"})
    assert [(t["name"], t["uri"]) for t in task["targets"]] == [
        ("mp4-h264-360p", "storage://out/film/mp4-h264-360p.mp4"),
        ("snapshot", "storage://out/film/snapshot_{index:03d}.jpg"),
    ]
    stored = api.desk.tasks.task(task["id"])
    assert stored is not None
    assert stored.request.targets[0].overrides == {"video": {"crf": 21}}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("storage://samples/sample.mp4", "sample.mp4"),
        ("storage://uploads/abc/my%20film%0a.mov", "my film.mov"),
        ("https://h/a/b.mp4?token=secret#x", "b.mp4"),
        ("https://h/" + "x" * 300, "x" * 256),
        ("https://h/", None),
        ("https://[h/a.mov", None),
    ],
)
def test_a_task_that_nobody_names_is_called_as_its_file(source: str, name: str | None) -> None:
    fields = {"source": [source], "template": ["snapshot"], "folder": ["storage://out/x"]}

    assert request_of(fields, None).get("name") == name
    assert request_of(fields | {"name": ["mine"]}, None)["name"] == "mine"


def test_a_form_that_is_sent_twice_makes_one_task(api: Api) -> None:
    csrf = log_in(api, Role.PRODUCER)
    page = api.client.get("/new", headers=HTML).text
    found = re.search(r'name="client_token" value="([0-9a-f]{32})"', page)
    assert found is not None

    assert created(api, csrf, client_token=found[1])["id"] == created(api, csrf, client_token=found[1])["id"]
    assert created(api, csrf)["id"] != created(api, csrf)["id"]


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"source": ""}, "invalid_request", "a task needs a source"),
        ({"source": "nonsense"}, "invalid_source", "sources[0].uri"),
        ({"folder": ""}, "invalid_request", "the output has no folder"),
        ({"folder": "https://x/y"}, "invalid_target", "targets[0].uri"),
        ({"template": "nothing"}, "unknown_template", "targets[0].template"),
        ({"tags": "x"}, "invalid_request", "is no tag"),
        ({"priority": "77"}, "invalid_request", "a priority is 0 to 9"),
        ({"overrides:mp4-h264-360p": "{"}, "invalid_request", "that is no JSON"),
        ({"overrides:mp4-h264-360p": "[]"}, "invalid_request", "a JSON object"),
        ({"overrides:mp4-h264-360p": '{"vide": 1}'}, "unknown_field", "targets[0].overrides.vide"),
        ({"name": "x" * 300}, "invalid_request", "name"),
    ],
)
def test_what_is_wrong_is_told_and_what_was_typed_stays(api: Api, fields: dict[str, str], code: str, said: str) -> None:
    csrf = log_in(api, Role.PRODUCER)

    answer = send(api, "/new", csrf, **FORM | {"name": NASTY} | fields)

    text = html.unescape(answer.text)
    assert answer.status_code == 400
    assert code in text
    assert said in text
    assert "storage://out/film" in text or "folder" in fields
    assert "<script>" not in answer.text
    assert api.client.get("/v1/tasks").json()["tasks"] == []


def test_the_request_is_shown_as_json_and_for_curl(api: Api) -> None:
    csrf = log_in(api, Role.PRODUCER)

    answer = api.client.post("/new/request", data={"csrf": csrf, **FORM, "name": "it's"}, headers=OURS)

    made = answer.json()
    assert json.loads(made["json"]) == made["request"]
    assert made["curl"].startswith("curl -u \"$FRAMEFLEET_KEY\" -H 'Content-Type: application/json' ")
    assert "it'\"'\"'s" in made["curl"]
    refused = api.client.post("/new/request", data={"csrf": csrf, "source": "x"}, headers=OURS)
    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "template")


def test_another_task_like_one_there_is(api: Api) -> None:
    webhook = {"url": "https://example.com/hook", "secret": "opensesame-opensesame"}
    first = api.submit(
        name=NASTY, client_token="once", tags={"a": "b"}, notification={"webhook": webhook}, pipeline="news"
    )["id"]
    csrf = log_in(api, Role.PRODUCER, ["news"])

    page = api.client.get(f"/new?like={first}", headers=HTML).text
    shown = re.search(r"<textarea name=\"request\"[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert shown is not None
    request = json.loads(html.unescape(shown[1]))
    assert (request["name"], request["tags"], "client_token" in request) == (NASTY, {"a": "b"}, False)
    assert "opensesame" not in page
    assert "<script>" not in page
    answer = send(api, "/new", csrf, request=json.dumps(request))
    assert answer.status_code == 303
    assert answer.headers["location"] != f"/tasks/{first}"
    wrong = send(api, "/new", csrf, request='{"sources": []}')
    assert (wrong.status_code, "sources" in wrong.text) == (400, True)


def test_another_task_like_one_there_is_has_none_of_its_signed_addresses(api: Api) -> None:
    secret = "X-Amz-Signature=opensesame"
    source = {
        "uri": f"https://example.com/a.mov?{secret}",
        "subtitles": [{"uri": f"https://example.com/a.srt?{secret}", "language": "en"}],
    }
    first = api.submit(
        sources=[source, {"uri": "s3://in/b.mov"}],
        notification={"webhook": {"url": f"https://example.com/hook?{secret}"}},
    )["id"]
    log_in(api, Role.PRODUCER)

    page = api.client.get(f"/new?like={first}", headers=HTML).text
    shown = re.search(r"<textarea name=\"request\"[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert shown is not None
    request = json.loads(html.unescape(shown[1]))
    assert "opensesame" not in page
    assert [one["uri"] for one in request["sources"]] == ["https://example.com/a.mov", "s3://in/b.mov"]
    assert request["sources"][0]["subtitles"][0]["uri"] == "https://example.com/a.srt"
    assert request["notification"]["webhook"]["url"] == "https://example.com/hook"
    assert "sources[0].uri, sources[0].subtitles[0].uri, notification.webhook.url are left out" in page


def test_json_that_is_sent_twice_makes_one_task(api: Api) -> None:
    csrf = log_in(api, Role.PRODUCER)
    page = api.client.get("/new?json", headers=HTML).text
    found = re.search(r'name="client_token" value="([0-9a-f]{32})"', page)
    assert found is not None
    fields = {"request": json.dumps(task_request()), "client_token": found[1]}

    first, again = (send(api, "/new", csrf, **fields) for _ in range(2))

    assert first.status_code == again.status_code == 303
    assert first.headers["location"] == again.headers["location"]


def test_only_who_may_creates_and_only_in_their_pipelines(api: Api) -> None:
    first = api.submit(pipeline="news")["id"]
    csrf = log_in(api, Role.VIEWER)
    assert api.client.get("/new", headers=HTML).status_code == 403
    assert send(api, "/new", csrf, **FORM).status_code == 403
    assert "/new" not in api.client.get("/", headers=HTML).text

    csrf = log_in(api, Role.PRODUCER, ["mine"])
    assert send(api, "/new", csrf, **FORM).status_code == 403
    assert api.client.get(f"/new?like={first}", headers=HTML).status_code == 404
    assert send(api, "/new", "0" * 64, **FORM, pipeline="mine").status_code == 403
    assert created(api, csrf, pipeline="mine")["pipeline"] == "mine"


def test_addresses_of_the_form_stay_below_the_folder() -> None:
    fields = {"source": ["s3://in/a.mov"], "folder": ["storage://out/x"], "template": ["../../etc"]}

    with pytest.raises(RequestError):
        request_of(fields, None)


def test_what_another_key_has_sent_is_no_source(api: Api) -> None:
    upload = api.desk.uploads.begin("a.mov", 3, by="somebodyelse")
    csrf = log_in(api, Role.PRODUCER)

    answer = send(api, "/new", csrf, **FORM | {"source": upload.uri})

    assert answer.status_code == 404
    assert "upload_not_found" in answer.text
    assert api.client.get("/v1/tasks").json()["tasks"] == []
