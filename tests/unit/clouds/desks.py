"""A desk over dictionaries, as far as the clouds' fronts need one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from framefleet.access import AccessKeys
from framefleet.domain.access import Role
from framefleet.seal import Seal
from framefleet.templates import TemplateRegistry
from framefleet_scheduler.accept import Acceptor, Check, unchecked
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.guard import Caller
from framefleet_scheduler.api.rates import Rates
from framefleet_scheduler.clouds.call import Call
from framefleet_scheduler.control import Control
from framefleet_scheduler.early import EarlyTargets
from tests.fakes import FakeClock, FakeState, MemoryStore

NOTHING: Any = None
"""What no test here comes to."""


class Everywhere:
    """Every name is a storage's but `else`."""

    def __contains__(self, name: object) -> bool:
        return name != "else"


class Around:
    """A desk, and what is in it."""

    def __init__(
        self, *, access: Any = None, check_source: Check = unchecked, check_webhook: Check = unchecked
    ) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.state = FakeState(self.clock)
        self.noted: list[tuple[str, str]] = []
        templates = TemplateRegistry(self.store)
        storages: Any = SimpleNamespace(built_in=(), fixed=Everywhere())
        registry: Any = SimpleNamespace(find=lambda name: None)
        self.desk = Desk(
            acceptor=Acceptor(
                self.store,
                self.state,
                self.clock,
                lambda: None,
                templates=templates,
                check_source=check_source,
                check_webhook=check_webhook,
            ),
            control=Control(self.store, self.state, self.clock),
            tasks=self.state,
            store=self.store,
            templates=templates,
            pipelines=NOTHING,
            access=access or AccessKeys(self.store, seal=Seal("the seal key of the tests of the doors")),
            clock=self.clock,
            locate=NOTHING,
            storages=storages,
            storage_registry=registry,
            early=EarlyTargets(self.store),
            uploads=NOTHING,
            watching=NOTHING,
            webhooks=NOTHING,
            letters=NOTHING,
            rates=Rates(now=self.clock.monotonic),
            guesses=Rates(1.0, 3.0, now=self.clock.monotonic),
        )

    def call(self, action: str = "create_task", pipelines: tuple[str, ...] | None = None, **parameters: Any) -> Call:
        """An operation that a producer asks for."""
        return Call(
            caller=Caller("a" * 16, Role.PRODUCER, pipelines),
            action=action,
            parameters=parameters,
            request_id="r1",
            at=self.clock.now(),
            note=lambda what, which: self.noted.append((what, which)),
        )
