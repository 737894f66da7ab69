"""`framefleet submit`: a request, or media with templates. Over HTTP what lies on this machine is sent first."""

from __future__ import annotations

import argparse
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framefleet.cli import config, naming, request
from framefleet.cli.cluster import event_line
from framefleet.cli.files import fetch, readable, send
from framefleet.cli.output import FAILED, OK, CliError, emit
from framefleet.cli.reach import client, way
from framefleet.cli.templates import registry

if TYPE_CHECKING:
    from framefleet.domain.template import Known
    from framefleet.http_client import HttpClient

_REQUEST_WANTED = "Give a file with a request as JSON, or - for standard input; media with --template."
_OUTPUTS = "outputs"
"""The storage that `framefleet serve` has, and others may."""
_SERVER_WANTED = (
    "Or set FRAMEFLEET_SERVER, or give --server URL: then outputs have a folder there, and files are sent first."
)


def submit(options: argparse.Namespace) -> int:
    """Submit a task; prints its id (with --wait and --download: its end, with the latter what was fetched)."""
    options.wait = options.wait or options.download is not None
    settings = config.settings()
    if config.server(options, settings) is not None:
        with client(options) as server:
            return _over_http(options, server)
    if options.download is not None:
        config.need_server(options, settings)
    return _over_amqp(options)


# --- the request ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Media:
    """A request made of options."""

    body: dict[str, Any]
    here: dict[str, Path]
    """Addresses in it that stand for files of this machine."""


def whole(options: argparse.Namespace) -> dict[str, Any]:
    """The request in the file that was given. Raises RequestErrors, CliError."""
    from framefleet.domain.errors import InvalidRequest

    if len(options.sources) > 1:
        raise CliError("invalid_request", "media needs a --template", hint="See `framefleet templates`.")
    given = [name for name in ("settings", "output", "pipeline", "name") if getattr(options, name, None)]
    if given:
        option = given[0].replace("settings", "set")
        raise CliError("invalid_request", f"--{option} goes with --template", hint="A request has it in itself.")
    body = request.read_request(options.sources[0], wanted=_REQUEST_WANTED)
    if not isinstance(body, dict):
        raise InvalidRequest("the body is not a JSON object")
    return body


def of_media(options: argparse.Namespace, known: Known, output: str) -> Media:
    """The request of media with templates. Raises RequestErrors, CliError for what cannot be read here."""
    if "://" not in output:
        hint = "For example s3://out/film; --download DIR fetches what was made."
        raise CliError("invalid_request", f"--output {output} is no address", hint=hint)
    here: dict[str, Path] = {}

    def addressed(text: str, folder: Path) -> str:
        uri = naming.source_uri(text, folder)
        if "://" not in text:
            here[uri] = readable(text)
        return uri

    body = request.build(
        options.sources,
        options.templates,
        output,
        name=getattr(options, "name", None),
        settings=options.settings,
        known=known,
        addressed=addressed,
    )
    return Media(body | ({"pipeline": options.pipeline} if options.pipeline else {}), here)


def for_server(options: argparse.Namespace, server: HttpClient) -> dict[str, Any]:
    """The request for a server: what it names of this machine is there then. Raises RequestErrors, CliError."""
    from framefleet.cli.remote import RemoteTemplates

    if not options.templates:
        return whole(options)
    output = options.output or _new_folder(server, getattr(options, "name", None) or naming.stem(options.sources[0]))
    media = of_media(options, RemoteTemplates(server), output)
    sent = {address: str(send(server, path)["uri"]) for address, path in media.here.items()}
    body: dict[str, Any] = request.with_uris(media.body, lambda uri: sent.get(uri, uri))
    return body


def _new_folder(server: HttpClient, name: str) -> str:
    """Where outputs go when nobody says: nobody else's are there."""
    writable = [str(storage["name"]) for storage in server.storages.list() if storage["writable"]]
    if _OUTPUTS not in writable and len(writable) != 1:
        there = ", ".join(f"storage://{storage}" for storage in writable) or "none"
        hint = f"For example s3://out/film. Storages that can be written: {there}."
        raise CliError("invalid_request", "say where the outputs go, with --output ADDRESS", hint=hint)
    storage = _OUTPUTS if _OUTPUTS in writable else writable[0]
    return f"storage://{storage}/{naming.clean(name) or 'video'}-{uuid.uuid4().hex[:8]}"


# --- the two ways ---------------------------------------------------------------------------


def _over_amqp(options: argparse.Namespace) -> int:
    body = _with_nothing_here(options) if options.templates else whole(options)
    with way(options) as cluster:
        if not options.wait:
            task = cluster.producing.submit(body, options.timeout)
            emit(task) if options.json else print(task["id"])
            return OK

        def accepted(task_id: str) -> None:
            if not options.json:
                print(task_id, flush=True)

        event = cluster.producing.submit_and_wait(body, options.timeout, accepted)
    emit(event) if options.json else print(event_line(event))
    return OK if event["state"] == "succeeded" else FAILED


def _with_nothing_here(options: argparse.Namespace) -> dict[str, Any]:
    if options.output is None:
        raise CliError("invalid_request", "say where the outputs go, with --output ADDRESS", hint=_SERVER_WANTED)
    with registry(config.settings(), None) as templates:
        media = of_media(options, templates, options.output)
    if media.here:
        file = next(iter(media.here.values()))
        hint = "Give --server URL: it is sent there first. Or give an address that workers can read."
        raise CliError("invalid_request", f"{file} is a file on this machine", hint=hint)
    return media.body


def _over_http(options: argparse.Namespace, server: HttpClient) -> int:
    try:
        body = for_server(options, server)
    except KeyboardInterrupt:
        print("\nStopped. What was sent is kept; the same command goes on from it.", file=sys.stderr)
        return FAILED
    task = server.submit(body).task
    if not options.wait:
        emit(task) if options.json else print(task["id"])
        return OK
    task_id = str(task["id"])
    try:
        if options.json:
            ended = server.wait(task_id, options.timeout)
        else:
            print(task_id, flush=True)
            ended = _shown(server, task_id, options.timeout)
        files = None if options.download is None else _fetched(options, server, ended)
    except KeyboardInterrupt:
        how = f"framefleet watch {task_id}" if options.download is None else f"framefleet download {task_id} -o DIR"
        print(f"\nThe task goes on; `{how}` does so too.", file=sys.stderr)
        return FAILED
    if options.json:
        emit(ended if files is None else {**ended, "downloaded": files})
    return OK if ended["state"] == "succeeded" else FAILED


def _shown(server: HttpClient, task_id: str, timeout: float | None) -> dict[str, Any]:
    """The task as it ended, after it was shown until then. Raises NotEnded."""
    from framefleet.cli.plain import display
    from framefleet.cli.remote import task_record
    from framefleet.http_client import NotEnded

    shown = display()
    try:
        for answer in server.records(task_id, timeout=timeout):
            record = task_record(answer)
            shown.update(record)
            if record.state.final:
                break
        else:
            raise NotEnded
    finally:
        shown.close()
    shown.summary(record)
    return answer


def _fetched(options: argparse.Namespace, server: HttpClient, ended: dict[str, Any]) -> list[dict[str, Any]]:
    """What was made; a task that failed may have made some of it."""
    if not any(target["state"] == "succeeded" for target in ended["targets"]):
        return []
    return fetch(server, ended, options.download)
