"""The two ways to the storages that are set: the registry in the work bucket, and a server over HTTP."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from framefleet.cli import config
from framefleet.cli.output import FAILED, CliError, missing_extra

if TYPE_CHECKING:
    from framefleet.adapters.storages import Storages
    from framefleet.domain.storage import StorageVersion
    from framefleet.http_client import HttpClient
    from framefleet.settings import CommandSettings
    from framefleet.storage_registry import StorageRegistry


@dataclass(frozen=True)
class Storage:
    """A storage as it is shown. `version` None: the operator's, or built in."""

    name: str
    kind: str
    origin: str
    """`registry`, `operator` or `built_in`."""
    version: int | None = None
    changed_at: str | None = None
    settings: Mapping[str, Any] | None = None


class Way(Protocol):
    """What can be done with them. Raises RequestErrors for what is refused."""

    def list(self) -> Sequence[Storage]:
        """Those that are set, the operator's, the built-in ones; each by name."""

    def get(self, name: str) -> Storage:
        """One with its settings."""

    def put(self, name: str, document: Any, version: int | None) -> Storage:
        """Make or change one; with `version` only if that is still the latest."""

    def delete(self, name: str, version: int | None) -> None:
        """Take it out of use; likewise."""

    def check(self, name: str) -> tuple[bool, Sequence[Mapping[str, Any]]]:
        """Whether it works, and the steps that were tried: step, ok, message, hint."""


@contextmanager
def opened(options: argparse.Namespace) -> Iterator[Way]:
    """The way that was chosen. Raises CliError."""
    settings = config.settings()
    if config.server(options, settings) is not None and options.data is None:
        from framefleet.cli.reach import client

        with client(options) as server:
            yield _Remote(server)
        return
    with _registry(options, settings) as (registry, storages):
        yield _Direct(registry, storages, options, settings)


class _Remote:
    def __init__(self, server: HttpClient) -> None:
        self._server = server

    def list(self) -> Sequence[Storage]:
        order = {"registry": 0, "operator": 1}
        return sorted(map(_of_answer, self._server.storages.list()), key=lambda s: (order.get(s.origin, 2), s.name))

    def get(self, name: str) -> Storage:
        return _of_answer(self._server.storages.get(name))

    def put(self, name: str, document: Any, version: int | None) -> Storage:
        return _of_answer(self._server.storages.put(name, document, version=version))

    def delete(self, name: str, version: int | None) -> None:
        self._server.storages.delete(name, version=version)

    def check(self, name: str) -> tuple[bool, Sequence[Mapping[str, Any]]]:
        answer = self._server.storages.check(name)
        return bool(answer["ok"]), answer["steps"]


class _Direct:
    def __init__(
        self, registry: StorageRegistry, storages: Storages, options: argparse.Namespace, settings: CommandSettings
    ) -> None:
        self._registry, self._storages, self._options, self._settings = registry, storages, options, settings

    def list(self) -> Sequence[Storage]:
        fixed, built_in = self._storages.fixed, self._storages.built_in
        found = [_of_version(version) for version in self._registry.all() if version.name not in fixed]
        return found + [self.get(name) for name in (*sorted(fixed), *sorted(built_in))]

    def get(self, name: str) -> Storage:
        from framefleet.adapters.storage_config import settings_shown

        if name in self._storages.built_in:
            return Storage(name, "built_in", "built_in", settings={})
        if name in self._storages.fixed:
            config = self._storages.fixed[name]
            return Storage(name, config.kind, "operator", settings=settings_shown(config))
        return _of_version(self._registry.get(name))

    def put(self, name: str, document: Any, version: int | None) -> Storage:
        from framefleet.adapters.store_errors import StoreRefused
        from framefleet.domain.errors import InvalidStorage
        from framefleet.domain.storage import storage_settings

        self._storages.must_be_changeable(name)
        try:
            self._storages.refuse(storage_settings(document))
        except StoreRefused as refused:
            raise InvalidStorage(refused.message, hint=refused.hint_text) from refused
        made = self._registry.put(name, document, version=version)
        config.note(self._settings, "storage.change", name, self._options.data)
        return _of_version(made)

    def delete(self, name: str, version: int | None) -> None:
        self._storages.must_be_changeable(name)
        self._registry.delete(name, version=version)
        config.note(self._settings, "storage.delete", name, self._options.data)

    def check(self, name: str) -> tuple[bool, Sequence[Mapping[str, Any]]]:
        from framefleet.adapters.storage_check import check_storage
        from framefleet.domain.errors import FramefleetError

        self._storages.must_be_checkable(name)
        if name not in self._storages.fixed:
            self._registry.get(name)
        try:
            store = self._storages.storage(name)
        except FramefleetError as error:
            raise CliError("storage_unusable", error.message, hint=error.hint_text, exit_code=FAILED) from error
        steps = check_storage(store)
        return all(step.ok for step in steps), [asdict(step) for step in steps]


def _of_version(version: StorageVersion) -> Storage:
    shown = version.model_dump(mode="json")
    kind = version.settings.kind
    return Storage(version.name, kind, "registry", version.version, shown["changed_at"], shown["settings"])


def _of_answer(answer: Mapping[str, Any]) -> Storage:
    return Storage(**{name: answer.get(name) for name in Storage.__dataclass_fields__})  # type: ignore[arg-type]


@contextmanager
def _registry(options: argparse.Namespace, settings: CommandSettings) -> Iterator[tuple[StorageRegistry, Storages]]:
    from framefleet.storage_registry import StorageRegistry

    with config.work_store(settings, options.data) as store:
        from framefleet.adapters import configured
        from framefleet.embedded.data import DataFolder

        registry = StorageRegistry(store)
        try:
            if options.data is None:
                storages = configured.storages(settings, store, registry.find)
            else:
                outputs = DataFolder(options.data.expanduser().absolute()).outputs
                storages = configured.embedded_storages(settings, store, registry.find, outputs, ())
        except ValueError as error:
            raise CliError("invalid_setting", str(error)) from error
        except ModuleNotFoundError as error:
            raise missing_extra(error) from None
        try:
            yield registry, storages
        finally:
            storages.close()
