"""Whatever something is called, and however wide its letters are: pages fit their window, and no text runs into the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from framefleet.domain.access import Role
from framefleet.domain.attempts import Attempt
from framefleet.domain.errors import ErrorInfo
from framefleet.domain.records import Check, PublishedFile, SubtaskRecord, TargetRecord, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState
from framefleet.domain.subtask import subtask_id
from framefleet.ports import Claim, Progress, TaskPage, TaskQuery
from framefleet_scheduler.api.server import ApiServer
from tests.api.conftest import Api
from tests.api.test_deliveries import dead
from tests.browser.admin.conftest import Console, api

__all__ = ["api"]

WIDTHS = (320, 360, 480, 767, 768, 800, 959, 960, 1024, 1100, 1200, 1280, 1440)
LETTERS = {"usual": "", "larger": "font-size: 18px", "wider": "letter-spacing: 0.1em"}
LONG = "W" * 200
PIPELINE = "w" * 64
HOST = "host-" + "w" * 60
PAGES = (
    "/",
    "/tasks?state=failed&tag=a=b",
    "/tasks/{task}",
    "/tasks/{task}/subtasks/1",
    "/new?like={task}",
    "/workers",
    "/pipelines",
    "/pipelines?edit={pipeline}",
    "/templates",
    "/templates/{template}",
    "/templates/{template}/edit",
    "/storages",
    "/storages?new=s3",
    "/keys?revoked=1",
    "/deliveries?state=dead",
    "/deliveries/{delivery}",
    "/audit",
    "/nowhere/{pipeline}",
)
# What only readers of screens are told is clipped, the heads of cards too; some texts are cut off with an ellipsis.
MISFITS = """() => {
    const told = [...document.querySelectorAll("body *")].filter((e) => {
        const head = e.closest("thead");
        return !e.closest(".unseen") && !(head && getComputedStyle(head).position === "absolute");
    });
    const out = (e) => e.getBoundingClientRect().right > innerWidth;
    const over = (e) => e.matches("td, th, dt, dd, .badge, .button") && e.scrollWidth > e.clientWidth + 1
        && getComputedStyle(e).overflowX === "visible" && getComputedStyle(e).display !== "inline";
    const wide = document.documentElement.scrollWidth > innerWidth;
    const found = told.filter((e) => over(e) || wide && out(e));
    return (wide && !found.length ? [document.body] : found).slice(0, 4)
        .map((e) => `${e.scrollWidth} in ${e.clientWidth}: ${e.outerHTML.slice(0, 150)}`);
}"""


class Shown:
    """A store that knows these tasks."""

    def __init__(self, real: Any, records: list[TaskRecord]) -> None:
        self._real, self._records = real, records

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def record(self, task_id: str) -> TaskRecord | None:
        return next((record for record in self._records if record.id == task_id), None)

    def subtask(self, sid: str) -> SubtaskRecord:
        return self._records[0].subtasks[int(sid.rpartition(".")[2]) - 1]

    def query(self, query: TaskQuery) -> TaskPage:
        return TaskPage(self._records, None)


@pytest.fixture
def full(api: Api, chromium: Any) -> Iterator[tuple[Console, dict[str, str]]]:
    """A console where everything is called as long as may be, and what its addresses name."""
    delivery = dead(api, pipeline=PIPELINE, name=LONG, tags={"w" * 64: LONG}, user_data=LONG)
    task = delivery.partition(".")[0]
    desk = api.desk
    desk.pipelines.change(PIPELINE, weight=33.25, max_tasks=100_000, max_subtasks=100_000, paused=True)
    desk.templates.create("w" * 32, {"base": "hls-h264", "description": LONG})
    desk.storage_registry.put(
        "w" * 63, {"kind": "s3", "endpoint": f"{'w' * 60}.example.com", "bucket": "w" * 63, "prefix": LONG}
    )
    desk.access.create(Role.PRODUCER, name="W" * 100, pipelines=[PIPELINE, "v" * 64], rate=100_000)
    desk.access.revoke(desk.access.create(Role.PRODUCER, name="W" * 100)[0].id)
    server = ApiServer(
        replace(desk, tasks=Shown(desk.tasks, [record(desk, task, state) for state in TaskState])), "127.0.0.1", 0
    )
    console = Console(api, f"http://127.0.0.1:{server.port}", chromium)
    sid = subtask_id(task, 1, 1)
    claim = api.state.claims.claim(sid, "n", f"{HOST}:1000000:0", 600.0)
    assert isinstance(claim, Claim)
    api.state.claims.beat(sid, claim.fence, "n", 600.0, Progress(1.0, 123.4))
    console.slot(f"{HOST}:1000000:0", "busy", sid=sid)
    console.slot(f"{HOST}:1000000:1", "sick", tag="gpu", reason=LONG, encoders=("w" * 60,))
    console.slot(f"{HOST}:1000000:2", "stopping")
    server.start()
    try:
        yield console, {"task": task, "pipeline": PIPELINE, "template": "w" * 32, "delivery": delivery}
    finally:
        server.stop()


def record(desk: Any, task: str, state: TaskState) -> TaskRecord:
    """A task in this state, the first under this id."""
    begun = desk.clock.now() - timedelta(hours=999, minutes=59)
    mistake = ErrorInfo(code="source_unreadable", message=LONG, field=LONG, hint=LONG)
    tries = [
        Attempt(attempt=n, fence=n, worker=f"{HOST}:1:{n}", started_at=begun, outcome="lost", code="worker_lost")
        for n in (1, 2)
    ]
    subtasks = [
        SubtaskRecord(
            n=n,
            kind="transcode",
            tag="cpu",
            state=each,
            label=LONG,
            worker=f"{HOST}:1:1",
            attempts=20,
            progress=1.0,
            started_at=begun,
            finished_at=desk.clock.now(),
            cpu_seconds=3_599_940,
            error=mistake,
            history=tuple(tries),
        )
        for n, each in enumerate(SubtaskState, 1)
    ]
    target = TargetRecord(
        name="w" * 64,
        template="w" * 32,
        uri=f"s3://out/{LONG}.mp4",
        state=state,
        error=mistake,
        files=(PublishedFile(uri=f"s3://out/{LONG}.mp4", bytes=10**12, sha256="f" * 64),),
        certificate=(Check(check=LONG, expected=LONG, found=LONG, passed=False),),
        warnings=(LONG,),
    )
    return TaskRecord(
        id=task if state is TaskState.QUEUED else f"t{state.value.ljust(24, 'w')}",
        run=1000,
        name=LONG,
        state=state,
        pipeline=PIPELINE,
        priority=10,
        created_at=desk.clock.now() - timedelta(minutes=59),
        started_at=begun,
        finished_at=desk.clock.now() if state.final else None,
        progress=1.0,
        error=mistake,
        by="m" * 16,
        user_data=LONG,
        tags={"w" * 64: LONG, "v" * 64: LONG},
        warnings=(LONG,),
        targets=(target,),
        subtasks=tuple(subtasks),
    )


def test_pages_fit_every_window_whatever_stands_in_them(full: tuple[Console, dict[str, str]]) -> None:
    console, named = full
    wrong: list[str] = []
    for path in PAGES:
        with console.open(path.format(**named)) as seen:
            seen.errors.clear()  # Chromium notes an answer of 404
            tab = seen.tab
            tab.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            for letters, style in LETTERS.items():
                tab.evaluate("(style) => { document.documentElement.style.cssText = style; }", style)
                for width in WIDTHS:
                    tab.set_viewport_size({"width": width, "height": 800})
                    wrong += [f"{path} at {width}, {letters}: {misfit}" for misfit in tab.evaluate(MISFITS)]
    assert not wrong, "\n".join(wrong)
