"""Every alert says what a person needs who is woken by it, fires when it should, and not when it should not."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Histogram

from framefleet import metrics
from tests.conftest import unavailable
from tests.monitoring.rules import PROMETHEUS, ROOT, RULES, RUNBOOKS, TESTS, alerts, rules, unknown_metrics
from tests.services import MissingService
from tests.services.process import find_program


def promtool(*arguments: str) -> str:
    """What promtool says; fails when it is not content."""
    try:
        program = find_program("promtool")
    except MissingService as missing:
        unavailable(str(missing))
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def cases() -> list[tuple[str, dict[str, Any]]]:
    """(alert, one expectation) of all tests of rules."""
    files = [yaml.safe_load(path.read_text("utf-8")) for path in TESTS]
    found = [case for file in files for test in file["tests"] for case in test["alert_rule_test"]]
    return [(case["alertname"], case) for case in found]


def test_prometheus_takes_the_configuration_and_the_rules() -> None:
    assert f"{len(RULES)} rule files found" in promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_not_else(path: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", str(path))


@pytest.mark.parametrize("name", sorted(alerts()))
def test_every_alert_is_tested_both_ways(name: str) -> None:
    expected = [bool(case["exp_alerts"]) for alert, case in cases() if alert == name]

    assert True in expected, "a case in which it fires"
    assert False in expected, "a case in which it does not"


@pytest.mark.parametrize("name", sorted(alerts()))
def test_every_alert_says_how_bad_it_is_what_it_is_and_what_to_do(name: str) -> None:
    alert = alerts()[name]
    texts = alert["annotations"]

    assert name.startswith("Framefleet")
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert "for" in alert or name == "FramefleetVerifyFails", "one failed check is enough; anything else has to last"
    assert set(texts) == {"summary", "description", "runbook_url"}
    assert len(texts["summary"]) <= 80
    assert texts["summary"][-1] != "."
    assert re.search(r"\{\{ \$value", texts["description"]) or "absent(" in alert["expr"]
    assert (ROOT / texts["runbook_url"]).is_file()


def test_rules_read_metrics_that_exist() -> None:
    assert {metric for rule in rules() for metric in unknown_metrics(rule["expr"])} == set()
    assert unknown_metrics("sum(framefleet_taks)") == {"framefleet_taks"}


def test_no_label_of_ours_is_one_that_prometheus_gives_to_a_target() -> None:
    """It would become `exported_...` there, and no rule would find it."""
    counted = [metric for metric in vars(metrics).values() if isinstance(metric, Counter | Histogram)]
    ours = {label for metric in counted for label in metric._labelnames}
    ours |= {label for gauge in metrics.GAUGES for label in gauge.labels}

    assert ours >= {"pipeline", "tag", "dependency"}
    assert not ours & {"service", "namespace", "pod", "container", "endpoint", "job", "instance"}


def test_every_runbook_belongs_to_an_alert_and_the_list_has_them_all() -> None:
    pages = {path.name for path in RUNBOOKS.glob("*.md")} - {"README.md"}
    listed = re.findall(
        r"^\| `(\w+)` \| (\w+) \| \[(\S+\.md)\]", (RUNBOOKS / "README.md").read_text("utf-8"), re.MULTILINE
    )

    assert {Path(alert["annotations"]["runbook_url"]).name for alert in alerts().values()} == pages
    assert {
        (name, alert["labels"]["severity"], Path(alert["annotations"]["runbook_url"]).name)
        for name, alert in alerts().items()
    } == set(listed)


def test_a_bound_that_an_alert_reads_is_a_bound_of_the_histogram() -> None:
    from framefleet.metrics import TASK_WAIT_SECONDS

    bounds = {str(float(bound)) for bound in TASK_WAIT_SECONDS._upper_bounds}
    read = {bound for rule in rules() for bound in re.findall(r'le="([0-9.]+)"', rule["expr"])}

    assert read
    assert read <= bounds
