"""The console's frame: who gets in, what forms need, what headers say, and the list of tasks."""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from framefleet.domain import keys
from framefleet.domain.access import Role
from framefleet.domain.errors import StoreUnavailable
from framefleet.domain.states import TaskState
from framefleet.domain.task import DryRun
from framefleet_scheduler.api.app import create_app
from framefleet_scheduler.api.rates import Rates
from framefleet_scheduler.api.sessions import COOKIE, SESSION_SECONDS, Sessions
from framefleet_scheduler.console import page, task_list
from framefleet_scheduler.console.assets import STATIC, address
from tests.api.conftest import Api, task_request
from tests.api.watching import Stream, served

HTML = {"Accept": "text/html"}
OURS = {"Origin": "http://testserver"}
NASTY = """"><script>alert(1)</script><img src=x onerror=alert(2)>'{{7*7}}"""


def log_in(api: Api, role: Role = Role.ADMIN, pipelines: list[str] | None = None) -> str:
    """A session in the client's cookies; the token of its forms."""
    api.client.cookies.clear()
    key_id, secret = api.key(role, pipelines)
    answer = api.client.post("/login", data={"id": key_id, "secret": secret}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return token(api.client.get("/", headers=HTML).text)


def token(html: str) -> str:
    found = re.search(r'<meta name="csrf" content="([0-9a-f]{64})">', html)
    assert found is not None
    return found[1]


def send(api: Api, path: str, csrf: str, **fields: Any) -> Any:
    return api.client.post(path, data={"csrf": csrf, **fields}, headers=HTML | OURS, follow_redirects=False)


# --- sessions -----------------------------------------------------------------------------


def test_who_has_no_session_is_led_to_the_login_and_back(api: Api) -> None:
    led = api.client.get("/tasks?state=failed", headers=HTML, follow_redirects=False)
    key_id, secret = api.key(Role.VIEWER)
    fields = {"id": key_id, "secret": secret, "next": "/tasks?state=failed"}
    back = api.client.post("/login", data=fields, follow_redirects=False)

    assert (303, "/login?next=/tasks%3Fstate%3Dfailed") == (led.status_code, led.headers["location"])
    assert (303, "/tasks?state=failed") == (back.status_code, back.headers["location"])
    said = back.headers["set-cookie"]
    assert all(part in said for part in ("HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={SESSION_SECONDS}"))
    assert "Secure" not in said
    assert secret not in said


def test_over_https_the_cookie_never_travels_without(api: Api) -> None:
    key_id, secret = api.key(Role.VIEWER)
    with TestClient(api.client.app, base_url="https://testserver") as client:
        answer = client.post("/login", data={"id": f"{key_id}:{secret}"}, follow_redirects=False)

    assert "Secure" in answer.headers["set-cookie"]


def test_a_wrong_secret_gives_no_session_and_guessing_is_limited(api: Api) -> None:
    key_id, secret = api.key(Role.ADMIN)
    wrong = [{"id": key_id, "secret": secret + "x"}, {"id": "../../x", "secret": "y"}, {}]

    for fields in wrong:
        answer = api.client.post("/login", data=fields, headers=HTML)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert secret not in answer.text
    statuses = {api.client.post("/login", data=wrong[0], headers=HTML).status_code for _ in range(40)}
    assert 429 in statuses


@pytest.mark.parametrize("where", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "x"])
def test_the_login_leads_nowhere_else(api: Api, where: str) -> None:
    key_id, secret = api.key(Role.VIEWER)
    fields = {"id": key_id, "secret": secret, "next": where}

    assert api.client.post("/login", data=fields, follow_redirects=False).headers["location"] == "/"


def test_a_key_that_is_revoked_or_rotated_ends_its_sessions(api: Api) -> None:
    for end in (api.desk.access.revoke, api.desk.access.rotate):
        log_in(api)
        key_id = api.client.cookies[COOKIE].split(".")[1]
        assert api.client.get("/v1/tasks").status_code == 200

        end(key_id)

        assert api.client.get("/v1/tasks").status_code == 401
        assert api.client.get("/", headers=HTML, follow_redirects=False).status_code == 303


