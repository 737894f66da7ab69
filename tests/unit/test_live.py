"""What is shown of a task: live, in lines, and at its end."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from framefleet.cli import figures
from framefleet.cli.live import LiveDisplay, progress, results
from framefleet.cli.plain import PlainDisplay
from framefleet.domain.errors import ErrorInfo
from framefleet.domain.facts import Facts, Quality
from framefleet.domain.records import PublishedFile, SubtaskRecord, TargetRecord, TaskRecord
from framefleet.domain.states import SubtaskState, TaskState
from tests.factories import NOW

OUT = Path("/films")


def subtask(n: int, state: str, kind: str = "transcode", **more: Any) -> SubtaskRecord:
    done = {"started_at": NOW, "finished_at": NOW + timedelta(seconds=n)} if SubtaskState(state).final else {}
    values = {"label": f"chunk {n}, 0.0-4.0 s"} | done | more
    return SubtaskRecord(n=n, kind=kind, tag="cpu", state=SubtaskState(state), **values)


def target(name: str, state: str = "running", **more: Any) -> TargetRecord:
    uri = more.pop("uri", f"file:///films/{name}.mp4")
    return TargetRecord(name=name, template=name, uri=uri, state=TaskState(state), **more)


def task(state: str = "running", **more: Any) -> TaskRecord:
    values: dict[str, Any] = {"name": "film", "pipeline": "default", "priority": 5, "started_at": NOW}
    values |= {"targets": (target("hd"),)} | more
    return TaskRecord(id="t1", state=TaskState(state), created_at=NOW, **values)


def text(renderable: Any, width: int = 90) -> str:
    console = Console(file=StringIO(), record=True, width=width, highlight=False)
    console.print(renderable)
    return console.export_text()


def succeeded() -> TaskRecord:
    hd = target(
        "hd",
        "succeeded",
        uri="file:///films/my%20film.mp4",
        files=(PublishedFile(uri="file:///films/my%20film.mp4", bytes=1_234_567, sha256=""),),
        media={"duration": "501/25"},
    )
    ladder = target(
        "hls",
        "succeeded",
        uri="s3://out/master.m3u8",
        files=(
            PublishedFile(uri="s3://out/1.m4s", bytes=900, sha256="", kind="segment"),
            PublishedFile(uri="s3://out/master.m3u8", bytes=100, sha256="", kind="manifest"),
        ),
        media={"duration": 20.04},
    )
    joins = (subtask(7, "succeeded", "concat", label="hd"), subtask(9, "succeeded", "concat", label="hls"))
    return task("succeeded", targets=(hd, ladder), subtasks=joins, progress=1.0, finished_at=NOW + timedelta(seconds=9))


def test_the_live_display_shows_the_whole_and_what_runs() -> None:
    record = task(
        progress=0.434,
        subtasks=(
            subtask(1, "succeeded", "probe"),
            subtask(2, "running", progress=0.61, speed=3.14),
            subtask(3, "running", label="sound, aac", progress=0.2, speed=41.0, attempts=2),
            subtask(4, "blocked", "concat", label="hd"),
        ),
    )

    shown = text(progress(record, elapsed=12.4, left=15.2, width=90))

    assert "film  • hd" in shown
    assert "43 % 0:12 0:15 left" in shown
    assert "chunk 2, 0.0-4.0 s" in shown
    assert "61 %    3.1x" in shown
    assert "sound, aac (attempt 2)" in shown
    assert "41x" in shown
    assert "1 of 4 subtasks done, 1 waiting" in shown


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_the_live_display_never_wraps(width: int) -> None:
    many = tuple(subtask(n, "running", label="a very long label " * 5, attempts=3) for n in range(1, 30))
    record = task(name="a long name " * 20, targets=tuple(target(f"t{n}") for n in range(20)), subtasks=many)

    shown = text(progress(record, elapsed=5, left=None, width=width, lines=6), width=width)

    assert len(shown.splitlines()) == 9
    assert max(map(len, shown.splitlines())) <= width


def test_running_subtasks_that_do_not_fit_are_counted() -> None:
    record = task(subtasks=tuple(subtask(n, "running") for n in range(1, 13)))

    assert "and 2 more running" in text(progress(record, elapsed=1, left=None, width=90))


def test_a_task_without_subtasks_can_be_shown() -> None:
    assert "film" in text(progress(task("queued", subtasks=()), elapsed=0, left=None, width=80))


def test_the_results_say_what_was_made() -> None:
    shown = text(results(succeeded(), OUT))

    assert [line.split() for line in shown.splitlines()[1:3]] == [
        ["✓", "hd", "my", "film.mp4", "1.2", "MB", "0:20", "7.0", "s"],
        ["✓", "hls", "s3://out/master.m3u8", "+1", "1.0", "kB", "0:20", "9.0", "s"],
    ]
    assert "succeeded in 9.0 s" in shown


def test_the_quality_of_compared_renditions_is_said() -> None:
    quality = Quality(track="720p", mean=93.26, harmonic_mean=93.2, minimum=81.04, minimum_at=12.34, frames=50)
    compared = target("hls", "succeeded", facts=Facts(ffmpeg="5.1", vmaf=(quality,)))
    record = task("succeeded", targets=(compared,), finished_at=NOW)
    said: list[str] = []
    PlainDisplay(said.append, OUT).summary(record)

    assert "hls: 720p: VMAF 93.3, at worst 81.0 (12.3 s)" in said
    assert "hls: 720p: VMAF 93.3, at worst 81.0 (12.3 s)" in text(results(record, OUT))


def test_a_reason_that_several_targets_share_is_said_once() -> None:
    error = ErrorInfo(code="source_not_media", message="not media", hint="probe it", log=("moov atom not found",))
    failed = tuple(target(name, "failed", error=error) for name in ("hd", "sd"))

    shown = text(results(task("failed", targets=failed, finished_at=NOW), OUT))

    assert shown.count("[source_not_media]") == 1
    assert "✗ hd, sd: not media" in shown
    assert "probe it" in shown
    assert "| moov atom not found" in shown


def test_markup_in_names_is_shown_as_it_is() -> None:
    record = task(name="[red]film[/red]", subtasks=(subtask(1, "running", label="[bold]x"),))

    shown = text(progress(record, elapsed=0, left=None, width=90))

    assert "[red]film[/red]" in shown
    assert "[bold]x" in shown


def test_the_live_display_runs_on_a_terminal_and_leaves_the_summary() -> None:
    out = StringIO()
    display = LiveDisplay(Console(file=out, force_terminal=True, width=90), now=lambda: NOW, folder=OUT)

    display.update(task(progress=0.5, subtasks=(subtask(1, "running"),)))
    display.close()
    display.summary(succeeded())

    assert "chunk 1" in out.getvalue()
    assert "my film.mp4" in out.getvalue()


def test_lines_tell_each_thing_once() -> None:
    said: list[str] = []
    display = PlainDisplay(said.append, OUT)
    running = task(subtasks=(subtask(1, "succeeded", "probe", label="source 1"), subtask(2, "running", attempts=1)))
    again = task(subtasks=(*running.subtasks[:1], subtask(2, "running", attempts=2)))

    for record in (task("queued"), running, running, again, succeeded(), succeeded()):
        display.update(record)
    display.summary(succeeded())

    assert said[:3] == [
        "started: film: hd",
        "[1/2] probe source 1 succeeded (1.0 s)",
        "again: chunk 2, 0.0-4.0 s (attempt 2)",
    ]
    assert said.count("target hd succeeded") == 1
    assert "my film.mp4" in said[-2]
    assert said[-1] == "succeeded in 9.0 s"


def test_an_estimate_follows_the_pace_and_not_a_head_start() -> None:
    estimate = figures.Estimate()

    assert estimate.left(0.0, 0.5) is None
    assert estimate.left(1.0, 0.51) is None
    assert estimate.left(10.0, 0.6) == pytest.approx(40)
    assert estimate.left(10.0, 0.5) is None


def test_an_old_pace_is_forgotten() -> None:
    estimate = figures.Estimate()
    for second in range(100):
        estimate.left(second, second * 0.001)

    assert estimate.left(130, 0.099 + 0.3) == pytest.approx(0.601 * 31 / 0.301, rel=0.1)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (None, "-"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_960, "100 kB"),
        (999_600, "1.0 MB"),
        (5e12, "5.0 TB"),
    ],
)
def test_sizes_are_said_as_people_do(count: int | None, said: str) -> None:
    assert figures.size(count) == said


def test_times_are_said_as_people_do() -> None:
    assert [figures.clock(s) for s in (-1, 7, 62, 3723)] == ["0:00", "0:07", "1:02", "1:02:03"]
    assert [figures.took(s) for s in (None, 4.25, 59.96, 3723)] == ["-", "4.2 s", "1:00", "1:02:03"]


def test_only_all_is_a_hundred_percent() -> None:
    assert [figures.percent(f) for f in (0, 0.999, 1)] == ["0 %", "99 %", "100 %"]


@pytest.mark.parametrize(
    ("kind", "label", "said"),
    [
        ("probe", "source 1", "probe source 1"),
        ("transcode", "sound, aac", "sound, aac"),
        ("concat", "hd", "join hd"),
        ("snapshot", "snapshot", "snapshot"),
        ("snapshot", "cover", "snapshot cover"),
    ],
)
def test_subtasks_are_said_in_words(kind: str, label: str, said: str) -> None:
    assert figures.what(subtask(1, "running", kind, label=label)) == said
