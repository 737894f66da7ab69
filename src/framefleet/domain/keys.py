"""Where things are in the work bucket. Attempts write under keys of their own; nothing is overwritten.

_epoch/000007                              one per Redis generation (conditional create)
tasks/<id>/request.json                    the accepted task (conditional create)
tasks/<id>/task.json                       the full record of the latest run that ended: a copy of its END
tasks/<id>/<run>/RUN                       from the second run on: the task as that run makes it (conditional create)
tasks/<id>/<run>/CANCEL                    the run is to be canceled (conditional create)
tasks/<id>/<run>/priority/<n>              the n-th change of its priority (conditional create); the last one counts
tasks/<id>/<run>/MOVED                     perhaps its END says that the next run goes on with the task
tasks/<id>/<run>/plan.json                 the plan (conditional create)
tasks/<id>/<run>/sub/<n>/try/<fence>       markers of attempts that died, from the first on
tasks/<id>/<run>/sub/<n>/a<fence>-<nonce>/ outputs of one attempt; `cached/<digest>`: it put that into the cache
tasks/<id>/<run>/sub/<n>/DONE              the subtask's outcome (conditional create)
tasks/<id>/<run>/sub/<n>/FAILED            a permanent failure, for rebuilds (conditional create)
tasks/<id>/<run>/END                       the task's full record (conditional create)
drains/<name>                              a worker or host that takes no new work
templates/<name>/<version>.json            one version of a user's template (conditional create)
pipelines/<name>/<version>.json            one version of a pipeline's settings (conditional create)
cache/<pipeline>/<digest>/data             finished work with this content
cache/<pipeline>/<digest>/used             the run that took it over last
cache/<pipeline>/grid-<film>/<n>-<digest>  a rendition of the film was planned with chunks of n segments
"""

from __future__ import annotations

from urllib.parse import quote, unquote


def epoch(number: int) -> str:
    """Marker of one Redis generation."""
    return f"_epoch/{number:06d}"


def task(task_id: str) -> str:
    """The accepted task."""
    return f"tasks/{task_id}/request.json"


def result(task_id: str) -> str:
    """The full record of the latest run that ended."""
    return f"tasks/{task_id}/task.json"


def run_prefix(task_id: str, run: int) -> str:
    """Everything one run of a task writes."""
    return f"tasks/{task_id}/{run}/"


def restarted(task_id: str, run: int) -> str:
    """The task as a later run makes it: which targets, from when, with what priority."""
    return f"{run_prefix(task_id, run)}RUN"


def cancel(task_id: str, run: int) -> str:
    """Somebody was told that the run is canceled."""
    return f"{run_prefix(task_id, run)}CANCEL"


def moved(task_id: str, run: int) -> str:
    """Somebody meant to continue the run in another one; its END tells."""
    return f"{run_prefix(task_id, run)}MOVED"


def priorities(task_id: str, run: int) -> str:
    """Every change of a run's priority."""
    return f"{run_prefix(task_id, run)}priority/"


def priority(task_id: str, run: int, change: int) -> str:
    """One change of a run's priority, counted from 1; the keys are in the order of the changes."""
    return f"{priorities(task_id, run)}{change:06d}"


def plan(task_id: str, run: int) -> str:
    """The plan of one run."""
    return f"{run_prefix(task_id, run)}plan.json"


def end(task_id: str, run: int) -> str:
    """How the run ended."""
    return f"{run_prefix(task_id, run)}END"


def subtask_prefix(task_id: str, run: int, n: int) -> str:
    """Everything the attempts of one subtask write."""
    return f"{run_prefix(task_id, run)}sub/{n}/"


def done(task_id: str, run: int, n: int) -> str:
    """The subtask's outcome."""
    return f"{subtask_prefix(task_id, run, n)}DONE"


def failed(task_id: str, run: int, n: int) -> str:
    """The subtask's permanent failure."""
    return f"{subtask_prefix(task_id, run, n)}FAILED"


def attempt_prefix(task_id: str, run: int, n: int, fence: int, nonce: str) -> str:
    """Outputs of one attempt."""
    return f"{subtask_prefix(task_id, run, n)}a{fence}-{nonce}/"


def crashes(task_id: str, run: int, n: int) -> str:
    """Below it a marker of each attempt that died."""
    return f"{subtask_prefix(task_id, run, n)}try/"


def crash(task_id: str, run: int, n: int, fence: int) -> str:
    """Marker of an attempt whose lease expired, with when, where and how; keeps the count across a loss of Redis."""
    return f"{crashes(task_id, run, n)}{fence}"


DRAINS = "drains/"
"""Below it the names of what is drained, percent-encoded."""


def drain(name: str) -> str:
    """A worker or host that takes no new work."""
    return f"{DRAINS}{quote(name, safe='')}"


def drained_name(key: str) -> str:
    """The worker or host of such a key."""
    return unquote(key.removeprefix(DRAINS))


TEMPLATES = "templates/"
"""Below it the users' templates."""


def template_versions(name: str) -> str:
    """Every version of a template, below `TEMPLATES`."""
    return f"{name}/"


def template_version(name: str, version: int) -> str:
    """One version of a template, below `TEMPLATES`; the keys are in the order of the versions."""
    return f"{template_versions(name)}{version:06d}.json"


PIPELINES = "pipelines/"
"""Below it the settings of pipelines."""


def pipeline_versions(name: str) -> str:
    """Every version of a pipeline's settings."""
    return f"{PIPELINES}{name}/"


def pipeline_version(name: str, version: int) -> str:
    """One version; the keys are in the order of the versions."""
    return f"{pipeline_versions(name)}{version:06d}.json"


CACHE = "cache/"
"""Below it finished work that later runs may take over."""


def cached(pipeline: str, digest: str) -> str:
    """Finished work with this content."""
    return f"{CACHE}{pipeline}/{digest}/data"


def cache_use(pipeline: str, digest: str) -> str:
    """Which run took it over last; its time is when."""
    return f"{CACHE}{pipeline}/{digest}/used"


def cache_mark(prefix: str, digest: str) -> str:
    """Below an attempt's own prefix: it has put that into the cache (or was about to)."""
    return f"{prefix}cached/{digest}"


def grids(pipeline: str, film: str) -> str:
    """Below it, the grids of chunks on which a film was planned."""
    return f"{CACHE}{pipeline}/grid-{film}/"
