"""What the verbs of the command line need of a cluster, whichever way they go (`reach.py` chooses)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from framefleet.audit import Entry
    from framefleet.domain.delivery import DeliveryRecord
    from framefleet.domain.pipeline import Pipeline
    from framefleet.domain.records import TaskRecord
    from framefleet.domain.waiting import Explanation
    from framefleet.ports import PipelineStatus, WorkerInfo


class Restarted(NamedTuple):
    """The targets that a new run makes, and those it takes over."""

    targets: list[str]
    carried: list[str]


class Producing(Protocol):
    """Submitting tasks and following them."""

    def submit(self, body: dict[str, Any], timeout: float | None) -> dict[str, Any]:
        """The task as its answer tells it. Raises Rejected."""

    def submit_and_wait(
        self, body: dict[str, Any], timeout: float | None, accepted: Callable[[str], None]
    ) -> dict[str, Any]:
        """The final event; `accepted` is told the id before. Raises Rejected, NotEnded after `timeout` seconds."""

    def snapshots(self, task_id: str) -> Iterator[TaskRecord]:
        """The task, again and again until its end. Raises RequestError when there is none."""

    def events(self, pipeline: str | None) -> Iterator[dict[str, Any]]:
        """Events of all tasks from now on."""


class Tasks(Protocol):
    """Looking at tasks and changing them. Raises RequestError for what is refused."""

    def record(self, task_id: str) -> TaskRecord:
        """A task as it is."""

    def newest(self, state: str | None, pipeline: str | None, limit: int) -> list[TaskRecord]:
        """Tasks without their subtasks, the newest first."""

    def cancel(self, task_id: str) -> None:
        """End it."""

    def restart(self, task_id: str, *, failed_only: bool) -> Restarted:
        """Another run of it."""

    def reprioritize(self, task_id: str, priority: int) -> None:
        """Another priority for it."""

    def explain(self, task_id: str) -> Explanation:
        """What it waits for."""

    def log(self, task_id: str, n: int, attempt: int | None) -> str:
        """What an attempt of a subtask ran."""


class Workers(Protocol):
    """Live slots."""

    def list(self) -> Sequence[WorkerInfo]:
        """All of them."""

    def drain(self, name: str) -> Sequence[str]:
        """The slots that take no new work now."""

    def undrain(self, name: str) -> bool:
        """Whether it was drained."""


class Pipelines(Protocol):
    """Shares of the workers, limits and pauses."""

    def list(self) -> tuple[bool, Sequence[PipelineStatus]]:
        """Whether everything is paused, and all pipelines by name."""

    def change(self, name: str, values: Mapping[str, Any]) -> tuple[Pipeline, bool]:
        """Set what is given (nothing: look); also whether it is in force already. `_all` can be paused."""


@dataclass(frozen=True)
class KeyLine:
    """A key as it is shown."""

    id: str
    name: str
    role: str
    pipelines: tuple[str, ...] | None
    created_at: datetime
    revoked_at: datetime | None
    rate: int | None = None
    signs: bool = False
    actions: tuple[str, ...] | None = None


@dataclass(frozen=True)
class KeyWanted:
    """What a new key is to be."""

    role: str
    name: str
    pipelines: Sequence[str] | None
    rate: int | None
    signs: bool
    actions: Sequence[str] | None


class Keys(Protocol):
    """Who may use the HTTP API."""

    def list(self) -> Sequence[KeyLine]:
        """All there ever were."""

    def create(self, wanted: KeyWanted) -> tuple[KeyLine, str]:
        """A new one and its secret."""

    def rotate(self, key_id: str) -> tuple[KeyLine, str]:
        """It with another secret."""

    def revoke(self, key_id: str) -> KeyLine:
        """It, out of force."""


class Deliveries(Protocol):
    """Events on their way to webhooks."""

    def list(self, state: str | None, task: str | None) -> Iterator[DeliveryRecord]:
        """Of a state (`waiting`, if none is said), or all of a task; the newest first."""

    def get(self, delivery_id: str) -> DeliveryRecord:
        """One with its tries."""

    def replay(self, delivery_id: str) -> None:
        """Send it once more."""

    def replay_all(self, host: str | None) -> int:
        """Send all that were given up once more, or those to a host and port; how many."""

    def remove(self, delivery_id: str) -> None:
        """Never send it."""


class Audit(Protocol):
    """Who changed what."""

    def newest(self, since: datetime | None, limit: int) -> Sequence[Entry]:
        """The newest first."""


@dataclass(frozen=True)
class Way:
    """One of the two ways."""

    producing: Producing
    tasks: Tasks
    workers: Workers
    pipelines: Pipelines
    keys: Keys
    deliveries: Deliveries
    audit: Audit
