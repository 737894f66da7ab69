"""The page of one task: bounded, honest about what was said to us, and only for who may see the task."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from framefleet.domain import keys
from framefleet.domain.access import Role
from framefleet.domain.attempts import Attempt
from framefleet.domain.errors import ErrorInfo
from framefleet.domain.records import Check, PublishedFile, SubtaskRecord, TargetRecord, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState
from framefleet_scheduler.api.app import create_app
from framefleet_scheduler.console.assets import STATIC
from framefleet_scheduler.console.happenings import happenings
from framefleet_scheduler.console.timeline import WIDTH, timeline
from framefleet_scheduler.past import earlier_runs
from tests.api.conftest import Api
from tests.api.test_console import HTML, NASTY, log_in, send
from tests.factories import NOW
from tests.fakes import MemoryStore


def subtask(n: int, worker: str = "host:1:1", *outcomes: str, **changes: Any) -> SubtaskRecord:
    """One that took a second for each attempt."""
    start = NOW + timedelta(seconds=n)
    history = tuple(
        Attempt(
            attempt=i,
            fence=i,
            worker=worker,
            started_at=start + timedelta(seconds=i),
            ended_at=None if outcome == "running" else start + timedelta(seconds=i + 1),
            outcome=outcome,  # type: ignore[arg-type]  # checked by the model
        )
        for i, outcome in enumerate(outcomes or ("succeeded",), 1)
    )
    values: dict[str, Any] = {
        "n": n,
        "kind": "transcode",
        "tag": "cpu",
        "state": SubtaskState.SUCCEEDED,
        "label": f"chunk {n}",
    }
    return SubtaskRecord(**values | {"worker": worker, "attempts": len(history), "history": history} | changes)


class OneTask:
    """A store that knows one task."""

    def __init__(self, real: Any, record: TaskRecord) -> None:
        self._real = real
        self._record = record

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def record(self, task_id: str) -> TaskRecord | None:
        return self._record if task_id == self._record.id else None


def page_of(api: Api, **values: Any) -> str:
    """The page of a task with this record, under the id of one that was accepted."""
    task = api.submit(name=NASTY, tags={"show": NASTY}, user_data=NASTY)
    given: dict[str, Any] = {
        "state": TaskState.FAILED,
        "pipeline": "default",
        "priority": 5,
        "created_at": NOW,
        "tags": {"show": NASTY},
    }
    record = TaskRecord(id=task["id"], **given | values)
    app = create_app(replace(api.desk, tasks=OneTask(api.desk.tasks, record), asks_for_keys=False))
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        answer = client.get(f"/tasks/{task['id']}", headers=HTML)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_calls_to_a_webhook_are_offered_where_there_is_one(api: Api) -> None:
    log_in(api, Role.VIEWER)
    webhook = {"url": "https://example.com/hook"}
    with_one = api.submit(notification={"webhook": webhook})["id"]
    without = api.submit(client_token="another")["id"]

    offered = [
        f"/deliveries?task={one}" in api.client.get(f"/tasks/{one}", headers=HTML).text for one in (with_one, without)
    ]

    assert offered == [True, False]


def test_the_page_of_a_film_of_2000_subtasks_stays_small(api: Api) -> None:
    subtasks = tuple(subtask(n, f"host{n % 40}:{n % 7}:{n % 3}", "failed", "lost", "succeeded") for n in range(1, 2001))

    html = page_of(api, state=TaskState.RUNNING, subtasks=subtasks)

    assert len(html.encode()) < 100 * 1024
    assert html.count('<tr id="s-') == 50
    assert "page 1 of 40" in html


def test_of_many_earlier_runs_some_are_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    record = TaskRecord.model_validate(api.submit())
    store, asked = MemoryStore(), list[str]()
    for run in range(1, 31):
        ended = record.model_copy(update={"run": run, "state": TaskState.FAILED})
        store.put(keys.end(record.id, run), ended.model_dump_json().encode())

    get = store.get

    def counted(key: str) -> bytes | None:
        asked.append(key)
        return get(key)

    monkeypatch.setattr(store, "get", counted)

    assert [one.run for one in earlier_runs(store, record.id, 31, 3)] == [30, 29, 28]
    assert [one.run for one in earlier_runs(store, record.id, 3, 20)] == [2, 1]
    assert len(asked) == 5


def test_pages_of_subtasks_begin_with_the_first(api: Api) -> None:
    task = api.submit()["id"]
    log_in(api)

    for number in ("0", "00", "1"):
        assert "page=1&" in api.client.get(f"/tasks/{task}?page={number}", headers=HTML).text


def test_what_happened_is_told_the_latest_first_and_of_attempts_only_what_went_wrong() -> None:
    published = subtask(
        9,
        "a:1:1",
        "succeeded",
        kind="concat",
        label="film",
        finished_at=NOW + timedelta(60),
        output={"kind": "published"},
    )
    task = TaskRecord(
        id="t1",
        run=2,
        by="local",
        state=TaskState.SUCCEEDED,
        pipeline="default",
        priority=5,
        created_at=NOW,
        started_at=NOW + timedelta(seconds=1),
        finished_at=NOW + timedelta(61),
        subtasks=(subtask(2, "a:1:1", "released", "lost", "succeeded"), published),
    )

    told = happenings(task)

    assert [one.text for one in told.shown] == [
        "the task succeeded",
        "concat 9 (film) was published",
        "transcode 2 (chunk 2), attempt 2 was lost on a:1:1",
        "transcode 2 (chunk 2), attempt 1 was given back on a:1:1",
        "run 2 began",
        "submitted by local",
    ]
    assert (told.shown[2].subtask, told.more) == (2, 0)


def test_retries_and_lost_workers_are_on_the_timeline() -> None:
    drawn = timeline(
        [subtask(1, "a:1:1", "failed", "lost", "succeeded"), subtask(4, "b:1:1", "running")], NOW + timedelta(8)
    )

    assert drawn is not None
    assert [(lane.name, [mark.outcome for mark in lane.marks], lane.bad) for lane in drawn.lanes] == [
        ("a:1:1", ["failed", "lost", "succeeded"], 2),
        ("b:1:1", ["running"], 0),
    ]
    assert drawn.lanes[1].marks[0].at + drawn.lanes[1].marks[0].width == WIDTH
    assert timeline([], NOW) is None
    assert timeline([subtask(1, history=())], NOW) is None


def test_many_attempts_are_drawn_as_few_marks_in_the_colour_of_the_worst() -> None:
    subtasks = [subtask(n, f"w{n % 20}", "failed" if n == 999 else "succeeded") for n in range(2000)]

    drawn = timeline(subtasks, NOW)

    assert drawn is not None
    assert (len(drawn.lanes), drawn.more) == (16, 4)
    assert sum(len(lane.marks) for lane in drawn.lanes) <= 400
    assert sum(lane.attempts for lane in drawn.lanes) == 1600
    assert [mark.outcome for lane in drawn.lanes for mark in lane.marks].count("failed") == 1
    assert all(0 <= mark.at and mark.at + mark.width <= WIDTH for lane in drawn.lanes for mark in lane.marks)


def test_whatever_a_task_says_is_text(api: Api) -> None:
    error = ErrorInfo(code="ffmpeg_failed", message=NASTY, field=NASTY, hint=NASTY, log=(NASTY, "javascript:alert(1)"))
    file = PublishedFile(uri=f"s3://out/x/{NASTY}.jpg", bytes=1, sha256="0", kind="picture")
    target = TargetRecord(
        name=NASTY,
        template=NASTY,
        uri="s3://out/x/a.jpg",
        state=TaskState.FAILED,
        error=error,
        files=(file, file.model_copy(update={"uri": "s3://out/x/javascript:alert(1)"})),
        media={"video": [{"name": NASTY, "codec": NASTY, "average_rate": NASTY, "width": NASTY}], "audio": "x"},
        certificate=(Check(check=NASTY, expected=NASTY, found=NASTY, passed=False),),
        warnings=(NASTY,),
    )

    html = page_of(
        api,
        name=NASTY,
        by=NASTY,
        error=error,
        warnings=(NASTY,),
        targets=(target,),
        subtasks=(subtask(1, NASTY, "failed", label=NASTY, error=error, kind=NASTY),),
    )

    assert "&lt;script&gt;alert(1)" in html
    assert not re.search(r"<script(?![^>]* src=\"/assets/)|<img src=x|\son[a-z]+=\"|<style|\sstyle=", html)
    assert not re.search(r"(href|src|action)=\"(?!/|#)", html), "an address that is not of this server"
    assert "{{7*7}}" in html


def test_addresses_with_secrets_are_shown_without(api: Api) -> None:
    source = "https://media.example/a.mov?X-Amz-Signature=opensesame"
    task = api.submit(sources=[{"uri": source}])["id"]
    log_in(api, Role.VIEWER)

    html = api.client.get(f"/tasks/{task}", headers=HTML).text

    assert "https://media.example/a.mov" in html
    assert "sesame" not in html


def test_a_task_is_ended_given_priority_and_restarted_from_its_page(api: Api) -> None:
    task = api.submit()["id"]
    csrf = log_in(api, Role.PRODUCER)

    assert send(api, f"/tasks/{task}/priority", csrf, priority="8").headers["location"] == f"/tasks/{task}"
    assert api.client.get(f"/v1/tasks/{task}").json()["priority"] == 8
    assert send(api, f"/tasks/{task}/priority", csrf, priority="11").status_code == 400
    assert send(api, f"/tasks/{task}/restart", csrf).status_code == 409
    assert send(api, f"/tasks/{task}/cancel", csrf).status_code == 303
    assert api.desk.store.get(keys.cancel(task, 1)) is not None
    assert 'action="/tasks/' in api.client.get(f"/tasks/{task}", headers=HTML).text


def test_what_failed_is_restarted_from_the_page_and_from_the_list_and_what_succeeded_is_kept(api: Api) -> None:
    targets = [{"name": n, "template": "mp4-h264-360p", "uri": f"s3://out/{n}.mp4"} for n in ("good", "bad")]
    csrf = log_in(api, Role.PRODUCER)
    for path, fields in (
        ("/tasks/{}/restart", {"failed_only": "yes"}),
        ("/tasks/bulk", {"action": "restart-failed", "id": "{}"}),
    ):
        task = api.submit(targets=targets)["id"]
        half_failed(api, task)
        page = api.client.get(f"/tasks/{task}", headers=HTML).text
        assert "Restart what failed" in page
        assert 'name="failed_only" value="yes"' in page

        answer = send(api, path.format(task), csrf, **{k: v.format(task) for k, v in fields.items()})

        assert answer.status_code == 303, answer.text
        again = api.desk.tasks.task(task)
        assert again is not None
        assert [target.name for target in again.targets] == ["bad"]
        assert [target.name for target in again.carried] == ["good"]


def half_failed(api: Api, task_id: str) -> None:
    """Let a task end with its first target made and its second failed."""
    live = api.state.tasks.record(task_id)
    assert live is not None
    states = (TaskState.SUCCEEDED, TaskState.FAILED)
    targets = tuple(t.model_copy(update={"state": s}) for t, s in zip(live.targets, states, strict=True))
    record = live.model_copy(update={"state": TaskState.FAILED, "targets": targets})
    api.desk.store.create(keys.end(task_id, 1), record.model_dump_json().encode())
    assert api.state.tasks.finish(record)


@pytest.mark.parametrize("action", ["cancel", "restart", "priority"])
def test_only_who_may_changes_a_task(api: Api, action: str) -> None:
    task = api.submit(pipeline="news")["id"]

    assert send(api, f"/tasks/{task}/{action}", log_in(api, Role.VIEWER), priority="8").status_code == 403
    assert f"/tasks/{task}/{action}" not in api.client.get(f"/tasks/{task}", headers=HTML).text
    assert send(api, f"/tasks/{task}/{action}", log_in(api, Role.PRODUCER, ["other"]), priority="8").status_code == 404
    assert send(api, f"/tasks/{task}/{action}", "0" * 64, priority="8").status_code == 403
    assert api.request("GET", f"/v1/tasks/{task}").json()["priority"] == 5


@pytest.mark.parametrize("path", ["", "/subtasks/1", "/stream"])
def test_for_a_key_of_another_pipeline_there_is_no_such_task(api: Api, path: str) -> None:
    task = api.submit(pipeline="news")["id"]
    log_in(api, Role.VIEWER, ["other"])

    if path != "/stream":
        assert api.client.get(f"/tasks/{task}{path}", headers=HTML).status_code == 404
    else:
        # It begins, and says at once that there is nothing to see.
        assert api.client.get(f"/tasks/{task}{path}").text == "event: gone\ndata:\n\n"


def test_a_subtask_has_a_page(api: Api) -> None:
    task = api.submit()["id"]
    log_in(api, Role.VIEWER)

    html = api.client.get(f"/tasks/{task}/subtasks/1", headers=HTML).text

    assert "Subtask 1: probe" in html
    assert api.client.get(f"/tasks/{task}/subtasks/99", headers=HTML).status_code == 404


# --- sources ------------------------------------------------------------------------------


def with_source(api: Api, body: bytes = b"0123456789", **changes: Any) -> str:
    api.out.mkdir(exist_ok=True)
    (api.out / "a.mp4").write_bytes(body)
    task: str = api.submit(sources=[{"uri": "storage://out/a.mp4"}], **changes)["id"]
    return task


def test_a_source_is_played_in_parts(api: Api) -> None:
    path = f"/v1/tasks/{with_source(api)}/sources/0"

    whole = api.request("GET", path, Role.VIEWER)
    part = api.request("GET", path, Role.VIEWER, headers={"Range": "bytes=2-4"})
    beyond = api.request("GET", path, Role.VIEWER, headers={"Range": "bytes=10-"})
    head = api.request("HEAD", path, Role.VIEWER)

    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, b"0123456789", "video/mp4")
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["content-range"] == "bytes 2-4/10"
    assert (beyond.status_code, head.headers["content-length"]) == (416, "10")
    assert whole.headers["content-security-policy"].startswith("sandbox")


def test_a_source_is_for_who_sees_the_task_and_only_what_the_task_names(api: Api, tmp_path: Path) -> None:
    task = with_source(api, pipeline="news")
    web = api.submit(sources=[{"uri": "http://127.0.0.1:1/a.mp4"}])["id"]
    gone = api.submit(sources=[{"uri": "storage://out/gone.mp4"}])["id"]
    other = api.key(Role.ADMIN, ["other"])

    assert api.client.get(f"/v1/tasks/{task}/sources/0", auth=other).status_code == 404
    for path in (f"{task}/sources/1", f"{web}/sources/0", f"{gone}/sources/0"):
        answer = api.request("GET", f"/v1/tasks/{path}", Role.VIEWER)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "output_not_found"), path
    for path in (f"{task}/sources/-1", f"{task}/sources/x"):
        assert api.request("GET", f"/v1/tasks/{path}", Role.VIEWER).status_code in {400, 404}


def test_code_of_others_is_what_its_readme_says() -> None:
    rows = re.findall(
        r"^\| (\S+\.js) \|.*\| ([0-9a-f]{64}) \|$", (STATIC / "vendor/README.md").read_text(), re.MULTILINE
    )

    assert {name for name, _ in rows} == {file.name for file in (STATIC / "vendor").glob("*.js")}
    for name, digest in rows:
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest
        assert (STATIC / "vendor" / name.replace(".js", ".LICENSE.txt")).exists()
