"""The judge: looks at the cluster from outside when all is over, and says what does not hold. Oracle is the object store."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from framefleet.domain import keys
from framefleet.domain.records import TaskRecord, Track
from framefleet.domain.states import TaskState
from framefleet.domain.webhook import is_signed
from framefleet_scheduler.cache import entries
from framefleet_workers.parcel import BadParcel, cut, read_head
from tests.acceptance.cluster import eventually
from tests.chaos.fleet import WEBHOOK_SECRET
from tests.chaos.producer import Said
from tests.chaos.runner import Run

INVARIANTS = {
    "accepted": "every request the broker confirmed was answered: accepted as one task, or refused with its code",
    "final": "every accepted task has ended, as its request says it must",
    "recorded": "state in Redis = END in the store = task.json",
    "control": "what was drained or paused began nothing meanwhile; a task's last confirmed priority is its record's",
    "exact": "every output has the bytes its record says, decodes, and has the frames of the undisturbed run",
    "events": "the final event of every task was delivered, with one id and the state of END",
    "webhooks": "every end was told over HTTP, signed, with END's record; nothing was told that never was",
    "cache": "every entry is whole; where it was on, something was taken over",
    "no stray object": "the work bucket has records only; the target bucket has only what records name",
    "no stray process": "no FFmpeg and no slot outlives its work; scratch is empty",
    "no message left": "no queue of the cluster has a message",
    "metrics": "gauges say zero; counters of living processes do not exceed the truth",
    "work thrown away": "attempts without an outcome: at most one for each slot that died",
}
_PATIENCE_SECONDS = 100.0
"""The last of the three cleanings of a run comes 50 s after its end."""


@dataclass
class Verdict:
    """What was found."""

    violations: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in INVARIANTS})
    outcomes: Counter[str] = field(default_factory=Counter)
    reused: int = 0
    """Subtasks that took over finished work."""
    verbs: Counter[str] = field(default_factory=Counter)
    """What the operator was told yes to."""
    calls: int = 0
    """Of webhooks."""
    identical: int = 0
    """Outputs with the very bytes of the undisturbed run."""
    decoded: int = 0
    """Outputs whose decoded frames were compared."""
    useful_cpu: float = 0.0
    wasted_cpu: float = 0.0
    """CPU seconds of attempts that told what they had used before they ended without success."""
    silent: int = 0
    """Attempts that died without a word."""
    silent_cpu: float = 0.0
    """At most so much CPU was theirs: what the attempts that succeeded in their place have used."""

    @property
    def holds(self) -> bool:
        return not any(self.violations.values())

    def wrong(self, invariant: str, what: str) -> None:
        self.violations[invariant].append(what)


class Judge:
    """Judges one run."""

    def __init__(self, run: Run, folder: Path) -> None:
        self._run = run
        self._fleet = run.fleet
        self._folder = folder
        self._verdict = Verdict()
        self._records: dict[str, TaskRecord] = {}

    def judge(self) -> Verdict:
        """Everything that can be seen while the cluster lives. It must have settled."""
        self._final()
        self._exact()
        said = self._events()
        self._webhooks()
        self._accepted(said)
        self._control(said)
        self._cache()
        self._strays()
        self._messages()
        self._metrics()
        self._thrown_away(said)
        return self._verdict

    def after(self) -> None:
        """What can be seen when everything was told to stop."""
        if left := self._fleet.leftovers():
            self._verdict.wrong("no stray process", f"processes outlive their hosts: {left}")

    # --- tasks -----------------------------------------------------------------------------

    def _final(self) -> None:
        fleet, verdict = self._fleet, self._verdict
        for task_id, shape in self._run.told.tasks.items():
            stored = fleet.store.get(keys.end(task_id, self._run.operator.said.runs.get(task_id, 1)))
            if stored is None:
                verdict.wrong("final", f"{task_id} ({shape}) has no END")
                continue
            record = TaskRecord.model_validate_json(stored)
            self._records[task_id] = record
            verdict.outcomes[record.state.value] += 1
            expected = {TaskState.FAILED if shape == "garbage" else TaskState.SUCCEEDED}
            if task_id in self._run.operator.said.canceled:
                expected = {TaskState.CANCELED}
                if self._was_done(record, self._run.operator.said.canceled[task_id]):
                    expected.add(TaskState.SUCCEEDED)
            if record.state not in expected:
                code = None if record.error is None else f"{record.error.code}: {record.error.message}"
                verdict.wrong("final", f"{task_id} ({shape}) has {record.state}: {code}")
            live = fleet.state.tasks.record(task_id)
            if live is None or live.state != record.state:
                verdict.wrong(
                    "recorded", f"{task_id}: Redis says {None if live is None else live.state}, END {record.state}"
                )
            if fleet.store.get(keys.result(task_id)) != stored:
                verdict.wrong("recorded", f"{task_id}: task.json is not END")

    def _accepted(self, said: Said) -> None:
        for correlation, expected in self._run.producer.sent.items():
            accepted, code = said.accepted.get(correlation, set()), said.rejected.get(correlation)
            if expected is None and code is None:
                self._verdict.wrong("accepted", f"malformed request {correlation} was not refused")
            elif expected is not None and accepted != {expected}:
                self._verdict.wrong("accepted", f"{expected} was answered with {accepted or code}")

    def _events(self) -> Said:
        wanted = set(self._records)

        def look() -> Said | None:
            said = self._run.producer.said()
            return said if wanted <= set(said.finals) else None

        try:
            said = eventually(look, "final events", 20)
        except AssertionError:
            said = self._run.producer.said()
        for task_id, record in self._records.items():
            told = {(e["event_id"], e["state"]) for e in said.finals.get(task_id, []) if e["run"] == record.run}
            if told != {(f"{task_id}.{record.run}.{record.state}", record.state.value)}:
                self._verdict.wrong("events", f"{task_id} ended {record.state}, told were {told or 'nothing'}")
        return said

    def _webhooks(self) -> None:
        """A call may come again, also after it was answered: Redis may have forgotten that."""
        ends = {
            f"{task_id}.{run}.{record.state}": record
            for task_id, latest in self._records.items()
            for run in range(1, latest.run + 1)
            if (record := self._end(task_id, run)) is not None
        }
        receiver = self._fleet.receiver

        def look() -> bool:
            return set(ends) <= {call.headers["framefleet-delivery"] for call in list(receiver.calls)}

        try:
            eventually(look, "calls for all ends", _PATIENCE_SECONDS)
        except AssertionError:
            told = {call.headers["framefleet-delivery"] for call in list(receiver.calls)}
            for missing in sorted(set(ends) - told):
                self._verdict.wrong("webhooks", f"nobody was told of {missing}")
        for call in list(receiver.calls):
            delivery = call.headers["framefleet-delivery"]
            self._verdict.calls += 1
            # Clocks jump: how old a call is says nothing here.
            if not is_signed(WEBHOOK_SECRET, call.headers["framefleet-signature"], call.body, 0, float("inf")):
                self._verdict.wrong("webhooks", f"{delivery} is not signed")
            elif call.headers["framefleet-event"] == "task.running":
                continue
            elif delivery not in ends:
                self._verdict.wrong("webhooks", f"{delivery} never was")
            elif any(call.event.get(name) != value for name, value in ends[delivery].model_dump(mode="json").items()):
                self._verdict.wrong("webhooks", f"{delivery} was told with another record")

    def _end(self, task_id: str, run: int) -> TaskRecord | None:
        stored = self._fleet.store.get(keys.end(task_id, run))
        record = None if stored is None else TaskRecord.model_validate_json(stored)
        return None if record is None or record.continued else record

    # --- outputs ---------------------------------------------------------------------------

    def _exact(self) -> None:
        named: set[str] = set()
        references = {shape: self._files(t) for shape, t in self._run.told.reference.items() if t in self._records}
        for shape, files in references.items():
            for name, path in files.items():
                self._verdict.decoded += 1
                if _is_media(name) and not _frames(path):
                    self._verdict.wrong("exact", f"{name} of the undisturbed {shape} has no frames")
        for task_id, record in self._records.items():
            files = self._files(task_id)
            named |= {f"out/{record.name}/{name}" for name in files}
            if record.state is TaskState.SUCCEEDED:
                self._compare(task_id, files, references[self._run.told.tasks[task_id]])
        # A name that appears without a record is half an output, but for the segments of a ladder that was never listed.
        for info in self._fleet.outputs.list("out/"):
            if info.key not in named and not self._was_cut_short(info.key):
                self._verdict.wrong("no stray object", info.key)

    def _was_cut_short(self, key: str) -> bool:
        """Whether it belongs to a task that was canceled: what its last attempt had published already stays."""
        name = key.split("/")[1]
        record = next((r for r in self._records.values() if r.name == name), None)
        return record is not None and record.state is TaskState.CANCELED and not key.endswith(".m3u8")

    def _files(self, task_id: str) -> dict[str, Path]:
        """The published files of a task by their names below its prefix, fetched and compared with their record."""
        record = self._records[task_id]
        found = {}
        for target in record.targets:
            for file in target.files:
                key = file.uri.split("/", 3)[3]
                path = self._folder / key
                path.parent.mkdir(parents=True, exist_ok=True)
                if not path.exists() and not self._fleet.outputs.fetch(key, path):
                    self._verdict.wrong("exact", f"{file.uri} is missing")
                    continue
                data = path.read_bytes()
                if len(data) != file.bytes or hashlib.sha256(data).hexdigest() != file.sha256:
                    self._verdict.wrong("exact", f"{file.uri} is not what its record says")
                found[key.split("/", 2)[2]] = path
        return found

    def _compare(self, task_id: str, files: dict[str, Path], reference: dict[str, Path]) -> None:
        if set(files) != set(reference):
            self._verdict.wrong("exact", f"{task_id}: files {sorted(set(files) ^ set(reference))}")
            return
        for name, path in files.items():
            if path.read_bytes() == reference[name].read_bytes():
                self._verdict.identical += 1
            elif _is_media(name):
                self._verdict.decoded += 1
                if _frames(path) != _frames(reference[name]):
                    self._verdict.wrong("exact", f"{task_id}: {name} has other frames than undisturbed")
            else:
                self._verdict.wrong("exact", f"{task_id}: {name} differs")

    # --- control and cache -----------------------------------------------------------------

    def _control(self, said: Said) -> None:
        yes, fleet = self._run.operator.said, self._fleet
        self._verdict.verbs = yes.verbs
        for stop in yes.stops:
            for claim in said.began.values():
                if stop.means(claim) and not any(gone <= claim.at <= back for gone, back in fleet.forgetful):
                    self._verdict.wrong("control", f"{claim} in the {stop}")
        for (task_id, run), asked in yes.priorities.items():
            stored = fleet.store.get(keys.end(task_id, run))
            record = None if stored is None else TaskRecord.model_validate_json(stored)
            sure = [i for i, (_, at) in enumerate(asked) if at is not None]
            if record is None or not sure or record.state is TaskState.CANCELED:
                continue
            at = asked[sure[-1]][1]
            assert at is not None
            # What nobody said yes to may hold or not; a yes in the moment of the task's end may come too late.
            allowed = {priority for priority, _ in asked[sure[-1] :]}
            if record.priority not in allowed and not self._was_done(record, at):
                self._verdict.wrong("control", f"{task_id} ended with priority {record.priority}, asked were {asked}")

    def _was_done(self, record: TaskRecord, at: datetime) -> bool:
        """Whether every subtask had its outcome in the store by then, by the store's clock, which has seconds only."""
        latest = at + timedelta(seconds=1)
        for subtask in record.subtasks:
            outcomes = (keys.done(record.id, record.run, subtask.n), keys.failed(record.id, record.run, subtask.n))
            found = [info for info in map(self._fleet.store.stat, outcomes) if info is not None]
            if not any(info.modified <= latest for info in found):
                return False
        return True

    def _cache(self) -> None:
        self._verdict.reused = sum(
            bool(s.output and (s.output.get("reused") or s.output.get("reused_tracks")))
            for record in self._records.values()
            for s in record.subtasks
        )
        kept = [entry for entry in entries(self._fleet.store) if entry.is_work]
        if not self._verdict.reused if self._fleet.cached else kept:
            self._verdict.wrong("cache", f"{len(kept)} entries are kept, {self._verdict.reused} were taken over")
        for entry in kept:
            path, key = self._folder / "entry", f"{entry.prefix}/data"
            path.parent.mkdir(parents=True, exist_ok=True)
            if key in entry.keys and self._fleet.store.fetch(key, path) and (wrong := _damage(path)):
                self._verdict.wrong("cache", f"{key}: {wrong}")

    # --- what must not be left -------------------------------------------------------------

    def _strays(self) -> None:
        def clean() -> bool:
            return not self._fleet.stray_objects()

        try:
            eventually(clean, "cleaning", _PATIENCE_SECONDS)
        except AssertionError:
            for key in self._fleet.stray_objects():
                self._verdict.wrong("no stray object", key)
        for host in self._fleet.workers:
            scratch = self._fleet.scratch(host)
            for path in scratch.iterdir() if scratch.exists() else ():
                self._verdict.wrong("no stray process", f"left in scratch: {path}")
        if running := self._fleet.ffmpegs():
            self._verdict.wrong("no stray process", f"FFmpeg runs: {running}")

    def _messages(self) -> None:
        queues = ("framefleet.submit", "framefleet.v1.cpu", "framefleet.v1.gpu", "framefleet.v1.results")
        vhost = quote(self._fleet.vhost, safe="")

        def depths() -> dict[str, int]:
            found = self._fleet.rabbitmq.api("GET", f"queues/{vhost}?disable_stats=true&enable_queue_totals=true")
            return {q["name"]: q.get("messages", 0) for q in found if q["name"] in queues and q.get("messages", 0)}

        try:
            eventually(lambda: not depths(), "empty queues", 40)
        except AssertionError:
            self._verdict.wrong("no message left", str(depths()))

    def _metrics(self) -> None:
        totals: Counter[str] = Counter()
        for host in self._fleet.schedulers:
            assert host.process is not None
            text = self._fleet.metrics(host.process)
            for gauge in ("framefleet_tasks", "framefleet_backlog_subtasks", "framefleet_outbox_messages"):
                if value := sum(_samples(text, gauge).values()):
                    self._verdict.wrong("metrics", f"{host.name}: {gauge} is {value}")
            for labels, value in _samples(text, "framefleet_tasks_total").items():
                totals[labels.split('outcome="')[1].split('"')[0]] += int(value)
        # A task that was started again has ended twice.
        ends = self._verdict.outcomes.copy()
        for task_id in self._run.operator.said.runs:
            stored = self._fleet.store.get(keys.end(task_id, 1))
            assert stored is not None, "a run begins when the one before it has ended"
            ends[TaskRecord.model_validate_json(stored).state.value] += 1
        for outcome, number in totals.items():
            if number > ends[outcome]:
                self._verdict.wrong("metrics", f"{number} tasks counted as {outcome}, {ends[outcome]} are")

    # --- cost ------------------------------------------------------------------------------

    def _thrown_away(self, said: Said) -> None:
        """Every attempt that was claimed ended in a line of the log, but for those whose process died."""
        ended: Counter[tuple[str, int]] = Counter()
        dead: set[int] = set()
        silent: list[str] = []
        text = self._fleet.logs()
        for line in _json_lines(text):
            event = str(line.get("event"))
            if (
                event in {"subtask.finished", "subtask.failed", "subtask.interrupted", "subtask.released"}
                and "worker" in line
            ):
                ended[line["task_id"], line["subtask"]] += 1
                cpu = float(line.get("cpu_seconds", 0.0))
                if event == "subtask.finished":
                    self._verdict.useful_cpu += cpu
                else:
                    self._verdict.wasted_cpu += cpu
        for host in self._fleet.workers:
            dead |= host.pids - set(self._fleet.slots_of(host))
        for (task_id, n), fences in said.claims.items():
            missing = len(fences) - ended[task_id, n]
            if missing > 0:
                record = self._records.get(task_id)
                subtask = None if record is None else next((s for s in record.subtasks if s.n == n), None)
                self._verdict.silent += missing
                silent.append(f"{task_id}.{n} of {sorted(fences)}, {ended[task_id, n]} ended")
                if subtask is not None:
                    self._verdict.silent_cpu += missing * (subtask.cpu_seconds or 0.0)
        if self._verdict.silent > len(dead):
            said_nothing = f"{self._verdict.silent} attempts ended without a word, {len(dead)} slots died"
            self._verdict.wrong("work thrown away", f"{said_nothing}: {'; '.join(silent)}")


