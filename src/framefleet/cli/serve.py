"""`framefleet serve`: the HTTP API with a scheduler and workers in one process, no services needed."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from framefleet.cli.output import BAD_USAGE, FAILED, OK, CliError, emit_line, missing_extra
from framefleet.cli.run import cores, until_interrupted

if TYPE_CHECKING:
    from framefleet.settings import SchedulerSettings


def serve(options: argparse.Namespace) -> int:
    """Until Ctrl-C or SIGTERM; 0 then."""
    from framefleet import logging, tracing
    from framefleet.settings import SettingsError

    settings = _settings(options)
    data: Path = options.data.expanduser().absolute()
    slots = options.slots or cores()
    logging.configure(settings.log_level, settings.log_format)
    try:
        from framefleet.embedded.serve import CannotListen, ServeOptions
        from framefleet.embedded.serve import serve as run
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None

    def ready(port: int) -> None:
        url = f"http://{_bracketed(settings.api_host)}:{port}/"
        if options.json:
            emit_line({"url": url, "data": str(data), "slots": slots, "asks_for_keys": settings.asks_for_keys})
            return
        print(
            f"Framefleet is at {url} ({slots} {'slot' if slots == 1 else 'slots'}, data in {data}). Ctrl-C ends it.",
            flush=True,
        )
        if settings.asks_for_keys:
            print(f"It asks for keys. To make one: framefleet keys create --role admin --data {data}", flush=True)

    files = tuple(_folder(path) for path in options.files)
    with until_interrupted() as stop:
        try:
            tracing.configure(settings.otlp_endpoint, "framefleet")
            run(ServeOptions(data=data, slots=slots, files=files), settings, stop, ready)
        except CannotListen as error:
            where = f"{_bracketed(settings.api_host)}:{settings.api_port}"
            hint = (
                "Give another --port."
                if error.taken
                else "Give --host an address of this machine, and a --port you may use."
            )
            raise CliError("address_in_use", f"{where}: {error}", hint=hint, exit_code=FAILED) from error
        except SettingsError as error:
            raise CliError("invalid_setting", str(error), exit_code=BAD_USAGE) from error
        finally:
            tracing.close()
    return OK


def _settings(options: argparse.Namespace) -> SchedulerSettings:
    from framefleet.settings import SchedulerSettings, SettingsError, load

    try:
        settings, warnings = load(SchedulerSettings, os.environ)
    except SettingsError as error:
        raise CliError("invalid_setting", str(error)) from None
    for warning in warnings:
        print(f"framefleet: warning: {warning}", file=sys.stderr)
    given = {"api_host": options.host, "api_port": options.port}
    return settings.model_copy(update={name: value for name, value in given.items() if value is not None})


def _folder(path: Path) -> Path:
    path = path.expanduser().absolute()
    if not path.is_dir():
        raise CliError("invalid_setting", f"--files {path}: there is no such folder")
    return path


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
