"""`framefleet-scheduler`: accepts tasks, plans them, hands out their subtasks and sees them through."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading

from framefleet import __version__, logging, tracing
from framefleet.domain.errors import FramefleetError
from framefleet.settings import SchedulerSettings, SettingsError, describe, load
from framefleet_scheduler import http
from framefleet_scheduler.loops import ROLES
from framefleet_scheduler.rebuild import Rebuilder

_STOP_SECONDS = 20.0


def main(argv: list[str] | None = None) -> int:
    """0 after an orderly stop, 1 when it cannot run here, 2 for bad usage."""
    parser = argparse.ArgumentParser(prog="framefleet-scheduler", description="Accept, plan and dispatch tasks.")
    parser.add_argument(
        "--roles", default=",".join(ROLES), help=f"comma separated, of {', '.join(ROLES)} (default: all)"
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=["rebuild"],
        help="rebuild: enter in Redis what the object store knows and Redis does not, and end; schedulers do so by themselves",
    )
    parser.add_argument("--check-config", action="store_true", help="print the effective settings and end")
    parser.add_argument("--version", action="version", version=__version__)
    options = parser.parse_args(argv)
    roles = tuple(filter(None, options.roles.split(",")))
    unknown = sorted(set(roles) - set(ROLES))
    if unknown or not roles:
        parser.error(f"--roles: {', '.join(unknown) or 'none'} is not a role; there are {', '.join(ROLES)}")
    try:
        settings, warnings = load(SchedulerSettings, os.environ)
    except SettingsError as error:
        print(f"framefleet-scheduler: {error}", file=sys.stderr)  # noqa: T201 - logging is not set up yet
        return 2
    if options.check_config:
        for name, value, source in describe(settings, os.environ):
            print(f"{name}={value}  # {source}")  # noqa: T201 - it is what was asked for
        return 0
    logging.configure(settings.log_level, settings.log_format)
    log = logging.get_logger()
    for warning in warnings:
        log.warning("setting.unknown", message=warning)
    stop = threading.Event()
    _stop_on_signals(stop)
    try:
        return _rebuild(settings, stop) if options.action == "rebuild" else _run(settings, roles, stop)
    except ValueError as error:
        log.error("scheduler.refused", code="invalid_settings", message=str(error))
    except FramefleetError as error:
        log.error("scheduler.refused", code=error.code, message=error.message, hint=error.hint_text)
    return 1


def _stop_on_signals(stop: threading.Event) -> None:
    """Set `stop` on SIGTERM and SIGINT, from another thread: a handler may interrupt the very thread that holds its lock."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=stop.set).start())


def _rebuild(settings: SchedulerSettings, stop: threading.Event) -> int:
    from framefleet_scheduler import bootstrap

    with bootstrap.build(settings, ()) as parts:
        if not bootstrap.prepare(parts.store, settings.s3_region, stop):
            return 1
        epochs = parts.state.epochs
        rebuilder = Rebuilder(parts.store, parts.state.tasks, epochs, bootstrap.SystemClock(), parts.desk.letters)
        if epochs.current() is None:
            rebuilder.run(quiet_seconds=settings.beat_seconds + 1.0)
        else:
            rebuilder.catch_up()
    return 0


def _run(settings: SchedulerSettings, roles: tuple[str, ...], stop: threading.Event) -> int:
    from framefleet_scheduler import bootstrap  # here: --version and --check-config need no adapters

    log = logging.get_logger()
    tracing.configure(settings.otlp_endpoint, "framefleet-scheduler")
    with bootstrap.build(settings, roles) as parts:
        server, api = None, None
        if settings.metrics_port:
            try:
                server = http.start(settings.metrics_host, settings.metrics_port, parts.state.tasks, parts.probes)
            except OSError as error:
                log.error("scheduler.refused", code="address_in_use", message=f"port {settings.metrics_port}: {error}")
                return 1
        if "api" in roles and settings.api_port:
            from framefleet_scheduler.api.server import ApiServer

            try:
                api = ApiServer(parts.desk, settings.api_host, settings.api_port)
            except OSError as error:
                log.error("scheduler.refused", code="address_in_use", message=f"port {settings.api_port}: {error}")
                return 1
        try:
            if not bootstrap.prepare(parts.store, settings.s3_region, stop):
                return 0
            parts.scheduler.start()
            if api is not None:
                api.start(for_good=True)
            log.info("scheduler.started", roles=roles, version=__version__)
            stop.wait()
            if api is not None:
                api.stop()
            clean = parts.scheduler.stop(_STOP_SECONDS)
            tracing.close()
            log.info("scheduler.stopped", clean=clean)
            return 0
        finally:
            if server is not None:
                server.shutdown()
                server.server_close()


if __name__ == "__main__":
    sys.exit(main())
