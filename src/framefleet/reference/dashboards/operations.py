"""For the operator: queues, workers, trouble, and the services below, in the order in which work passes them."""

from __future__ import annotations

from framefleet.reference.dashboards.panels import Dashboard, Row, graph, stat

_OF = 'tag=~"$tag"'
_SLOTS = "max by (tag, state) (framefleet_worker_slots{%s})"
_WORKING = _SLOTS % ('state=~"idle|busy",' + _OF)

DASHBOARD = Dashboard(
    uid="framefleet-operations",
    title="Framefleet / Operations",
    description="For operators: queues, workers, slots, leases, retries, outbox, store, broker, Redis.",
    selector=("tag", "Tag", "label_values(framefleet_worker_slots, tag)"),
    numbers=(
        stat(
            "Alerts",
            "Alerts of Framefleet that fire now. Each has a runbook in docs/runbooks.",
            "short",
            'count(ALERTS{alertname=~"Framefleet.*",alertstate="firing"}) or vector(0)',
            warn=1,
            alarm=2,
        ),
        stat(
            "Services away",
            "How many times a scheduler does not reach Redis, the store or RabbitMQ. Good: 0. The graphs at the end say"
            " which.",
            "short",
            "count(framefleet_dependency_up == 0) or vector(0)",
            warn=1,
            alarm=1,
        ),
        stat(
            "Subtasks",
            "Queued or running, the backlog that workers are scaled by. Compare with the slots.",
            "short",
            f"sum(max by (tag, kind) (framefleet_backlog_subtasks{{{_OF}}}))",
        ),
        stat(
            "Slots",
            "That take work. None while there is a backlog: runbook no-worker.md.",
            "short",
            f"sum({_WORKING})",
        ),
        stat(
            "Busy",
            "Share of the slots that work. All of them and a growing backlog: add workers. Few and a backlog: work is held"
            " back, `framefleet explain ID` says by what.",
            "percentunit",
            f"sum({_SLOTS % ('state=' + chr(34) + 'busy' + chr(34) + ',' + _OF)}) / (sum({_WORKING}) > 0) or vector(0)",
        ),
        stat(
            "Sick",
            "Slots that take no work because their host fails. Good: 0. `framefleet workers` says why; runbook"
            " sick-worker.md.",
            "short",
            f"sum({_SLOTS % ('state=' + chr(34) + 'sick' + chr(34) + ',' + _OF)})",
            warn=1,
            alarm=2,
        ),
        stat(
            "Outbox",
            "Orders and events that RabbitMQ has not confirmed. Good: next to none. Growing: runbook outbox-grows.md.",
            "short",
            "max(framefleet_outbox_messages)",
            warn=500,
            alarm=5000,
        ),
        stat(
            "Leases expired",
            "Attempts whose worker died or was cut off, in the time that is shown. One is repaired by itself; many have a"
            " cause: runbook leases-expire.md.",
            "short",
            "sum(increase(framefleet_leases_expired_total[$__range]))",
            warn=3,
            alarm=20,
        ),
    ),
    rows=(
        Row(
            "Queues",
            (
                graph(
                    "Backlog",
                    "Subtasks queued or running. It should fall as fast as it rises; one tag that stays while the other"
                    " falls lacks workers.",
                    "short",
                    (
                        f"sum by (tag, kind) (max by (tag, kind) (framefleet_backlog_subtasks{{{_OF}}}))",
                        "{{tag}} {{kind}}",
                    ),
                    stacked=True,
                ),
                graph(
                    "Wait of subtasks",
                    "95 of 100 subtasks of tasks that ended were claimed within that time from when they could have run."
                    " Minutes are normal behind a backlog; with idle slots they are not.",
                    "s",
                    (
                        (
                            "histogram_quantile(0.95, sum by (tag, le)"
                            f" (rate(framefleet_subtask_wait_seconds_bucket{{{_OF}}}[$__rate_interval])))"
                        ),
                        "{{tag}}",
                    ),
                ),
                graph(
                    "Messages in RabbitMQ",
                    "Only a shallow window of orders is there, about twice the slots; the rest waits in Redis. Requests or"
                    " results that pile up: no scheduler takes them.",
                    "short",
                    ('sum by (queue) (rabbitmq_detailed_queue_messages{queue=~"framefleet.*"})', "{{queue}}"),
                ),
                graph(
                    "Consumers in RabbitMQ",
                    "Who takes from a queue: slots that are ready for orders, schedulers for requests and results. None for a queue"
                    " that has messages: workers or schedulers have lost RabbitMQ, restart them.",
                    "short",
                    ('sum by (queue) (rabbitmq_detailed_queue_consumers{queue=~"framefleet.*"})', "{{queue}}"),
                ),
            ),
        ),
        Row(
            "Workers",
            (
                graph(
                    "Slots",
                    "By state. `drained` and `stopping` ones take nothing new; `sick` ones have a page of their own.",
                    "short",
                    (f"sum by (tag, state) ({_SLOTS % _OF})", "{{tag}} {{state}}"),
                    stacked=True,
                ),
                graph(
                    "Hosts",
                    "With live slots. A step down that nobody made: a host was lost, or was taken by the platform.",
                    "short",
                    (f"max by (tag) (framefleet_workers{{{_OF}}})", "{{tag}}"),
                ),
                graph(
                    "Attempts ended",
                    "For each second, by outcome. `interrupted` and `released` come with cancels, stops and services that"
                    " are away; `failed` ones are below by code.",
                    "ops",
                    (
                        f"sum by (outcome) (rate(framefleet_subtasks_total{{{_OF}}}[$__rate_interval]))",
                        "{{outcome}}",
                    ),
                    stacked=True,
                ),
                graph(
                    "Length of attempts",
                    "95 of 100 take no longer, by kind. Chunks that get longer without other sources: too many slots for the"
                    " cores, or a slow store.",
                    "s",
                    (
                        (
                            "histogram_quantile(0.95, sum by (kind, le)"
                            f" (rate(framefleet_subtask_seconds_bucket{{{_OF}}}[$__rate_interval])))"
                        ),
                        "{{kind}}",
                    ),
                ),
                graph(
                    "Longest attempt",
                    "Since the attempt that has run longest was claimed. More than two hours: runbook attempt-stuck.md.",
                    "s",
                    (f"max by (tag) (framefleet_longest_attempt_seconds{{{_OF}}})", "{{tag}}"),
                ),
                graph(
                    "Room on scratch disks",
                    "Share that is free, by worker. Below a tenth: runbook scratch-disk-low.md.",
                    "percentunit",
                    ("framefleet_scratch_free_bytes / framefleet_scratch_size_bytes", "{{instance}}"),
                ),
            ),
        ),
        Row(
            "Trouble",
            (
                graph(
                    "Retries",
                    "Attempts that are made again, for each second, by code. Some are normal. A code that rises: runbook"
                    " retries-spike.md has a table.",
                    "ops",
                    ("sum by (code) (rate(framefleet_retries_total[$__rate_interval]))", "{{code}}"),
                ),
                graph(
                    "Failures by worker",
                    "Failed attempts for each second. One host above the others is broken: drain it (runbook"
                    " worker-fails-often.md).",
                    "ops",
                    (
                        f'sum by (instance) (rate(framefleet_subtasks_total{{outcome="failed",{_OF}}}[$__rate_interval]))',
                        "{{instance}}",
                    ),
                ),
                graph(
                    "Leases expired",
                    "For each second. Peaks are lost hosts; a steady line is memory that does not suffice, or a network that"
                    " breaks.",
                    "ops",
                    ("sum(rate(framefleet_leases_expired_total[$__rate_interval]))", "leases"),
                ),
            ),
        ),
        Row(
            "Services",
            (
                graph(
                    "Reached by schedulers",
                    "1: yes, 0: no. The runbooks are redis-unreachable.md, store-unreachable.md and broker-unreachable.md.",
                    "short",
                    ("framefleet_dependency_up", "{{dependency}} from {{instance}}"),
                ),
                graph(
                    "Time they take to answer",
                    "A look of a scheduler at each of them. Redis and RabbitMQ: milliseconds. A store above a second slows"
                    " every step of a task.",
                    "s",
                    ("max by (dependency) (framefleet_dependency_seconds)", "{{dependency}}"),
                ),
                graph(
                    "Outbox",
                    "What waits for RabbitMQ's confirmation. It rises with a large plan and is empty seconds later.",
                    "short",
                    ("max(framefleet_outbox_messages)", "messages"),
                ),
                graph(
                    "Deliveries to webhooks",
                    "Waiting: to be sent, or to be sent again. It rises while a receiver is away. Dead: given up, see the"
                    " runbook webhooks-undelivered.md.",
                    "short",
                    ("max by (state) (framefleet_deliveries)", "{{state}}"),
                ),
                graph(
                    "Published",
                    "Events and notifications for each second, by kind and outcome. None while tasks run: nobody publishes.",
                    "ops",
                    (
                        "sum by (kind, outcome) (rate(framefleet_notifications_total[$__rate_interval]))",
                        "{{kind}} {{outcome}}",
                    ),
                ),
                graph(
                    "Traffic with the store",
                    "Bytes for each second, of all workers. At the limit of the network or the store, more workers do not"
                    " help.",
                    "Bps",
                    ("sum by (direction) (rate(framefleet_transfer_bytes_total[$__rate_interval]))", "{{direction}}"),
                ),
                graph(
                    "CPU of schedulers",
                    "Cores. One that is at 1 is the bottleneck: run another one, they share the work.",
                    "short",
                    (
                        "rate(process_cpu_seconds_total[$__rate_interval]) and on (instance) framefleet_outbox_messages",
                        "{{instance}}",
                    ),
                ),
            ),
        ),
    ),
)
