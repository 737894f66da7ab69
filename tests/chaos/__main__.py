"""`make chaos`: seeds of faults over a cluster of real processes and services, and what held."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.fleet import Fleet
from tests.chaos.folders import clean_after_dead_runs, folder_of_run
from tests.chaos.judge import Judge
from tests.chaos.report import SeedReport, text
from tests.chaos.runner import Run, plan
from tests.chaos.wrong_clock import ClockedRedis
from tests.services import S3, RabbitMQ, Redis

_CACHED = 3
"""Every third seed runs with the cache of finished work."""


@contextmanager
def services(folder: Path) -> Iterator[tuple[RabbitMQ, Redis, S3]]:
    """Private ones."""
    made = []
    try:
        for kind in (RabbitMQ, ClockedRedis, S3):
            place = folder / kind.__name__.lower()
            place.mkdir()
            service = kind(place)
            made.append(service)
            service.start()
        rabbitmq, redis, s3 = made
        assert isinstance(rabbitmq, RabbitMQ)
        assert isinstance(redis, Redis)
        assert isinstance(s3, S3)
        yield rabbitmq, redis, s3
    finally:
        for service in made:
            service.close()


def run_seed(
    seed: int, tasks: int, faults: int, servers: tuple[RabbitMQ, Redis, S3], folder: Path, *, quick: bool = False
) -> SeedReport:
    """One seed in `folder`; its logs stay there."""
    rabbitmq, redis, s3 = servers
    started = time.monotonic()
    log = (folder / "chaos.log").open("w", buffering=1)

    def say(line: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {line}", file=log)

    fleet = Fleet(folder, rabbitmq, redis, s3, cache=seed % _CACHED == 0)
    run: Run | None = None
    try:
        run = Run(fleet, seed, say)
        fleet.begin()
        steps = plan(seed, tasks, faults, quick=quick, without=run.left_out)
        run.undisturbed(folder, steps)
        say("undisturbed run done")
        run.execute(steps)
        say("all tasks have ended")
        judge = Judge(run, folder / "outputs")
        verdict = judge.judge()
        say("judged")
    finally:
        if run is not None:
            run.producer.close()
        fleet.close()
        log.close()
    judge.after()
    return SeedReport(seed, time.monotonic() - started, run, verdict, str(folder))


def main() -> int:
    """Run the seeds asked for; 0 when everything held."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seeds", default="1-6", help="as 3 or 1-6")
    parser.add_argument("--faults", type=int, default=24, help="for each seed")
    parser.add_argument("--tasks", type=int, default=16, help="for each seed, beside the undisturbed ones")
    options = parser.parse_args()
    # So that ending it by a signal ends what it has started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for folder in clean_after_dead_runs():
        print(f"cleaned up after the run in {folder}, which was killed", flush=True)
    first, _, last = options.seeds.partition("-")
    reports = []
    for seed in range(int(first), int(last or first) + 1):
        with folder_of_run(f"{seed}-") as folder:
            print(f"seed {seed}: logs in {folder}", flush=True)
            # New servers for each seed: what one left behind must not help or hurt the next.
            with services(folder) as servers:
                reports.append(run_seed(seed, options.tasks, options.faults, servers, folder))
        print(text(reports[-1:]), flush=True)
    if len(reports) > 1:
        print(text(reports))
    return 0 if all(report.verdict.holds for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
