"""Who waits how long: a flood and an urgent task, pipelines of different weights, the lowest priority under a stream of the
highest; with and without ageing. Real scheduling code, simulated workers (`simulate.py`).
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from bench.fairness_plot import Picture, draw
from bench.simulate import ENDLESS_SECONDS, Job, Simulation, private_redis, simulation

AGEING_SECONDS = 600.0
WEIGHTS = {"one": 1.0, "two": 2.0, "four": 4.0}


def flood(sim: Simulation, chunks: int, slots: int, seconds: float = 4.0) -> list[Job]:
    """A flood of priority 5, and later tasks with other priorities, in its pipeline and in another."""
    length = chunks * seconds / slots
    sim.submit("flood", 0, chunks=chunks, seconds=seconds, pipeline="batch")
    late = [
        sim.submit(f"priority {p}, {where}", share * length, chunks=slots, seconds=seconds, pipeline=where, priority=p)
        for where, p, share in (
            ("batch", 9, 0.1),
            ("batch", 6, 0.3),
            ("batch", 6, 0.9),
            ("other", 5, 0.5),
            ("other", 0, 0.7),
        )
    ]
    sim.run(length * 2)
    return late


def shares(sim: Simulation, chunks: int, slots: int, seed: int = 1) -> dict[str, list[tuple[float, float]]]:
    """Three pipelines with more work than can be done: for each its core-seconds over time, while all have work."""
    chance = random.Random(seed)
    sim.weigh(**WEIGHTS)
    for name in WEIGHTS:
        left = chunks
        while left > 0:
            size = min(left, chance.randint(5, 40))
            sim.submit(
                name, 0, chunks=size, seconds=chance.uniform(2, 20), pipeline=name, priority=chance.randint(0, 9)
            )
            left -= size
    sim.run(chunks * 11 * sum(WEIGHTS.values()) / max(WEIGHTS.values()) / slots * 0.8)
    done: Counter[str] = Counter()
    course: dict[str, list[tuple[float, float]]] = {name: [(0.0, 0.0)] for name in WEIGHTS}
    for start in sim.starts:
        done[start.job.pipeline] += round(start.seconds * 1000)
        course[start.job.pipeline].append((start.at, done[start.job.pipeline] / 1000))
    return course


def stream(sim: Simulation, length: float, slots: int = 2, seconds: float = 10.0) -> list[Job]:
    """A task of each lower priority, under a stream of priority 9 that keeps every slot busy for `length` seconds."""
    low = [sim.submit(f"priority {p}", 0, chunks=1, seconds=seconds, pipeline="default", priority=p) for p in range(9)]
    every = seconds / slots
    for i in range(round(length / every) + 5 * slots):
        # The first ones come at once: a queue of urgent work that never gets shorter.
        at = max(0.0, (i - 5 * slots) * every)
        sim.submit("stream", at, chunks=1, seconds=seconds, pipeline="default", priority=9)
    sim.run(length)
    return low


def main(picture: Path | None = None) -> None:
    """Print the tables; draw them to `picture` (.svg, and .png where Chromium is)."""
    with private_redis() as url:
        slots = 20
        with simulation(url, slots, jitter=0.2) as sim:
            late = flood(sim, 10_000, slots)
        print(f"10,000 chunks of 4 s at priority 5 on {slots} slots; waits of later tasks, in times of one chunk")
        print(f"{'task':<22}{'comes at':>10}{'wait':>8}")
        for job in late:
            print(f"{job.name:<22}{job.created:>8.0f} s{job.wait / job.seconds:>8.2f}")

        with simulation(url, slots, jitter=0.2) as sim:
            course = shares(sim, 1500, slots)
        total = sum(line[-1][1] for line in course.values())
        print("\nweights and shares of the core-seconds while all three have work")
        for name, weight in WEIGHTS.items():
            share = course[name][-1][1] / total
            due = weight / sum(WEIGHTS.values())
            print(f"{name:<8}{weight:>4g}{share:>9.2%}  due {due:.2%}  off by {share / due - 1:+.2%}")

        waits: dict[str, list[Job]] = {}
        for label, ageing in (("with", AGEING_SECONDS), ("without", ENDLESS_SECONDS)):
            with simulation(url, 2, ageing_seconds=ageing) as sim:
                waits[label] = stream(sim, 7200)
        print("\nunder two hours of priority 9 that keep all slots busy: seconds until a task of priority p begins")
        print(f"{'p':<4}{'bound':>8}{'with ageing':>13}{'without':>10}")
        for aged, unaged in zip(waits["with"], waits["without"], strict=True):
            bound = AGEING_SECONDS * (9 - aged.priority)
            said = "never" if unaged.wait == float("inf") else f"{unaged.wait:.0f}"
            print(f"{aged.priority:<4}{bound:>8.0f}{aged.wait:>13.0f}{said:>10}")
    if picture is not None:
        picture.parent.mkdir(exist_ok=True)
        picture.write_text(draw(Picture(late, course, WEIGHTS, waits["with"], waits["without"], AGEING_SECONDS, 7200)))
        print(f"\n{picture}")
        _to_png(picture)


def _to_png(picture: Path) -> None:
    from shutil import which

    chromium = which("chromium") or which("chromium-browser") or which("google-chrome")
    if chromium is None:
        print("no Chromium here: the picture stays SVG", file=sys.stderr)
        return
    png = picture.with_suffix(".png").resolve()
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,760"]
    subprocess.run(
        [*command, f"--screenshot={png}", picture.resolve().as_uri()], check=True, capture_output=True, timeout=120
    )
    print(png)
