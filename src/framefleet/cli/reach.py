"""Which of two ways the command line goes to a cluster: with `--server` or FRAMEFLEET_SERVER over HTTP (`remote.py`), else to the
services themselves (`direct.py`).
"""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from framefleet.cli import config

if TYPE_CHECKING:
    from framefleet.cli.ways import Way
    from framefleet.http_client import HttpClient


def way(options: argparse.Namespace) -> AbstractContextManager[Way]:
    """The way that was chosen. Raises CliError for settings that are missing or cannot be used."""
    settings = config.settings()
    if config.server(options, settings) is None or getattr(options, "data", None) is not None:
        from framefleet.cli.direct import direct

        return direct(settings, getattr(options, "data", None))
    from framefleet.cli.remote import remote

    return remote(client(options))


def client(options: argparse.Namespace) -> HttpClient:
    """The client of the server that was named. Raises CliError, also when none was."""
    from framefleet.http_client import HttpClient

    settings = config.settings()
    url = config.need_server(options, settings)
    # The seconds that `submit` waits for its answer; with --wait they are meant for the task's end.
    patience = None if getattr(options, "wait", False) else getattr(options, "timeout", None)
    try:
        return HttpClient(url, *config.server_key(settings), patience=patience or config.PATIENCE_SECONDS)
    except ValueError as error:
        raise config.invalid_server(str(error)) from None
