"""One slot: a process with one queue that does one subtask at a time. Started by `framefleet-worker`."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading

import structlog

from framefleet import __version__, logging
from framefleet.adapters.tools import find_ffmpeg
from framefleet.domain.errors import FramefleetError, StateUnavailable
from framefleet.messages import work_queue
from framefleet.ports import Claims, WorkerInfo
from framefleet.settings import WorkerSettings, load
from framefleet_workers import scratch
from framefleet_workers.actors import declare_actors
from framefleet_workers.bootstrap import build_executor, connect_claims
from framefleet_workers.broker import make_broker
from framefleet_workers.execute import Executor
from framefleet_workers.sick_leave import SickLeave, examine
from framefleet_workers.slot_loop import run_slot, signals

log = structlog.get_logger()

REGISTER_SECONDS = 3.0
REGISTERED_FOR_SECONDS = 12.0


def main(argv: list[str] | None = None) -> int:
    """Run one slot until SIGTERM; 0 when it drained, 1 when it could not start."""
    parser = argparse.ArgumentParser(prog="framefleet-worker-slot")
    parser.add_argument("--tag", required=True)
    parser.add_argument("--slot", required=True, type=int)
    parser.add_argument("--encoders", default="")
    options = parser.parse_args(argv)
    settings, _ = load(WorkerSettings, os.environ)  # the supervisor has told what is wrong with them, if anything
    logging.configure(settings.log_level, settings.log_format)
    worker = f"{socket.gethostname()}:{os.getpid()}:{options.slot}"
    try:
        claims = connect_claims(settings)
        executor = build_executor(settings, worker, options.tag, claims)
        ffmpeg = find_ffmpeg(settings.ffmpeg).path
        make_broker(settings.broker_url.get_secret_value())
    except FramefleetError as error:
        log.error("slot.refused", code=error.code, message=error.message, hint=error.hint_text)
        return 1
    scratch.sweep(settings.scratch)
    encoders = tuple(filter(None, options.encoders.split(",")))
    ended = threading.Event()
    _Registration(claims, executor, worker, options.tag, encoders, ended).start()
    leave = SickLeave(lambda: examine(ffmpeg, options.tag, encoders, settings.scratch))
    log.info("slot.started", worker=worker, tag=options.tag, version=__version__)
    while _work(settings, options.tag, executor, ended) and _recover(leave, executor):
        pass
    ended.set()
    log.info("slot.stopped", worker=worker)
    return 0


def _work(settings: WorkerSettings, tag: str, executor: Executor, ended: threading.Event) -> bool:
    """Take orders until a signal comes (False, and `ended` is set at once) or the slot is sick (True)."""
    broker = make_broker(settings.broker_url.get_secret_value())
    declare_actors(broker, tag, executor)
    stop = threading.Event()
    executor.on_ailing = stop.set
    threading.Thread(target=_shut_down, args=(stop, executor, ended), name="shutdown", daemon=True).start()
    told_to_end = run_slot(broker, work_queue(tag), stop)
    return executor.ailment is not None and not told_to_end


def _shut_down(stop: threading.Event, executor: Executor, ended: threading.Event) -> None:
    stop.wait()
    if executor.ailment is None:
        ended.set()
        executor.shutdown()


def _recover(leave: SickLeave, executor: Executor) -> bool:
    """Wait until the slot is well (True) or a signal comes (False)."""
    assert executor.ailment is not None
    stop = threading.Event()
    with signals(stop):
        well = leave.spend(executor.ailment, stop)
    if well:
        executor.recovered()
    return well


class _Registration(threading.Thread):
    """Says every few seconds that the slot lives, and whether it is busy."""

    def __init__(
        self,
        claims: Claims,
        executor: Executor,
        worker: str,
        tag: str,
        encoders: tuple[str, ...],
        stop: threading.Event,
    ) -> None:
        super().__init__(name="registration", daemon=True)
        self._claims = claims
        self._executor = executor
        self._stop_event = stop
        self._info = (worker, tag, encoders)

    def run(self) -> None:
        worker, tag, encoders = self._info
        while not self._stop_event.is_set():
            sid, ailment = self._executor.busy_with, self._executor.ailment
            info = WorkerInfo(
                id=worker,
                host=socket.gethostname(),
                tag=tag,
                state="sick" if ailment else "busy" if sid else "idle",
                sid=sid,
                version=__version__,
                encoders=encoders,
                reason=None if ailment is None else f"{ailment.code}: {ailment.message}",
            )
            try:
                self._claims.register(info, REGISTERED_FOR_SECONDS)
            except StateUnavailable:
                log.debug("state.awaited")
            self._stop_event.wait(REGISTER_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
