"""Probing and planning over HTTP: dry runs, done by workers, of which nothing stays."""

from __future__ import annotations

import base64
import dataclasses
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY, CollectorRegistry

from framefleet.adapters.redis_state import connect
from framefleet.domain import keys
from framefleet.domain.access import Role
from framefleet.domain.errors import ErrorInfo, SourceNotMedia
from framefleet.domain.media_info import MediaInfo
from framefleet.domain.records import DoneRecord, ProbeOutput, TaskRecord
from framefleet.domain.subtask import ProbeSpec, split_subtask_id
from framefleet.domain.task import DryRun, is_dry, utc_now
from framefleet.ports import Claim, WorkerInfo
from framefleet_scheduler.advance import Advancer
from framefleet_scheduler.api import dry
from framefleet_scheduler.clean import Cleaner
from framefleet_scheduler.dry import KEPT_SECONDS, DryKeeper
from framefleet_scheduler.http import StateCollector
from framefleet_scheduler.rebuild import Rebuilder
from tests import factories
from tests.api.conftest import Api, SystemClock, task_request
from tests.fakes import FakeClock
from tests.waiting import eventually

SOURCE = {"uri": "s3://in/a.mov"}


class Cluster:
    """A worker and a scheduler in one thread, with a connection of their own. What a probe finds is given."""

    def __init__(self, api: Api, redis_url: str) -> None:
        self.media: MediaInfo = factories.media()
        self.fails: ErrorInfo | None = None
        self.specs: list[ProbeSpec] = []
        self.orders: list[tuple[str, int]] = []
        self._api, self._url = api, redis_url
        self._info = WorkerInfo("host:1:0", "host", "cpu", "idle", None, "7.1", ("libx264",))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._api.state.claims.register(self._info, 60)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(10)

    def _run(self) -> None:
        store = self._api.desk.store
        with connect(self._url) as state:
            clock = SystemClock()
            advancer = Advancer(store, state.tasks, clock, Cleaner(store, clock), lambda: None, measures=state.measures)
            while not self._stop.is_set():
                state.claims.register(self._info, 60)
                state.outbox.release_window("cpu", 10)
                for due in state.outbox.due(10):
                    self.orders.append((due.order.sid, due.order.priority))
                    state.outbox.published(due)
                    self._work(state.claims.claim(due.order.sid, "n", "host:1:0", 60.0), state)
                advancer.step()
                self._stop.wait(0.01)

    def _work(self, claim: Any, state: Any) -> None:
        assert isinstance(claim, Claim)
        spec = ProbeSpec.model_validate_json(claim.spec)
        self.specs.append(spec)
        if self.fails is not None:
            state.tasks.fail(claim.sid, claim.fence, self.fails, None, "n")
            return
        frame = base64.b64encode(b"a picture").decode() if spec.frame else None
        record = DoneRecord(
            sid=claim.sid,
            fence=claim.fence,
            nonce="n",
            worker="host:1:0",
            started_at=utc_now(),
            finished_at=utc_now(),
            output=ProbeOutput(media=self.media, frame=frame),
        )
        self._api.desk.store.create(keys.done(*split_subtask_id(claim.sid)), record.model_dump_json().encode())
        state.tasks.done(claim.sid, "{}", 0.1)


@pytest.fixture
def cluster(api: Api, redis_url: str) -> Iterator[Cluster]:
    made = Cluster(api, redis_url)
    yield made
    made.stop()


def dry_ids(api: Api) -> set[str]:
    return {info.key.split("/")[1] for info in api.desk.store.list("tasks/")}


def test_a_source_is_probed(api: Api, cluster: Cluster) -> None:
    cluster.start()

    answer = api.request("POST", "/v1/probe", Role.PRODUCER, json=SOURCE)

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["video"][0]["width"] == cluster.media.video[0].width
    assert found["index"]["frames"] == cluster.media.index.count  # type: ignore[union-attr]
    assert found["frame"] is None
    assert cluster.specs[0].frame is None
    assert cluster.orders[0][1] == 10, "before all tasks"


def test_a_picture_comes_with_the_probe_when_asked_for(api: Api, cluster: Cluster) -> None:
    cluster.start()

    found = api.request("POST", "/v1/probe?frame=true", json=SOURCE).json()

    kind, _, data = found["frame"].partition(",")
    assert kind == "data:image/jpeg;base64"
    assert base64.b64decode(data) == b"a picture"
    assert cluster.specs[0].frame == 640


