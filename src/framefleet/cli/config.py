"""The command line's settings: read once per command, complaints on standard error."""

from __future__ import annotations

import argparse
import getpass
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from framefleet.cli.output import CliError, missing_extra
from framefleet.settings import PREFIX, CommandSettings, Settings, SettingsError, load

if TYPE_CHECKING:
    from framefleet.ports import ObjectStore
    from framefleet.seal import Seal


def settings() -> CommandSettings:
    """The settings of the environment; raises CliError for a value that cannot be used."""
    try:
        found, warnings = load(CommandSettings, os.environ)
    except SettingsError as error:
        raise CliError("invalid_setting", str(error)) from None
    for warning in warnings:
        print(f"framefleet: warning: {warning}", file=sys.stderr)
    return found


def is_set(name: str) -> bool:
    """True when the variable FRAMEFLEET_<NAME> is there."""
    return bool(os.environ.get(f"{PREFIX}{name.upper()}"))


HOW_TO_SET = {
    "broker_url": "Set it to the cluster's, for example amqp://user:password@host:5672/",
    "redis_url": "Set it to the cluster's, for example redis://host:6379/0",
    "s3_endpoint": f"Set it, {PREFIX}S3_ACCESS_KEY and {PREFIX}S3_SECRET_KEY to the cluster's, for example host:9000",
}
"""What to do about the address of a service that is not set."""


def broker_url(found: Settings) -> str:
    """RabbitMQ's address; raises CliError when it is not set: guessing one would talk to a stranger's broker."""
    _need("broker_url")
    return found.broker_address


def redis_url(found: Settings) -> str:
    """Redis' address; raises CliError when it is not set."""
    _need("redis_url")
    return found.redis_address


def need_store(found: Settings) -> None:
    """Raises CliError when the S3 server of the work bucket is not set."""
    if not found.s3_endpoint:
        raise _unset("s3_endpoint")


@contextmanager
def work_store(found: Settings, data: Path | None = None) -> Iterator[ObjectStore]:
    """The cluster's work bucket, or that of a `framefleet serve` in the folder `data`; raises CliError where there is none."""
    if data is not None:
        from framefleet.adapters.directory import DirectoryStore

        if not (data.expanduser() / "store").is_dir():
            hint = f"Start `framefleet serve --data {data}` once; it makes the folder."
            raise CliError("not_configured", f"{data} is not the folder of a framefleet serve", hint=hint)
        yield DirectoryStore(data.expanduser() / "store")
        return
    need_store(found)
    try:
        from framefleet.adapters import configured

        store = configured.work_store(found)
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None
    try:
        yield store
    finally:
        store.close()


def seal(found: CommandSettings, data: Path | None) -> Seal | None:
    """What secrets of keys that sign are sealed with: the setting, or that of a `framefleet serve` in the folder `data`; None: nothing.

    Raises DataUnusable, and CliError when a package is missing.
    """
    try:
        from framefleet.seal import Seal, seal_of

        set_one = seal_of(found.seal_key)
        if set_one is not None or data is None:
            return set_one
        from framefleet.embedded.data import DataFolder

        return Seal(DataFolder(data.expanduser()).seal_key())
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None


def note(found: Settings, what: str, which: str, data: Path | None = None) -> None:
    """Put a change that was made here into the cluster's audit log."""
    from framefleet.audit import AuditLog

    log_quietly(found)
    with work_store(found, data) as store:
        AuditLog(store).write("cli", what, which, where=f"{_user()}@{socket.gethostname()}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # in containers there may be no name for the number
        return str(os.getuid())


PATIENCE_SECONDS = 10.0
"""How long a command bears a server that does not answer."""


def server(options: argparse.Namespace, found: CommandSettings) -> str | None:
    """The server to speak to over HTTP; None: the services themselves."""
    given: str | None = getattr(options, "server", None)
    return given or found.server or None


def need_server(options: argparse.Namespace, found: CommandSettings) -> str:
    """The server; raises CliError when none was named."""
    url = server(options, found)
    if url is None:
        hint = f"Give --server URL, or set {PREFIX}SERVER."
        raise CliError("not_configured", "this needs a server to speak to over HTTP", hint=hint)
    return url


def server_key(found: CommandSettings) -> tuple[str | None, str | None]:
    """(id, secret) of the key for the server; (None, None) when none is set. Raises CliError for what is none."""
    text = found.key.get_secret_value()
    if not text and found.key_file is not None:
        text = _read_key(found.key_file)
    if not text:
        return None, None
    key_id, colon, secret = text.strip().partition(":")
    if not colon:
        raise CliError("invalid_setting", f"{PREFIX}KEY is not ID:SECRET", hint="As `framefleet keys create` told it.")
    return key_id, secret


def invalid_server(said: str) -> CliError:
    """What to say of an address that is none."""
    return CliError("invalid_setting", said, hint="For example https://framefleet.example.com")


def _read_key(path: Path) -> str:
    try:
        if path.expanduser().stat().st_mode & 0o077:
            hint = f"chmod 600 {path}"
            raise CliError("invalid_setting", f"{path} may be read by others, and has a secret in it", hint=hint)
        return path.expanduser().read_text("utf-8")
    except OSError as error:
        raise CliError("invalid_setting", f"{PREFIX}KEY_FILE: {path}: {error.strerror}") from None


def _need(name: str) -> None:
    if not is_set(name):
        raise _unset(name)


def _unset(name: str) -> CliError:
    return CliError("not_configured", f"{PREFIX}{name.upper()} is not set", hint=HOW_TO_SET[name])


def log_quietly(found: Settings) -> None:
    """Log errors only (or as FRAMEFLEET_LOG_LEVEL says), never to standard output: results go there."""
    from framefleet import logging

    level = found.log_level if is_set("log_level") else "error"
    logging.configure(level, found.log_format, _Stderr())  # type: ignore[arg-type]


class _Stderr:
    """Standard error as it is at the time of writing: while the live display runs, rich has put itself there."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()
