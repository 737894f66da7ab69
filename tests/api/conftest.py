"""The API over a real Redis and a directory, asked through HTTP."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
from fastapi.testclient import TestClient

from framefleet.access import AccessKeys
from framefleet.adapters.configured import built_in
from framefleet.adapters.directory import DirectoryStore
from framefleet.adapters.parts import parts_of
from framefleet.adapters.redis_state import RedisState, connect
from framefleet.adapters.registered import Allowed, Registered
from framefleet.adapters.storage_config import DirectoryConfig
from framefleet.adapters.storages import Storages
from framefleet.adapters.webhook_sender import HttpSender, check_address
from framefleet.domain.access import Role
from framefleet.domain.task import utc_now
from framefleet.pipelines import PipelineRegistry
from framefleet.seal import Seal
from framefleet.storage_registry import StorageRegistry
from framefleet.templates import TemplateRegistry
from framefleet.uploads import Uploads
from framefleet_scheduler.accept import Acceptor
from framefleet_scheduler.api.app import create_app
from framefleet_scheduler.api.desk import Desk
from framefleet_scheduler.api.quick import PATIENCE_SECONDS, QuickLook
from framefleet_scheduler.api.server import ApiServer
from framefleet_scheduler.api.watching import Watching
from framefleet_scheduler.control import Control
from framefleet_scheduler.early import EarlyTargets
from framefleet_scheduler.letters import Letters
from framefleet_scheduler.notify import Webhooks

SEAL_KEY = "the seal key of the tests of the API"


class SystemClock:
    """Real time."""

    now = staticmethod(utc_now)
    monotonic = staticmethod(time.monotonic)


@dataclass
class Api:
    """A server, and a client of each kind."""

    desk: Desk
    out: Path
    """Where storage://out leads."""
    allowed: Path
    """Below it storages may be set."""
    client: TestClient
    state: RedisState
    secrets: dict[str, tuple[str, str]] = field(default_factory=dict)

    def key(self, role: Role, pipelines: list[str] | None = None) -> tuple[str, str]:
        """A new key: (id, secret)."""
        key, secret = self.desk.access.create(role, pipelines=pipelines)
        return key.id, secret

    def request(self, method: str, path: str, role: Role = Role.ADMIN, **more: Any) -> Any:
        """The answer to a key with this role for everything."""
        if role not in self.secrets:
            self.secrets[role] = self.key(role)
        return self.client.request(method, path, auth=self.secrets[role], **more)

    def submit(self, **changes: Any) -> dict[str, Any]:
        """A task that was accepted."""
        answer = self.request("POST", "/v1/tasks", Role.PRODUCER, json=task_request(**changes))
        assert answer.status_code == 202, answer.text
        task: dict[str, Any] = answer.json()
        return task


def task_request(**changes: Any) -> dict[str, Any]:
    """A small request."""
    return {
        "name": "a film",
        "sources": [{"uri": "s3://in/a.mov"}],
        "targets": [{"name": "x", "template": "mp4-h264-360p", "uri": "s3://out/x.mp4"}],
        **changes,
    }


@pytest.fixture
def live_url(api: Api) -> Iterator[str]:
    """Where the same API listens, as it is served."""
    # What commands print in the same process is looked at.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    server = ApiServer(api.desk, "127.0.0.1", 0)
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


@pytest.fixture
def api(redis_url: str, tmp_path: Path) -> Iterator[Api]:
    store = DirectoryStore(tmp_path / "work")
    with connect(redis_url) as state:
        state.epochs.begin(1)
        templates = TemplateRegistry(store)
        registry = StorageRegistry(store)
        storages = Storages(
            None,
            {"out": DirectoryConfig(kind="directory", root=tmp_path / "out")},
            [],
            built_in=built_in(store),
            registered=Registered(registry.find, Allowed(roots=[tmp_path / "allowed"])),
        )
        webhooks = Webhooks(state.deliveries, HttpSender(allow_private=True), "the operator's")
        desk = Desk(
            acceptor=Acceptor(
                store, state.tasks, SystemClock(), lambda: None, templates=templates, check_webhook=check_address
            ),
            control=Control(store, state.tasks, SystemClock()),
            tasks=state.tasks,
            store=store,
            templates=templates,
            pipelines=PipelineRegistry(store),
            access=AccessKeys(store, seal=Seal(SEAL_KEY)),
            clock=SystemClock(),
            locate=storages.locate,
            storages=storages,
            storage_registry=registry,
            early=EarlyTargets(store),
            uploads=Uploads(store, parts_of(store), most_bytes=1 << 20, least_part=1000),
            watching=Watching(state.feed),
            webhooks=webhooks,
            letters=Letters(store, state.deliveries, SystemClock()),
            probes={"redis": state.ping},
            measures=state.measures,
            quick=QuickLook(state.impatient(PATIENCE_SECONDS)),
        )
        with TestClient(create_app(desk), raise_server_exceptions=False) as client:
            yield Api(desk, tmp_path / "out", tmp_path / "allowed", client, state)
