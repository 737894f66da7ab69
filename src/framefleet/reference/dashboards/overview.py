"""For the producer: is my work being done, and how long does it take."""

from __future__ import annotations

from framefleet.reference.dashboards.panels import Dashboard, Row, graph, stat

_OF = 'pipeline=~"$pipeline"'
_IN_TIME = (
    f'sum(increase(framefleet_task_wait_seconds_bucket{{le="60.0",{_OF}}}[$__range]))'
    f" / (sum(increase(framefleet_task_wait_seconds_count{{{_OF}}}[$__range])) > 0)"
)


def _quantile(q: float, metric: str) -> str:
    return f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket{{{_OF}}}[$__rate_interval])))"


DASHBOARD = Dashboard(
    uid="framefleet-overview",
    title="Framefleet / Overview",
    description="For producers: tasks, how long they wait and take, how many succeed.",
    selector=("pipeline", "Pipeline", "label_values(framefleet_tasks, pipeline)"),
    numbers=(
        stat(
            "Tasks waiting",
            "Accepted and not begun. Good: few, and not the same for long. Else see how long the oldest has waited.",
            "short",
            f'sum(max by (pipeline, state) (framefleet_tasks{{state="queued",{_OF}}}))',
        ),
        stat(
            "Tasks running",
            "Begun and not ended. None while tasks wait means that no worker takes them: see Operations.",
            "short",
            f'sum(max by (pipeline, state) (framefleet_tasks{{state="running",{_OF}}}))',
        ),
        stat(
            "Oldest waiting",
            "Since the task that waits longest was accepted. Good: below a minute. Else `framefleet explain ID` says what it"
            " waits for.",
            "s",
            f'max(framefleet_oldest_task_seconds{{state="queued",{_OF}}}) or vector(0)',
            warn=60,
            alarm=900,
        ),
        stat(
            "Tasks ended",
            "In the time that is shown, whatever their outcome.",
            "short",
            f"sum(increase(framefleet_tasks_total{{{_OF}}}[$__range]))",
        ),
        stat(
            "Succeeded",
            "Share of the tasks that succeeded, of those that succeeded or failed. Failures are mostly the sources': look"
            " at them with `framefleet list --state failed`.",
            "percentunit",
            f'sum(increase(framefleet_tasks_total{{outcome="succeeded",{_OF}}}[$__range]))'
            f' / (sum(increase(framefleet_tasks_total{{outcome=~"succeeded|failed",{_OF}}}[$__range])) > 0)',
            warn=0.99,
            alarm=0.95,
        ),
        stat(
            "Began in time",
            "Share of the tasks that began within 60 s. The objective is 95 %, over 30 days. Below: more workers, or other"
            " weights of pipelines.",
            "percentunit",
            _IN_TIME,
            warn=0.97,
            alarm=0.95,
        ),
        stat(
            "Allowance left",
            "What is left of the 5 % of tasks that may begin late, in the time that is shown; below 0 the objective is"
            " missed. Alerts tell when it goes down too fast.",
            "percentunit",
            f"1 - (1 - {_IN_TIME}) / 0.05",
            warn=0.25,
            alarm=0,
        ),
        stat(
            "Refused",
            "Requests that were refused in the time that is shown. Their senders have the reason; the codes are below.",
            "short",
            "sum(increase(framefleet_submit_rejected_total[$__range])) or vector(0)",
        ),
    ),
    rows=(
        Row(
            "Tasks come",
            (
                graph(
                    "Tasks that have not ended",
                    "By state. A line of queued ones that only rises: more comes than can be done. Add workers, or give"
                    " the urgent pipelines weight.",
                    "short",
                    (f"sum by (state) (max by (pipeline, state) (framefleet_tasks{{{_OF}}}))", "{{state}}"),
                    stacked=True,
                ),
                graph(
                    "Tasks by pipeline",
                    "Who has how many. One that floods the others: a limit or less weight (`framefleet pipelines set`).",
                    "short",
                    (f"sum by (pipeline) (max by (pipeline, state) (framefleet_tasks{{{_OF}}}))", "{{pipeline}}"),
                    stacked=True,
                ),
                graph(
                    "Requests refused",
                    "By code, for each second. Good: none. docs/errors.md says what each code means and who has to change"
                    " what.",
                    "reqps",
                    ("sum by (code) (rate(framefleet_submit_rejected_total[$__rate_interval]))", "{{code}}"),
                ),
            ),
        ),
        Row(
            "Tasks wait",
            (
                graph(
                    "Wait until a task begins",
                    "Half of the tasks begin within the lower line, 95 of 100 within the upper. Good: the upper one below"
                    " 60 s.",
                    "s",
                    (_quantile(0.5, "framefleet_task_wait_seconds"), "half"),
                    (_quantile(0.95, "framefleet_task_wait_seconds"), "95 of 100"),
                ),
                graph(
                    "Oldest task that waits",
                    "By pipeline. One that grows with the clock while others are served: paused, or at its limit.",
                    "s",
                    (
                        (
                            f'max by (pipeline) (framefleet_oldest_task_seconds{{state="queued",{_OF}}})'
                            f' or 0 * max by (pipeline) (framefleet_tasks{{state="queued",{_OF}}})'
                        ),
                        "{{pipeline}}",
                    ),
                ),
                graph(
                    "How fast the allowance is used",
                    "1: the 5 % that may be late will just last the 30 days. Above 6 for six hours, or 14.4 for an hour,"
                    " an alert tells; the runbook is tasks-wait.md. Over all pipelines.",
                    "short",
                    ("framefleet:task_wait_late:ratio_rate1h / 0.05", "last hour"),
                    ("framefleet:task_wait_late:ratio_rate6h / 0.05", "last six hours"),
                ),
            ),
        ),
        Row(
            "Tasks end",
            (
                graph(
                    "Tasks ended",
                    "For each second, by outcome. Failures in step with one producer are usually its sources.",
                    "ops",
                    (f"sum by (outcome) (rate(framefleet_tasks_total{{{_OF}}}[$__rate_interval]))", "{{outcome}}"),
                    stacked=True,
                ),
                graph(
                    "From acceptance to the end",
                    "Half of the tasks take no longer than the lower line, 95 of 100 no longer than the upper. Compare with"
                    " the wait: the rest is work.",
                    "s",
                    (_quantile(0.5, "framefleet_task_seconds"), "half"),
                    (_quantile(0.95, "framefleet_task_seconds"), "95 of 100"),
                ),
                graph(
                    "Targets",
                    "What became of what was asked for, for each second, over all pipelines. `warned` ones are published;"
                    " look at their certificates.",
                    "ops",
                    ("sum by (outcome) (rate(framefleet_targets_total[$__rate_interval]))", "{{outcome}}"),
                    stacked=True,
                ),
            ),
        ),
    ),
    hours=24,
)
