"""What the handlers of the API work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from framefleet.access import AccessKeys
from framefleet.adapters.storages import Place, Storages
from framefleet.domain.address import Address
from framefleet.pipelines import PipelineRegistry
from framefleet.ports import Clock, Measures, ObjectStore, Seen, TaskStore
from framefleet.storage_registry import StorageRegistry
from framefleet.templates import TemplateRegistry
from framefleet.uploads import Uploads
from framefleet_scheduler.accept import Acceptor
from framefleet_scheduler.api.files import Downloads
from framefleet_scheduler.api.limits import Limits
from framefleet_scheduler.api.paging import Cursors
from framefleet_scheduler.api.quick import QuickLook
from framefleet_scheduler.api.rates import Rates
from framefleet_scheduler.api.streams import Streams
from framefleet_scheduler.api.watching import Watching
from framefleet_scheduler.control import Control
from framefleet_scheduler.dependencies import Probe
from framefleet_scheduler.early import EarlyTargets
from framefleet_scheduler.letters import Letters
from framefleet_scheduler.notify import Webhooks


@dataclass(frozen=True, slots=True)
class Desk:
    """The API's side of a scheduler. Everything in it may be used by several threads."""

    acceptor: Acceptor
    control: Control
    tasks: TaskStore
    store: ObjectStore
    """The work bucket."""
    templates: TemplateRegistry
    pipelines: PipelineRegistry
    access: AccessKeys
    clock: Clock
    locate: Callable[[Address], Place]
    """Where an output lies."""
    storages: Storages
    storage_registry: StorageRegistry
    early: EarlyTargets
    """Files of targets whose task still runs."""
    uploads: Uploads
    watching: Watching
    """The events that streams tell."""
    webhooks: Webhooks
    letters: Letters
    asks_for_keys: bool = True
    """False: whoever reaches the address is an admin. Only where that is nobody but this machine."""
    quick: QuickLook | None = None
    """None: every look at a task takes a thread."""
    seen: Seen | None = None
    """Nonces of signed requests; None: there are no front doors of other clouds."""
    probes: Mapping[str, Probe] = field(default_factory=dict)
    """Whether services are there, by name."""
    measures: Measures | None = None
    """What work has cost, for estimates."""
    rates: Rates = field(default_factory=Rates)
    """By key."""
    guesses: Rates = field(default_factory=lambda: Rates(1.0, 30.0))
    """Wrong keys, by address."""
    streams: Streams = field(default_factory=Streams)
    downloads: Downloads = field(default_factory=Downloads)
    """Files that are being sent."""
    spool: Path | None = None
    """Folder for parts of uploads on their way; None: the system's for temporary files."""
    limits: Limits = field(default_factory=Limits)
    """Of connections and bodies."""
    hosts: tuple[str, ...] = ()
    """More names this server answers to where it asks for no keys."""
    cloud_topics: Mapping[str, str] = field(default_factory=dict)
    """Where topics of clouds are told: name -> http(s) address."""
    audit_days: float = 90.0
    """How long it is known who changed what."""
    cursors: Cursors = field(init=False)
    """Of listings."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cursors", Cursors(self.store))
