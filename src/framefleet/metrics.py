"""Every metric, in one place. Seconds and bytes; labels from closed sets, never ids.

Counters and histograms are counted where something happens, also in several processes (a worker's slots): importing
this module with PROMETHEUS_MULTIPROC_DIR set is enough. Those that alerts and costs are made of begin at 0 before anything
has happened: `increase` does not see the first event of a series that appears with it. Gauges of queues, tasks and
workers are read from Redis at scrape time by the scheduler (`framefleet_scheduler.http`).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from prometheus_client import Counter, Histogram

from framefleet.domain.checking import CHECKS
from framefleet.domain.records import Usage
from framefleet.domain.states import TaskState
from framefleet.domain.subtask import Kind, Tag

MOST_PIPELINES = 100
OTHER = "other"

_SHORT = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_LONG = (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200)

TASKS = Counter("framefleet_tasks_total", "Tasks that ended.", ["pipeline", "outcome"])
TASK_SECONDS = Histogram(
    "framefleet_task_seconds", "From acceptance to the end of a task.", ["pipeline"], buckets=_LONG
)
TASK_WAIT_SECONDS = Histogram(
    "framefleet_task_wait_seconds", "From acceptance to the first claim.", ["pipeline"], buckets=_SHORT
)
SUBTASKS = Counter("framefleet_subtasks_total", "Attempts that ended on workers.", ["kind", "tag", "outcome"])
SUBTASK_SECONDS = Histogram("framefleet_subtask_seconds", "Length of an attempt.", ["kind", "tag"], buckets=_SHORT)
SUBTASK_WAIT_SECONDS = Histogram(
    "framefleet_subtask_wait_seconds", "From when a subtask may run to its claim.", ["kind", "tag"], buckets=_SHORT
)
RETRIES = Counter("framefleet_retries_total", "Attempts that failed and are tried again.", ["kind", "code"])
LEASES_EXPIRED = Counter("framefleet_leases_expired_total", "Leases that ran out.")
ENCODE_SPEED = Histogram(
    "framefleet_encode_speed_ratio",
    "Media seconds encoded per wall second of an attempt, all renditions together.",
    ["codec", "tag"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128),
)
OUTPUT_SECONDS = Counter("framefleet_output_media_seconds_total", "Media seconds encoded.", ["codec", "tag"])
CPU_SECONDS = Counter("framefleet_cpu_seconds_total", "CPU seconds of FFmpeg.", ["kind"])
WASTED_CPU_SECONDS = Counter("framefleet_wasted_cpu_seconds_total", "CPU seconds of attempts that did not succeed.")
TRANSFER_BYTES = Counter("framefleet_transfer_bytes_total", "Bytes to and from the object store.", ["direction"])
CACHE_LOOKUPS = Counter(
    "framefleet_cache_lookups_total", "Work looked for among what earlier tasks finished.", ["kind", "outcome"]
)
CACHE_BYTES = Counter(
    "framefleet_cache_bytes_total", "Bytes of finished work taken over, kept, or removed.", ["action"]
)
VERIFY_FAILURES = Counter("framefleet_verify_failures_total", "Outputs that were not what the plan says.", ["check"])
NOTIFICATIONS = Counter(
    "framefleet_notifications_total", "Events told: on RabbitMQ (event), to webhooks (webhook).", ["kind", "outcome"]
)
SUBMIT_REJECTED = Counter("framefleet_submit_rejected_total", "Submissions refused.", ["code"])
TARGETS = Counter(
    "framefleet_targets_total",
    "Targets of tasks that ended; `warned`: published, and a check or the encoder had something to say.",
    ["outcome"],
)
PIPELINE_CPU_SECONDS = Counter(
    "framefleet_pipeline_cpu_seconds_total",
    "CPU seconds of FFmpeg for tasks that ended, of attempts that succeeded.",
    ["pipeline", "tag"],
)
PIPELINE_SLOT_SECONDS = Counter(
    "framefleet_pipeline_slot_seconds_total",
    "Seconds for which tasks that ended have held slots, in attempts that succeeded.",
    ["pipeline", "tag"],
)


@dataclass(frozen=True, slots=True)
class Gauge:
    """What is looked up when somebody asks: by the scheduler in Redis and at the services, by the worker on its host."""

    name: str
    text: str
    labels: tuple[str, ...] = ()


TASKS_NOW = Gauge("framefleet_tasks", "Tasks that have not ended.", ("pipeline", "state"))
BACKLOG = Gauge("framefleet_backlog_subtasks", "Subtasks queued or running.", ("tag", "kind"))
DEMAND = Gauge(
    "framefleet_demand_subtasks",
    "The backlog without what pauses and limits hold back: slots there is work for.",
    ("tag",),
)
OUTBOX = Gauge("framefleet_outbox_messages", "Orders and events to be published.")
DELIVERIES = Gauge("framefleet_deliveries", "Events that wait for their webhooks, or were given up.", ("state",))
WORKERS = Gauge("framefleet_workers", "Hosts with live slots.", ("tag",))
SLOTS = Gauge("framefleet_worker_slots", "Live slots.", ("tag", "state"))
OLDEST_TASK = Gauge(
    "framefleet_oldest_task_seconds",
    "Since the oldest task that is not final was accepted.",
    ("pipeline", "state"),
)
LONGEST_ATTEMPT = Gauge(
    "framefleet_longest_attempt_seconds", "Since the attempt that has run longest was claimed.", ("tag",)
)
DEPENDENCY_UP = Gauge(
    "framefleet_dependency_up", "1 when the scheduler reaches the service, 0 when it does not.", ("dependency",)
)
DEPENDENCY_SECONDS = Gauge(
    "framefleet_dependency_seconds", "How long the service took to answer the scheduler.", ("dependency",)
)
SCRATCH_FREE = Gauge("framefleet_scratch_free_bytes", "Room for files of running subtasks on a worker's host.")
SCRATCH_SIZE = Gauge("framefleet_scratch_size_bytes", "Size of the disk they are on.")
GAUGES = (
    TASKS_NOW,
    BACKLOG,
    DEMAND,
    OUTBOX,
    DELIVERIES,
    WORKERS,
    SLOTS,
    OLDEST_TASK,
    LONGEST_ATTEMPT,
    DEPENDENCY_UP,
    DEPENDENCY_SECONDS,
    SCRATCH_FREE,
    SCRATCH_SIZE,
)


ATTEMPT_OUTCOMES = ("succeeded", "failed", "released", "interrupted")


def slot_begun(tag: str) -> None:
    """Begin at 0 what this slot may count."""
    for kind in Kind:
        CPU_SECONDS.labels(kind)
        for outcome in ATTEMPT_OUTCOMES:
            SUBTASKS.labels(kind, tag, outcome)
    for check in CHECKS:
        VERIFY_FAILURES.labels(check)


def worker_attempt(*, kind: str, tag: str, outcome: str, usage: Usage | None, codec: str | None = None) -> None:
    """Count an attempt that ended on this worker: succeeded, failed, released or interrupted."""
    SUBTASKS.labels(kind, tag, outcome).inc()
    if usage is None:
        return
    SUBTASK_SECONDS.labels(kind, tag).observe(usage.wall_seconds)
    CPU_SECONDS.labels(kind).inc(usage.cpu_seconds)
    TRANSFER_BYTES.labels("in").inc(usage.read_bytes)
    TRANSFER_BYTES.labels("out").inc(usage.written_bytes)
    if outcome != "succeeded":
        WASTED_CPU_SECONDS.inc(usage.cpu_seconds)
    elif codec is not None and usage.media_seconds and usage.wall_seconds:
        OUTPUT_SECONDS.labels(codec, tag).inc(usage.media_seconds)
        ENCODE_SPEED.labels(codec, tag).observe(usage.media_seconds / usage.wall_seconds)


def cache_lookup(*, kind: str, hit: bool) -> None:
    """Count a look for finished work (`video`, `sound` or `probe`)."""
    CACHE_LOOKUPS.labels(kind, "hit" if hit else "miss").inc()


def cache_moved(*, action: str, size: int) -> None:
    """Count bytes of finished work that were `reused`, `kept` or `removed`."""
    CACHE_BYTES.labels(action).inc(size)


def submit_rejected(code: str) -> None:
    """Count a submission that was refused."""
    SUBMIT_REJECTED.labels(code).inc()


def task_begun(*, pipeline: str, wait_seconds: float) -> None:
    """Note how long a task that has begun waited for its first claim."""
    TASK_WAIT_SECONDS.labels(pipeline_label(pipeline)).observe(wait_seconds)


def task_finished(*, pipeline: str, outcome: str, seconds: float) -> None:
    """Count a task that ended, `seconds` after it was accepted."""
    lane = pipeline_label(pipeline)
    TASKS.labels(lane, outcome).inc()
    TASK_SECONDS.labels(lane).observe(seconds)


def target_ended(outcome: str) -> None:
    """Count a target of a task that ended: succeeded, warned, failed or canceled."""
    TARGETS.labels(outcome).inc()


def pipeline_cost(*, pipeline: str, tag: str, cpu_seconds: float, slot_seconds: float) -> None:
    """Count what a subtask of a task that ended has cost."""
    lane = pipeline_label(pipeline)
    PIPELINE_CPU_SECONDS.labels(lane, tag).inc(cpu_seconds)
    PIPELINE_SLOT_SECONDS.labels(lane, tag).inc(slot_seconds)


def subtask_waited(*, kind: str, tag: str, seconds: float) -> None:
    """Note how long a subtask that might have run waited for its claim."""
    SUBTASK_WAIT_SECONDS.labels(kind, tag).observe(seconds)


def retried(*, kind: str, code: str) -> None:
    """Count a failed attempt that is tried again."""
    RETRIES.labels(kind, code).inc()


def lease_expired() -> None:
    """Count a lease that ran out."""
    LEASES_EXPIRED.inc()


def verify_failed(check: str) -> None:
    """Count an output that was not what the plan says."""
    VERIFY_FAILURES.labels(check).inc()


def notified(*, kind: str, outcome: str, number: int = 1) -> None:
    """Count events that were (or could not be) published."""
    NOTIFICATIONS.labels(kind, outcome).inc(number)


def pipeline_label(pipeline: str) -> str:
    """The pipeline, or `other` after the first hundred: their names come from requests, and labels must not grow. What is
    counted of one begins at 0 when it is seen first.
    """
    with _lock:
        if pipeline in _pipelines:
            return pipeline
        lane = pipeline if len(_pipelines - {OTHER}) < MOST_PIPELINES else OTHER
        if lane not in _pipelines:
            _pipelines.add(lane)
            _begin_pipeline(lane)
        return lane


def _begin_pipeline(lane: str) -> None:
    TASK_WAIT_SECONDS.labels(lane)
    for outcome in TaskState:
        if outcome.final:
            TASKS.labels(lane, outcome)
    for tag in Tag:
        PIPELINE_CPU_SECONDS.labels(lane, tag)
        PIPELINE_SLOT_SECONDS.labels(lane, tag)


_lock = threading.Lock()
_pipelines: set[str] = set()