def test_a_plan_tells_the_ladder_the_subtasks_and_what_it_may_cost(api: Api, cluster: Cluster) -> None:
    cluster.start()
    targets = [
        {"name": "stream", "template": "hls-h264", "uri": "s3://out/x/master.m3u8"},
        {"name": "cover", "template": "snapshot", "uri": "s3://out/c_{index}.jpg"},
    ]

    answer = api.request("POST", "/v1/plan", Role.PRODUCER, json=task_request(targets=targets))

    assert answer.status_code == 200, answer.text
    plan = answer.json()
    stream, cover = plan["outputs"]
    heights = [r["height"] for r in stream["renditions"]]
    assert heights == sorted(heights, reverse=True)
    assert len(heights) > 1
    assert heights[0] <= cluster.media.video[0].height
    assert stream["sound"][0]["codec"] == "aac"
    assert cover["pictures"]["format"] == "jpg" or cover["pictures"]["format"] == "jpeg"
    numbers = [s["n"] for s in plan["subtasks"]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert {s["kind"] for s in plan["subtasks"]} == {"probe", "transcode", "concat", "snapshot"}
    assert plan["targets"]["stream"][0] in numbers
    cost = plan["estimate"]
    assert cost["cpu_seconds"]["value"] == pytest.approx(sum(s["weight"] for s in plan["subtasks"]), abs=0.5)
    assert cost["cpu_seconds"]["sure"] == "rough"
    assert 0 < cost["wall_seconds"]["value"] <= cost["cpu_seconds"]["value"] + 0.1
    assert "1 live slot" in cost["wall_seconds"]["basis"]


def test_nothing_of_a_dry_run_is_entered_listed_counted_or_told(api: Api, cluster: Cluster) -> None:
    cluster.start()

    api.request("POST", "/v1/plan", json=task_request(tags={"show": "x"}))

    (task_id,) = dry_ids(api)
    assert is_dry(task_id)
    assert api.request("GET", "/v1/tasks").json()["tasks"] == []
    assert api.request("GET", "/v1/tasks", params={"id": task_id}).json()["tasks"] == []
    assert api.request("GET", "/v1/tasks", params={"tag": "show=x"}).json()["tasks"] == []
    assert api.request("GET", f"/v1/tasks/{task_id}").status_code == 404
    assert api.state.tasks.counts().tasks == {}
    assert [p.pipeline.name for p in api.state.tasks.pipelines()] == []
    assert api.state.outbox.events(10) == []
    assert len(cluster.orders) == 1, "only its probe was done"
    assert api.state.client.keys("ff:tasks*") == []


def by_pipeline(api: Api) -> dict[tuple[str, str], float]:
    """Every metric that is told by pipeline: what is counted here, and what is looked up in Redis."""
    there = CollectorRegistry()
    there.register(StateCollector(api.state.tasks))
    samples = [s for registry in (REGISTRY, there) for metric in registry.collect() for s in metric.samples]
    return {(s.name, str(s.labels)): s.value for s in samples if "pipeline" in s.labels}


def test_metrics_know_no_pipeline_of_a_dry_run_before_and_after_its_end(api: Api, cluster: Cluster) -> None:
    before = by_pipeline(api)
    request = json.dumps(task_request())
    api.desk.acceptor.look(request, DryRun(what="plan", frame=False))
    assert by_pipeline(api) == before

    cluster.start()
    assert api.request("POST", "/v1/plan", json=task_request()).status_code == 200

    assert by_pipeline(api) == before


def test_a_paused_pipeline_can_be_looked_at(api: Api, cluster: Cluster) -> None:
    api.request("PATCH", "/v1/pipelines/night", json={"paused": True, "max_tasks": 1})
    cluster.start()

    assert api.request("POST", "/v1/plan", json=task_request(pipeline="night")).status_code == 200


def test_i7_what_creating_refuses_planning_refuses_alike(api: Api) -> None:
    for body in (
        task_request(targets=[{"name": "x", "template": "nope", "uri": "s3://out/x.mp4"}]),
        task_request(sources=[{"uri": "ftp://x/y"}]),
        task_request(surprise=1),
        task_request(notification={"webhook": {"url": "http://127.0.0.1/"}}),
    ):
        created = api.request("POST", "/v1/tasks", json=body)
        planned = api.request("POST", "/v1/plan", json=body)
        assert created.status_code >= 400
        assert (planned.status_code, planned.json()["error"]["code"], planned.json()["error"]["field"]) == (
            created.status_code,
            created.json()["error"]["code"],
            created.json()["error"]["field"],
        )
    assert dry_ids(api) == set()


def test_i7_a_refused_source_is_named_from_the_body(api: Api) -> None:
    wrong = api.request("POST", "/v1/probe", json={"uri": "ftp://x/y"})
    unknown = api.request("POST", "/v1/probe", json={"uri": "s3://in/a.mov", "surprise": 1})
    nothing = api.request("POST", "/v1/probe", content=b"[1]")

    assert (wrong.status_code, wrong.json()["error"]["code"], wrong.json()["error"]["field"]) == (
        400,
        "invalid_source",
        "uri",
    )
    assert (unknown.json()["error"]["code"], unknown.json()["error"]["field"]) == ("unknown_field", "surprise")
    assert nothing.status_code == 400


def test_i7_a_source_that_is_no_media_is_said_with_its_code(api: Api, cluster: Cluster) -> None:
    cluster.fails = SourceNotMedia(field="sources[0].uri").info()
    cluster.start()

    probed = api.request("POST", "/v1/probe", json=SOURCE)
    planned = api.request("POST", "/v1/plan", json=task_request())

    assert (probed.status_code, probed.json()["error"]["code"], probed.json()["error"]["field"]) == (
        422,
        "source_not_media",
        "uri",
    )
    assert (planned.status_code, planned.json()["error"]["field"]) == (422, "sources[0].uri")


def test_a_plan_that_cannot_be_made_says_why(api: Api, cluster: Cluster) -> None:
    cluster.media = cluster.media.model_copy(update={"audio": ()})
    cluster.start()
    sound = [{"name": "s", "template": "audio-aac", "uri": "s3://out/s.m4a"}]

    answer = api.request("POST", "/v1/plan", json=task_request(targets=sound))

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "source_no_audio")