def test_a_session_ends_with_its_time_and_cannot_be_made_longer(api: Api) -> None:
    key, _ = api.desk.access.create(Role.ADMIN)
    now = [1000.0]
    sessions = Sessions(api.desk.store, api.desk.access, lambda: now[0])
    cookie = sessions.begin(key)
    parts = cookie.split(".")
    longer = ".".join([*parts[:3], str(int(parts[3]) + 1), *parts[4:]])

    assert sessions.key(cookie) == key
    assert [sessions.key(forged) for forged in (longer, cookie[:-1], "", "1.2.3", cookie + "0", "é.é")] == [None] * 6
    now[0] += SESSION_SECONDS
    assert sessions.key(cookie) is None


def test_all_schedulers_of_a_store_know_each_others_sessions(api: Api) -> None:
    key, _ = api.desk.access.create(Role.ADMIN)
    one, other = (Sessions(api.desk.store, api.desk.access) for _ in range(2))

    assert other.key(one.begin(key)) == key
    assert len(api.desk.store.get(keys.SESSIONS) or b"") == 64


def test_logging_out_takes_the_cookie_away(api: Api) -> None:
    csrf = log_in(api)
    answer = send(api, "/logout", csrf)

    assert (303, "/login") == (answer.status_code, answer.headers["location"])
    assert api.client.get("/v1/tasks").status_code == 401


# --- requests that a page of somebody else makes a browser send --------------------------------


def test_with_a_cookie_a_change_needs_the_sessions_token_and_a_page_of_ours(api: Api) -> None:
    csrf = log_in(api, Role.PRODUCER)
    other = log_in(api, Role.PRODUCER)
    with_token = {"X-CSRF-Token": other}
    refused = [
        {},
        OURS,
        {"X-CSRF-Token": csrf} | OURS,
        {"X-CSRF-Token": "x"} | OURS,
        with_token | {"Origin": "http://evil.example"},
        with_token | {"Origin": "null"},
        with_token | {"Sec-Fetch-Site": "cross-site"},
    ]

    for headers in refused:
        answer = api.client.post("/v1/tasks", json=task_request(), headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden"), headers
    assert api.client.post("/v1/tasks", json=task_request(), headers=with_token | OURS).status_code == 202


def test_a_key_that_a_browser_remembers_is_no_use_to_other_pages(api: Api) -> None:
    pages = [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]

    for headers in pages:
        assert api.request("POST", "/v1/pipelines/pause", headers=headers).status_code == 403
        assert api.request("GET", "/v1/tasks", headers=headers).status_code == 200
    for headers in ({}, OURS, {"Sec-Fetch-Site": "same-origin"}):
        assert api.request("POST", "/v1/pipelines/pause", headers=headers).status_code == 200


def test_only_programs_are_asked_for_basic_credentials(api: Api) -> None:
    def asked(**headers: str) -> bool:
        answer = api.client.get("/v1/tasks", headers=headers)
        assert answer.status_code == 401
        return "www-authenticate" in answer.headers

    assert asked()
    assert not asked(**{"Sec-Fetch-Site": "none"})
    assert not asked(Cookie=f"{COOKIE}=over")


def test_a_form_without_the_token_changes_nothing(api: Api) -> None:
    task = api.submit()["id"]
    log_in(api)

    for csrf in ("", "0" * 64):
        assert send(api, "/tasks/bulk", csrf, action="cancel", id=task).status_code == 403
    assert api.request("GET", f"/v1/tasks/{task}").json()["state"] == "queued"
    assert api.desk.store.get(keys.cancel(task, 1)) is None


@pytest.fixture
def open_api(api: Api) -> Any:
    """A client of a server that asks for no key."""
    with TestClient(
        create_app(replace(api.desk, asks_for_keys=False)), "http://127.0.0.1:8080", raise_server_exceptions=False
    ) as client:
        yield client


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
        ("localhost", 200),
        ("scheduler:8080", 200),
        ("framefleet.media.svc", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example:8080", 403),
        ("", 403),
    ],
)
def test_without_keys_no_name_of_somebody_else_may_lead_here(open_api: TestClient, host: str, status: int) -> None:
    assert open_api.get("/v1/tasks", headers={"Host": host}).status_code == status


