"""The scheduler's side of the task state."""

from __future__ import annotations

import json
from collections.abc import Sequence

from framefleet.adapters.redis_state import deliveries, records
from framefleet.adapters.redis_state.explaining import explain
from framefleet.adapters.redis_state.scripts import Scripts
from framefleet.domain import events
from framefleet.domain.errors import ErrorInfo, Retry, StateUnavailable
from framefleet.domain.pipeline import DRY, EVERYTHING, Pipeline
from framefleet.domain.records import SubtaskRecord, TaskRecord
from framefleet.domain.states import TaskState
from framefleet.domain.subtask import Kind, Plan, Subtask, Tag, split_subtask_id
from framefleet.domain.task import Task, is_dry
from framefleet.domain.waiting import Explanation
from framefleet.ports import Counts, Expired, PipelineStatus, Place, TaskPage, TaskQuery, TaskStatus, WorkerInfo

_BATCH = 1000
_MOST_LOOKS = 5
_DONE_AT_ONCE = 200
"""Redis answers nobody else meanwhile."""
_DRY_SECONDS = 3600
"""How long a dry run that has ended can be read."""
_KINDS = ",".join(Kind)
_TAGS = ",".join(Tag)


class RedisTaskStore:
    """Implements `framefleet.ports.TaskStore`.

    A rebuild enters unfinished tasks while there is no epoch: `create`, `add_plan`, `done`, `crashed`, permanent
    failures by `fail` without a fence, and `finish` of what ended lately (its event may not have been sent). These
    work without an epoch, everything else that reads or changes tasks raises StateUnavailable until `Epochs.begin`.
    """

    def __init__(self, scripts: Scripts, *, retention_seconds: float) -> None:
        self._scripts = scripts
        self._retention_seconds = round(retention_seconds)

    def create(self, task: Task, run: int, probes: Sequence[Subtask]) -> bool:
        """Enter a task with its first subtasks, queued; a higher run replaces an earlier one of the same task.

        False when this run (or a later one) is there already. Works without an epoch. Raises StateUnavailable.
        """
        needed_by = records.dependents(probes)
        rows = [argument for s in probes for argument in records.subtask_row(s, needed_by.get(s.n, ()))]
        return self._over_what_was_there(
            task.id,
            "create",
            task.id,
            run,
            task.model_dump_json(),
            DRY if task.dry else task.pipeline,
            task.priority,
            records.milliseconds(task.created_at),
            task.request.name,
            task.request.user_data or "",
            json.dumps({} if task.dry else task.request.tags),
            *deliveries.hook_arguments(task),
            sum(probe.weight for probe in probes),
            max((probe.n for probe in probes), default=0),
            task.trace.header,
            *rows,
        )

    def add_plan(self, task_id: str, run: int, plan: Plan) -> bool:
        """Enter the planned subtasks, which are numbered without gaps: ready ones queued, others blocked.

        Large plans are staged in parts, invisibly, then entered in parts, from the last subtask to the first: what is in
        may run, and all that needs it is there. The task is planned with the last part. After a crash in between,
        repeating it goes on where it stopped, and so does `complete`. False when done before, or the task is final,
        canceled or unknown. Works without an epoch. Raises StateUnavailable, and ValueError when numbers are missing or
        a subtask needs a later one.
        """
        own = [subtask.n for subtask in plan.subtasks]
        first, last = (own[0], own[-1]) if own else (1, 0)
        if own != list(range(first, last + 1)):
            raise ValueError("the subtasks of a plan are numbered without gaps, in order")
        if any(n >= subtask.n for subtask in plan.subtasks for n in subtask.needs):
            raise ValueError("a subtask of a plan needs only those with lower numbers")
        needed_by = records.dependents(plan.subtasks)
        parts = 0
        for rows in records.plan_parts(plan.subtasks, needed_by):
            answer = self._scripts.run("stage", task_id, run, parts, rows[-records.ROW], *rows)[0]
            if answer == "MORE":  # somebody has put it down whole and begun to enter it
                return self.complete(task_id)
            if answer != "OK":
                return False
            parts += 1
        count, targets, weight = records.plan_arguments(plan)
        earlier = [
            argument
            for n, wanted_by in needed_by.items()
            if not first <= n <= last
            for argument in (n, records.numbers(wanted_by))
        ]
        answer = self._scripts.run("plan", task_id, run, count, targets, weight, first, last, parts, *earlier)[0]
        if answer == "LACKS":
            raise StateUnavailable("Redis has lost a part of the plan while it was put down", hint="It is done again.")
        return self.complete(task_id) if answer == "MORE" else bool(answer == "OK")

    def complete(self, task_id: str) -> bool:
        """Make what was begun with a task in parts and is not complete; False when the task is final or unknown.

        Works without an epoch. Raises StateUnavailable.
        """
        answer = "MORE"
        while answer == "MORE":
            answer = self._scripts.run("complete", task_id)[0]
        return bool(answer == "OK")

    def done(self, sid: str, output: str, cpu_seconds: float) -> bool:
        """A DONE record exists (`output`: a short JSON summary): succeed, unblock what waited.

        No fence is looked at, the object store has decided. False when known already. Works without an epoch.
        Raises StateUnavailable.
        """
        return self.done_all([(sid, output, cpu_seconds)])[0]

    def done_all(self, results: Sequence[tuple[str, str, float]]) -> list[bool]:
        """As `done` for each, some at a time. The output of what nobody has read is "".

        Works without an epoch. Raises StateUnavailable: then some may have been entered.
        """
        new: list[bool] = []
        for first in range(0, len(results), _DONE_AT_ONCE):
            part = [argument for result in results[first : first + _DONE_AT_ONCE] for argument in result]
            new += [answer == "1" for answer in self._scripts.run("done", *part)[1:]]
        return new

    def fail(self, sid: str, fence: int | None, error: ErrorInfo, retry_in: float | None, nonce: str = "") -> bool:
        """The attempt failed: queued again after `retry_in` seconds, or failed for good with all that needs it (None).

        What only the failed ones needed is canceled. A stale fence, or one that another nonce holds, is ignored (False);
        fence None is the scheduler's own verdict, whose permanent form works without an epoch. An error of the host
        (Retry.RESOURCE) keeps the subtask from that host for a minute, if there is another. Raises StateUnavailable.
        """
        return self._in_parts(
            split_subtask_id(sid)[0],
            "fail",
            sid,
            "" if fence is None else fence,
            error.model_dump_json(),
            "" if retry_in is None else round(retry_in * 1000),
            int(error.retry is Retry.RESOURCE),
            nonce,
        )

    def expired(self, limit: int) -> list[Expired]:
        """Leases that have run out, the oldest first. Raises StateUnavailable."""
        found = self._scripts.run("expired", limit)[1:]
        return [
            Expired(sid=sid, fence=int(fence), crashes=int(crashes), worker=worker, how=how)
            for sid, fence, crashes, worker, how in records.rows(found, 5)
        ]

    def expire(self, sid: str, fence: int, retry_in: float = 0.0) -> bool:
        """running -> queued because the lease ran out, counted as a crash; announced again after `retry_in` seconds.

        For a minute it goes to another host, if there is one. False when it was renewed or decided meanwhile. Raises
        StateUnavailable.
        """
        return self._scripts.applied("expire", sid, fence, round(retry_in * 1000))

    def crashed(self, sid: str, crashes: int) -> bool:
        """Say how many attempts died, as a rebuild knows it from the store; a higher count is kept.

        False when final or unknown. Works without an epoch. Raises StateUnavailable.
        """
        return self._scripts.applied("crashed", sid, crashes)

    def holds(self, sid: str, fence: int, nonce: str = "") -> bool:
        """Whether a verdict under this fence (and nonce, if one is given) counts now: it is the current one, and its
        attempt has not ended.

        Raises StateUnavailable.
        """
        return self._scripts.applied("holds", sid, fence, nonce)

    def cancel(self, task_id: str, run: int | None = None, *, rebuilding: bool = False) -> bool:
        """Mark a task canceled and its open subtasks too; who works on them is told at once.

        The task is then due in `take_advance`, to be finished. False when final or unknown, or when another run than
        `run` is the current one. A rebuild may do it without an epoch. Raises StateUnavailable.
        """
        return self._in_parts(task_id, "cancel", task_id, "" if run is None else run, int(rebuilding))

    def reprioritize(
        self,
        task_id: str,
        priority: int,
        change: int | None = None,
        run: int | None = None,
        *,
        rebuilding: bool = False,
    ) -> bool:
        """Give a task another priority, also where its orders are out already. False when final or unknown, or when another
        run than `run` is the current one.

        Of changes that are numbered, one that comes after a later one changes nothing. A rebuild may do it without an epoch.
        Raises StateUnavailable.
        """
        named = ("" if number is None else number for number in (change, run))
        return self._in_parts(task_id, "reprioritize", task_id, priority, *named, int(rebuilding))

    def finish(self, record: TaskRecord) -> bool:
        """Enter the final record and its event, whose id follows from task, run and state.

        What is still open is canceled. The task stays readable for the retention time. False when entered before, or
        a later run exists. Works without an epoch, and for a task that is not here. Raises StateUnavailable, and
        ValueError when the record's state is not final.
        """
        if not record.state.final:
            raise ValueError(f"a task cannot finish as {record.state}")
        dry = is_dry(record.id)
        applied = self._over_what_was_there(
            record.id,
            "finish",
            record.id,
            record.run,
            record.state,
            record.model_dump_json(),
            record.model_copy(update={"subtasks": ()}).model_dump_json(),
            events.final_event(record),
            records.milliseconds(record.finished_at) if record.finished_at else "",
            DRY if dry else record.pipeline,
            record.priority,
            records.milliseconds(record.created_at),
            min(self._retention_seconds, _DRY_SECONDS) if dry else self._retention_seconds,
            json.dumps({} if dry else record.tags),
            events.short_event(record),
        )
        if len(record.subtasks) > _BATCH:  # else `purge` sees to what there is
            self._forget()
        return applied

    def _in_parts(self, task_id: str, name: str, *arguments: str | float) -> bool:
        """Run a script that makes the first part of something, and complete it; whether it applied."""
        answer = self._scripts.run(name, *arguments)[0]
        if answer == "MORE":
            self.complete(task_id)
        return answer in {"OK", "MORE"}

    def _over_what_was_there(self, task_id: str, name: str, *arguments: str | float) -> bool:
        """Run a script that ends what there was of a task, which may have to be completed first; whether it applied."""
        answer = self._scripts.run(name, *arguments)[0]
        while answer == "MORE":
            self.complete(task_id)
            answer = self._scripts.run(name, *arguments)[0]
        return bool(answer == "OK")

    def _forget(self) -> None:
        while self._scripts.run("forget")[0] == "MORE":
            pass

    def purge(self, limit: int) -> int:
        """Forget ended tasks whose retention is over; how many. Raises StateUnavailable."""
        self._forget()
        return int(self._scripts.run("purge", limit)[1])

    def take_advance(self, limit: int) -> list[str]:
        """Ids of tasks of which nothing is open: to be planned, or finished. Raises StateUnavailable.

        They come again after 10 s, until `advanced` finds that this is no longer so.
        """
        return [str(task_id) for task_id in self._scripts.run("take_advance", limit)[1:]]

    def advanced(self, task_id: str) -> None:
        """The step was taken. A step that became due meanwhile is kept: the state decides. Raises StateUnavailable."""
        self._scripts.run("advanced", task_id)

    def status(self, task_id: str) -> TaskStatus | None:
        """Where a task stands; None when unknown. Raises StateUnavailable."""
        word, *rest = self._scripts.run("status", task_id)
        if word != "OK":
            return None
        run, state, planned, still_open, canceling, created, started, partial = rest
        created_at = records.moment(created)
        assert created_at is not None
        return TaskStatus(
            id=task_id,
            run=int(run),
            state=TaskState(state),
            planned=bool(planned),
            open=int(still_open),
            canceling=bool(canceling),
            created_at=created_at,
            started_at=records.moment(started),
            partial=bool(partial),
        )

    def task(self, task_id: str) -> Task | None:
        """The accepted task; None when unknown. Raises StateUnavailable."""
        word, *rest = self._scripts.run("task", task_id)
        return Task.model_validate_json(rest[0]) if word == "OK" else None

    def record(self, task_id: str) -> TaskRecord | None:
        """The task as users see it: its final record, or one made from live state; None when unknown.

        Subtasks are read a thousand at a time, so those of a larger task need not be of one instant. Raises
        StateUnavailable.
        """
        answer = self._scripts.run("record", task_id)[1]
        if answer[0] != "live":
            return records.task_record(answer)
        run, count = answer[2][1], int(answer[2][8])
        subtasks: list[SubtaskRecord] = []
        for first in range(1, count + 1, _BATCH):
            found = self._scripts.run("subtasks", task_id, run, first, min(first + _BATCH - 1, count))[1:]
            subtasks += [records.subtask_record(values) for values in found]
        return records.task_record(answer, tuple(subtasks))

    def ended(self, task_id: str) -> TaskRecord | None:
        """Implements `framefleet.ports.EndedTasks`: one short question. Raises StateUnavailable."""
        answer = self._scripts.run("record", task_id)[1]
        return None if answer[0] == "live" else records.task_record(answer)

    def subtask(self, sid: str) -> SubtaskRecord | None:
        """One subtask as users see it; None when unknown. Raises StateUnavailable."""
        task_id, run, n = split_subtask_id(sid)
        found = self._scripts.run("subtasks", task_id, run, n, n)[1:]
        return records.subtask_record(found[0]) if found else None

    def query(self, query: TaskQuery) -> TaskPage:
        """Tasks without their subtasks, in the order asked for. Raises StateUnavailable.

        A page may have fewer than `limit` though there is a next one, when few of many match.
        """
        found: list[TaskRecord] = []
        place = query.after
        for _ in range(_MOST_LOOKS):
            if len(found) >= query.limit:
                break
            place, part = self._look(query, place, query.limit - len(found))
            found += part
            if place is None:
                break
        return TaskPage(found, place)

    def _look(self, query: TaskQuery, after: Place | None, limit: int) -> tuple[Place | None, list[TaskRecord]]:
        state, pipeline = query.state or "", query.pipeline or ""
        tagged = "" if query.tag is None else f"ff:tasks:tag:{query.tag[0]}={query.tag[1]}"
        if pipeline:
            key = f"ff:tasks:lane:{pipeline}:{state}" if state else f"ff:tasks:pipeline:{pipeline}"
        elif state or not tagged:
            key = f"ff:tasks:state:{state}" if state else "ff:tasks"
        else:
            key, tagged = tagged, ""
        oldest = "-inf" if query.since is None else records.milliseconds(query.since)
        newest = "+inf" if query.until is None else records.milliseconds(query.until)
        come = ("", "") if after is None else after
        order = "1" if query.oldest_first else ""
        _, place, *answers = self._scripts.run(
            "query", key, limit, state, pipeline, oldest, newest, *come, tagged, order
        )
        ms, _, task_id = place.partition(" ")
        tasks = [record for answer in answers if (record := records.task_record(answer)) is not None]
        return (Place(int(ms), task_id) if task_id else None), tasks

    def counts(self) -> Counts:
        """Numbers for metrics; `outbox` is orders and events. Works without an epoch. Raises StateUnavailable."""
        tasks: dict[tuple[str, str], int] = {}
        backlog: dict[tuple[str, str], int] = {}
        oldest: dict[tuple[str, str], float] = {}
        attempts: dict[str, float] = {}
        held: dict[str, int] = {}
        waiting: dict[str, int] = {}
        outbox, whole = 0, False
        for what, name, number in records.rows(self._scripts.run("counts", _TAGS, _KINDS)[1:], 3):
            one, _, other = name.partition(":")
            match what:
                case "outbox":
                    outbox += int(number)
                case "age":
                    oldest[one, other] = int(number) / 1000
                case "attempt":
                    attempts[name] = int(number) / 1000
                case "delivery":
                    waiting[name] = int(number)
                case "held":
                    held[name] = int(number)
                case "whole":
                    whole = bool(int(number))
                case _:
                    (tasks if what == "task" else backlog)[one, other] = int(number)
        return Counts(
            tasks=tasks,
            backlog=backlog,
            outbox=outbox,
            oldest_tasks=oldest,
            longest_attempts=attempts,
            held=held,
            whole=whole,
            deliveries=waiting,
        )

    def with_work(self, tag: str, limit: int) -> list[tuple[str, int]]:
        """Tasks, with their runs, that have subtasks of this tag queued or running; at random, if there are more than
        `limit` of a kind. Raises StateUnavailable.
        """
        found = self._scripts.run("with_work", tag, limit, *Kind)[1:]
        return [(str(task_id), int(run)) for task_id, run in records.rows(found, 2)]

    def workers(self) -> list[WorkerInfo]:
        """Live slots, those longest without a beat first. Works without an epoch. Raises StateUnavailable."""
        found = self._scripts.run("workers")[1:]
        return [
            WorkerInfo(
                **{**(info := json.loads(text)), "encoders": tuple(info["encoders"])}, seen_at=records.moment(seen)
            )
            for text, seen in records.rows(found, 2)
        ]

    def configure(self, pipeline: Pipeline) -> bool:
        """Keep a copy of a pipeline's settings, unless this or a later version is there (False).

        Works without an epoch. Raises StateUnavailable.
        """
        limits = (pipeline.max_tasks, pipeline.max_subtasks, int(pipeline.paused), pipeline.default_priority)
        values = ("" if value is None else value for value in limits)
        return self._scripts.applied("configure", pipeline.name, pipeline.version, pipeline.weight, *values)

    def default_priority(self, pipeline: str) -> int | None:
        """The priority of a pipeline's tasks that name none; None when nobody has set one. Raises StateUnavailable."""
        word, *rest = self._scripts.run("default_priority", pipeline)
        return int(rest[0]) if word == "OK" else None

    def explain(self, task_id: str) -> Explanation | None:
        """What a task waits for, who could do it, and when it may end; None when unknown. Raises StateUnavailable."""
        return explain(self._scripts, task_id, self.workers())

    def pipelines(self) -> list[PipelineStatus]:
        """Every pipeline that has settings or has had tasks, by name; one named `_all` when everything was ever paused.

        Works without an epoch. Raises StateUnavailable.
        """
        return sorted(
            (records.pipeline_status(values) for values in self._scripts.run("pipelines", *Tag)[1:]),
            key=lambda status: (status.pipeline.name != EVERYTHING, status.pipeline.name),
        )

    def drain(self, name: str, *, drained: bool) -> None:
        """A slot, or every slot of a host, takes no new work; or does again. Works without an epoch.

        Raises StateUnavailable.
        """
        self._scripts.run("drain", int(drained), name)

    def drains(self) -> list[str]:
        """Slots and hosts that take no new work. Works without an epoch. Raises StateUnavailable."""
        return sorted(self._scripts.run("drained")[1:])
