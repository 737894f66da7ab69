"""One slot: a process with one queue that does one subtask at a time. Started by `framefleet-worker`."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time

import structlog

from framefleet import __version__, logging, metrics, tracing
from framefleet.adapters.tools import find_ffmpeg
from framefleet.domain.errors import FramefleetError, StateUnavailable
from framefleet.messages import work_queue
from framefleet.settings import WorkerSettings, load
from framefleet_workers import scratch
from framefleet_workers.actors import declare_actors
from framefleet_workers.bootstrap import build_executor, connect_claims, connect_nudges
from framefleet_workers.broker import make_broker
from framefleet_workers.execute import Executor
from framefleet_workers.registration import Registration
from framefleet_workers.sick_leave import SickLeave, examine
from framefleet_workers.slot_loop import run_slot, signals
from framefleet_workers.supervise import slot_id
from framefleet_workers.wind_down import WindDown

log = structlog.get_logger()

_LOOK_SECONDS = 0.2
_RETRY_SECONDS = 2.0


def main(argv: list[str] | None = None) -> int:
    """Run one slot until SIGTERM; 0 when it drained, 1 when it could not start."""
    parser = argparse.ArgumentParser(prog="framefleet-worker-slot")
    parser.add_argument("--tag", required=True)
    parser.add_argument("--slot", required=True, type=int)
    parser.add_argument("--encoders", default="")
    options = parser.parse_args(argv)
    settings, _ = load(WorkerSettings, os.environ)  # the supervisor has told what is wrong with them, if anything
    logging.configure(settings.log_level, settings.log_format)
    worker = slot_id(os.getpid(), options.slot)
    tracing.configure(settings.otlp_endpoint, "framefleet-worker")
    try:
        claims = connect_claims(settings)
        executor = build_executor(settings, worker, options.tag, claims)
        ffmpeg = find_ffmpeg(settings.ffmpeg).path
        make_broker(settings.broker_address)
    except FramefleetError as error:
        log.error("slot.refused", code=error.code, message=error.message, hint=error.hint_text)
        return 1
    scratch.sweep(settings.scratch)
    encoders = tuple(filter(None, options.encoders.split(",")))
    registration = Registration(claims, executor, worker, options.tag, encoders)
    registration.start()
    threading.Thread(target=_listen, args=(settings, worker, executor), name="nudges", daemon=True).start()
    leave = SickLeave(lambda: examine(ffmpeg, options.tag, encoders, settings.scratch, settings.scratch_bytes))
    metrics.slot_begun(options.tag)
    log.info("slot.started", worker=worker, tag=options.tag, version=__version__)
    told = threading.Event()
    with signals(told) as received:
        while not received:
            _work(settings, options.tag, executor, registration, received)
            if executor.ailment is not None and leave.spend(executor.ailment, told):
                executor.recovered()
            while registration.drained and not told.wait(_LOOK_SECONDS):
                pass
    registration.end()
    tracing.close()
    log.info("slot.stopped", worker=worker)
    return 0


def _work(
    settings: WorkerSettings, tag: str, executor: Executor, registration: Registration, received: list[int]
) -> None:
    """Take orders until a signal comes, or the slot is sick or drained; what runs has ended then, or was given back."""
    broker = make_broker(settings.broker_address)
    declare_actors(broker, tag, executor)
    stop = threading.Event()
    wind_down = WindDown(settings.grace_seconds)
    executor.on_ailing = registration.on_drained = stop.set
    executor.on_drained = registration.look
    threading.Thread(
        target=_end_work, args=(stop, wind_down, executor, registration), name="wind down", daemon=True
    ).start()
    run_slot(broker, work_queue(tag), stop, received, wind_down)


def _end_work(stop: threading.Event, wind_down: WindDown, executor: Executor, registration: Registration) -> None:
    stop.wait()
    if not wind_down.signaled.is_set():
        # Drained (or sick: then nothing runs): what runs has all the time it needs, unless the process is to end.
        while executor.busy_with is not None and not wind_down.signaled.wait(_LOOK_SECONDS):
            pass
    if wind_down.signaled.is_set():
        registration.stopping()
        wind_down.spend(executor)
    wind_down.over.set()


def _listen(settings: WorkerSettings, worker: str, executor: Executor) -> None:
    """Look at the running claim whenever somebody says that something has happened to it."""
    nudges, never = connect_nudges(settings), threading.Event()
    while True:
        try:
            nudges.hear(worker, executor.look, never)
        except StateUnavailable:
            log.debug("state.awaited")
            time.sleep(_RETRY_SECONDS)  # the beat is there meanwhile


if __name__ == "__main__":
    sys.exit(main())
