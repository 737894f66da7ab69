"""What a scheduler says over HTTP."""

from __future__ import annotations

import dataclasses
import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from framefleet import metrics
from framefleet.domain.errors import BrokerUnavailable, StateUnavailable
from framefleet.ports import Counts, WorkerInfo
from framefleet_scheduler import http
from framefleet_scheduler.plan import probe_subtasks
from tests import factories
from tests.fakes import FakeClock, FakeState


class Site:
    """A server, and what it reports about."""

    def __init__(self) -> None:
        self.state = FakeState(FakeClock())
        self.broker_away = self.redis_away = False
        self.server = http.start("127.0.0.1", 0, self.state, {"redis": self._redis, "broker": self._broker})

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.server.server_port}{path}") as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    def samples(self) -> dict[tuple[str, tuple[str, ...]], float]:
        families = text_string_to_metric_families(self.get("/metrics")[1])
        return {
            (s.name, tuple(s.labels[name] for name in sorted(s.labels))): s.value
            for family in families
            for s in family.samples
        }

    def _redis(self) -> None:
        if self.redis_away:
            raise StateUnavailable("no route")

    def _broker(self) -> None:
        if self.broker_away:
            raise BrokerUnavailable("no route")


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_it_is_healthy_while_it_answers(site: Site) -> None:
    assert site.get("/healthz") == (200, "ok\n")


def test_it_is_ready_when_every_service_answers(site: Site) -> None:
    status, body = site.get("/readyz")

    assert (status, json.loads(body)["ready"]) == (200, True)


def test_it_says_which_service_is_away(site: Site) -> None:
    site.broker_away = True

    status, body = site.get("/readyz")

    assert status == 503
    assert json.loads(body)["services"] == {"redis": "ok", "broker": "broker_unavailable: no route"}


def test_a_broker_that_goes_away_later_does_not_take_the_api_away(site: Site) -> None:
    assert site.get("/readyz")[0] == 200

    site.broker_away = True
    status, body = site.get("/readyz")
    assert (status, json.loads(body)["ready"]) == (200, True)
    assert json.loads(body)["services"]["broker"] == "broker_unavailable: no route"

    site.redis_away = True
    assert site.get("/readyz")[0] == 503


def test_gauges_are_read_when_somebody_asks(site: Site) -> None:
    task = factories.task()
    site.state.create(task, 1, probe_subtasks(task))
    site.state.slots = [
        WorkerInfo(f"h:1:{n}", "h", "cpu", state, None, "1", ()) for n, state in enumerate(("idle", "busy"))
    ]

    samples = site.samples()

    assert samples["framefleet_backlog_subtasks", ("probe", "cpu")] == 1
    assert samples["framefleet_tasks", ("default", "running")] == 1
    assert samples["framefleet_workers", ("cpu",)] == 1
    assert samples["framefleet_worker_slots", ("idle", "cpu")] == 1
    assert samples["framefleet_outbox_messages", ()] == 1
    assert samples["framefleet_oldest_task_seconds", ("default", "running")] == 90
    assert samples["framefleet_dependency_up", ("redis",)] == 1


def test_a_pipelines_counters_are_in_the_scrape_that_sees_it_first(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = dataclasses.replace(site.state.counts(), tasks={("seen-first-here", "running"): 1})
    monkeypatch.setattr(site.state, "counts", lambda: seen)

    assert site.samples()["framefleet_tasks_total", ("failed", "seen-first-here")] == 0


def test_a_tag_without_workers_has_none_of_them_in_numbers(site: Site) -> None:
    samples = site.samples()

    assert samples["framefleet_workers", ("gpu",)] == 0
    assert samples["framefleet_worker_slots", ("idle", "gpu")] == 0
    assert samples["framefleet_longest_attempt_seconds", ("gpu",)] == 0


def test_while_redis_is_away_counters_are_still_there(site: Site) -> None:
    metrics.lease_expired()
    site.state.away = True

    names = {name for name, _ in site.samples()}

    assert "framefleet_leases_expired_total" in names
    assert "framefleet_outbox_messages" not in names


def test_a_redis_that_does_not_answer_is_not_asked_for_more(site: Site) -> None:
    site.redis_away = True

    samples = site.samples()

    assert samples["framefleet_dependency_up", ("redis",)] == 0
    assert ("framefleet_outbox_messages", ()) not in samples


def test_anything_else_is_not_found(site: Site) -> None:
    assert site.get("/v2")[0] == 404


def test_demand_is_what_runs_or_could(site: Site) -> None:
    task = factories.task()
    site.state.create(task, 1, probe_subtasks(task))

    status, body = site.get("/demand")

    assert (status, json.loads(body)["cpu"]) == (200, 1)
    assert site.samples()["framefleet_demand_subtasks", ("cpu",)] == 1


def test_demand_is_refused_while_redis_is_away(site: Site) -> None:
    site.state.away = True

    assert site.get("/demand")[0] == 503


def test_demand_is_refused_until_redis_has_been_rebuilt(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site.state, "counts", lambda: Counts(whole=False))

    assert site.get("/demand")[0] == 503
    assert not [name for name, _ in site.samples() if name == "framefleet_demand_subtasks"]