def _damage(path: Path) -> str | None:
    """What is wrong with an entry of the cache."""
    try:
        with path.open("rb") as file:
            head = read_head(file)
            if "track" in head:
                track = Track.model_validate(head["track"])
                for stored in (track.init, *track.segments):
                    cut(file, stored.bytes, stored.sha256, path.with_name("piece"))
    except (BadParcel, ValueError) as error:
        return str(error)
    return None


def _json_lines(text: str) -> list[dict[str, Any]]:
    found = []
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue  # cut by a kill
    return found


def _is_media(name: str) -> bool:
    return name.endswith((".mp4", ".m4a", ".m3u8", ".jpg", ".webp")) and not name.endswith("init.mp4")


def _frames(path: Path) -> list[str]:
    """Checksums of all decoded frames and samples; none when it does not decode from its first to its last byte."""
    ffmpeg = shutil.which("ffmpeg")
    assert ffmpeg is not None
    lists = ["-allowed_extensions", "ALL"] if path.suffix == ".m3u8" else []
    command = [ffmpeg, "-v", "error", "-xerror", *lists, "-i", str(path), "-map", "0", "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0 or done.stderr:
        return []
    return [line for line in done.stdout.splitlines() if not line.startswith("#")]


def _samples(text: str, name: str) -> dict[str, float]:
    """The samples of one metric by their labels."""
    found = re.findall(rf"^{name}(\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}
