"""The command line's settings: read once per command, complaints on standard error."""

from __future__ import annotations

import os
import sys

from framefleet.cli.output import CliError
from framefleet.settings import PREFIX, Settings, SettingsError, load


def settings() -> Settings:
    """The settings of the environment; raises CliError for a value that cannot be used."""
    try:
        found, warnings = load(Settings, os.environ)
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
    return found.broker_url.get_secret_value()


def redis_url(found: Settings) -> str:
    """Redis' address; raises CliError when it is not set."""
    _need("redis_url")
    return found.redis_url.get_secret_value()


def need_store(found: Settings) -> None:
    """Raises CliError when the S3 server of the work bucket is not set."""
    if not found.s3_endpoint:
        raise _unset("s3_endpoint")


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
