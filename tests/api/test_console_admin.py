"""The pages of administration: who may change what, and that forms of other pages change nothing."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from markupsafe import escape

from framefleet.access import AccessKeys
from framefleet.domain.access import Role
from framefleet.domain.delivery import DeliveryState
from framefleet.domain.errors import BrokerUnavailable
from framefleet.domain.records import SubtaskRecord
from framefleet.domain.states import SubtaskState
from framefleet.ports import TaskStore, WorkerInfo
from framefleet_scheduler.api import deliveries
from framefleet_scheduler.console import delivery_list, template_list
from framefleet_scheduler.console.page import CONTENT_SECURITY_POLICY
from framefleet_scheduler.console.services import FRESH_SECONDS, Services
from framefleet_scheduler.console.words import ticked
from framefleet_scheduler.console.worker_list import Kinds
from tests.api.conftest import Api
from tests.api.test_console import HTML, NASTY, OURS, log_in, send
from tests.api.test_deliveries import dead, told

FORMS: list[tuple[str, dict[str, str]]] = [
    ("/workers", {"drain": "alpha"}),
    ("/workers", {"undrain": "alpha"}),
    ("/pipelines", {"pause": "news"}),
    ("/pipelines", {"resume": "_all"}),
    ("/pipelines/set", {"name": "news", "weight": "3"}),
    ("/storages/set", {"kind": "s3", "name": "films", "endpoint": "s3.example.com", "bucket": "films", "version": "0"}),
    ("/storages/delete", {"name": "box", "version": "1"}),
    ("/storages/check", {"name": "box"}),
    ("/keys/create", {"name": "x", "role": "admin", "pipelines": ""}),
    ("/templates/edit", {"action": "keep", "name": "fresh", "version": "", "text": "kind: snapshot"}),
    ("/templates/edit", {"action": "keep", "name": "mine", "version": "1", "text": "kind: sprite"}),
    ("/templates/check", {"name": "fresh", "version": "", "text": "kind: snapshot"}),
    ("/templates/delete", {"name": "mine", "version": "1"}),
]
"""Each form that changes the cluster, with fields that would do something."""
PAGES = ["/workers", "/pipelines", "/storages", "/deliveries", "/templates", "/templates/mine", "/templates/hls-h264"]
ONLY_RULERS = ["/keys", "/keys?revoked=1", "/templates/new", "/templates/mine/edit", "/audit"]
"""Pages that only an admin of the whole cluster may open."""


@pytest.fixture
def cluster(api: Api) -> Api:
    """One where each of the forms has something to change."""
    worker = WorkerInfo("alpha:1:0", "alpha", "cpu", "idle", None, "1.0", ())
    api.state.claims.register(worker, 600.0)
    api.desk.templates.create("mine", {"kind": "snapshot"})
    api.desk.storage_registry.put("box", {"kind": "s3", "endpoint": "s3.example.com", "bucket": "box"})
    return api


def state_of(api: Api) -> Any:
    """Everything the forms change."""
    cluster = [(info.key, info.etag) for info in api.desk.store.list("") if not info.key.startswith("access/")]
    return cluster, [key for key in api.desk.access.all() if key.name or key.version > 1]


@pytest.mark.parametrize(("path", "fields"), FORMS)
def test_a_change_needs_the_role_for_everything_and_a_form_of_ours(
    cluster: Api, path: str, fields: dict[str, str]
) -> None:
    csrf = log_in(cluster, Role.ADMIN)
    before = state_of(cluster)

    assert send(cluster, path, "", **fields).status_code == 403
    assert send(cluster, path, "0" * 64, **fields).status_code == 403
    foreign = HTML | OURS | {"Origin": "http://evil.example"}
    assert cluster.client.post(path, data={"csrf": csrf, **fields}, headers=foreign).status_code == 403
    for role, pipelines in ((Role.VIEWER, None), (Role.PRODUCER, None), (Role.ADMIN, ["default"])):
        csrf = log_in(cluster, role, pipelines)
        assert send(cluster, path, csrf, **fields).status_code == 403
    assert state_of(cluster) == before


@pytest.mark.parametrize("path", [*PAGES, *ONLY_RULERS])
def test_pages_say_what_a_browser_may_run_and_have_nothing_inline(cluster: Api, path: str) -> None:
    log_in(cluster)

    answer = cluster.client.get(path, headers=HTML)

    assert (answer.status_code, answer.headers["content-security-policy"]) == (200, CONTENT_SECURITY_POLICY)
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|javascript:", answer.text)


@pytest.mark.parametrize("path", [*PAGES, *ONLY_RULERS])
def test_who_is_not_logged_in_sees_no_page(cluster: Api, path: str) -> None:
    assert cluster.client.get(path, headers=HTML, follow_redirects=False).status_code == 303


@pytest.mark.parametrize("path", PAGES)
def test_a_viewer_sees_the_page_without_anything_to_send(cluster: Api, path: str) -> None:
    log_in(cluster, Role.VIEWER)

    html = cluster.client.get(path, headers=HTML).text
    main = html[html.index("<main") : html.index("</main>")]
    assert "<button" not in main.replace('<button class="button">Filter</button>', "")


@pytest.mark.parametrize("path", ONLY_RULERS)
def test_other_pages_are_for_admins_of_everything(cluster: Api, path: str) -> None:
    for role, pipelines in ((Role.VIEWER, None), (Role.PRODUCER, None), (Role.ADMIN, ["default"])):
        log_in(cluster, role, pipelines)
        assert cluster.client.get(path, headers=HTML).status_code == 403


def test_draining_what_is_not_there_is_told(cluster: Api) -> None:
    csrf = log_in(cluster)

    assert "worker_not_found" in send(cluster, "/workers", csrf, drain="nobody").text
    assert "invalid_request" in send(cluster, "/workers", csrf).text
    assert send(cluster, "/workers", csrf, drain="alpha:1:0").status_code == 303
    assert cluster.desk.tasks.drains() == ["alpha:1:0"]
    assert send(cluster, "/workers", csrf, undrain="alpha:1:0").status_code == 303
    assert cluster.desk.tasks.drains() == []


def test_what_a_pipeline_cannot_be_is_told_at_its_field(cluster: Api) -> None:
    csrf = log_in(cluster)
    wrong = [
        {"name": "a/b"},
        {"name": "<script>"},
        {"name": "news", "weight": "x<script>"},
        {"name": "news", "weight": "nan"},
        {"name": "news", "max_tasks": "0"},
        {"name": "news", "default_priority": "10"},
    ]

    for fields in wrong:
        answer = send(cluster, "/pipelines/set", csrf, **fields)
        assert (answer.status_code, "field-wrong" in answer.text) == (400, True), fields
        assert "<script>" not in answer.text
    for name in ("_all", "a/b"):
        assert send(cluster, "/pipelines/set", csrf, name=name, weight="2").status_code == 400
    assert send(cluster, "/pipelines", csrf, pause="a/b").status_code == 400
    assert send(cluster, "/pipelines", csrf).status_code == 400
    assert not list(cluster.desk.store.list("pipelines/"))


def test_keys_of_others_are_neither_rotated_nor_revoked_by_who_may_not(cluster: Api) -> None:
    key, secret = cluster.desk.access.create(Role.VIEWER)

    for role, pipelines in ((Role.VIEWER, None), (Role.PRODUCER, None), (Role.ADMIN, ["default"])):
        csrf = log_in(cluster, role, pipelines)
        assert send(cluster, "/keys/rotate", csrf, id=key.id).status_code == 403
        assert send(cluster, "/keys/revoke", csrf, id=key.id).status_code == 403
        assert 'href="/keys"' not in cluster.client.get("/", headers=HTML).text
    assert cluster.desk.access.check(key.id, secret) is not None


def test_what_a_key_cannot_be_is_told_at_its_field_and_none_is_made(cluster: Api) -> None:
    csrf = log_in(cluster)
    before = len(cluster.desk.access.all())

    for fields in (
        {"name": "x" * 101, "role": "viewer"},
        {"role": "god"},
        {"role": "viewer", "pipelines": "a/<b"},
        {"role": "viewer", "pipelines": " , "},
        {"role": "viewer", "rate": "0"},
        {"role": "viewer", "rate": "²"},
        {"role": "viewer", "rate": "many"},
        {"role": "viewer", "rate": "9" * 10},
        {"role": "viewer", "actions": "imm:*, <b>"},
        {"role": "viewer", "actions": " , "},
    ):
        answer = send(cluster, "/keys/create", csrf, **fields)
        assert (answer.status_code, "field-wrong" in answer.text) == (400, True), fields
    assert len(cluster.desk.access.all()) == before
    assert "key_not_found" in send(cluster, "/keys/revoke", csrf, id="a" * 16).text


def test_a_key_is_made_as_the_form_says(cluster: Api) -> None:
    csrf = log_in(cluster)

    made = send(cluster, "/keys/create", csrf, name="shop", role="producer", pipelines="news, sport", rate="25")

    assert made.status_code == 200
    (key,) = (key for key in cluster.desk.access.all() if key.name == "shop")
    assert (key.role, key.pipelines, key.rate) == (Role.PRODUCER, ("news", "sport"), 25)
    assert "25/s" in cluster.client.get("/keys", headers=HTML).text


def test_a_key_that_signs_is_made_and_listed_with_what_it_is_for(cluster: Api) -> None:
    csrf = log_in(cluster)

    fields = {"name": "sdk", "role": "producer", "actions": "imm:*, vod:DescribeTaskDetail", "signs": "1"}
    made = send(cluster, "/keys/create", csrf, **fields)

    (key,) = (key for key in cluster.desk.access.all() if key.name == "sdk")
    secret = cluster.desk.access.secret_of(key)
    assert key.actions == ("imm:*", "vod:DescribeTaskDetail")
    assert secret is not None
    assert secret in made.text
    listed = cluster.client.get("/keys", headers=HTML).text
    row = listed[listed.index(f'id="key-{key.id}"') :].partition("</tr>")[0]
    assert all(f'<code class="chip">{action}</code>' in row for action in key.actions)
    assert ">signs<" in row
    for text in (made.text, listed):
        assert str(key.sealed) not in text
    assert secret not in listed


def test_without_a_seal_key_the_form_says_what_is_missing(cluster: Api) -> None:
    csrf = log_in(cluster)
    before = len(cluster.desk.access.all())
    object.__setattr__(cluster.desk, "access", AccessKeys(cluster.desk.store))

    answer = send(cluster, "/keys/create", csrf, name="sdk", role="producer", actions="imm:*", signs="1")

    assert answer.status_code == 409
    assert "FRAMEFLEET_SEAL_KEY" in answer.text
    assert 'value="imm:*"' in answer.text
    assert "checked" in answer.text
    assert len(cluster.desk.access.all()) == before


def test_changes_are_listed_by_day_with_who_made_them_and_harmless(cluster: Api) -> None:
    csrf = log_in(cluster)
    send(cluster, "/keys/create", csrf, name=NASTY, role="admin")
    by = next(key for key in cluster.desk.access.all() if key.name == NASTY)
    audit = cluster.client.app.state.audit  # type: ignore[attr-defined]
    for number in range(60):
        audit.write(by.id, "template.change", f"t{number:02d}")
    audit.write("cli", "task.cancel", NASTY, where=NASTY)

    page = cluster.client.get("/audit", headers=HTML).text
    assert "<script>" not in page
    assert page.count("<tr>") == 51
    assert 'href="/templates/t59"' in page
    assert page.count(str(escape(NASTY))) == 2 + 49  # what was changed and from where; the name of a key
    assert '<a href="/tasks/' not in page
    older = cluster.client.get(html.unescape(re.findall(r'href="(/audit\?cursor=[^"]+)"', page)[0]), headers=HTML).text
    assert "t59" not in older
    assert "key.create" in older
    today = datetime.now(UTC).date()
    assert "task.cancel" in cluster.client.get(f"/audit?day={today}", headers=HTML).text
    assert "Nothing was changed on this day" in cluster.client.get("/audit?day=2020-02-02", headers=HTML).text
    assert "task.cancel" in cluster.client.get("/audit?day=nonsense&cursor=x/y", headers=HTML).text


def test_what_a_storage_cannot_be_is_told_and_no_secret_is_taken(cluster: Api) -> None:
    csrf = log_in(cluster)
    wrong = [
        {"kind": "s3", "name": "x/y", "endpoint": "s3.example.com", "bucket": "films"},
        {"kind": "s3", "name": "films", "endpoint": "<script>", "bucket": "films"},
        {
            "kind": "s3",
            "name": "films",
            "endpoint": "s3.example.com",
            "bucket": "films",
            "credentials": "AKIA-SECRET/x",
        },
        {"kind": "directory", "name": "films", "root": "/etc"},
        {"kind": "directory", "name": "out", "root": "/tmp"},
        {"kind": "tape", "name": "films"},
    ]

    for fields in wrong:
        answer = send(cluster, "/storages/set", csrf, version="0", **fields)
        assert answer.status_code in {400, 409}, fields
        assert "<script>" not in answer.text
    stale = {"kind": "s3", "name": "box", "endpoint": "s3.example.com", "bucket": "other", "version": "0"}
    assert send(cluster, "/storages/set", csrf, **stale).status_code == 409
    assert cluster.desk.storage_registry.get("box").settings.model_dump()["bucket"] == "box"
    assert [one.name for one in cluster.desk.storage_registry.all()] == ["box"]


@pytest.mark.parametrize("version", ["", "x", "0", "9" * 5000, "²"])
@pytest.mark.parametrize(("path", "name"), [("/templates/delete", "mine"), ("/storages/delete", "box")])
def test_nothing_is_deleted_by_a_form_that_does_not_say_which_version(
    cluster: Api, path: str, name: str, version: str
) -> None:
    csrf = log_in(cluster)
    before = state_of(cluster)

    assert send(cluster, path, csrf, name=name, version=version).status_code in {400, 409}
    assert state_of(cluster) == before


def test_deliveries_are_sent_once_more_by_producers_of_their_pipeline_and_forms_of_ours_only(cluster: Api) -> None:
    delivery_id = dead(cluster, pipeline="mine")
    forms = [("replay", {"id": delivery_id}), ("remove", {"id": delivery_id})]

    for role, pipelines, status in ((Role.VIEWER, None, 403), (Role.PRODUCER, ["other"], 404)):
        csrf = log_in(cluster, role, pipelines)
        for action, fields in forms:
            assert send(cluster, f"/deliveries/{action}", csrf, **fields).status_code == status
            assert send(cluster, f"/deliveries/{action}", "", **fields).status_code == 403
        assert send(cluster, "/deliveries/replay", csrf, host="").status_code == (303 if pipelines else 403)
        assert send(cluster, "/deliveries/test", "0" * 64, url="http://127.0.0.1:1/").status_code == 403
        if pipelines:
            assert cluster.client.get(f"/deliveries/{delivery_id}", headers=HTML).status_code == 404
            assert delivery_id not in cluster.client.get("/deliveries?state=dead", headers=HTML).text
    letter = cluster.state.deliveries.letter(delivery_id)
    assert letter is not None
    assert letter.record.state == "dead"

    csrf = log_in(cluster, Role.PRODUCER, ["mine"])
    assert send(cluster, "/deliveries/remove", csrf, id="../x").status_code == 400
    assert send(cluster, "/deliveries/replay", csrf).headers["location"] == "/deliveries?state=dead&replayed=1"
    assert send(cluster, "/deliveries/remove", csrf, id=delivery_id).status_code == 303
    assert cluster.state.deliveries.letter(delivery_id) is None


def test_dead_deliveries_are_sent_once_more_by_and_by(cluster: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "MOST_REPLAYED", 2)
    ids = [dead(cluster, pipeline="mine") for _ in range(5)]
    csrf = log_in(cluster, Role.PRODUCER, ["mine"])

    replayed, fields = [], {"host": "", "cursor": ""}
    for _ in range(5):
        where = send(cluster, "/deliveries/replay", csrf, **fields).headers["location"]
        page = cluster.client.get(where, headers=HTML).text
        said = re.search(r"(\d) deliver(?:y is|ies are) sent once more", page)
        assert said is not None
        replayed.append(int(said[1]))
        fields = dict(re.findall(r'type="hidden" name="(host|cursor)" value="([^"]*)"', page))
        if not fields:
            break

    assert replayed == [2, 2, 1]
    states = {letter.record.state for one in ids if (letter := cluster.state.deliveries.letter(one))}
    assert states == {DeliveryState.WAITING}
    assert send(cluster, "/deliveries/replay", csrf, cursor=NASTY).status_code == 400


def test_deliveries_of_others_do_not_hide_older_ones_of_mine(cluster: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_list, "_PAGE", 2)
    mine = told(cluster, pipeline="mine")
    for _ in range(5):
        told(cluster, pipeline="other")
    log_in(cluster, Role.VIEWER, ["mine"])

    assert mine in cluster.client.get("/deliveries", headers=HTML).text
    monkeypatch.setattr(delivery_list, "_MOST_LOOKS", 1)
    html = cluster.client.get("/deliveries", headers=HTML).text
    assert (mine in html, "Nothing here" in html, 'rel="next"' in html) == (False, False, True)


def test_what_is_asked_for_is_text_on_the_page_of_deliveries(cluster: Api) -> None:
    csrf = log_in(cluster)

    for query in ({"task": NASTY}, {"state": NASTY}, {"cursor": NASTY}, {"replayed": NASTY}, {"task": "nothing"}):
        answer = cluster.client.get("/deliveries", params=query, headers=HTML)
        assert answer.status_code == 200
        assert "<script>" not in answer.text
    for url in (NASTY, "file:///etc/passwd", "https://user:pass@example.org/", ""):
        answer = send(cluster, "/deliveries/test", csrf, url=url)
        assert (answer.status_code, "<script>" not in answer.text) == (400, True)


def test_the_page_of_a_template_reads_and_compares_the_versions_it_shows(
    cluster: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(29):
        cluster.desk.templates.update("mine", {"kind": "snapshot", "description": f"text {n}"})
    log_in(cluster)
    compared, real = [], template_list.differences

    def differences(before: Any, after: Any) -> list[tuple[str, str]]:
        compared.append(after)
        return real(before, after)

    monkeypatch.setattr(template_list, "differences", differences)
    page = cluster.client.get("/templates/mine", headers=HTML).text

    assert page.count('<li class="panel stack">') == len(compared) == 20
    assert "The oldest that may be named." not in page
    assert [one.version for one in cluster.desk.templates.versions("mine", 2)] == [29, 30]


def test_a_pipelines_numbers_stand_in_its_form_as_they_are(cluster: Api) -> None:
    cluster.desk.pipelines.change("news", weight=1_000_000.0, max_subtasks=1_234_567)
    log_in(cluster)

    page = cluster.client.get("/pipelines?edit=news", headers=HTML).text
    assert 'name="max_subtasks" value="1234567"' in page
    assert 'name="weight" value="1000000"' in page


def test_a_kind_that_is_forgotten_at_once_is_told_all_the_same() -> None:
    class Forgetful(dict[str, str]):
        def __setitem__(self, _key: str, _value: str) -> None:
            pass

    class Tasks:
        def subtask(self, _sid: str) -> SubtaskRecord:
            return SubtaskRecord(n=1, kind="chunk", tag="cpu", state=SubtaskState.RUNNING)

    kinds = Kinds(cast(TaskStore, Tasks()))
    kinds._known = Forgetful()

    assert kinds.of("a") == "chunk"


def test_a_server_without_rabbitmq_tells_of_no_messages_for_it(cluster: Api) -> None:
    log_in(cluster)
    page = cluster.client.get("/workers", headers=HTML).text
    cluster.desk.probes["broker"] = lambda: None  # type: ignore[index]

    assert "RabbitMQ" not in page
    assert "messages wait for RabbitMQ" in cluster.client.get("/workers", headers=HTML).text


def test_a_new_template_is_not_wrong_before_anybody_has_typed(cluster: Api) -> None:
    csrf = log_in(cluster)

    page = cluster.client.get("/templates/new", headers=HTML).text
    typed = send(cluster, "/templates/check", csrf, name="", version="", text="kind: snapshot").text

    assert "is-failed" not in page and "It can be kept." not in page
    assert "Give it a name" in page
    assert "the template needs a name" in typed
    assert "It can be kept." in cluster.client.get("/templates/new?like=mine", headers=HTML).text


def test_what_a_setting_means_is_text_with_code(cluster: Api) -> None:
    log_in(cluster)

    page = cluster.client.get("/templates/hls-h264", headers=HTML).text

    about = re.findall(r'<dd class="about quiet">(.*?)</dd>', page, re.DOTALL)
    assert about and not any("`" in one for one in about)
    assert any("<code>" in one for one in about)
    assert ticked("a <b> `c<d` e ``f``") == "a &lt;b&gt; <code>c&lt;d</code> e <code>f</code>"


def test_services_are_asked_once_for_all_who_look() -> None:
    now, asked = [100.0], []

    def broker() -> None:
        asked.append(now[0])
        raise BrokerUnavailable("RabbitMQ does not answer")

    services = Services({"broker": broker, "other": lambda: None}, lambda: now[0])

    found = services.look()
    assert [(one.name, one.error and one.error.code) for one in found] == [
        ("RabbitMQ", "broker_unavailable"),
        ("other", None),
    ]
    assert services.look() == found
    now[0] += FRESH_SECONDS
    services.look()
    assert asked == [100.0, 100.0 + FRESH_SECONDS]
