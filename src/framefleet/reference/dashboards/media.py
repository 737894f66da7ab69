"""How fast which codecs are made where, how much of it, and what the checks found."""

from __future__ import annotations

from framefleet.reference.dashboards.panels import Dashboard, Row, graph, stat

_OF = 'tag=~"$tag"'
_OUTPUT = "framefleet_output_media_seconds_total"


def _speed(q: float, by: str = "") -> str:
    return (
        f"histogram_quantile({q}, sum by ({by}le)"
        f" (rate(framefleet_encode_speed_ratio_bucket{{{_OF}}}[$__rate_interval])))"
    )


DASHBOARD = Dashboard(
    uid="framefleet-media",
    title="Framefleet / Media",
    description="Speed by codec and tag, output, certificates, what GPUs and CPUs do of it.",
    selector=("tag", "Tag", "label_values(framefleet_worker_slots, tag)"),
    numbers=(
        stat(
            "Media encoded",
            "Playing time of all renditions made in the time that is shown.",
            "s",
            f"sum(increase({_OUTPUT}{{{_OF}}}[$__range]))",
        ),
        stat(
            "Encoded now",
            "Seconds of media for each second, all workers together: what the cluster does.",
            "short",
            f"sum(rate({_OUTPUT}{{{_OF}}}[$__rate_interval]))",
        ),
        stat(
            "Speed",
            "Half of the attempts are faster: seconds of media for each second, all renditions of an attempt together. Compare"
            " with what the machines did last week.",
            "short",
            f"histogram_quantile(0.5, sum by (le) (increase(framefleet_encode_speed_ratio_bucket{{{_OF}}}[$__range])))",
        ),
        stat(
            "By GPUs",
            "Share of the media that was encoded on GPUs. Lower than usual: a GPU worker is sick or gone, and tasks went on"
            " without it.",
            "percentunit",
            f'(sum(increase({_OUTPUT}{{tag="gpu"}}[$__range])) or vector(0)) / (sum(increase({_OUTPUT}[$__range])) > 0)',
        ),
        stat(
            "Targets published",
            "In the time that is shown, checked and complete; with those that were published with a warning.",
            "short",
            'sum(increase(framefleet_targets_total{outcome=~"succeeded|warned"}[$__range]))',
        ),
        stat(
            "Checks failed",
            "Outputs that were not what the plan says, in the time that is shown. Good: 0. Runbook verify-fails.md.",
            "short",
            "sum(increase(framefleet_verify_failures_total[$__range])) or vector(0)",
            warn=1,
            alarm=5,
        ),
    ),
    rows=(
        Row(
            "Speed",
            (
                graph(
                    "Half of the attempts are faster",
                    "Seconds of media for each second of an attempt, by codec and tag. It follows the sources' size. A codec that"
                    " falls alone: another build or driver; all of them: too many slots.",
                    "short",
                    (_speed(0.5, "codec, tag, "), "{{codec}} {{tag}}"),
                ),
                graph(
                    "One of ten is slower",
                    "The slow tail. Far below the half: some hosts, or some sources, are much slower than others.",
                    "short",
                    (_speed(0.1, "codec, tag, "), "{{codec}} {{tag}}"),
                ),
            ),
        ),
        Row(
            "Output",
            (
                graph(
                    "Media encoded by codec",
                    "Seconds of media for each second, all workers together.",
                    "short",
                    (f"sum by (codec) (rate({_OUTPUT}{{{_OF}}}[$__rate_interval]))", "{{codec}}"),
                    stacked=True,
                ),
                graph(
                    "Media encoded by GPUs and CPUs",
                    "Seconds of media for each second. GPUs that do nothing while CPUs are busy: tasks ask for `cpu`, or the GPU"
                    " workers do not take work.",
                    "short",
                    (f"sum by (tag) (rate({_OUTPUT}{{{_OF}}}[$__rate_interval]))", "{{tag}}"),
                    stacked=True,
                ),
                graph(
                    "Taken over instead of made",
                    "Share of the lookups that found finished work of an earlier task, by kind. Nothing to reach: it depends on"
                    " what is asked for twice.",
                    "percentunit",
                    (
                        (
                            'sum by (kind) (rate(framefleet_cache_lookups_total{outcome="hit"}[$__rate_interval]))'
                            " / (sum by (kind) (rate(framefleet_cache_lookups_total[$__rate_interval])) > 0)"
                            " or 0 * sum by (kind) (rate(framefleet_cache_lookups_total[$__rate_interval]))"
                        ),
                        "{{kind}}",
                    ),
                ),
            ),
        ),
        Row(
            "Certificates",
            (
                graph(
                    "Targets",
                    "For each second, by outcome. `warned`: published, and a check or the encoder had something to say, which is in"
                    " the certificate.",
                    "ops",
                    ("sum by (outcome) (rate(framefleet_targets_total[$__rate_interval]))", "{{outcome}}"),
                    stacked=True,
                ),
                graph(
                    "Checks failed",
                    "For each second, by check. Good: none. By one host: its memory or disk; since an update: go back (runbook"
                    " verify-fails.md).",
                    "ops",
                    (
                        "sum by (check) (rate(framefleet_verify_failures_total[$__rate_interval])) or vector(0)",
                        "{{check}}",
                    ),
                ),
            ),
        ),
    ),
    hours=24,
)
