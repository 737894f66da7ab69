"""`framefleet-worker`: looks what this machine can do and supervises one process per slot."""

from __future__ import annotations

import argparse
import os
import sys

from framefleet import __version__, logging, tracing
from framefleet.domain.errors import FramefleetError
from framefleet.settings import SettingsError, WorkerSettings, describe, load
from framefleet_workers.bootstrap import find_tools
from framefleet_workers.capabilities import detect, opened, tags
from framefleet_workers.supervise import Supervisor


def main(argv: list[str] | None = None) -> int:
    """0 after an orderly stop, 1 when the machine cannot do what was asked, 2 for bad usage."""
    parser = argparse.ArgumentParser(prog="framefleet-worker", description="Work on subtasks with FFmpeg.")
    parser.add_argument("--tags", help="cpu, gpu or both, comma separated (default: what FFmpeg really opens here)")
    parser.add_argument("--slots", type=int, help="slots per tag: processes, one core each (default: one per core)")
    parser.add_argument("--check-config", action="store_true", help="print the effective settings and end")
    parser.add_argument("--version", action="version", version=__version__)
    options = parser.parse_args(argv)
    if options.slots is not None and not 1 <= options.slots <= 512:
        parser.error(f"--slots: 1 to 512, not {options.slots}")
    try:
        settings, warnings = load(WorkerSettings, os.environ)
    except SettingsError as error:
        print(f"framefleet-worker: {error}", file=sys.stderr)  # noqa: T201 - logging is not set up yet
        return 2
    if options.check_config:
        for name, value, source in describe(settings, os.environ):
            print(f"{name}={value}  # {source}")  # noqa: T201 - it is what was asked for
        return 0
    logging.configure(settings.log_level, settings.log_format)
    log = logging.get_logger()
    for warning in warnings:
        log.warning("setting.unknown", message=warning)
    if not settings.s3_endpoint:
        log.error(
            "worker.refused",
            code="invalid_settings",
            message="FRAMEFLEET_S3_ENDPOINT is not set",
            hint="Workers share the work bucket with the schedulers: set it, and its keys, to theirs.",
        )
        return 1
    try:
        tracing.configure(settings.otlp_endpoint, "framefleet-worker")
        tracing.close()  # the slots send spans; here it is only seen whether they can
    except SettingsError as error:
        log.error("worker.refused", code="invalid_settings", message=str(error))
        return 1
    try:
        tools = find_tools(settings)
        capabilities = detect(tools.ffmpeg)
    except FramefleetError as error:
        log.error("worker.refused", code=error.code, message=error.message, hint=error.hint_text)
        return 1
    able = tags(capabilities)
    wanted = tuple(filter(None, (options.tags or ",".join(settings.tags)).split(","))) or able
    for tag in wanted:
        if tag not in able:
            reasons = [f"{c.encoder}: {c.reason}" for c in capabilities if c.tag == tag and not c.opens]
            log.error("worker.refused", code="encoder_unavailable", tag=tag, reasons=reasons or ["not a tag"])
            return 1
    slots = options.slots or settings.slots or os.cpu_count() or 1
    log.info(
        "worker.started",
        ffmpeg=tools.ffmpeg,
        build=tools.build,
        encoders=opened(capabilities),
        tags=wanted,
        slots=slots,
    )
    return Supervisor(settings, wanted, slots, opened(capabilities)).run()


if __name__ == "__main__":
    sys.exit(main())