def test_without_any_worker_the_caller_is_told_at_once_and_the_dry_run_ends(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry, "ANSWER_SECONDS", 0.0)  # nothing is waited for

    answer = api.request("POST", "/v1/probe", json=SOURCE)

    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "no_worker")
    assert "framefleet-worker" in answer.json()["error"]["hint"]
    (task_id,) = dry_ids(api)
    status = api.state.tasks.status(task_id)
    assert status is not None
    assert status.canceling
    assert status.open == 0


def test_one_that_takes_too_long_says_what_it_waits_for_and_is_canceled(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry, "ANSWER_SECONDS", 0.2)
    api.state.claims.register(WorkerInfo("h:1:0", "h", "cpu", "busy", "x.1.1", "7", ()), 60)

    answer = api.request("POST", "/v1/plan", json=task_request())

    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "dry_run_timeout")
    assert "waiting for their turn" in answer.json()["error"]["message"]
    status = api.state.tasks.status(next(iter(dry_ids(api))))
    assert status is not None
    assert status.canceling


def test_only_so_many_may_wait(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry, "_PLACES", dataclasses.replace(dry._PLACES, most=0))

    answer = api.request("POST", "/v1/probe", json=SOURCE)

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    assert dry_ids(api) == set()


def test_who_may_look(api: Api, cluster: Cluster) -> None:
    cluster.start()
    night = api.key(Role.PRODUCER, ["night"])

    viewer = api.request("POST", "/v1/probe", Role.VIEWER, json=SOURCE)
    own = api.client.post("/v1/probe", auth=night, json=SOURCE)
    foreign = api.client.post("/v1/probe?pipeline=day", auth=night, json=SOURCE)
    foreign_plan = api.client.post("/v1/plan", auth=night, json=task_request())

    assert (viewer.status_code, own.status_code, foreign.status_code, foreign_plan.status_code) == (403, 200, 403, 403)