def test_without_keys_no_other_page_may_change_anything(open_api: TestClient) -> None:
    html = open_api.get("/", headers=HTML).text
    form = {"csrf": token(html), "action": "cancel"}
    foreign = {"Origin": "http://evil.example"}

    assert open_api.post("/v1/tasks", json=task_request(), headers=foreign).status_code == 403
    assert open_api.post("/v1/tasks", json=task_request()).status_code == 202
    assert open_api.post("/tasks/bulk", data=form, headers=foreign).status_code == 403
    assert open_api.post("/tasks/bulk", data={"action": "cancel"}, follow_redirects=False).status_code == 403
    assert open_api.post("/tasks/bulk", data=form, follow_redirects=False).status_code == 303


def test_while_the_store_is_away_the_page_says_so(open_api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise StoreUnavailable("the store does not answer")

    monkeypatch.setattr("framefleet.adapters.directory.DirectoryStore.get", away)
    answer = open_api.get("/", headers=HTML)

    assert (answer.status_code, "A service is away" in answer.text) == (503, True)
    assert "store_unavailable" in answer.text


# --- pages --------------------------------------------------------------------------------


def test_every_page_says_what_a_browser_may_run(api: Api) -> None:
    answers = [api.client.get(path, headers=HTML) for path in ("/login", "/nowhere")]
    log_in(api)
    answers += [api.client.get(path, headers=HTML) for path in ("/", "/nowhere", "/tasks?tag=x")]

    for answer in answers:
        assert answer.headers["content-security-policy"] == page.CONTENT_SECURITY_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|javascript:", answer.text)


def test_what_is_refused_is_a_page_for_browsers_and_json_for_programs(api: Api) -> None:
    log_in(api, Role.VIEWER)

    shown = api.client.get("/nowhere", headers=HTML)
    assert (shown.status_code, "not_found" in shown.text) == (404, True)
    assert shown.headers["content-type"].startswith("text/html")
    assert api.client.get("/nowhere").json()["error"]["code"] == "not_found"
    assert api.client.get("/v1/tasks/x", headers=HTML).json()["error"]["code"] == "task_not_found"


def test_what_is_not_there_is_told_in_words_with_the_menu_of_who_looks(api: Api) -> None:
    log_in(api, Role.VIEWER)

    shown = api.client.get("/nowhere", headers=HTML).text

    assert "<title>There is no such thing · Framefleet</title>" in shown
    assert '<nav id="menu"' in shown
    assert "/openapi.json" not in shown
    assert "/openapi.json" in api.client.get("/nowhere").json()["error"]["hint"]
    api.client.cookies.clear()
    stranger = api.client.get("/nowhere", headers=HTML)
    assert (stranger.status_code, '<nav id="menu"' in stranger.text) == (404, False)


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/storages/check", "/storages"),
        ("/keys/create", "/keys"),
        ("/deliveries/test", "/deliveries"),
        ("/pipelines/set", "/pipelines"),
        ("/tasks/bulk", "/tasks"),
        ("/tasks/abc/cancel", "/tasks/abc"),
    ],
)
def test_an_address_that_only_takes_forms_leads_to_the_page_with_the_form(api: Api, path: str, page: str) -> None:
    answer = api.client.get(path, headers=HTML, follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (303, page)


def test_styles_and_scripts_are_kept_for_ever_and_lead_nowhere_else(api: Api) -> None:
    answer = api.client.get(address("console.css"))

    assert (200, "public, max-age=31536000, immutable") == (answer.status_code, answer.headers["cache-control"])
    assert api.client.get("/assets/older/console.css").headers["cache-control"] == "no-cache"
    for name in ("../page.py", "%2e%2e/page.py", "..%2f..%2fapi%2fguard.py", "nothing.css"):
        assert api.client.get(f"/assets/x/{name}").status_code == 404
    for file in STATIC.glob("*.*"):
        assert not re.search(r"https?://(?!www\.w3\.org)", file.read_text()), f"{file.name} names another host"


def test_names_and_tags_of_tasks_are_text(api: Api) -> None:
    api.submit(name=NASTY, tags={NASTY[:64]: NASTY})
    log_in(api)
    query = {"tag": f"{NASTY}=x", "id": NASTY, "pipeline": NASTY, "since": NASTY}

    for html in (
        api.client.get("/", headers=HTML).text,
        *(api.client.get("/tasks", params={name: value}, headers=HTML).text for name, value in query.items()),
    ):
        assert "<script>" not in html
        assert "<img" not in html
        assert "&lt;script&gt;alert(1)" in html
        assert "{{7*7}}" in html


def test_the_list_is_filtered_and_paged(api: Api) -> None:
    ids = [api.submit(name=f"film {i}", pipeline="news" if i % 2 else "default")["id"] for i in range(60)]
    log_in(api)

    def shown(**query: str) -> list[str]:
        html = api.client.get("/tasks", params=query, headers=HTML).text
        return re.findall(r'<tr id="t-([^"]+)">', html)

    first = api.client.get("/", headers=HTML).text
    older = re.search(r'href="(/tasks\?cursor=[^"]+)" rel="next"', first)
    assert older is not None
    assert len(first.encode()) < 100 * 1024
    assert re.findall(r'<tr id="t-([^"]+)">', first) == ids[:-51:-1]
    assert re.findall(r'<tr id="t-([^"]+)">', api.client.get(older[1], headers=HTML).text) == ids[9::-1]
    assert shown(pipeline="news") == ids[::-2]
    assert shown(state="failed") == []
    assert shown(id=ids[3]) == [ids[3]]
    assert shown(id="nothing") == []
    assert shown(until="2020-01-01T00:00") == []
    assert "name=value" in api.client.get("/tasks?tag=x", headers=HTML).text


def test_several_tasks_are_ended_at_once_and_those_that_cannot_be_are_counted(api: Api) -> None:
    ids = [api.submit(pipeline="news")["id"] for _ in range(3)]
    csrf = log_in(api)
    fields = {"action": "cancel", "id": [*ids[:2], "nothing"], "pipeline": "news"}

    answer = send(api, "/tasks/bulk", csrf, **fields)

    assert answer.headers["location"] == "/tasks?pipeline=news&said=ended-2-1"
    assert [api.desk.store.get(keys.cancel(one, 1)) is not None for one in ids] == [True, True, False]
    assert "2 tasks ended." in api.client.get(answer.headers["location"], headers=HTML).text


def test_a_viewer_sees_no_buttons_and_may_not_send_them(api: Api) -> None:
    task = api.submit()["id"]
    csrf = log_in(api, Role.VIEWER)

    html = api.client.get("/", headers=HTML).text
    assert task in html
    assert "data-pick" not in html
    assert send(api, "/tasks/bulk", csrf, action="cancel", id=task).status_code == 403


def test_for_a_key_of_one_pipeline_other_tasks_are_not_on_the_pages(api: Api) -> None:
    mine, other = api.submit(pipeline="mine")["id"], api.submit(pipeline="other")["id"]
    csrf = log_in(api, Role.PRODUCER, ["mine"])

    html = api.client.get("/", headers=HTML).text
    assert (mine in html, other in html, ">other<" in html) == (True, False, False)
    assert '<b class="num">1</b> waiting' in html
    assert "No task matches" in api.client.get("/tasks", params={"id": other}, headers=HTML).text
    assert send(api, "/tasks/bulk", csrf, action="cancel", id=other).headers["location"] == "/tasks?said=ended-0-1"


@pytest.mark.parametrize("pipelines", [["mine"], ["mine", "also"]])
def test_tasks_of_others_do_not_hide_older_ones_of_mine(api: Api, pipelines: list[str]) -> None:
    mine = api.submit(pipeline="mine")["id"]
    for _ in range(60):
        api.submit(pipeline="other")
    log_in(api, Role.VIEWER, pipelines)

    assert mine in api.client.get("/", headers=HTML).text


def test_a_page_with_nothing_to_see_leads_to_older_ones(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_list, "_MOST_LOOKS", 1)
    mine = api.submit(pipeline="mine")["id"]
    for _ in range(60):
        api.submit(pipeline="other")
    log_in(api, Role.VIEWER, ["mine", "also"])

    html = api.client.get("/", headers=HTML).text
    older = re.search(r'href="(/tasks\?cursor=[^"]+)" rel="next"', html)
    assert older is not None
    assert "No tasks yet" not in html
    assert mine in api.client.get(older[1], headers=HTML).text


def test_a_filter_that_is_wrong_is_told_once_and_not_asked_again(api: Api) -> None:
    log_in(api)

    for query in ("tag=x", "cursor=x", "since=x", "until=0001-01-01T00:00:00%2B23:59", "state=x"):
        page = api.client.get(f"/tasks?{query}", headers=HTML)
        with api.client.stream("GET", f"/tasks/stream?{query}") as stream:
            told = list(stream.iter_lines())
        (part,) = (json.loads(line.removeprefix("data: ")) for line in told if line.startswith("data: "))
        assert page.status_code == 200
        assert 'class="notice is-failed"' in page.text
        assert "No tasks yet" not in page.text
        assert part.strip() in page.text
        assert [line for line in told if line.startswith("event")] == ["event: part", "event: over"]


def test_the_form_offers_default_and_the_pipelines_of_the_key(api: Api) -> None:
    def offered(pipelines: list[str] | None) -> list[str]:
        log_in(api, Role.PRODUCER, pipelines)
        html = api.client.get("/new", headers=HTML).text
        select = html[html.index('<select name="pipeline">') :]
        return re.findall(r"<option [^>]*>([^<]+)</option>", select[: select.index("</select>")])

    assert offered(None) == ["default"]
    assert offered(["mine", "also"]) == ["also", "mine"]
    api.submit(pipeline="seen")
    api.request("PATCH", "/v1/pipelines/set", json={"weight": 2})
    api.request("POST", "/v1/pipelines/pause")
    assert offered(None) == ["default", "seen", "set"]
    assert offered(["mine", "seen"]) == ["mine", "seen"]


def test_failed_tasks_of_others_leave_open_how_many_of_mine_failed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_list, "_MOST_FAILED", 2)
    for pipeline in ("mine", "other", "other"):
        task = api.state.tasks.record(api.submit(pipeline=pipeline)["id"])
        assert task is not None
        assert api.state.tasks.finish(task.model_copy(update={"state": TaskState.FAILED}))
    log_in(api, Role.VIEWER, ["mine"])

    assert '<b class="num">0+</b> failed in 24 h' in api.client.get("/", headers=HTML).text


