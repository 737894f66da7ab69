"""Where things are in the work bucket. Attempts write under keys of their own; nothing is overwritten.

_epoch/000007                              one per Redis generation (conditional create)
tasks/<id>/request.json                    the accepted task (conditional create)
tasks/<id>/webhook/<name>                  whole address and secret of its webhook; request.json says which name counts
tasks/<id>/origin.json                     which call of a cloud's SDK made it (conditional create)
tasks/<id>/task.json                       the full record of the latest run that ended: a copy of its END
tasks/<id>/<run>/RUN                       from the second run on: the task as that run makes it (conditional create)
tasks/<id>/<run>/CANCEL                    the run is to be canceled (conditional create)
tasks/<id>/<run>/priority/<n>              the n-th change of its priority (conditional create); the last one counts
tasks/<id>/<run>/MOVED                     perhaps its END says that the next run goes on with the task
tasks/<id>/<run>/plan.json                 the plan (conditional create)
tasks/<id>/<run>/sub/<n>/try/<fence>       markers of attempts that died, from the first on
tasks/<id>/<run>/sub/<n>/a<fence>-<nonce>/ outputs of one attempt; `cached/<digest>`: it put that into the cache
tasks/<id>/<run>/sub/<n>/log/<fence>-<nonce>   what an attempt ran, for people; kept as long as the task is listed
tasks/<id>/<run>/sub/<n>/DONE              the subtask's outcome (conditional create)
tasks/<id>/<run>/sub/<n>/FAILED            a permanent failure, for rebuilds (conditional create)
tasks/<id>/<run>/END                       the task's full record (conditional create)
tasks/<id>/<run>/TOLD                      its webhook was told of the end, or need not be any more
notifications/<delivery>.json              a delivery that nobody took for a day, or that is to be tried again
drains/<name>                              a worker or host that takes no new work
templates/<name>/<version>.json            one version of a user's template (conditional create)
pipelines/<name>/<version>.json            one version of a pipeline's settings (conditional create)
console/session-key                        what sessions of the console are signed with (conditional create)
uploads/state/<id>/upload.json             an upload that was begun (conditional create)
uploads/state/<id>/part/<n>                its parts, where the store is a directory
uploads/state/<id>/done.json               it is whole (conditional create)
uploads/state/<id>/closed.json             new tasks may not name it any more (conditional create); it will go
uploads/of/<key>/<ms>-<id>-<bytes>         an upload of an access key, begun at this time and of this size
uploads/data/<id>/<name>                   a source somebody has sent: storage://uploads/<id>/<name>
samples/<name>                             films that are always there: storage://samples/<name>
storages/<name>/<version>.json             one version of a storage (conditional create)
clouds/<door>/<kind>/<tenant>/<name>.json  what the front door of a cloud keeps: projects, templates, callbacks
clouds/<door>/sessions/<day>/<tenant>/<name>   a name that may be used once in some days (conditional create)
cache/<pipeline>/<digest>/data             finished work with this content
cache/<pipeline>/<digest>/used             the run that took it over last
cache/<pipeline>/grid-<film>/<n>-<digest>  a rendition of the film was planned with chunks of n segments
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote, unquote


def epoch(number: int) -> str:
    """Marker of one Redis generation."""
    return f"_epoch/{number:06d}"


def task(task_id: str) -> str:
    """The accepted task."""
    return f"tasks/{task_id}/request.json"


def webhook(task_id: str, name: str) -> str:
    """Whole address and secret of a task's webhook."""
    return f"tasks/{task_id}/webhook/{name}"


def told(task_id: str, run: int) -> str:
    """The webhook was told of a run's end, or need not be any more."""
    return f"{run_prefix(task_id, run)}TOLD"


def origin(task_id: str) -> str:
    """Which call of a cloud's SDK made the task."""
    return f"tasks/{task_id}/origin.json"


CLOUDS = "clouds/"
"""Below it what the front doors of clouds keep beside tasks."""
LETTERS = "notifications/"
"""Below it the deliveries that nobody took."""


def letter(delivery: str) -> str:
    """A delivery that nobody took."""
    return f"{LETTERS}{delivery}.json"


def result(task_id: str) -> str:
    """The full record of the latest run that ended."""
    return f"tasks/{task_id}/task.json"


def task_prefix(task_id: str) -> str:
    """Everything there is of a task."""
    return f"tasks/{task_id}/"


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


def logs(task_id: str, run: int, n: int) -> str:
    """Below it the logs of a subtask's attempts."""
    return f"{subtask_prefix(task_id, run, n)}log/"


def log(task_id: str, run: int, n: int, fence: int, nonce: str) -> str:
    """What one attempt ran."""
    return f"{logs(task_id, run, n)}{fence}-{nonce}"


def log_fence(key: str) -> int:
    """The fence of the attempt whose log it is."""
    return int(key.rpartition("/")[2].partition("-")[0])


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


ACCESS = "access/"
"""Below it the access keys."""

SESSIONS = "console/session-key"
"""What sessions of the console are signed with, and cursors of listings sealed (conditional create)."""


UPLOADED = "uploads/data/"
"""Below it the sources that were sent, whole."""
UPLOADS = "uploads/state/"
"""Below it what is known of them."""


def upload(upload_id: str) -> str:
    """Below it what is known of one."""
    return f"{UPLOADS}{upload_id}"


def upload_begun(upload_id: str) -> str:
    """What was agreed."""
    return f"{upload(upload_id)}/upload.json"


def upload_done(upload_id: str) -> str:
    """It is whole."""
    return f"{upload(upload_id)}/done.json"


def upload_closed(upload_id: str) -> str:
    """It will go."""
    return f"{upload(upload_id)}/closed.json"


def uploads_of(by: str) -> str:
    """Below it the uploads of an access key, in the order of their beginning."""
    return f"uploads/of/{by}/"


def upload_of(by: str, begun: datetime, upload_id: str, size: int) -> str:
    """One of them; its size is what is agreed, in bytes."""
    return f"{uploads_of(by)}{int(begun.timestamp() * 1000):013d}-{upload_id}-{size}"


def uploaded(upload_id: str, name: str) -> str:
    """The source."""
    return f"{UPLOADED}{upload_id}/{name}"


SAMPLES = "samples/"
"""Below it the films that are always there."""
STORAGES = "storages/"
"""Below it the storages that admins have set."""


AUDIT = "audit/"
"""Below it who changed what, by day."""


def audit(name: str) -> str:
    """One entry (`2026-01-02/030405678-ID`), or a day (`2026-01-02/`)."""
    return f"{AUDIT}{name}" if name.endswith("/") else f"{AUDIT}{name}.json"


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
