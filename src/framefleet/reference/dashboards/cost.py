"""What the work costs, for whom, and what of it was for nothing."""

from __future__ import annotations

from framefleet.reference.dashboards.panels import Dashboard, Row, graph, stat

_OF = 'pipeline=~"$pipeline"'
_CPU = "framefleet_cpu_seconds_total"
_WASTE = "framefleet_wasted_cpu_seconds_total"
_SLOT = "framefleet_pipeline_slot_seconds_total"

DASHBOARD = Dashboard(
    uid="framefleet-cost",
    title="Framefleet / Cost",
    description="CPU and GPU seconds by pipeline, what they give, and waste.",
    selector=("pipeline", "Pipeline", "label_values(framefleet_tasks, pipeline)"),
    numbers=(
        stat(
            "CPU time",
            "Of all FFmpeg processes in the time that is shown, over all pipelines.",
            "s",
            f"sum(increase({_CPU}[$__range]))",
        ),
        stat(
            "CPU slots held",
            "Time for which tasks that ended held CPU slots, of the chosen pipelines: what their share of the machines costs.",
            "s",
            f'sum(increase({_SLOT}{{tag="cpu",{_OF}}}[$__range])) or vector(0)',
        ),
        stat(
            "GPU slots held",
            "Time for which tasks that ended held GPU slots, of the chosen pipelines.",
            "s",
            f'sum(increase({_SLOT}{{tag="gpu",{_OF}}}[$__range])) or vector(0)',
        ),
        stat(
            "CPU for each media second",
            "CPU seconds for each second of media encoded. Higher than usual: slower presets, larger sources, or more checks.",
            "short",
            f"sum(increase({_CPU}[$__range])) / (sum(increase(framefleet_output_media_seconds_total[$__range])) > 0)",
        ),
        stat(
            "Wasted",
            "Share of the CPU time that went into attempts that did not succeed: cancels, failures, lost workers. Good: below 5 %.",
            "percentunit",
            f"sum(increase({_WASTE}[$__range])) / (sum(increase({_CPU}[$__range])) > 0)",
            warn=0.05,
            alarm=0.2,
        ),
        stat(
            "Not encoded again",
            "Bytes of finished work of earlier tasks that were taken over in the time that is shown.",
            "bytes",
            'sum(increase(framefleet_cache_bytes_total{action="reused"}[$__range])) or vector(0)',
        ),
    ),
    rows=(
        Row(
            "By pipeline",
            (
                graph(
                    "CPU",
                    "Cores used, averaged, by pipeline. It is counted when a task ends, so long tasks show as steps.",
                    "short",
                    (
                        f"sum by (pipeline) (rate(framefleet_pipeline_cpu_seconds_total{{{_OF}}}[$__rate_interval]))",
                        "{{pipeline}}",
                    ),
                    stacked=True,
                ),
                graph(
                    "Slots",
                    "Slots held, averaged, by pipeline and tag, counted when a task ends. A pipeline above its share of what you pay"
                    " for: limit it (`framefleet pipelines set`).",
                    "short",
                    (f"sum by (pipeline, tag) (rate({_SLOT}{{{_OF}}}[$__rate_interval]))", "{{pipeline}} {{tag}}"),
                    stacked=True,
                ),
                graph(
                    "CPU in an hour",
                    "CPU seconds of the tasks that ended in the hour before, by pipeline: what to bill.",
                    "s",
                    (
                        f"sum by (pipeline) (increase(framefleet_pipeline_cpu_seconds_total{{{_OF}}}[1h]))",
                        "{{pipeline}}",
                    ),
                ),
            ),
        ),
        Row(
            "For what",
            (
                graph(
                    "CPU by kind of work",
                    "Cores used by FFmpeg, by kind. Transcodes should be most of it; a join or a probe that takes much reads sources"
                    " that are hard to read.",
                    "short",
                    (f"sum by (kind) (rate({_CPU}[$__rate_interval]))", "{{kind}}"),
                    stacked=True,
                ),
                graph(
                    "CPU for each media second",
                    "Over all codecs. Steps are other templates or other machines.",
                    "short",
                    (
                        (
                            f"sum(rate({_CPU}[$__rate_interval]))"
                            " / (sum(rate(framefleet_output_media_seconds_total[$__rate_interval])) > 0)"
                        ),
                        "CPU seconds",
                    ),
                ),
                graph(
                    "Bytes moved",
                    "To and from the store, for each second: what a provider charges for, besides machines.",
                    "Bps",
                    ("sum by (direction) (rate(framefleet_transfer_bytes_total[$__rate_interval]))", "{{direction}}"),
                ),
            ),
        ),
        Row(
            "Waste",
            (
                graph(
                    "CPU wasted",
                    "Cores that work on attempts which do not succeed. With peaks of lost hosts or cancels; a steady line is in"
                    " Operations under Retries.",
                    "short",
                    (f"sum(rate({_WASTE}[$__rate_interval]))", "wasted"),
                ),
                graph(
                    "Share wasted",
                    "Of all CPU time. Above a twentieth for long: find the code that is repeated, or give workers a longer grace"
                    " period before they are stopped.",
                    "percentunit",
                    (f"sum(rate({_WASTE}[$__rate_interval])) / (sum(rate({_CPU}[$__rate_interval])) > 0)", "share"),
                ),
            ),
        ),
    ),
    hours=24,
)
