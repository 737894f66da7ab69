"""`framefleet templates`: what there is to make, and one's own templates, in a folder or in the cluster's work bucket."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framefleet.cli.output import OK, CliError, emit, missing_extra, table

if TYPE_CHECKING:
    from framefleet.cli.remote import RemoteTemplates
    from framefleet.domain.custom import TemplateVersion
    from framefleet.settings import Settings
    from framefleet.templates import TemplateRegistry


def listing(options: argparse.Namespace) -> int:
    """All templates with their descriptions."""
    from framefleet.domain.template import predefined

    with _registry(options) as (templates, place):
        own = templates.all()
    if options.json:
        made: list[dict[str, Any]] = [
            {"name": n, "kind": t["kind"], "description": t.get("description", ""), "version": None}
            for n, t in predefined().items()
        ]
        emit(made + [{"name": t.name, "kind": t.kind, "description": t.description, "version": t.version} for t in own])
        return OK
    rows = [(n, t["kind"], t.get("description", "")) for n, t in predefined().items()]
    rows += [(t.reference, t.kind, t.description) for t in own]
    print(table(rows, ("NAME", "KIND", "MAKES")))
    if own:
        print(f"\nThose with a version are yours, in {place}.")
    return OK


def show(options: argparse.Namespace) -> int:
    """A template's settings, with every default."""
    from framefleet.cli.request import is_file, read_document
    from framefleet.domain.custom import checked
    from framefleet.domain.template import found, validated

    with _registry(options) as (templates, _):
        if is_file(options.name):
            name, raw = options.name, checked(read_document(options.name), templates, path=options.name)
        else:
            name, raw = _and_settings(found(options.name, templates, field="name"))
    settings = validated(raw, name).model_dump(mode="json")
    if options.json:
        emit(settings)
        return OK
    import yaml

    print(f"# {name}\n{yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=120)}", end="")
    return OK


def create(options: argparse.Namespace) -> int:
    """A new template of one's own."""
    from framefleet.cli.request import read_document

    with _registry(options) as (templates, place):
        _tell(options, templates.create(options.name, read_document(options.file)), place)
    _note(options, "create")
    return OK


def update(options: argparse.Namespace) -> int:
    """A new version of one's own template."""
    from framefleet.cli.request import read_document

    with _registry(options) as (templates, place):
        made = templates.update(options.name, read_document(options.file), version=options.if_version)
        _tell(options, made, place)
    _note(options, "change")
    return OK


def delete(options: argparse.Namespace) -> int:
    """Take one's own template out of use."""
    with _registry(options) as (templates, _):
        templates.delete(options.name, version=options.if_version)
    _note(options, "delete")
    if options.json:
        emit({"name": options.name, "deleted": True})
    else:
        print(f"{options.name} is deleted")
    return OK


def versions(options: argparse.Namespace) -> int:
    """The versions of one's own template, newest last."""
    with _registry(options) as (templates, _):
        found = templates.versions(options.name)
    if options.json:
        emit([version_json(v) for v in found])
        return OK
    rows = [
        (v.reference, v.created_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ"), v.kind, v.description) for v in found
    ]
    print(table(rows, ("NAME", "CREATED", "KIND", "MAKES")))
    return OK


def schema(options: argparse.Namespace) -> int:
    """The JSON Schema of a request; JSON with or without --json."""
    from framefleet.reference.schema import schema as made

    emit(made())
    return OK


def version_json(version: TemplateVersion) -> dict[str, Any]:
    """A version as users see it."""
    return version.model_dump(mode="json", include={"name", "version", "created_at", "settings"})


@contextmanager
def registry(settings: Settings, folder: Path | None) -> Iterator[TemplateRegistry]:
    """The templates in `folder`; without one the cluster's where its store is set, else those of the person here."""
    from framefleet.templates import open_registry, user_folder

    if folder is None and not settings.s3_endpoint:
        folder = user_folder(os.environ)
    try:
        with open_registry(settings, folder) as found:
            yield found
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None


@contextmanager
def _registry(options: argparse.Namespace) -> Iterator[tuple[TemplateRegistry | RemoteTemplates, str]]:
    from framefleet.cli import config
    from framefleet.templates import user_folder

    settings = config.settings()
    if options.folder is None and config.server(options, settings) is not None:
        from framefleet.cli.reach import client
        from framefleet.cli.remote import RemoteTemplates

        with client(options) as server:
            yield RemoteTemplates(server), "the cluster"
        return
    if options.folder is not None and options.folder.exists() and not options.folder.is_dir():
        raise CliError("invalid_template", f"{options.folder} is not a folder")
    if options.folder is None and settings.s3_endpoint:
        place = f"the cluster's bucket {settings.work_bucket}"
    else:
        place = str(options.folder or user_folder(os.environ))
    with registry(settings, options.folder) as found:
        yield found, place


def _note(options: argparse.Namespace, verb: str) -> None:
    """In the cluster's audit log; a server keeps its own, and a folder has none."""
    from framefleet.cli import config

    settings = config.settings()
    if options.folder is None and settings.s3_endpoint and config.server(options, settings) is None:
        config.note(settings, f"template.{verb}", options.name)


def _and_settings(named: tuple[str, Any]) -> tuple[str, dict[str, Any]]:
    return named[0], dict(named[1])


def _tell(options: argparse.Namespace, made: TemplateVersion, place: str) -> None:
    if options.json:
        emit(version_json(made))
    else:
        print(f"{made.reference} is in {place}")