def test_a_dry_run_is_no_task_in_the_list(api: Api) -> None:
    body = json.dumps(task_request())
    dry = api.desk.acceptor.look(body, DryRun(what="plan")).id
    log_in(api)

    assert "No task matches" in api.client.get("/tasks", params={"id": dry}, headers=HTML).text


def test_the_list_says_that_no_worker_is_there(api: Api) -> None:
    log_in(api)

    assert "No worker is there." in api.client.get("/", headers=HTML).text


def test_too_many_requests_are_a_page_too(api: Api) -> None:
    log_in(api)
    object.__setattr__(api.desk, "rates", Rates(0.001, 1.0))

    answers = [api.client.get("/", headers=HTML) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert "too_many_requests" in answers[1].text


def test_a_page_that_is_open_spends_nothing_of_what_the_key_may_send(api: Api) -> None:
    object.__setattr__(api.desk, "rates", Rates(0.000_001, 1.0))
    key = api.key(Role.VIEWER)

    with served(api.desk) as server:
        stream = Stream(server.port, "/tasks/stream", key)
        parts = (told.data for told in stream.read() if told.event == "part")
        assert "No tasks yet" in next(parts)
        task = api.desk.acceptor.accept(task_request())
        assert task.id in next(parts)
        stream.close()
    assert api.client.get("/v1/tasks", auth=key).status_code == 429


@pytest.mark.parametrize(("trusted", "marked"), [(None, True), ("192.0.2.1", False), ("192.0.2.1,127.0.0.1", True)])
def test_a_proxy_that_is_trusted_says_whether_it_is_https(
    api: Api, monkeypatch: pytest.MonkeyPatch, trusted: str | None, marked: bool
) -> None:
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    if trusted is not None:
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    key_id, secret = api.key(Role.VIEWER)
    headers = {"X-Forwarded-Proto": "https", "Content-Type": "application/x-www-form-urlencoded"}
    with served(api.desk) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("POST", "/login", urlencode({"id": key_id, "secret": secret}), headers)
        answer = connection.getresponse()
        connection.close()

    assert answer.status == 303
    assert ("Secure" in (answer.getheader("set-cookie") or "")) == marked