def test_i5_a_dry_run_whose_asker_has_died_is_given_up_and_one_that_has_ended_is_removed(
    api: Api, cluster: Cluster
) -> None:
    task = api.desk.acceptor.look(task_request(), DryRun(what="plan"))
    clock = FakeClock()
    clock.now = utc_now  # type: ignore[method-assign]
    keeper = DryKeeper(api.desk.store, api.state.tasks, api.state.measures, clock, lambda: None)

    keeper.step()
    status = api.state.tasks.status(task.id)
    assert status is not None
    assert not status.canceling, "it is young"

    clock.now = lambda: utc_now() + timedelta(seconds=61)  # type: ignore[method-assign]
    clock.pass_(60)
    keeper.step()
    status = api.state.tasks.status(task.id)
    assert status is not None
    assert status.canceling

    store = api.desk.store
    cleaner = Cleaner(store, SystemClock())
    Advancer(store, api.state.tasks, SystemClock(), cleaner, lambda: None).step()
    status = api.state.tasks.status(task.id)
    assert status is not None
    assert status.state == "canceled"
    assert dry_ids(api) == {task.id}
    clock.now = lambda: utc_now() + timedelta(seconds=KEPT_SECONDS + 1)  # type: ignore[method-assign]
    clock.pass_(60)
    keeper.step()
    assert dry_ids(api) == set()
    assert api.state.client.keys("ff:dry*") == []


def test_i2_a_dry_run_survives_the_loss_of_redis(api: Api, cluster: Cluster) -> None:
    task = api.desk.acceptor.look({**task_request()}, DryRun(what="plan"))
    api.state.client.flushall()
    Rebuilder(api.desk.store, api.state.tasks, api.state.epochs, SystemClock()).run()
    cluster.start()

    def ended() -> TaskRecord | None:
        record = api.state.tasks.record(task.id)
        return record if record is not None and record.state.final else None

    assert eventually(ended, "the dry run to end").state == "succeeded"
    assert api.desk.store.get(keys.plan(task.id, 1)) is not None
    assert api.request("GET", "/v1/tasks").json()["tasks"] == []


def test_what_has_been_measured_is_reckoned_with(api: Api, cluster: Cluster) -> None:
    from framefleet.domain.measured import Cost

    api.state.measures.note(
        {("cpu", kind): Cost(weight=100, cpu_seconds=300, wall_seconds=200, subtasks=50) for kind in ("transcode", "concat", "probe")}
    )  # fmt: skip
    cluster.start()

    plan = api.request("POST", "/v1/plan", json=task_request()).json()

    weights = sum(s["weight"] for s in plan["subtasks"])
    assert plan["estimate"]["cpu_seconds"]["sure"] == "measured"
    assert plan["estimate"]["cpu_seconds"]["value"] == pytest.approx(3 * weights, rel=0.02)
    assert plan["estimate"]["wall_seconds"]["value"] == pytest.approx(2 * weights, rel=0.02), "on one slot"


def test_the_description_has_what_these_routes_refer_to(api: Api) -> None:
    document = json.dumps(api.client.get("/openapi.json").json())

    assert '"#/components/schemas/Source"' in document
    assert "Source" in api.client.get("/openapi.json").json()["components"]["schemas"]


def test_a_dry_run_that_has_ended_is_not_entered_again_after_the_loss_of_redis(api: Api, cluster: Cluster) -> None:
    cluster.start()
    api.request("POST", "/v1/probe", json=SOURCE)
    cluster.stop()
    (task_id,) = dry_ids(api)
    api.state.client.flushall()

    Rebuilder(api.desk.store, api.state.tasks, api.state.epochs, SystemClock()).run()

    assert api.state.tasks.status(task_id) is None
    assert api.state.outbox.events(10) == []


def test_i8_what_a_loss_of_redis_left_of_a_dry_run_is_found_by_the_pass_over_the_bucket(
    api: Api, cluster: Cluster
) -> None:
    cluster.start()
    api.request("POST", "/v1/probe", json=SOURCE)
    cluster.stop()
    clock = FakeClock()
    cleaner = Cleaner(api.desk.store, clock)

    clock.now = utc_now  # type: ignore[method-assign]
    cleaner.everything()
    assert len(dry_ids(api)) == 1, "somebody may still read it"
    clock.now = lambda: utc_now() + timedelta(hours=2)  # type: ignore[method-assign]
    cleaner.everything()
    assert dry_ids(api) == set()
