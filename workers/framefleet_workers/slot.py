"""One slot: a process with one queue that does one subtask at a time. Started by `framefleet-worker`."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading

import structlog

from framefleet import __version__, logging
from framefleet.domain.errors import FramefleetError, StateUnavailable
from framefleet.messages import work_queue
from framefleet.ports import Claims, WorkerInfo
from framefleet.settings import WorkerSettings, load
from framefleet_workers import scratch
from framefleet_workers.actors import declare_actors
from framefleet_workers.bootstrap import build_executor, connect_claims
from framefleet_workers.broker import make_broker
from framefleet_workers.execute import Executor
from framefleet_workers.slot_loop import run_slot

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
        broker = make_broker(settings.broker_url.get_secret_value())
    except FramefleetError as error:
        log.error("slot.refused", code=error.code, message=error.message, hint=error.hint_text)
        return 1
    scratch.sweep(settings.scratch)
    declare_actors(broker, options.tag, executor)
    stop = threading.Event()
    _Registration(claims, executor, worker, options.tag, tuple(filter(None, options.encoders.split(","))), stop).start()
    threading.Thread(target=_shut_down, args=(stop, executor), name="shutdown", daemon=True).start()
    log.info("slot.started", worker=worker, tag=options.tag, version=__version__)
    run_slot(broker, work_queue(options.tag), stop)
    log.info("slot.stopped", worker=worker)
    return 0


def _shut_down(stop: threading.Event, executor: Executor) -> None:
    stop.wait()
    executor.shutdown()


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
            sid = self._executor.busy_with
            info = WorkerInfo(
                id=worker,
                host=socket.gethostname(),
                tag=tag,
                state="busy" if sid else "idle",
                sid=sid,
                version=__version__,
                encoders=encoders,
            )
            try:
                self._claims.register(info, REGISTERED_FOR_SECONDS)
            except StateUnavailable:
                log.debug("state.awaited")
            self._stop_event.wait(REGISTER_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
