"""Metrics over the HTTP API."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from framefleet.domain.access import Role
from tests.api.conftest import Api


def test_prometheus_reads_the_metrics_with_a_key_of_all_pipelines(api: Api) -> None:
    api.submit(pipeline="news")

    answer = api.request("GET", "/metrics", Role.VIEWER)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    waiting = {"pipeline": "news", "state": "queued"}
    assert [sample.value for sample in families["framefleet_tasks"].samples if sample.labels == waiting] == [1.0]
    assert [sample.value for sample in families["framefleet_dependency_up"].samples] == [1.0]
    assert "python_info" in families


def test_others_may_not(api: Api) -> None:
    assert api.client.get("/metrics").status_code == 401
    assert api.client.get("/metrics", auth=api.key(Role.ADMIN, ["news"])).status_code == 403
